"""Segment v1 as bytes (FORMAT.md, "Segment"): header, wraps under the epoch layer, sealed records, trailer.

The writing side is split as the daemons are: the camera makes headers, wraps and sealed records; the recorder
adds the epoch layer, checksums and the trailer, and never has a segment key. The reading side returns every
whole record and says where and why it had to stop.
"""

import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import IntEnum
from hashlib import sha256
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from node.clock import TimeTrust
from node.errors import CannotOpen, Damaged
from node.formats.framing import END_BYTES, TRAILER_MAGIC, Span, find_records
from node.names import Digest, Ulid
from node.sealing.aead import Aead, AeadName, derive
from node.sealing.recipients import MAX_SUBSETS, Subset

MAGIC = b"STLPSEG1"
MAX_HEADER_BYTES = 64 * 1024
MAX_WRAPS_BYTES = 256 * 1024
MOST_LOST_RECORDS = 64  # how many are thought to be lost in one place at most: a minute's

SIGNATURE_BYTES = 64
TRAILER_BYTES = len(TRAILER_MAGIC) + 1 + SIGNATURE_BYTES

_U16 = struct.Struct(">H")
_U32 = struct.Struct(">I")
_RECORD = struct.Struct(">BQ")


class RecordType(IntEnum):
    """What a record's payload is."""

    INIT = 1
    FRAGMENT = 2
    GAP = 3
    END = 4


class TrailerState(IntEnum):
    """Who finished the file: its writer, or recovery after a cut."""

    CLOSED = 1
    RECOVERED = 2


class SegmentHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything about a segment that its keeper may know."""

    node: Annotated[str, Meta(min_length=1, max_length=48)]
    boot: Annotated[str, Meta(min_length=1, max_length=36)]
    segment: Ulid
    start_ns: Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
    time_trust: TimeTrust
    mandate: Digest
    masks: Digest | None
    codec: Annotated[str, Meta(max_length=32)]
    size: tuple[Annotated[int, Meta(ge=1, le=16384)], Annotated[int, Meta(ge=1, le=16384)]]
    timescale: Annotated[int, Meta(ge=1, le=1_000_000_000)]
    aead: AeadName
    subsets: Annotated[tuple[Subset, ...], Meta(min_length=1, max_length=MAX_SUBSETS)]


@dataclass(frozen=True, slots=True)
class Record:
    """An opened record: UTC nanoseconds of its first picture (or of what it tells), and its payload."""

    type: RecordType
    utc_ns: int
    payload: bytes


class Gap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Payload of a gap record: nothing was recorded from the record's time until then, and why."""

    until_ns: Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
    reason: str


def digest_text(digest: bytes) -> str:
    """A SHA-256 digest as documents and headers spell it."""
    return f"sha256:{digest.hex()}"


def encode_header(header: SegmentHeader) -> bytes:
    """The header's JSON; its SHA-256 binds wraps and records to it."""
    return msgspec.json.encode(header)


class RecordSealer:
    """Seals one segment's records in order, under a key that nothing else uses."""

    def __init__(self, *, aead: AeadName, key: bytes, header: bytes) -> None:
        self._aead = Aead(aead, key)
        self._header_digest = sha256(header).digest()
        self._count = 0

    @property
    def count(self) -> int:
        """Records sealed so far."""
        return self._count

    def seal(self, record: Record) -> bytes:
        """The next record's ciphertext."""
        plaintext = _RECORD.pack(record.type, record.utc_ns) + record.payload
        sealed = self._aead.seal(self._count, plaintext, _record_binding(self._header_digest, self._count))
        self._count += 1
        return sealed


def end_record(count: int, utc_ns: int) -> Record:
    """The last record: how many records stand before it."""
    return Record(RecordType.END, utc_ns, _U32.pack(count))


def pack_wraps(wraps: Sequence[bytes]) -> bytes:
    """The wraps of a header's subsets, in their order."""
    return b"".join(_U16.pack(len(wrap)) + wrap for wrap in wraps)


def seal_wraps(
    packed: bytes, *, header: bytes, aead: AeadName, segment: str, epoch: int, epoch_key: bytes
) -> bytes:
    """The wraps under the epoch layer: what retention destroys."""
    layer = Aead(aead, epoch_layer_key(epoch_key, segment))
    return _U32.pack(epoch) + layer.seal(0, packed, sha256(header).digest())


def wrap_context(header: bytes) -> bytes:
    """What a segment's wraps are bound to."""
    return b"segment\x00" + sha256(header).digest()


def start_of_file(header: bytes, sealed_wraps: bytes) -> bytes:
    """Everything before the first record."""
    return b"".join((MAGIC, _U32.pack(len(header)), header, _U32.pack(len(sealed_wraps)), sealed_wraps))


def start_of_trailer(state: TrailerState) -> bytes:
    """The trailer without its signature, which is over all bytes before it (`trailer_message`)."""
    return TRAILER_MAGIC + bytes([state])


def trailer_message(digest: bytes) -> bytes:
    """What the trailer's signature signs, `digest` being SHA-256 of all bytes before the signature."""
    return b"stolpe segment trailer v1\x00" + digest


@dataclass(frozen=True, slots=True)
class Trailer:
    """How the file was finished; `signed` is SHA-256 of all bytes before the signature."""

    state: TrailerState
    signature: bytes
    signed: bytes


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment file taken apart, nothing decrypted. `damage` has a line for everything that is not as it must be."""

    header: SegmentHeader
    header_bytes: bytes
    epoch: int
    sealed_wraps: bytes
    records: tuple[Span, ...]
    end_of_records: int
    trailer: Trailer | None
    damage: tuple[str, ...]


def read_start(data: bytes | memoryview) -> tuple[SegmentHeader, bytes, bytes, int]:
    """Header, its bytes, the wraps block, and where the records begin; or `Damaged`."""
    view = memoryview(data)
    if bytes(view[: len(MAGIC)]) != MAGIC:
        raise Damaged("not a segment of version 1")
    header_bytes, position = _block(view, len(MAGIC), MAX_HEADER_BYTES, "header")
    try:
        header = msgspec.json.decode(header_bytes, type=SegmentHeader)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Damaged(f"the header is not as it must be ({error})") from error
    wraps, position = _block(view, position, MAX_WRAPS_BYTES, "wraps")
    if len(wraps) < _U32.size:
        raise Damaged("the wraps are too short")
    return header, header_bytes, wraps, position


def ends_in_trailer(data: bytes | memoryview) -> bool:
    """Whether a trailer stands at the very end: then the file was finished, whatever went bad in it since."""
    return bytes(data[-TRAILER_BYTES:][: len(TRAILER_MAGIC)]) == TRAILER_MAGIC


def epoch_of(wraps_block: bytes) -> int:
    """Which epoch's key lies over the wraps."""
    return int(_U32.unpack_from(wraps_block)[0])


def read(data: bytes | memoryview) -> Segment:
    """Take a file apart. `Damaged` if its start cannot be read; what is wrong behind it is told in `damage`."""
    header, header_bytes, wraps, position = read_start(data)
    view = memoryview(data)
    found = find_records(view, position)
    trailer, trouble = _trailer(view, found.end)
    return Segment(
        header=header,
        header_bytes=header_bytes,
        epoch=epoch_of(wraps),
        sealed_wraps=wraps,
        records=found.spans,
        end_of_records=found.end,
        trailer=trailer,
        damage=(*found.damage, *trouble),
    )


def open_wraps(segment: Segment, epoch_key: bytes) -> tuple[bytes, ...]:
    """Lift the epoch layer: the wraps, one for each subset of the header. `CannotOpen` if the key is another."""
    return lift(segment, epoch_layer_key(epoch_key, segment.header.segment))


def lift(segment: Segment, layer_key: bytes) -> tuple[bytes, ...]:
    """The same with the key of this segment's layer alone, as a bundle has it."""
    header = segment.header
    layer = Aead(header.aead, layer_key)
    packed = layer.open(0, segment.sealed_wraps[_U32.size :], sha256(segment.header_bytes).digest())
    wraps, position = [], 0
    while position + _U16.size <= len(packed):
        (length,) = _U16.unpack_from(packed, position)
        wraps.append(packed[position + _U16.size : position + _U16.size + length])
        position += _U16.size + length
    if position != len(packed) or len(wraps) != len(header.subsets):
        raise Damaged("the wraps are not one for each subset")
    return tuple(wraps)


def moved_start(data: bytes | memoryview, *, old_key: bytes, epoch: int, epoch_key: bytes) -> bytes:
    """A file's start with its wraps under another epoch's key: as long as the one that it takes the place of.

    `Damaged` if the start cannot be read, `CannotOpen` if `old_key` is not the one that its wraps are under.
    """
    header, header_bytes, wraps, _ = read_start(data)
    layer = Aead(header.aead, epoch_layer_key(old_key, header.segment))
    packed = layer.open(0, wraps[_U32.size :], sha256(header_bytes).digest())
    sealed = seal_wraps(
        packed,
        header=header_bytes,
        aead=header.aead,
        segment=header.segment,
        epoch=epoch,
        epoch_key=epoch_key,
    )
    return start_of_file(header_bytes, sealed)


class RecordOpener:
    """Opens one segment's records: one at its place, or each in turn."""

    def __init__(self, segment: Segment, data: bytes | memoryview, key: bytes) -> None:
        self._spans = segment.records
        self._aead = Aead(segment.header.aead, key)
        self._header_digest = sha256(segment.header_bytes).digest()
        self._view = memoryview(data)

    def open(self, span: Span) -> Record:
        """The record, or `CannotOpen` if it is not the one that was sealed at this place with this key."""
        ciphertext = bytes(self._view[span.start : span.start + span.length])
        plaintext = self._aead.open(span.index, ciphertext, _record_binding(self._header_digest, span.index))
        kind, utc_ns = _RECORD.unpack_from(plaintext)
        if kind not in RecordType.__members__.values():
            raise CannotOpen(f"record {span.index} is of the unknown type {kind}")
        return Record(RecordType(kind), utc_ns, plaintext[_RECORD.size :])

    def each(self) -> Iterator[tuple[Span, Record | None]]:
        """Every record with its true index; None for one that is not what was sealed there.

        The first that opens behind a place where records were lost tells how many.
        """
        lost = skips = 0
        for span in self._spans:
            least = replace(span, index=span.index + lost)
            opened = self._first_of(least, MOST_LOST_RECORDS if span.skips > skips else 0)
            if opened is not None:
                lost += opened[0].index - least.index
                skips = span.skips
            yield opened or (least, None)

    def _first_of(self, span: Span, more: int) -> tuple[Span, Record] | None:
        """The record at its index, or at one of as many `more` behind it."""
        for index in range(span.index, span.index + more + 1):
            there = replace(span, index=index)
            with suppress(CannotOpen):
                return there, self.open(there)
        return None


def gap_of(record: Record) -> Gap:
    """What a gap record tells."""
    try:
        return msgspec.json.decode(record.payload, type=Gap)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Damaged("not a gap record") from error


def end_count(record: Record) -> int:
    """How many records an end record says there are before it."""
    if record.type is not RecordType.END or len(record.payload) != _U32.size:
        raise Damaged("not an end record")
    return int(_U32.unpack(record.payload)[0])


def ending(segment: Segment, *, complete: bool) -> Literal["closed", "recovered", "cut"]:
    """How the file ends, in one word; `complete` says whether its end record was found."""
    if segment.trailer is not None and segment.trailer.state is TrailerState.RECOVERED:
        return "recovered"
    return "closed" if complete and segment.trailer is not None else "cut"


def _block(view: memoryview, position: int, limit: int, name: str) -> tuple[bytes, int]:
    if len(view) < position + _U32.size:
        raise Damaged(f"the file ends before its {name}")
    (length,) = _U32.unpack_from(view, position)
    position += _U32.size
    if not 0 < length <= limit or position + length > len(view):
        raise Damaged(f"the {name} has a length that cannot be")
    return bytes(view[position : position + length]), position + length


def _trailer(view: memoryview, position: int) -> tuple[Trailer | None, list[str]]:
    start = position + END_BYTES
    if len(view) < start + TRAILER_BYTES or bytes(view[start : start + len(TRAILER_MAGIC)]) != TRAILER_MAGIC:
        return None, ["no trailer: the writer did not finish this file"]
    state = view[start + len(TRAILER_MAGIC)]
    if state not in TrailerState.__members__.values():
        return None, [f"the trailer has the unknown state {state}"]
    signature_at = start + TRAILER_BYTES - SIGNATURE_BYTES
    signature = bytes(view[signature_at : signature_at + SIGNATURE_BYTES])
    trailer = Trailer(TrailerState(state), signature, sha256(view[:signature_at]).digest())
    extra = len(view) - signature_at - SIGNATURE_BYTES
    return trailer, [f"{extra} bytes too many behind the trailer"] if extra else []


def _record_binding(header_digest: bytes, index: int) -> bytes:
    return header_digest + index.to_bytes(8, "big")


def epoch_layer_key(epoch_key: bytes, segment: str) -> bytes:
    """The key of one segment's epoch layer. It tells nothing of the epoch's key, nor of another segment's layer."""
    return derive(epoch_key, info=b"stolpe epoch layer v1\x00" + segment.encode())
