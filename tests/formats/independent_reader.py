"""A second reader of segments, key slots and signed documents, written from FORMAT.md alone.

It imports nothing of the project: what it reads, anybody can read who has the page. It judges no more than it must
and is slow; the vectors hold it and the project's reader to the same answers.
"""

import json
import re
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

HEADER_FIELDS = {
    *("node", "boot", "segment", "start_ns", "time_trust", "mandate", "masks"),
    *("codec", "size", "timescale", "aead", "subsets"),
}
TRUSTS = {"synchronised", "battery", "simulated", "demo", "untrusted"}
CIPHERS: dict[str, type[AESGCM] | type[ChaCha20Poly1305]] = {
    "AES-256-GCM": AESGCM,
    "ChaCha20-Poly1305": ChaCha20Poly1305,
}
TYPES = {1: "init", 2: "fragment", 3: "gap", 4: "end"}

Json = dict[str, Any]
Found = tuple[int, str, int, bytes]
"""Index, type, UTC nanoseconds, payload."""


class NotReadable(Exception):  # noqa: N818 — two outcomes, and this is neither's bug
    """The bytes are not as FORMAT.md says."""


class StaysSealed(Exception):  # noqa: N818
    """They are, and do not open."""


@dataclass(frozen=True)
class Read:
    """What a segment holds."""

    header: Json
    records: list[Found]
    left_out: list[int]
    ending: str
    signature: str


@dataclass(frozen=True)
class _Layer:
    """One key of a segment, with the digest of its header, to which everything under the key is bound."""

    header: Json
    key: bytes
    bound: bytes

    def open(self, nonce: int, ciphertext: bytes, associated: bytes = b"") -> bytes:
        cipher = CIPHERS[self.header["aead"]](self.key)
        try:
            return bytes(cipher.decrypt(nonce.to_bytes(12, "big"), ciphertext, self.bound + associated))
        except InvalidTag as error:
            raise StaysSealed("AEAD") from error


def crc32c(data: bytes) -> int:
    """Castagnoli's, bit by bit (RFC 3720, B.4): reflected polynomial 0x82F63B78."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def segment(
    data: bytes,
    *,
    epochs: Mapping[int, bytes],
    people: Mapping[str, Json],
    subset: Sequence[str],
    node: Json,
) -> Read:
    """Open it as `subset`; `people` are their `enc` JWKs, `node` the public `sig` JWK of the node."""
    if data[:8] != b"STLPSEG1":
        raise NotReadable("magic")
    encoded, position = _block(data, 8, 1, 65_536)
    header = _header(encoded)
    block, _ = _block(data, position, 4, 262_144)
    epoch_key = epochs.get(struct.unpack(">I", block[:4])[0])
    if epoch_key is None:
        raise StaysSealed("no epoch key")
    info = b"stolpe epoch layer v1\0" + header["segment"].encode()
    layer = HKDF(SHA256(), 32, None, info).derive(epoch_key)
    return lifted_segment(data, layer=layer, people=people, subset=subset, node=node)


def lifted_segment(
    data: bytes, *, layer: bytes, people: Mapping[str, Json], subset: Sequence[str], node: Json
) -> Read:
    """The same with the key of this segment's epoch layer, as a bundle has it."""
    encoded, position = _block(data, 8, 1, 65_536)
    header = _header(encoded)
    block, position = _block(data, position, 4, 262_144)
    bound = sha256(encoded).digest()
    wraps = list(_wraps(_Layer(header, layer, bound).open(0, block[4:])))
    if len(wraps) != len(header["subsets"]):
        raise NotReadable("wraps")
    number = header["subsets"].index(list(subset))
    key = _unwrap(wraps[number], subset, people, b"segment\0" + bound)
    return _records(data, position, _Layer(header, key, bound), node)


def _records(data: bytes, position: int, layer: "_Layer", node: Json) -> Read:
    records: list[Found] = []
    places: list[int] = []
    index, room, complete = 0, 0, False
    while not _is_end(data, position):
        if _is_sound(data, position):
            found = _opened(data, position, layer, range(index, index + room + 1))
            if found is not None:
                records.append(found)
                index, room, complete = found[0], 0, found[1] == "end" and _count(found) == found[0]
        elif not _leads_on(data, position):
            further = range(position + 1, len(data))
            behind = next((at for at in further if _is_sound(data, at) or _is_end(data, at)), None)
            if behind is None:
                break
            position, room = behind, 64
            continue
        places.append(index)
        index, position = index + 1, position + 8 + _u32(data, position)
    whole = {found[0] for found in records}
    left_out = [index for index in range(max(places, default=-1) + 1) if index not in whole]
    trailer = data[position + 4 : position + 77]
    if len(trailer) < 73 or trailer[:8] != b"STLPTRL1" or trailer[8] not in {1, 2}:
        return Read(layer.header, records, left_out, "cut", "missing")
    digest = sha256(data[: position + 13]).digest()
    good = _signed(node, trailer[9:], b"stolpe segment trailer v1\0" + digest)
    closed = "closed" if complete else "cut"
    ending = "recovered" if trailer[8] == 2 else closed
    return Read(layer.header, records, left_out, ending, "good" if good else "bad")


def _opened(data: bytes, position: int, layer: "_Layer", indices: Sequence[int]) -> Found | None:
    """The record there, under the first of the indices that opens it."""
    ciphertext = data[position + 8 : position + 8 + _u32(data, position)]
    for index in indices:
        try:
            plain = layer.open(index, ciphertext, struct.pack(">Q", index))
            return index, TYPES[plain[0]], int.from_bytes(plain[1:9], "big"), plain[9:]
        except (StaysSealed, KeyError):
            continue
    return None


def _count(end: Found) -> int:
    return int.from_bytes(end[3], "big")


def _leads_on(data: bytes, position: int) -> bool:
    """Whether lengths lead from a damaged record to a sound one or to the end, over others or not."""
    while _is_whole(data, position):
        position += 8 + _u32(data, position)
        if _is_end(data, position) or _is_sound(data, position):
            return True
    return False


def _is_whole(data: bytes, position: int) -> bool:
    return 25 <= _u32(data, position) <= min(33_554_432, len(data) - position - 8)


def _is_sound(data: bytes, position: int) -> bool:
    if not _is_whole(data, position):
        return False
    ciphertext = data[position + 8 : position + 8 + _u32(data, position)]
    return _u32(data, position + 4) == crc32c(data[position : position + 4] + ciphertext)


def _is_end(data: bytes, position: int) -> bool:
    return data[position : position + 12] == bytes(4) + b"STLPTRL1"


def _u32(data: bytes, position: int) -> int:
    return int.from_bytes(data[position : position + 4], "big")


def _header(encoded: bytes) -> Json:
    try:
        header = json.loads(encoded.decode())
    except ValueError as error:
        raise NotReadable("header") from error
    if not isinstance(header, dict) or set(header) != HEADER_FIELDS:
        raise NotReadable("header fields")
    digest = re.compile("sha256:[0-9a-f]{64}")
    sound = (
        header["aead"] in CIPHERS
        and header["time_trust"] in TRUSTS
        and digest.fullmatch(header["mandate"])
        and (header["masks"] is None or digest.fullmatch(header["masks"]))
        and all(isinstance(side, int) for side in header["size"])
        and 1 <= len(header["subsets"]) <= 10
    )
    if not sound:
        raise NotReadable("header values")
    return header


def _block(data: bytes, position: int, low: int, high: int) -> tuple[bytes, int]:
    length = int.from_bytes(data[position : position + 4], "big")
    block = data[position + 4 : position + 4 + length]
    if len(block) < length or not low <= length <= high:
        raise NotReadable("length")
    return block, position + 4 + length


def _wraps(plain: bytes) -> Iterator[bytes]:
    while plain:
        length = int.from_bytes(plain[:2], "big")
        wrap, rest = plain[2 : 2 + length], plain[2 + length :]
        if len(plain) < 2 or len(wrap) < length:
            raise NotReadable("wrap")
        yield wrap
        plain = rest


def _unwrap(wrap: bytes, subset: Sequence[str], people: Mapping[str, Json], context: bytes) -> bytes:
    for layer in reversed(range(len(subset))):
        info = b"stolpe wrap v1\0" + struct.pack(">H", len(context)) + context
        info += bytes([len(subset), layer]) + "\0".join(subset).encode()
        suite, private = _recipient(people[subset[layer]])
        try:
            wrap = suite.decrypt(wrap, private, info)
        except (InvalidTag, ValueError) as error:
            raise StaysSealed("HPKE") from error
    return wrap


def _recipient(jwk: Json) -> tuple[Suite, Any]:
    if jwk["kty"] == "OKP":
        kem, private = KEM.X25519, X25519PrivateKey.from_private_bytes(bytes_of(jwk["d"]))
        return Suite(kem, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305), private
    raw = bytes_of(jwk["priv"])
    both = MLKEM768PrivateKey.from_seed_bytes(raw[:64]), X25519PrivateKey.from_private_bytes(raw[64:])
    suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
    return suite, MLKEM768X25519PrivateKey(*both)


def _signed(jwk: Json, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(bytes_of(jwk["x"])).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def slot(image: bytes) -> tuple[Json | None, dict[int, Json] | None]:
    """Header and slots of a key slot by index; None for what is not readable."""
    copies = [image[0:64], image[64:128]]
    whole = [copy for copy in copies if copy[:8] == b"STLPSLT1" and _crc_fits(copy)]
    names = ("generation", "time_floor_ns", "uptime_ns", "root", "mandate", "masks", "epoch", "approved")
    headers: list[Json] = [
        {
            **dict(zip(names, struct.unpack(">QQQIIIII", copy[8:52]), strict=True)),
            "used_orders": copy[52:60].hex(),
        }
        for copy in whole
    ]
    header = max(headers, key=lambda found: found["generation"], default=None)
    if len(image) < 4096 or len(image) % 64:
        return header, None
    slots = {}
    for index in range((len(image) - 128) // 64):
        raw = image[128 + 64 * index :][:64]
        if any(raw) and _crc_fits(raw):
            epoch, destroy_at = struct.unpack(">IQ", raw[:12])
            slots[index] = {
                "epoch": epoch,
                "destroy_at_ns": destroy_at,
                "prefix": raw[12:28],
                "key": raw[28:60],
            }
    return header, slots


def _crc_fits(block: bytes) -> bool:
    return len(block) == 64 and struct.unpack(">I", block[60:])[0] == crc32c(block[:60])


def document(data: bytes, people: Mapping[str, Json]) -> tuple[bytes, set[str]]:
    """Payload and signers of a signed document; `people` are the public `sig` JWKs of those who are entitled."""
    try:
        told = json.loads(data.decode())
        payload, signers = bytes_of(told["payload"]), set()
        for member in told["signatures"]:
            header = json.loads(bytes_of(member["protected"]).decode())
            message = f"{member['protected']}.{told['payload']}".encode()
            fields = set(member) == {"protected", "signature"} and set(header) == {"alg", "kid"}
            known = header["alg"] == "Ed25519" and header["kid"] in people and header["kid"] not in signers
            if not fields or not known:
                raise NotReadable("header")
            if not _signed(people[header["kid"]], bytes_of(member["signature"]), message):
                raise StaysSealed("signature")
            signers.add(header["kid"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotReadable("document") from error
    if set(told) != {"payload", "signatures"} or not signers:
        raise NotReadable("members")
    return payload, signers


def bytes_of(text: str) -> bytes:
    """Base64url without padding, in its canonical spelling."""
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if urlsafe_b64encode(data).decode().rstrip("=") != text:
        raise NotReadable("base64url")
    return data
