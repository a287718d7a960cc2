"""Key slots good and broken. The bytes are packed here, from FORMAT.md, not by the code under test."""

import struct
from collections.abc import Iterator
from hashlib import sha256

import msgspec
from formats.independent_reader import crc32c
from vectors.make_keys import seed
from vectors.shelf import ExpectedEpoch, ExpectedHeader, ExpectedSlot

DAY_NS = 86_400 * 1_000_000_000
FLOOR_NS = 1_793_739_600_000_000_000  # 2026-11-03T21:00:00Z
ORDER = "01KAR0F2T9Z6S3X8V1N4K7J5H0"
EPOCHS = (1, 2)
"""The epochs that the segment vectors stand under; the key of a third one was destroyed."""

Made = tuple[str, bytes, ExpectedSlot]


def epoch_key(epoch: int) -> bytes:
    """A test key."""
    return seed("epoch", str(epoch))


def header(
    generation: int, epoch: int, *, magic: bytes = b"STLPSLT1", approved: int = 0, used: bytes = b""
) -> bytes:
    """A header copy; time floor and floors follow from the generation."""
    body = struct.pack(
        ">8sQQQIIIII8s",
        magic,
        generation,
        FLOOR_NS + generation,
        generation * 7,
        1,
        2,
        3,
        epoch,
        approved,
        used,
    )
    return body + struct.pack(">I", crc32c(body))


def entry(epoch: int) -> bytes:
    """A slot; its time follows from its epoch."""
    body = struct.pack(">IQ16s32s", epoch, FLOOR_NS + epoch * DAY_NS, seed("mandate")[:16], epoch_key(epoch))
    return body + struct.pack(">I", crc32c(body))


def image(even: bytes, odd: bytes, *entries: bytes, size: int = 4096) -> bytes:
    """A whole slot."""
    content = even + odd + b"".join(entries)
    return content + bytes(size - len(content))


def slots() -> Iterator[Made]:
    """Every vector of this kind. The zeros at an image's end are counted, not kept."""
    for made in (_good(), _torn_headers(), _broken_slots(), _wrong_sizes()):
        for name, data, expected in made:
            kept = data.rstrip(b"\0")
            yield name, kept, msgspec.structs.replace(expected, zeros=len(data) - len(kept))


NONE = bytes(64)


def _good() -> Iterator[Made]:
    fresh = image(header(0, 0), NONE, size=8192)
    yield "fresh_8k", fresh, _expect("as it is made: one header copy, 126 empty slots", 0, 0)
    yield "fresh_4k", image(header(0, 0), NONE), _expect("the smallest part, empty", 0, 0)
    used = image(header(4, 3), header(3, 2), entry(1), entry(2), entry(3), size=8192)
    yield "used_8k", used, _expect("three epochs; the even copy counts", 4, 3, {0: 1, 1: 2, 2: 3})
    odd = image(header(2, 1), header(3, 2), entry(1), entry(2))
    yield "odd_copy_counts", odd, _expect("two epochs; the odd copy counts", 3, 2, {0: 1, 1: 2})
    spread = image(header(4, 9), header(5, 9), NONE, entry(8), NONE, entry(9), entry(7))
    yield "spread", spread, _expect("empty slots in between, epochs in no order", 5, 9, {1: 8, 3: 9, 4: 7})
    full = image(header(62, 62), header(61, 61), *(entry(n + 1) for n in range(62)))
    yield "full_4k", full, _expect("all 62 slots are taken", 62, 62, {n: n + 1 for n in range(62)})
    segment_epochs = image(header(4, 3), header(3, 3), entry(1), entry(2))
    yield "segment_epochs", segment_epochs, _expect("of the segment vectors", 4, 3, {0: 1, 1: 2})
    approved = image(header(4, 1, approved=2), header(3, 1), entry(1))
    told = _expect("two persons approved mask set 2, one has widened it since", 4, 1, {0: 1})
    assert told.header is not None
    header_told = msgspec.structs.replace(told.header, approved=2)
    yield "approved_masks", approved, msgspec.structs.replace(told, header=header_told)
    # FORMAT.md: SHA-256 over the domain, the oldest id that counts (none), and id and expiry of each order.
    tag = sha256(
        b"stolpe used orders v1\0" + bytes(8) + ORDER.encode() + struct.pack(">Q", FLOOR_NS)
    ).digest()[:8]
    used = image(header(4, 1, used=tag), header(3, 1), entry(1))
    told = _expect("one order was used, which expires at the time floor", 4, 1, {0: 1})
    assert told.header is not None
    header_told = msgspec.structs.replace(told.header, used_orders=tag.hex())
    yield "used_orders", used, msgspec.structs.replace(told, header=header_told)
    # FORMAT.md: destroying writes zeros.
    destroyed = image(header(4, 3), header(3, 2), entry(1), NONE, entry(3))
    yield "destroyed", destroyed, _expect("the key of epoch 2 was destroyed", 4, 3, {0: 1, 2: 3})


def _torn_headers() -> Iterator[Made]:
    slots_1_2 = (entry(1), entry(2))
    torn = header(4, 3)[:20] + header(2, 1)[20:]
    about = "the newer copy was torn: the older one counts"
    yield (
        "newer_header_torn",
        image(torn, header(3, 2), *slots_1_2),
        _expect(about, 3, 2, {0: 1, 1: 2}, bad=True),
    )
    about = "the older copy is damaged: nothing is lost"
    flipped = _flip(header(3, 2), 17)
    yield (
        "older_header_damaged",
        image(header(4, 2), flipped, *slots_1_2),
        _expect(about, 4, 2, {0: 1, 1: 2}, bad=True),
    )
    both = image(_flip(header(4, 2), 40), _flip(header(3, 2), 60), *slots_1_2)
    yield "both_headers_damaged", both, _headless("a bit flipped in both copies")
    yield "zeros", bytes(4096), _headless("a part that was never written", epochs=())
    newer = image(header(4, 2, magic=b"STLPSLT2"), header(3, 2, magic=b"STLPSLT2"), *slots_1_2)
    yield "newer_version", newer, _headless("version 2")
    crcless = image(header(0, 0)[:60] + bytes(4), NONE)
    yield "header_without_crc", crcless, _headless("the header's CRC is zero", epochs=())


def _broken_slots() -> Iterator[Made]:
    headers = (header(4, 3), header(3, 3))
    torn = entry(2)[:30] + bytes(34)
    yield (
        "slot_torn",
        image(*headers, entry(1), torn, entry(3)),
        _expect("the second slot was torn: it is not there", 4, 3, {0: 1, 2: 3}, "S2"),
    )
    half_destroyed = bytes(24) + entry(2)[24:]
    yield (
        "slot_half_destroyed",
        image(*headers, entry(1), half_destroyed, entry(3)),
        _expect("the zeros over the second slot were torn: it is not there", 4, 3, {0: 1, 2: 3}, "S2"),
    )
    yield (
        "slot_key_flipped",
        image(*headers, entry(1), _flip(entry(2), 30), entry(3)),
        _expect("a bit of a key flipped: it is not there", 4, 3, {0: 1, 2: 3}, "S2"),
    )
    yield (
        "slot_crc_flipped",
        image(*headers, _flip(entry(1), 63), entry(2)),
        _expect("a bit of a CRC flipped: it is not there", 4, 3, {1: 2}, "S2"),
    )
    yield (
        "epoch_twice",
        image(*headers, entry(2), entry(2)),
        _expect("one epoch in two slots", 4, 3, {0: 2, 1: 2}, "S3"),
    )
    yield (
        "epoch_above_highest",
        image(*headers, entry(1), entry(4)),
        _expect("an epoch that was never counted", 4, 3, {0: 1, 1: 4}, "S3"),
    )
    late = entry(1)[:4] + struct.pack(">Q", FLOOR_NS) + entry(1)[12:60]
    late += struct.pack(">I", crc32c(late))
    overdue = _expect("a key that is overdue at the slot's own time floor", 4, 3, {0: 1, 1: 2}, "S4")
    assert overdue.epochs is not None
    first = ExpectedEpoch(0, 1, FLOOR_NS, overdue.epochs[0].mandate_prefix, overdue.epochs[0].key)
    yield (
        "key_overdue",
        image(*headers, late, entry(2)),
        ExpectedSlot(overdue.about, True, 0, overdue.header, (first, overdue.epochs[1]), ("S4",)),
    )


def _wrong_sizes() -> Iterator[Made]:
    whole = image(header(4, 3), header(3, 3), entry(1), entry(2))
    for name, data in (
        ("size_4032", whole[:4032]),
        ("size_4095", whole[:4095]),
        ("size_4128", whole + bytes(32)),
        ("size_128", whole[:128]),
    ):
        expected = _expect(f"{len(data)} bytes: no size of a key slot", 4, 3)
        yield name, data, ExpectedSlot(expected.about, True, 0, expected.header)
    yield "empty", b"", ExpectedSlot("no bytes at all", True, 0, violations=("S1",))


def _flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


def _expect(
    about: str,
    generation: int,
    epoch: int,
    epochs: dict[int, int] | None = None,
    *violations: str,
    bad: bool = False,
) -> ExpectedSlot:
    return ExpectedSlot(
        about=about,
        broken=bad or bool(violations),
        zeros=0,
        header=ExpectedHeader(generation, FLOOR_NS + generation, generation * 7, 1, 2, 3, epoch),
        epochs=tuple(_epoch(index, number) for index, number in (epochs or {}).items()),
        violations=violations,
    )


def _epoch(index: int, number: int) -> ExpectedEpoch:
    prefix = seed("mandate")[:16].hex()
    return ExpectedEpoch(index, number, FLOOR_NS + number * DAY_NS, prefix, epoch_key(number).hex())


def _headless(about: str, *, epochs: tuple[ExpectedEpoch, ...] | None = None) -> ExpectedSlot:
    found = (_epoch(0, 1), _epoch(1, 2)) if epochs is None else epochs
    return ExpectedSlot(about, True, 0, None, found, ("S1",))
