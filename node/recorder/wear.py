"""How often each page of a key slot is written, against what a small part bears. Pure.

Sources: AT24C64D, 1,000,000 write cycles a page; MB85RC256V (FRAM), 10^12 a byte. A file has no such bound.
"""

from typing import Literal

from node.clock import NS
from node.formats.slot import REFERENCE_BYTES, SlotHeader, slot_count
from node.recorder.epochs import epoch_length_ns

EEPROM_CYCLES = 1_000_000
FRAM_CYCLES = 1_000_000_000_000
WORN = 0.8
ERASED_EPOCH_HEADER_WRITES = 1
"""Of both copies together: the number of the key that takes over; that the order is used is one more."""
YEAR_NS = 365 * 86_400 * NS

Wear = Literal["good", "worn"]


def header_writes(header: SlotHeader) -> int:
    """How often each page of a header's copy was written so far: the copies take turns."""
    return (header.generation + 1) // 2


def used(header: SlotHeader, *, cycles: int = EEPROM_CYCLES) -> float:
    """Which part of its life the busiest page has behind it; no slot is written as often as the header."""
    return header_writes(header) / cycles


def level(header: SlotHeader) -> Wear:
    """Whether somebody should bring another part: judged as an EEPROM, for nobody asks a part what it is."""
    return "worn" if used(header) >= WORN else "good"


def header_writes_a_year(*, size: int, retention_ns: int, persist_ns: int, erased_epochs: int = 0) -> int:
    """Of each page of a header's copy: the time floor, and two for each epoch (its number, and that it is gone).

    `erased_epochs`: touched by erasures in that year, an order for each at the most.
    """
    epochs = YEAR_NS // epoch_length_ns(size, retention_ns)
    erased = erased_epochs * (ERASED_EPOCH_HEADER_WRITES + 1)
    return (YEAR_NS // persist_ns + 2 * epochs + erased) // 2


def slot_writes_a_year(*, retention_ns: int, size: int = REFERENCE_BYTES, erased_epochs: int = 0) -> int:
    """Of each page of a slot: a key, and zeros in its place, once within the retention at the most.

    Epochs go round all slots, and so do those that erasures make.
    """
    return 2 * (YEAR_NS // retention_ns + -(-erased_epochs // slot_count(size)))
