"""The key slot as bytes (FORMAT.md, "Key slot"): a fixed-size image of two header copies and 64-byte slots.

Everything is checked with CRC32C: a header or slot that was torn by a power cut is not there. Destroying a key
is writing zeros over its slot.
"""

import struct
from dataclasses import dataclass, replace

import google_crc32c

from node.errors import Damaged

MAGIC = b"STLPSLT1"
HEADER_BYTES = 64
FIRST_SLOT = 2 * HEADER_BYTES
SLOT_BYTES = 64
REFERENCE_BYTES = 8 * 1024
MIN_BYTES = 4 * 1024
MANDATE_PREFIX_BYTES = 16
PAGE_BYTES = 32
"""What a small EEPROM takes in one piece (AT24C32 and larger); a power cut spoils no other page."""

USED_ORDERS_BYTES = 8
# magic, generation, time floor, uptime, root, mandate, masks, epoch, approved masks, used orders
_HEADER = struct.Struct(">8sQQQIIIII8s")
_SLOT = struct.Struct(">IQ16s32s")  # epoch, destroy-at, mandate digest prefix, key
_CRC = struct.Struct(">I")
EMPTY = bytes(SLOT_BYTES)


@dataclass(frozen=True, slots=True)
class Floors:
    """The lowest document versions that are still taken, and the highest epoch number ever used.

    `approved`: of the mask set that two persons signed last, which a widened one is held against.
    """

    root: int = 0
    mandate: int = 0
    masks: int = 0
    epoch: int = 0
    approved: int = 0


@dataclass(frozen=True, slots=True)
class SlotHeader:
    """What must not be rolled back: it has a copy, written in turn; the higher generation counts.

    `used_orders` stands for the list of orders that were used, which lies on the disk; zeros while none was.
    """

    generation: int = 0
    time_floor_ns: int = 0
    uptime_ns: int = 0
    floors: Floors = Floors()
    used_orders: bytes = bytes(USED_ORDERS_BYTES)

    def next(
        self,
        *,
        time_floor_ns: int | None = None,
        uptime_ns: int | None = None,
        floors: Floors | None = None,
        used_orders: bytes | None = None,
    ) -> "SlotHeader":
        """The following generation, with what changed."""
        return replace(
            self,
            generation=self.generation + 1,
            time_floor_ns=self.time_floor_ns if time_floor_ns is None else time_floor_ns,
            uptime_ns=self.uptime_ns if uptime_ns is None else uptime_ns,
            floors=self.floors if floors is None else floors,
            used_orders=self.used_orders if used_orders is None else used_orders,
        )


@dataclass(frozen=True, slots=True)
class EpochSlot:
    """One epoch's key: it opens segments of one mandate and is destroyed at `destroy_at_ns` (UTC)."""

    epoch: int
    destroy_at_ns: int
    mandate_prefix: bytes
    key: bytes


def slot_count(size: int) -> int:
    """How many slots an image of `size` bytes has: 126 in 8 KiB, 62 in 4 KiB."""
    if size < MIN_BYTES or size % SLOT_BYTES:
        raise Damaged(
            f"a key slot has at least {MIN_BYTES} bytes in whole slots of {SLOT_BYTES}, this has {size}"
        )
    return (size - FIRST_SLOT) // SLOT_BYTES


def is_blank(image: bytes) -> bool:
    """Whether that is a part as it comes from its factory, every bit set, or one whose first formatting was cut.

    The second header copy is written for the first time after the first one was whole: a slot that was ever in use
    is never taken for a blank one.
    """
    unused = image[HEADER_BYTES:FIRST_SLOT] == b"\xff" * HEADER_BYTES
    return unused and _header_at(image, 0) is None and set(image[FIRST_SLOT:]) <= {0x00, 0xFF}


def pack_header(header: SlotHeader) -> bytes:
    """64 bytes."""
    floors = header.floors
    body = _HEADER.pack(
        MAGIC,
        header.generation,
        header.time_floor_ns,
        header.uptime_ns,
        floors.root,
        floors.mandate,
        floors.masks,
        floors.epoch,
        floors.approved,
        header.used_orders,
    )
    return body + _CRC.pack(google_crc32c.value(body))


def header_offset(generation: int) -> int:
    """Where the copy of that generation stands: the other one than the generation before."""
    return HEADER_BYTES * (generation % 2)


def pack_slot(slot: EpochSlot) -> bytes:
    """64 bytes."""
    body = _SLOT.pack(slot.epoch, slot.destroy_at_ns, slot.mandate_prefix, slot.key)
    return body + _CRC.pack(google_crc32c.value(body))


def slot_offset(index: int) -> int:
    """Where slot `index` stands."""
    return FIRST_SLOT + SLOT_BYTES * index


def read_header(image: bytes) -> SlotHeader:
    """The newer of the two copies that is whole, or `Damaged` if neither is."""
    copies = [_header_at(image, offset) for offset in (0, HEADER_BYTES)]
    whole = [copy for copy in copies if copy is not None]
    if not whole:
        raise Damaged("the key slot has no readable header: not a key slot, or both copies are damaged")
    return max(whole, key=lambda copy: copy.generation)


def read_slots(image: bytes) -> dict[int, EpochSlot]:
    """The epoch keys that are there, by slot index. Empty and torn slots are not."""
    found = {}
    for index in range(slot_count(len(image))):
        data = image[slot_offset(index) : slot_offset(index) + SLOT_BYTES]
        if data != EMPTY and _crc_matches(data):
            epoch, destroy_at_ns, prefix, key = _SLOT.unpack_from(data)
            found[index] = EpochSlot(epoch, destroy_at_ns, prefix, key)
    return found


def _header_at(image: bytes, offset: int) -> SlotHeader | None:
    data = image[offset : offset + HEADER_BYTES]
    if len(data) < HEADER_BYTES or not data.startswith(MAGIC) or not _crc_matches(data):
        return None
    _, generation, time_floor_ns, uptime_ns, *floors, used_orders = _HEADER.unpack_from(data)
    return SlotHeader(generation, time_floor_ns, uptime_ns, Floors(*floors), used_orders)


def _crc_matches(data: bytes) -> bool:
    return bytes(_CRC.pack(google_crc32c.value(data[: -_CRC.size]))) == data[-_CRC.size :]
