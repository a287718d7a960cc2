"""Bundles good and broken, spelled here by FORMAT.md and not by the code under test."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from formats.independent_reader import crc32c
from vectors.make_documents import document, signature
from vectors.make_keys import b64, sig_public, signing_key
from vectors.make_slots import epoch_key
from vectors.segment_parts import PICTURES, START_NS, header, parts
from vectors.shelf import CarriedVector, ExpectedBundle

SUBSET = ("test-cissi", "test-david")
MINUTE_NS = 60_000_000_000
Made = tuple[str, bytes, ExpectedBundle]


@dataclass(frozen=True)
class Parts:
    """A bundle in its parts. `kinds`: of each block; `signer` signs manifest and end."""

    segments: tuple[bytes, ...]
    manifest: dict[str, Any]
    order: bytes
    mandates: tuple[bytes, ...] = ()
    kinds: tuple[int, ...] = (1, 1)
    signer: str = "test-node"
    magic: bytes = b"STLPBDL1"
    has_end: bool = True

    @property
    def start(self) -> bytes:
        encoded = msgspec.json.encode(self.manifest)
        documents = [
            _sized(self.order),
            bytes([len(self.mandates)]),
            *map(_sized, self.mandates),
            _sized(encoded),
        ]
        before = self.magic + b"".join(documents)
        return before + self._signed(b"stolpe bundle manifest v1\0" + sha256(before).digest())

    @property
    def blocks(self) -> tuple[bytes, ...]:
        return tuple(self._block(n, kind) for n, kind in enumerate(self.kinds))

    def file(self) -> bytes:
        before = self.start + b"".join(self.blocks)
        if not self.has_end:
            return before
        before += b"STLPBEN1" + struct.pack(">I", len(self.kinds))
        return before + self._signed(b"stolpe bundle end v1\0" + sha256(before).digest())

    def _block(self, number: int, kind: int) -> bytes:
        data = self.segments[number] if kind == 1 else b""
        key = layer_key(number) if kind == 1 else bytes(32)
        head = struct.pack(">8sBIQ32s", b"STLPBSG1", kind, number, len(data), key)
        return head + struct.pack(">I", crc32c(head)) + data

    def _signed(self, message: bytes) -> bytes:
        return signing_key(self.signer).private.sign(message)


def _sized(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def layer_key(number: int) -> bytes:
    """Of test segment 80 + `number`."""
    info = b"stolpe epoch layer v1\0" + header(80 + number)["segment"].encode()
    return HKDF(SHA256(), 32, None, info).derive(epoch_key(1))


def _segments() -> tuple[bytes, ...]:
    made = (
        header(80 + n, start_ns=START_NS + n * MINUTE_NS, subsets=(SUBSET,), masks=None) for n in range(2)
    )
    return tuple(parts(one, records=PICTURES[:2]).file() for one in made)


def _whole() -> Parts:
    order = {
        "type": "release",
        "id": "01KTESTVECTRS0000000000R01",
        "node": "test-node",
        "from": "2026-11-03T21:00:00Z",
        "to": "2026-11-03T21:02:00Z",
        "case": "a test",
        "recipient": "test-recovery",
        "expires": "2026-11-04T21:00:00Z",
    }
    payload = msgspec.json.encode(order)
    signed = document(*(signature(owner, payload) for owner in SUBSET), payload=b64(payload))
    segments = _segments()
    manifest = {
        "made_by": "node",
        "node": "test-node",
        "signer": "test-node",
        "node_key": "sha256:" + sha256(sig_public("test-node")).hexdigest(),
        "order": "sha256:" + sha256(payload).hexdigest(),
        "from_ns": START_NS,
        "until_ns": START_NS + 2 * MINUTE_NS,
        "made_ns": START_NS + 3 * MINUTE_NS,
        "time_trust": "simulated",
        "segments": [_line(n, data) for n, data in enumerate(segments)],
        "missing": [],
        "audit": [],
        "checkpoint": None,
    }
    return Parts(segments, manifest, signed)


def _line(number: int, data: bytes) -> dict[str, Any]:
    told = header(80 + number)
    return {
        "segment": told["segment"],
        "start_ns": START_NS + number * MINUTE_NS,
        "mandate": told["mandate"],
        "epoch": 1,
        "size": len(data),
        "sha256": "sha256:" + sha256(data).hexdigest(),
        "state": "closed",
    }


def _fine(about: str, whole: Parts, **changes: object) -> ExpectedBundle:
    carried = tuple(CarriedVector(n, sha256(d).hexdigest(), True, True) for n, d in enumerate(whole.segments))
    found = ExpectedBundle(about=about, broken=False, manifest="good", end="good", segments=carried)
    return msgspec.structs.replace(found, **changes)


def bundles() -> Iterator[Made]:
    """Every vector of this kind."""
    whole = _whole()
    yield from _good(whole)
    yield from _cut(whole)
    yield from _flipped(whole)
    yield from _other(whole)


def _good(whole: Parts) -> Iterator[Made]:
    yield "whole", whole.file(), _fine("two segments", whole)
    mandate = document(signature("test-anna", b"{}"), payload=b64(b"{}"))
    yield "with_mandate", replace(whole, mandates=(mandate,)).file(), _fine("a mandate beside them", whole)
    empty = replace(whole, segments=(), kinds=(), manifest={**whole.manifest, "segments": []})
    yield "no_segments", empty.file(), _fine("nothing but a manifest", empty)
    first = _fine("", whole).segments[:1]
    for kind, name in ((2, "destroyed"), (3, "evicted")):
        gone = replace(whole, kinds=(1, kind)).file()
        about = f"the second was {name} before its turn"
        yield f"second_{name}", gone, _fine(about, whole, segments=first, gone=((1, kind),))
    salvaged = replace(
        whole, signer="test-anna", manifest={**whole.manifest, "made_by": "salvage", "signer": "test-anna"}
    )
    yield "salvaged", salvaged.file(), _fine("a person made it", whole, manifest="bad", end="bad")
    missing = [{"from_ns": START_NS, "until_ns": START_NS + 1, "reason": "evicted"}]
    told = replace(whole, manifest={**whole.manifest, "missing": missing})
    yield "missing", told.file(), _fine("a part of the interval is not there", whole)


def _cut(whole: Parts) -> Iterator[Made]:
    data, start, blocks = whole.file(), len(whole.start), [len(block) for block in whole.blocks]
    both = _fine("", whole).segments
    cut = CarriedVector(1, sha256(whole.segments[1][:100]).hexdigest(), False, False)
    for name, at, segments in (
        ("cut_within_end", len(data) - 70, both),
        ("cut_before_end", start + sum(blocks), both),
        ("cut_within_second", start + blocks[0] + 57 + 100, (*both[:1], cut)),
        ("cut_within_head", start + blocks[0] + 30, both[:1]),
        ("cut_after_first", start + blocks[0], both[:1]),
        ("cut_after_start", start, ()),
    ):
        about = f"the file ends {name.removeprefix('cut_').replace('_', ' ')}"
        yield (
            name,
            data[:at],
            _fine(about, whole, broken=True, end="missing", segments=segments, damaged=True),
        )
    about = "the file ends within its manifest"
    found = ExpectedBundle(about=about, broken=True, manifest=None, end="missing", damaged=True)
    yield "cut_within_manifest", data[: start - 200], found


def _flipped(whole: Parts) -> Iterator[Made]:
    data, start, first = whole.file(), len(whole.start), len(whole.blocks[0])
    both = _fine("", whole).segments
    unread = tuple(CarriedVector(one.number, one.sha256, False, one.opens) for one in both)

    def flipped(at: int) -> bytes:
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]

    damaged = {"broken": True, "end": "bad", "damaged": True}
    for name, at in (("order_length_flipped", 8), ("mandates_flipped", 12 + len(whole.order))):
        found = _fine(
            "order and manifest are lost, no segment is", whole, manifest=None, segments=unread, **damaged
        )
        yield name, flipped(at), found
    about = "an altered order: both signatures say so"
    yield "order_flipped", flipped(300), _fine(about, whole, broken=True, manifest="bad", end="bad")
    about = "the first signature is another"
    yield (
        "manifest_signature_flipped",
        flipped(start - 1),
        _fine(about, whole, broken=True, manifest="bad", end="bad"),
    )
    about = "the head of a segment is damaged: the manifest tells its size"
    yield "head_magic_flipped", flipped(start), _fine(about, whole, **damaged)
    yield "head_number_flipped", flipped(start + 12), _fine(about, whole, **damaged)
    yield "head_size_flipped", flipped(start + 20), _fine(about, whole, **damaged)
    shut = msgspec.structs.replace(both[0], opens=False)
    about = "the key that lifts its layer is damaged: it opens for nobody"
    yield "layer_key_flipped", flipped(start + 30), _fine(about, whole, segments=(shut, both[1]), **damaged)
    torn = bytearray(whole.segments[0])
    torn[-80] ^= 1
    other = CarriedVector(0, sha256(torn).hexdigest(), False, True)
    about = "a byte of a segment was altered: it is not the one of the manifest"
    yield (
        "segment_flipped",
        flipped(start + first - 80),
        _fine(about, whole, broken=True, end="bad", segments=(other, both[1])),
    )
    yield (
        "end_flipped",
        flipped(len(data) - 1),
        _fine("the last signature is another", whole, broken=True, end="bad"),
    )
    yield "end_count_flipped", flipped(len(data) - 65), _fine("its end counts others", whole, **damaged)


def _other(whole: Parts) -> Iterator[Made]:
    for name, data in (
        ("empty", b""),
        ("magic_alone", b"STLPBDL1"),
        ("older_version", b"STLPBDL0" + whole.file()[8:]),
    ):
        error = None if name == "magic_alone" else "Damaged"
        end = "missing" if error is None else None
        yield name, data, ExpectedBundle(about=name, broken=True, error=error, end=end, damaged=error is None)
    about, both = "a stranger has signed", {"broken": True, "manifest": "bad", "end": "bad"}
    yield "signed_by_stranger", replace(whole, signer="test-stranger").file(), _fine(about, whole, **both)
    about = "bytes behind the end"
    yield "trailing_bytes", whole.file() + b"more", _fine(about, whole, broken=True, damaged=True)
    start, blocks = whole.start, whole.blocks
    between = start + blocks[0] + bytes(50) + whole.file()[len(start + blocks[0]) :]
    about = "zeros between two segments: skipped, and the second is found behind them"
    yield "bytes_between", between, _fine(about, whole, broken=True, end="bad", damaged=True)
    unknown = {**whole.manifest, "more": 1}
    unread = tuple(CarriedVector(n, sha256(d).hexdigest(), False, True) for n, d in enumerate(whole.segments))
    about = "an unknown field: the manifest is not read"
    yield (
        "field_unknown",
        replace(whole, manifest=unknown).file(),
        _fine(about, whole, broken=True, manifest=None, damaged=True, segments=unread),
    )
