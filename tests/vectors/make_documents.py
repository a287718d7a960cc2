"""Signed documents good and broken. They are signed here, by RFC 7515's rule, not by the code under test."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

import msgspec
from vectors.make_keys import b64, other_spelling, sig_public, signing_key
from vectors.shelf import ExpectedDocument

ANNA, BERTIL, CISSI, STRANGER = "test-anna", "test-bertil", "test-cissi", "test-stranger"
KNOWN = (ANNA, BERTIL, CISSI)
PAYLOAD = b'{"document":"a test, no mandate","number":1}'
MAX_BYTES = 512 * 1024

Made = tuple[str, bytes, ExpectedDocument]


def signature(owner: str, payload: bytes = PAYLOAD, *, protected: object = None) -> dict[str, str]:
    """One member of `signatures`. `protected` may be a dict or the header's own bytes."""
    told = {"alg": "Ed25519", "kid": owner} if protected is None else protected
    header = b64(told if isinstance(told, bytes) else msgspec.json.encode(told))
    signed = signing_key(owner).private.sign(f"{header}.{b64(payload)}".encode())
    return {"protected": header, "signature": b64(signed)}


def document(*signatures: dict[str, Any], payload: str | None = None, **other: object) -> bytes:
    """The whole of it."""
    told = {"payload": b64(PAYLOAD) if payload is None else payload, "signatures": signatures, **other}
    return msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n"


def documents() -> Iterator[Made]:
    """Every vector of this kind."""
    yield from _good()
    yield from _altered()
    yield from _signers()
    yield from _headers()
    yield from _shapes()


def _good() -> Iterator[Made]:
    yield "one_signature", document(signature(ANNA)), _fine("signed by one", (ANNA,))
    two = document(signature(ANNA), signature(BERTIL))
    yield "two_signatures", two, _fine("signed by two", (ANNA, BERTIL))
    three = document(*(signature(owner) for owner in KNOWN[::-1]))
    yield "three_signatures", three, _fine("signed by three", KNOWN)
    bare = msgspec.json.encode({"signatures": [signature(CISSI)], "payload": b64(PAYLOAD)})
    yield "no_white_space", bare, _fine("members in the other order, no white space", (CISSI,))
    turned = {"kid": ANNA, "alg": "Ed25519"}
    yield "header_turned", document(signature(ANNA, protected=turned)), _fine("kid before alg", (ANNA,))
    spaced = b'{ "alg": "Ed25519",\n "kid": "test-anna" }'
    yield "header_spaced", document(signature(ANNA, protected=spaced)), _fine("white space within", (ANNA,))
    every = bytes(range(256))
    octets = document(signature(ANNA, every), payload=b64(every))
    yield "any_bytes", octets, _fine("a payload of every byte", (ANNA,), every)
    nothing = document(signature(ANNA, b""), payload="")
    yield "empty_payload", nothing, _fine("a payload of none", (ANNA,), b"")


def _altered() -> Iterator[Made]:
    one, two = signature(ANNA), signature(BERTIL)
    changed = b64(PAYLOAD.replace(b"1", b"2"))
    yield "payload_flipped", document(one, two, payload=changed), _not_verified("another payload")
    raw = signing_key(ANNA).private.sign(b"")
    other = {**one, "signature": b64(raw)}
    yield "signature_other", document(other), _not_verified("a signature over something else")
    yield "second_signature_other", document(two, other), _not_verified("one good, one over something else")
    short = {**one, "signature": one["signature"][:-2]}
    yield "signature_short", document(short), _not_verified("63 bytes")
    none = {**one, "signature": ""}
    yield "signature_empty", document(none), _not_verified("no signature in it")
    spelled = {**one, "signature": other_spelling(one["signature"])}
    about = "a good signature whose last character has other unused bits"
    yield "signature_not_canonical", document(spelled), _refused(about)
    padded = {**one, "signature": one["signature"] + "=="}
    yield "signature_padded", document(padded), _refused("base64 with padding")
    longer = PAYLOAD + b"\n" * (1 + len(PAYLOAD) % 3)
    respelled = document(signature(ANNA, longer), payload=other_spelling(b64(longer)))
    yield "payload_not_canonical", respelled, _refused("the payload's last character has other unused bits")
    long = b"\xfb\xff" * 9
    standard = document(signature(ANNA, long), payload=b64encode(long).decode().rstrip("="))
    yield "payload_standard_alphabet", standard, _refused("base64, not base64url")
    newline = {**one, "protected": one["protected"] + "\n"}
    yield "protected_newline", document(newline), _refused("a newline within a value")


def _signers() -> Iterator[Made]:
    one, two = signature(ANNA), signature(BERTIL)
    yield "signed_twice", document(one, one), _refused("the same signature twice")
    turned = signature(ANNA, protected={"kid": ANNA, "alg": "Ed25519"})
    yield "kid_twice", document(one, turned), _refused("two signatures of one person")
    unknown = document(one, signature(STRANGER))
    yield "kid_unknown", unknown, _not_verified("a good signature of somebody who has no say")
    pretended = signature(STRANGER, protected={"alg": "Ed25519", "kid": ANNA})
    yield "kid_of_another", document(pretended), _not_verified("a stranger's signature in another's name")
    crossed = [{**one, "signature": two["signature"]}, {**two, "signature": one["signature"]}]
    yield "signatures_crossed", document(*crossed), _not_verified("each has the other's")
    yield "nobody", document(), _refused("no signature")
    many = [signature(ANNA, protected={"alg": "Ed25519", "kid": f"test-{n}"}) for n in range(17)]
    yield "seventeen", document(*many), _refused("17 signatures")


def _headers() -> Iterator[Made]:
    for name, about, protected in (
        ("alg_none", "no algorithm", {"alg": "none", "kid": ANNA}),
        ("alg_none_alone", "no algorithm, nobody named", {"alg": "none"}),
        (
            "alg_eddsa",
            "the algorithm's older name, which does not tell the curve",
            {"alg": "EdDSA", "kid": ANNA},
        ),
        ("alg_missing", "no alg", {"kid": ANNA}),
        ("kid_missing", "no kid", {"alg": "Ed25519"}),
        ("kid_number", "kid is no string", {"alg": "Ed25519", "kid": 1}),
        ("header_typ", "a field that RFC 7515 knows", {"alg": "Ed25519", "kid": ANNA, "typ": "JOSE"}),
        ("header_b64", "RFC 7797", {"alg": "Ed25519", "kid": ANNA, "b64": False, "crit": ["b64"]}),
        ("header_list", "a list", ["Ed25519", ANNA]),
        ("header_not_json", "no JSON", b"Ed25519"),
        ("header_not_utf8", "a kid that is not UTF-8", b'{"alg":"Ed25519","kid":"\xff"}'),
        ("header_empty", "nothing", b""),
    ):
        yield name, document(signature(ANNA, protected=protected)), _refused(about)
    unsigned = {"protected": b64(b'{"alg":"none","kid":"test-anna"}'), "signature": ""}
    yield "alg_none_unsigned", document(unsigned), _refused("no algorithm and no signature")
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(sig_public(STRANGER))}
    own_key = signature(STRANGER, protected={"alg": "Ed25519", "kid": ANNA, "jwk": jwk})
    yield "header_jwk", document(own_key), _refused("it brings its own key")
    # The classic mistake: the public key, which everybody has, taken for a MAC's secret.
    header = b64(b'{"alg":"HS256","kid":"test-anna"}')
    tag = _hmac_sha256(sig_public(ANNA), f"{header}.{b64(PAYLOAD)}".encode())
    yield "alg_hs256", document({"protected": header, "signature": b64(tag)}), _refused("a MAC")
    beside = {**signature(ANNA), "header": {"kid": ANNA}}
    yield "header_unprotected", document(beside), _refused("an unprotected header")
    only = {"header": {"alg": "Ed25519", "kid": ANNA}, "signature": signature(ANNA)["signature"]}
    yield "header_unprotected_alone", document(only), _refused("an unprotected header alone")


def _shapes() -> Iterator[Made]:
    one = signature(ANNA)
    yield "member_unknown", document(one, comment="a test"), _refused("a member that is not in RFC 7515")
    flat = msgspec.json.encode({"payload": b64(PAYLOAD), **one})
    yield "flattened", flat, _refused("the flattened serialization")
    compact = f"{one['protected']}.{b64(PAYLOAD)}.{one['signature']}".encode()
    yield "compact", compact, _refused("the compact serialization")
    detached = msgspec.json.encode({"signatures": [one]})
    yield "payload_missing", detached, _refused("no payload")
    listed = msgspec.json.encode([msgspec.json.decode(document(one))])
    yield "in_a_list", listed, _refused("a list of one document")
    yield "two_documents", document(one) + document(one), _refused("two documents in one file")
    yield "cut", document(one)[:-30], _refused("its end is missing")
    yield "empty", b"", _refused("no bytes at all")
    spaces = MAX_BYTES - len(document(one))
    fits = _fine("as large as a document may be: the rest are spaces", (ANNA,))
    yield "largest", document(one), msgspec.structs.replace(fits, spaces=spaces)
    large = _refused("a byte larger than a document may be: the rest are spaces")
    yield "too_large", document(one), msgspec.structs.replace(large, spaces=spaces + 1)


def _hmac_sha256(key: bytes, message: bytes) -> bytes:
    block = key.ljust(64, b"\0")
    inner = sha256(bytes(byte ^ 0x36 for byte in block) + message).digest()
    return sha256(bytes(byte ^ 0x5C for byte in block) + inner).digest()


def _fine(about: str, signers: Sequence[str], payload: bytes = PAYLOAD) -> ExpectedDocument:
    return ExpectedDocument(
        about, False, KNOWN, signers=tuple(signers), payload_sha256=sha256(payload).hexdigest()
    )


def _refused(about: str) -> ExpectedDocument:
    return ExpectedDocument(about, True, KNOWN, "parse")


def _not_verified(about: str) -> ExpectedDocument:
    return ExpectedDocument(about, True, KNOWN, "verified_signers")
