"""Bundle v1 as bytes (FORMAT.md, "Bundle"): what a release hands over. Written and read in one pass, in bounded memory.

A bundle carries segments exactly as they lay in the ring, so the node's trailer still proves them, and for each the
key of its epoch layer alone. The wraps to the releasers remain: a bundle by itself opens nothing.
"""

import struct
from collections.abc import Callable, Sequence
from enum import IntEnum
from hashlib import sha256
from typing import Annotated, Final, Literal

import google_crc32c
import msgspec
from msgspec import Meta

from node.clock import TimeTrust
from node.errors import Damaged
from node.mandate.signatures import MAX_DOCUMENT_BYTES
from node.messages import AuditCheckpoint, Count
from node.names import Digest, Name, Ulid

MAGIC: Final = b"STLPBDL1"
BLOCK_MAGIC: Final = b"STLPBSG1"
END_MAGIC: Final = b"STLPBEN1"
LAYER_KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
MAX_MANDATES: Final = 8
MAX_SEGMENTS: Final = 16_384
MAX_MANIFEST_BYTES: Final = 8 << 20
MAX_AUDIT_LINES: Final = 64
MAX_START_BYTES: Final = 16 + (1 + MAX_MANDATES) * (4 + MAX_DOCUMENT_BYTES) + MAX_MANIFEST_BYTES + 64

_U32: Final = struct.Struct(">I")
_BLOCK: Final = struct.Struct(">8sBIQ32s")
_END: Final = struct.Struct(">8sI")
BLOCK_BYTES: Final = _BLOCK.size + _U32.size
END_BYTES: Final = _END.size + SIGNATURE_BYTES

Sign = Callable[[bytes], bytes]
SegmentState = Literal["closed", "recovered", "cut"]
MissingReason = Literal["destroyed", "evicted", "not_filmed", "being_written", "unknown"]


class Kind(IntEnum):
    """What a block has: the segment, or why it went between the manifest and its turn."""

    THERE = 1
    DESTROYED = 2
    EVICTED = 3


class BundledSegment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One segment as it lay in the ring: `sha256` and `size` are the file's, `state` what its trailer says."""

    segment: Ulid
    start_ns: Count
    mandate: Digest
    epoch: Annotated[int, Meta(ge=0, le=0xFFFF_FFFF)]
    size: Annotated[int, Meta(ge=1, le=1 << 30)]
    sha256: Digest
    state: SegmentState


class Missing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the interval of which there is no segment, and why as far as their keeper knows."""

    from_ns: Count
    until_ns: Count
    reason: MissingReason


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the bundle holds and what of the interval it does not. `audit` are lines of the log from the order's on.

    `node_key` is SHA-256 of the public Ed25519 key that signs; where the bundle was salvaged, that is a person's.
    """

    made_by: Literal["node", "salvage"]
    node: Name
    signer: Name
    node_key: Digest
    order: Digest
    from_ns: Count
    until_ns: Count
    made_ns: Count
    time_trust: TimeTrust
    segments: Annotated[tuple[BundledSegment, ...], Meta(max_length=MAX_SEGMENTS)]
    missing: Annotated[tuple[Missing, ...], Meta(max_length=MAX_SEGMENTS + 2)]
    audit: Annotated[tuple[str, ...], Meta(max_length=MAX_AUDIT_LINES)]
    checkpoint: AuditCheckpoint | None


class Block(msgspec.Struct, frozen=True):
    """What stands before a segment."""

    kind: Kind
    number: int
    size: int
    layer_key: bytes


class BundleWriter:
    """Spells a bundle piece by piece: `start`, for each segment of the manifest a block and its content, `end`.

    Every method returns the bytes to be written next.
    """

    def __init__(self, sign: Sign) -> None:
        self._sign = sign
        self._digest = sha256()
        self._blocks = 0

    def start(self, order: bytes, mandates: Sequence[bytes], manifest: Manifest) -> bytes:
        """Everything before the first block."""
        encoded = msgspec.json.encode(manifest)
        if len(mandates) > MAX_MANDATES or len(encoded) > MAX_MANIFEST_BYTES:
            raise ValueError("a bundle has bounds, and whoever plans one keeps to them")
        documents = [_sized(order), bytes([len(mandates)]), *map(_sized, mandates), _sized(encoded)]
        before = b"".join((MAGIC, *documents))
        return self.content(before + self._sign(manifest_message(sha256(before).digest())))

    def there(self, size: int, layer_key: bytes) -> bytes:
        """A segment of that size follows, and this key lifts its epoch layer."""
        return self._block(Kind.THERE, size, layer_key)

    def gone(self, kind: Kind) -> bytes:
        """The next segment of the manifest went before its turn."""
        return self._block(kind, 0, bytes(LAYER_KEY_BYTES))

    def content(self, data: bytes) -> bytes:
        """The next bytes of a segment."""
        self._digest.update(data)
        return data

    def end(self) -> bytes:
        """All blocks are there, and this signature is over all of it."""
        ending = self.content(_END.pack(END_MAGIC, self._blocks))
        return ending + self._sign(end_message(self._digest.digest()))

    def _block(self, kind: Kind, size: int, layer_key: bytes) -> bytes:
        body = _BLOCK.pack(BLOCK_MAGIC, kind, self._blocks, size, layer_key)
        self._blocks += 1
        return self.content(body + _U32.pack(google_crc32c.value(body)))


def _sized(data: bytes) -> bytes:
    return _U32.pack(len(data)) + data


def manifest_message(digest: bytes) -> bytes:
    """What the first signature signs, `digest` being SHA-256 of all bytes before it."""
    return b"stolpe bundle manifest v1\x00" + digest


def end_message(digest: bytes) -> bytes:
    """What the last signature signs, `digest` being SHA-256 of all bytes before it."""
    return b"stolpe bundle end v1\x00" + digest


def read_block(data: bytes) -> Block:
    """A block's head from its 57 bytes, or `Damaged`."""
    if len(data) != BLOCK_BYTES or not data.startswith(BLOCK_MAGIC):
        raise Damaged("no segment begins there")
    if _U32.unpack_from(data, _BLOCK.size)[0] != google_crc32c.value(data[: _BLOCK.size]):
        raise Damaged("what stands before a segment is damaged")
    _, kind, number, size, layer_key = _BLOCK.unpack_from(data)
    if kind not in Kind.__members__.values():
        raise Damaged(f"a segment of the unknown kind {kind}")
    return Block(Kind(kind), number, size, layer_key)


def guessed_key(data: bytes) -> bytes:
    """The layer key of a block's head that is damaged elsewhere; whether it is one only the wraps can tell."""
    return data[_BLOCK.size - LAYER_KEY_BYTES : _BLOCK.size]


def read_end(data: bytes) -> tuple[int, bytes]:
    """How many blocks there are, and the signature."""
    magic, count = _END.unpack_from(data)
    if len(data) != END_BYTES or magic != END_MAGIC:
        raise Damaged("not a bundle's end")
    return int(count), data[_END.size :]


def read_manifest(data: bytes) -> Manifest:
    """The manifest, or `Damaged`."""
    try:
        return msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Damaged(f"the manifest is not as it must be ({error})") from error
