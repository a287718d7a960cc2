"""Signed documents as bytes: JWS (RFC 7515), general JSON serialization, one signature a person.

The algorithm is Ed25519 by its fully specified name (RFC 9864). The protected header holds `alg` and `kid` and
nothing else, so there is nothing in it to be talked into. A document with any bad, unknown or repeated signature
is refused whole.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import GuestProtocol, OKPKey

from node.errors import Refused
from node.names import Name
from node.sealing.keys import Jwk, SigningKey, verifying_key

MAX_DOCUMENT_BYTES = 512 * 1024
MAX_SIGNATURES = 16
_ALGORITHM = "Ed25519"


class _Protected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    alg: Literal["Ed25519"]
    kid: Name


class _Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    protected: str
    signature: str


class _Jws(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    payload: str
    signatures: tuple[_Signature, ...]


@dataclass(frozen=True, slots=True)
class SignedDocument:
    """What was parsed, not yet believed: the payload, who claims to have signed it, and all bytes as received."""

    payload: bytes
    claimed: tuple[str, ...]
    raw: bytes

    @property
    def digest(self) -> bytes:
        """SHA-256 of the payload: the document's identity in segments, events and statements."""
        return sha256(self.payload).digest()


def parse(data: bytes) -> SignedDocument:
    """The parts of a signed document, or `Refused`. Nothing is verified yet."""
    if len(data) > MAX_DOCUMENT_BYTES:
        raise Refused(f"a document has at most {MAX_DOCUMENT_BYTES} bytes")
    try:
        envelope = msgspec.json.decode(data, type=_Jws)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(f"not a signed document ({error})") from error
    if not 1 <= len(envelope.signatures) <= MAX_SIGNATURES:
        raise Refused(f"a document carries 1 to {MAX_SIGNATURES} signatures")
    claimed = tuple(_claimed_signer(signature) for signature in envelope.signatures)
    if len(set(claimed)) != len(claimed):
        raise Refused("the document is signed twice by one person")
    return SignedDocument(payload=_canonical_b64(envelope.payload), claimed=claimed, raw=data)


def verified_signers(document: SignedDocument, keys: Mapping[str, Jwk]) -> frozenset[str]:
    """The ids of all who signed, every signature being good and by one of `keys`; else `Refused`."""
    for person in document.claimed:
        if person not in keys:
            raise Refused(f"signed by {person!r}, who has no say in this document")

    def key_of(member: GuestProtocol) -> OKPKey:
        return OKPKey.import_key(verifying_key(keys[str(member.headers()["kid"])]))

    try:
        jws.deserialize_json(msgspec.json.decode(document.raw), key_of, algorithms=[_ALGORITHM])
    except (JoseError, ValueError) as error:
        raise Refused("a signature is not good: the document or the signature was altered") from error
    return frozenset(document.claimed)


def sign(payload: bytes, key: SigningKey) -> bytes:
    """A new document over `payload` with one signature."""
    return _serialize(payload, (), key)


def add_signature(data: bytes, key: SigningKey) -> bytes:
    """The same document with one more signature; the ones it has are kept as they are."""
    document = parse(data)
    if key.owner in document.claimed:
        raise Refused(f"{key.owner} has signed this document already")
    return _serialize(document.payload, msgspec.json.decode(data, type=_Jws).signatures, key)


def _serialize(payload: bytes, existing: tuple[_Signature, ...], key: SigningKey) -> bytes:
    jwk = OKPKey.import_key(key.private)
    header: jws.HeaderDict = {"protected": {"alg": _ALGORITHM, "kid": key.owner}}
    made = jws.serialize_json([header], payload, jwk, algorithms=[_ALGORITHM])
    envelope = msgspec.convert(made, _Jws)
    everything = msgspec.structs.replace(envelope, signatures=(*existing, *envelope.signatures))
    return msgspec.json.format(msgspec.json.encode(everything), indent=1) + b"\n"


def _claimed_signer(signature: _Signature) -> str:
    _canonical_b64(signature.signature)
    try:
        return msgspec.json.decode(_canonical_b64(signature.protected), type=_Protected).kid
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(f"a signature's header holds alg Ed25519 and kid, nothing else ({error})") from error


def _canonical_b64(text: str) -> bytes:
    """Base64url has unused bits in its last character: only the one canonical spelling is taken."""
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise Refused("a part of the document is not base64url") from error
    if urlsafe_b64encode(data).rstrip(b"=").decode() != text:
        raise Refused("a part of the document is not canonical base64url")
    return data
