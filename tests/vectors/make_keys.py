"""Test keys that follow from their owners' names, and key files good and broken."""

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from vectors.shelf import ExpectedKeyFile

from node.sealing.keys import SigningKey

HYBRID = ("test-anna", "test-bertil", "test-recovery")
ECDH = ("test-cissi", "test-david", "test-eva", "test-node", "test-stranger")

Jwks = dict[str, list[dict[str, str]]]
Broken = tuple[str, bytes, ExpectedKeyFile]


def seed(*words: str) -> bytes:
    """32 bytes that follow from the words: a test secret."""
    return sha256(b"stolpe test vector, no secret: " + " ".join(words).encode()).digest()


def b64(data: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def signing_key(owner: str) -> SigningKey:
    """The owner's signature key."""
    return SigningKey(owner, Ed25519PrivateKey.from_private_bytes(seed(owner, "sig")))


def sig_public(owner: str) -> bytes:
    """Its public half."""
    return signing_key(owner).private.public_key().public_bytes_raw()


def enc_private(owner: str) -> bytes:
    """The owner's HPKE key: ML-KEM seed (64) and X25519, or X25519 alone."""
    mlkem = seed(owner, "mlkem d") + seed(owner, "mlkem z") if owner in HYBRID else b""
    return mlkem + seed(owner, "x25519")


def enc_public(owner: str) -> bytes:
    """Its public half."""
    private = enc_private(owner)
    ecdh = X25519PrivateKey.from_private_bytes(private[-32:]).public_key().public_bytes_raw()
    if owner not in HYBRID:
        return ecdh
    return MLKEM768PrivateKey.from_seed_bytes(private[:64]).public_key().public_bytes_raw() + ecdh


def key_set(owner: str) -> Jwks:
    """A whole private key file."""
    sig = {"kty": "OKP", "crv": "Ed25519", "x": b64(sig_public(owner)), "d": b64(seed(owner, "sig"))}
    enc = {"kty": "AKP", "alg": "MLKEM768-X25519", "pub": b64(enc_public(owner))}
    enc["priv"] = b64(enc_private(owner))
    if owner not in HYBRID:
        enc = {"kty": "OKP", "crv": "X25519", "x": b64(enc_public(owner)), "d": b64(enc_private(owner))}
    return {"keys": [{**sig, "kid": owner, "use": "sig"}, {**enc, "kid": owner, "use": "enc"}]}


def key_files() -> Iterator[Broken]:
    """Every vector of this kind."""
    for owner in HYBRID + ECDH:
        yield owner, _text(key_set(owner)), _good(f"the keys of {owner}", owner)
    reversed_keys = _text({"keys": key_set("test-cissi")["keys"][::-1]})
    yield "enc_before_sig", reversed_keys, _good("the two keys in the other order", "test-cissi")
    yield from _halves()
    yield from _wrong_number()
    yield from _spelled_otherwise()
    yield from _not_as_told()


def _halves() -> Iterator[Broken]:
    yield "sig_private_missing", _edited("test-cissi", 0, d=None), _bad("the Ed25519 key has no d")
    yield "enc_private_missing", _edited("test-cissi", 1, d=None), _bad("the X25519 key has no d")
    yield "hybrid_private_missing", _edited("test-anna", 1, priv=None), _bad("the hybrid key has no priv")
    public = {"keys": [{k: v for k, v in key.items() if k != "d"} for key in key_set("test-cissi")["keys"]]}
    yield "public_halves_alone", _text(public), _bad("a public key file where a private one is needed")
    foreign = b64(sig_public("test-david"))
    yield "sig_halves_foreign", _edited("test-cissi", 0, x=foreign), _bad("x and d belong to two people")
    foreign = b64(enc_public("test-david"))
    yield "enc_halves_foreign", _edited("test-cissi", 1, x=foreign), _bad("x and d belong to two people")
    mlkem, ecdh = enc_public("test-anna")[:-32], enc_public("test-anna")[-32:]
    other = enc_public("test-bertil")
    about = "pub has another person's ML-KEM half"
    yield "hybrid_mlkem_foreign", _edited("test-anna", 1, pub=b64(other[:-32] + ecdh)), _bad(about)
    about = "pub has another person's X25519 half"
    yield "hybrid_x25519_foreign", _edited("test-anna", 1, pub=b64(mlkem + other[-32:])), _bad(about)


def _wrong_number() -> Iterator[Broken]:
    sig, enc = key_set("test-cissi")["keys"]
    yield "two_sig_keys", _text({"keys": [sig, sig]}), _bad("two Ed25519 keys and no HPKE key")
    yield "two_enc_keys", _text({"keys": [enc, enc]}), _bad("two HPKE keys and no Ed25519 key")
    yield "three_keys", _text({"keys": [sig, enc, enc]}), _bad("one key too many")
    yield "no_keys", _text({"keys": []}), _bad("an empty set")
    yield "two_owners", _edited("test-cissi", 1, kid="test-david"), _bad("the two keys name two owners")
    ownerless = {"keys": [{k: v for k, v in key.items() if k != "kid"} for key in (sig, enc)]}
    yield "no_owner", _text(ownerless), _bad("no kid at all")


def _spelled_otherwise() -> Iterator[Broken]:
    sig = key_set("test-cissi")["keys"][0]
    about = "d's last character has other unused bits: the same bytes, spelled otherwise"
    yield "not_canonical", _edited("test-cissi", 0, d=other_spelling(sig["d"])), _bad(about)
    about = "x's last character has other unused bits: the same bytes, spelled otherwise"
    yield "public_not_canonical", _edited("test-cissi", 0, x=other_spelling(sig["x"])), _bad(about)
    yield "padded", _edited("test-cissi", 0, d=sig["d"] + "="), _bad("base64 with padding")
    standard = sig["d"].replace("-", "+").replace("_", "/")
    assert standard != sig["d"]
    yield "standard_alphabet", _edited("test-cissi", 0, d=standard), _bad("base64, not base64url")
    yield "white_space", _edited("test-cissi", 0, d=sig["d"] + "\n"), _bad("a newline within a value")
    yield "too_short", _edited("test-cissi", 0, d=b64(bytes(31))), _bad("a key of 31 bytes")
    yield "too_long", _edited("test-anna", 1, priv=b64(bytes(97))), _bad("a priv of 97 bytes")


def _not_as_told() -> Iterator[Broken]:
    key_unknown = _edited("test-cissi", 0, x5c="extra")
    yield "unknown_field_in_key", key_unknown, _bad("a field that is not in FORMAT.md", shape=False)
    whole: dict[str, Any] = {**key_set("test-cissi"), "owner": "test-cissi"}
    yield "unknown_field_in_set", _text(whole), _bad("a field beside keys", shape=False)
    curve = _edited("test-cissi", 0, crv="Ed448")
    yield "unknown_curve", curve, _bad("a curve that is not in FORMAT.md", shape=False)
    kind = _edited("test-cissi", 1, kty="EC")
    yield "unknown_kind", kind, _bad("a kty that is not in FORMAT.md", shape=False)
    kem = _edited("test-anna", 1, alg="MLKEM1024-P384")
    yield "unknown_kem", kem, _bad("another KEM", shape=False)
    number = _text(key_set("test-cissi")).replace(b'"kid": "test-cissi"', b'"kid": 7')
    yield "kid_a_number", number, _bad("kid is no string", shape=False)
    yield "empty", b"", _bad("an empty file", shape=False)
    yield "not_json", b"# a key file\n", _bad("no JSON", shape=False)
    cut = _text(key_set("test-cissi"))[:-20]
    yield "cut", cut, _bad("the end of the file is missing", shape=False)
    deep = b'{"keys": [{"a": ' + b"[" * 2000 + b"]" * 2000 + b', "kty": "OKP"}]}'
    yield "nested_deeply", deep, _bad("an unknown field of 2000 nested lists", shape=False)


def other_spelling(text: str) -> str:
    """The same bytes with other unused bits in the last character; only for lengths that have unused bits."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(text) % 4
    return text[:-1] + alphabet[alphabet.index(text[-1]) ^ 1]


def _edited(owner: str, number: int, **changes: str | None) -> bytes:
    keys = key_set(owner)["keys"]
    edited = {**keys[number], **changes}
    keys[number] = {name: value for name, value in edited.items() if value is not None}
    return _text({"keys": keys})


def _text(keys: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(keys), indent=1) + b"\n"


def _good(about: str, owner: str) -> ExpectedKeyFile:
    return ExpectedKeyFile(
        about=about,
        broken=False,
        shape=True,
        owner=owner,
        kem="MLKEM768-X25519" if owner in HYBRID else "X25519",
        sig_public_sha256=sha256(sig_public(owner)).hexdigest(),
        enc_public_sha256=sha256(enc_public(owner)).hexdigest(),
    )


def _bad(about: str, *, shape: bool = True) -> ExpectedKeyFile:
    return ExpectedKeyFile(about=about, broken=True, shape=shape)
