"""A second reader, verifier and opener of bundles, written from FORMAT.md alone.

Like `independent_reader`, on which it builds, it imports nothing of the project. It reads a whole bundle into memory.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from formats.independent_reader import (
    NotReadable,
    Read,
    StaysSealed,
    _signed,
    bytes_of,
    crc32c,
    document,
    lifted_segment,
)

Json = dict[str, Any]
FIELDS = {
    *("made_by", "node", "signer", "node_key", "order", "from_ns", "until_ns", "made_ns", "time_trust"),
    *("segments", "missing", "audit", "checkpoint"),
}
LINE_FIELDS = {"segment", "start_ns", "mandate", "epoch", "size", "sha256", "state"}


@dataclass
class Bundle:
    """What a bundle holds; `manifest` None where its start cannot be read."""

    manifest: Json | None = None
    order: bytes = b""
    mandates: list[bytes] = field(default_factory=list)
    manifest_signature: str | None = None
    end_signature: str = "missing"
    segments: list[tuple[int, bytes, bytes]] = field(default_factory=list)
    """Number, layer key, bytes."""
    gone: list[tuple[int, int]] = field(default_factory=list)
    damaged: bool = False

    def is_as_told(self, number: int, data: bytes) -> bool:
        lines = self.manifest["segments"] if self.manifest else []
        return number < len(lines) and lines[number]["sha256"] == "sha256:" + sha256(data).hexdigest()


def read(data: bytes, node: Json) -> Bundle:
    """Take it apart; `node` is the public `sig` JWK that manifest and end are judged with."""
    if data[:8] != b"STLPBDL1":
        raise NotReadable("magic")
    found = Bundle()
    try:
        position = _start(data, found, node)
    except (NotReadable, ValueError, IndexError):
        found.damaged, position = True, _next(data, 9)
    number = 0
    while position < len(data):
        if data[position : position + 8] == b"STLPBEN1" and position + 76 <= len(data):
            message = b"stolpe bundle end v1\0" + sha256(data[: position + 12]).digest()
            good = _signed(node, data[position + 12 : position + 76], message)
            found.end_signature = "good" if good else "bad"
            counted = struct.unpack(">I", data[position + 8 : position + 12])[0]
            found.damaged |= counted != number or position + 76 < len(data)
            return found
        head = _head(data, position, number, found)
        if head is None:
            found.damaged, position = True, _next(data, position + 1)
            continue
        kind, number, size, key = head
        position += 57
        if kind == 1:
            found.segments.append((number, key, data[position : position + size]))
            if position + size > len(data):
                break
            position += size
        else:
            found.gone.append((number, kind))
        number += 1
    found.damaged = True
    return found


def _start(data: bytes, found: Bundle, node: Json) -> int:
    order, position = _sized(data, 8, 524_288)
    count = data[position]
    if count > 8:
        raise NotReadable("mandates")
    position += 1
    mandates = []
    for _ in range(count):
        mandate, position = _sized(data, position, 524_288)
        mandates.append(mandate)
    encoded, position = _sized(data, position, 8_388_608)
    manifest = json.loads(encoded.decode())
    lines = manifest.get("segments", [])
    if set(manifest) != FIELDS or any(set(line) != LINE_FIELDS for line in lines):
        raise NotReadable("manifest")
    signature = data[position : position + 64]
    if len(signature) < 64:
        raise NotReadable("signature")
    good = _signed(node, signature, b"stolpe bundle manifest v1\0" + sha256(data[:position]).digest())
    found.order, found.mandates, found.manifest = order, mandates, manifest
    found.manifest_signature = "good" if good else "bad"
    return position + 64


def _sized(data: bytes, position: int, most: int) -> tuple[bytes, int]:
    length = int.from_bytes(data[position : position + 4], "big")
    part = data[position + 4 : position + 4 + length]
    if not 0 < length <= most or len(part) < length:
        raise NotReadable("length")
    return part, position + 4 + length


def _head(data: bytes, position: int, number: int, found: Bundle) -> tuple[int, int, int, bytes] | None:
    head = data[position : position + 57]
    if _is_sound(head):
        kind, counted, size = struct.unpack(">BIQ", head[8:21])
        found.damaged |= counted != number
        return kind, counted, size, head[21:53]
    lines = found.manifest["segments"] if found.manifest else []
    if number >= len(lines) or data[position + 57 : position + 65] != b"STLPSEG1":
        return None
    found.damaged = True
    return 1, number, lines[number]["size"], head[21:53]


def _is_sound(head: bytes) -> bool:
    whole = len(head) == 57 and head[:8] == b"STLPBSG1" and head[8] in {1, 2, 3}
    return whole and crc32c(head[:53]) == int.from_bytes(head[53:], "big")


def _next(data: bytes, position: int) -> int:
    for at in range(position, len(data)):
        if _is_sound(data[at : at + 57]) or data[at : at + 8] == b"STLPBEN1":
            return at
    return len(data)


def released_by(bundle: Bundle) -> dict[str, set[str]]:
    """By the digest of each mandate: who of its releasers has signed the order; `NotReadable` if too few have."""
    found = {}
    for raw in bundle.mandates:
        mandate = json.loads(bytes_of(json.loads(raw)["payload"]))
        revoked = set(mandate.get("revoked_people", []))
        releasers = {
            person["id"]: {"kty": "OKP", **person["sig"]}
            for person in mandate["people"]
            if "releaser" in person["roles"] and person["id"] not in revoked
        }
        payload, signers = document(bundle.order, releasers)
        assert bundle.manifest is not None
        if bundle.manifest["order"] != "sha256:" + sha256(payload).hexdigest():
            raise NotReadable("another order")
        if len(signers) < mandate["release"]["threshold"]:
            raise NotReadable("threshold")
        found["sha256:" + sha256(bytes_of(json.loads(raw)["payload"])).hexdigest()] = signers
    return found


def opened(
    bundle: Bundle, *, people: Mapping[str, Json], subset: Sequence[str], node: Json
) -> dict[int, Read | None]:
    """Every segment by number as `subset` opens it; None for one that stays sealed or cannot be read."""
    found: dict[int, Read | None] = {}
    for number, key, data in bundle.segments:
        try:
            found[number] = lifted_segment(data, layer=key, people=people, subset=subset, node=node)
        except (NotReadable, StaysSealed):
            found[number] = None
    return found
