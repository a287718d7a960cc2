"""A segment in its parts, for those who make vectors: put together rightly, or with one part exchanged."""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from formats.independent_reader import crc32c
from vectors.make_keys import HYBRID, b64, enc_public, seed, signing_key
from vectors.make_slots import epoch_key

from node.formats import segment as fmt
from node.formats.segment import Record, RecordType
from node.sealing.aead import Aead
from node.sealing.keys import AkpJwk, Jwk, OkpJwk
from node.sealing.recipients import wrap

START_NS = 1_793_739_600_000_000_000  # 2026-11-03T21:00:00Z
SECOND_NS = 1_000_000_000

GAP = b'{"until_ns":1793739605000000000,"reason":"test"}'
PICTURES = (
    Record(RecordType.INIT, START_NS, b"test ftyp and moov"),
    Record(RecordType.FRAGMENT, START_NS, b"test moof and mdat " * 2),
    Record(RecordType.FRAGMENT, START_NS + SECOND_NS, bytes(range(0, 256, 5))),
    Record(RecordType.GAP, START_NS + 2 * SECOND_NS, GAP),
    Record(RecordType.FRAGMENT, START_NS + 5 * SECOND_NS, b""),
)
"""What nearly every vector holds: each type, a payload of every byte, and none at all."""

WHOLE = (*PICTURES, Record(RecordType.END, START_NS + 6 * SECOND_NS, struct.pack(">I", len(PICTURES))))

Told = dict[str, Any]
"""A header as it will be encoded."""

TWO_OF_THREE = (("test-cissi", "test-david"), ("test-cissi", "test-eva"), ("test-david", "test-eva"))
"""X25519 alone."""


@dataclass(frozen=True)
class Parts:
    """What stands in a file, one after the other. `state` None: no trailer; `tail`: what is behind everything."""

    header: bytes
    wraps: bytes
    frames: tuple[bytes, ...]
    end: bytes = bytes(4)
    state: int | None = 1
    signer: str = "test-node"
    magic: bytes = b"STLPSEG1"
    tail: bytes = b""
    records: tuple[Record, ...] = field(default=WHOLE, compare=False)

    @property
    def start(self) -> bytes:
        """Everything before the first record."""
        return b"".join((self.magic, _u32(len(self.header)), self.header, _u32(len(self.wraps)), self.wraps))

    @property
    def trailer(self) -> bytes:
        """With its signature over all before."""
        if self.state is None:
            return b""
        start = b"STLPTRL1" + bytes([self.state])
        digest = hashlib.sha256(self.start + b"".join(self.frames) + self.end + start).digest()
        return start + signing_key(self.signer).sign(b"stolpe segment trailer v1\0" + digest)

    def file(self) -> bytes:
        """All of it."""
        return b"".join((self.start, *self.frames, self.end, self.trailer, self.tail))

    def with_frame(self, index: int, data: bytes) -> "Parts":
        """The same, with other bytes where that record stands; the trailer signs them."""
        return replace(self, frames=(*self.frames[:index], data, *self.frames[index + 1 :]))


def public(owner: str) -> Jwk:
    """The owner's public HPKE key."""
    if owner in HYBRID:
        return AkpJwk(alg="MLKEM768-X25519", pub=b64(enc_public(owner)))
    return OkpJwk(crv="X25519", x=b64(enc_public(owner)))


def header(number: int, *, aead: str = "AES-256-GCM", **other: object) -> Told:
    """The header of test segment `number`."""
    return {
        "node": "test-node",
        "boot": "test-boot",
        "segment": f"01KTESTVECTRS{number:013d}",
        "start_ns": START_NS,
        "time_trust": "simulated",
        "mandate": "sha256:" + seed("mandate").hex(),
        "masks": "sha256:" + seed("masks").hex(),
        "codec": "h264",
        "size": [1280, 720],
        "timescale": 90000,
        "aead": aead,
        "subsets": TWO_OF_THREE,
        **other,
    }


def wraps_of(encoded: bytes, told: Told) -> list[bytes]:
    """A wrap for each subset of the header."""
    context = b"segment\0" + hashlib.sha256(encoded).digest()
    owners = {owner for subset in told["subsets"] for owner in subset}
    keys = {owner: public(owner) for owner in owners}
    secret = seed("segment", told["segment"])
    return [wrap(secret, tuple(subset), keys, context=context) for subset in told["subsets"]]


def packed(wraps: Sequence[bytes]) -> bytes:
    """Each behind its length."""
    return b"".join(struct.pack(">H", len(one)) + one for one in wraps)


def sealed_wraps(wraps: bytes, encoded: bytes, told: Told, *, epoch: int = 1) -> bytes:
    """The wraps under the epoch layer."""
    return fmt.seal_wraps(
        wraps,
        header=encoded,
        aead=told["aead"],
        segment=told["segment"],
        epoch=epoch,
        epoch_key=epoch_key(epoch),
    )


def sealed_frames(records: Sequence[tuple[int, int, bytes]], encoded: bytes, told: Told) -> list[bytes]:
    """Each record as it stands in the file. A record is (type, UTC ns, payload): the type may be any byte."""
    aead, digest = Aead(told["aead"], seed("segment", told["segment"])), hashlib.sha256(encoded).digest()
    frames = []
    for index, (kind, utc_ns, payload) in enumerate(records):
        plaintext = struct.pack(">BQ", kind, utc_ns) + payload
        frames.append(framed(aead.seal(index, plaintext, digest + struct.pack(">Q", index))))
    return frames


def framed(ciphertext: bytes) -> bytes:
    """Length, CRC32C, ciphertext."""
    length = _u32(len(ciphertext))
    return length + _u32(crc32c(length + ciphertext)) + ciphertext


def parts(
    told: Told,
    *,
    encoded: bytes | None = None,
    records: Sequence[Record] = WHOLE,
    epoch: int = 1,
) -> Parts:
    """A sound segment with that header (as `encoded`, if that is given) and these records."""
    encoded = msgspec.json.encode(told) if encoded is None else encoded
    wraps = sealed_wraps(packed(wraps_of(encoded, told)), encoded, told, epoch=epoch)
    plain = [(int(record.type), record.utc_ns, record.payload) for record in records]
    return Parts(encoded, wraps, tuple(sealed_frames(plain, encoded, told)), records=tuple(records))


def _u32(number: int) -> bytes:
    return struct.pack(">I", number)
