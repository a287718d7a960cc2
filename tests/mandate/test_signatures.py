"""Signed documents as bytes: one spelling, one header, every signature good, or refused whole."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from mandate.design_documents import Json, b64, ed25519, seed

from node.errors import Refused
from node.mandate.signatures import (
    MAX_DOCUMENT_BYTES,
    MAX_SIGNATURES,
    add_signature,
    parse,
    sign,
    verified_signers,
)
from node.sealing.keys import OkpJwk, SigningKey

PAYLOAD = b'{"type": "root", "version": 1}\n'
WHITESPACE = b" \n\r\t"
FLIPS = (0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFF, 0x29, 0x2A, 0x2D, 0x03, 0x07)
"""Every single bit, all of them, and those that turn one whitespace into another."""


def key(owner: str) -> SigningKey:
    return SigningKey(owner, Ed25519PrivateKey.from_private_bytes(seed(owner)))


def public(*owners: str) -> Mapping[str, OkpJwk]:
    return {owner: OkpJwk(crv="Ed25519", x=ed25519(owner)["x"]) for owner in owners}


def signed(*owners: str, payload: bytes = PAYLOAD) -> bytes:
    document = sign(payload, key(owners[0]))
    for owner in owners[1:]:
        document = add_signature(document, key(owner))
    return document


def edited(edit: Callable[[Json], None], *owners: str) -> bytes:
    """A signed document after a change to its JSON."""
    envelope = json.loads(signed(*(owners or ("p-01",))))
    edit(envelope)
    return json.dumps(envelope).encode()


def with_header(header: bytes) -> bytes:
    """A document whose one signature is good, but made over another protected header."""
    protected, payload = b64(header), b64(PAYLOAD)
    signature = b64(key("p-01").sign(f"{protected}.{payload}".encode()))
    return json.dumps(
        {"payload": payload, "signatures": [{"protected": protected, "signature": signature}]}
    ).encode()


def verify(document: bytes, *owners: str) -> tuple[bytes, frozenset[str]]:
    parsed = parse(document)
    return parsed.payload, verified_signers(parsed, public(*owners))


@given(payload=st.binary(max_size=200))
@settings(deadline=None)
def test_what_was_signed_comes_back_with_who_signed_it(payload: bytes) -> None:
    document = signed("p-01", "p-02", payload=payload)
    assert parse(document).claimed == ("p-01", "p-02")
    assert verify(document, "p-01", "p-02", "p-03") == (payload, frozenset({"p-01", "p-02"}))


def test_the_digest_is_the_payloads_whoever_signed_it() -> None:
    assert parse(signed("p-01")).digest == parse(signed("p-02", "p-03")).digest
    assert parse(signed("p-01")).digest != parse(signed("p-01", payload=PAYLOAD + b" ")).digest


def test_a_further_signature_leaves_those_before_it_as_they_are() -> None:
    first, both = (json.loads(document) for document in (signed("p-01"), signed("p-01", "p-02")))
    assert both["payload"] == first["payload"]
    assert both["signatures"][0] == first["signatures"][0]


def test_nobody_signs_twice() -> None:
    with pytest.raises(Refused, match="p-01 has signed this document already"):
        add_signature(signed("p-01", "p-02"), key("p-01"))
    twice = edited(lambda envelope: envelope["signatures"].append(envelope["signatures"][0]))
    with pytest.raises(Refused, match="twice by one person"):
        parse(twice)


def test_two_signatures_of_one_key_under_two_names_need_two_keys() -> None:
    impostor = SigningKey("p-02", key("p-01").private)
    document = add_signature(signed("p-01"), impostor)
    with pytest.raises(Refused, match="signature is not good"):
        verify(document, "p-01", "p-02")


def test_a_signer_without_a_say_refuses_the_whole_document() -> None:
    with pytest.raises(Refused, match="'p-02', who has no say"):
        verify(signed("p-01", "p-02"), "p-01")


def test_one_bad_signature_among_good_ones_refuses_the_whole_document() -> None:
    def spoil(envelope: Json) -> None:
        envelope["signatures"][1]["signature"] = b64(bytes(64))

    with pytest.raises(Refused, match="signature is not good"):
        verify(edited(spoil, "p-01", "p-02", "p-03"), "p-01", "p-02", "p-03")


def test_a_signature_is_good_for_its_own_document_only() -> None:
    other = json.loads(signed("p-01", payload=PAYLOAD.replace(b"1", b"2")))
    moved = edited(lambda envelope: envelope.update(signatures=other["signatures"]))
    with pytest.raises(Refused, match="signature is not good"):
        verify(moved, "p-01")


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "kid": "p-01"},
        {"alg": "HS256", "kid": "p-01"},
        {"alg": "EdDSA", "kid": "p-01"},
        {"alg": "Ed448", "kid": "p-01"},
        {"alg": "Ed25519"},
        {"kid": "p-01"},
        {"alg": "Ed25519", "kid": None},
        {"alg": "Ed25519", "kid": "p-01", "b64": False, "crit": ["b64"]},
        {"alg": "Ed25519", "kid": "p-01", "jwk": ed25519("p-01")},
        {"alg": "Ed25519", "kid": "p-01", "x": 1},
        ["Ed25519", "p-01"],
    ],
    ids=json.dumps,
)
def test_a_header_that_says_anything_else_is_refused(header: object) -> None:
    assert verify(with_header(b'{"alg":"Ed25519","kid":"p-01"}'), "p-01")[0] == PAYLOAD
    with pytest.raises(Refused, match=r"alg Ed25519 and kid, nothing else"):
        parse(with_header(json.dumps(header).encode()))


def flattened(envelope: Json) -> None:
    envelope.update(envelope.pop("signatures")[0])


@pytest.mark.parametrize(
    "edit",
    [
        flattened,
        lambda envelope: envelope.update(signatures=[]),
        lambda envelope: envelope.update(signatures=envelope["signatures"] * (MAX_SIGNATURES + 1)),
        lambda envelope: envelope.update(extra=1),
        lambda envelope: envelope.update(payload=envelope["payload"] + "="),
        lambda envelope: envelope.update(payload=envelope["payload"] + "\n"),
        lambda envelope: envelope.update(payload="\u00e5" + envelope["payload"]),
        lambda envelope: envelope.update(payload=PAYLOAD.decode()),
        lambda envelope: envelope.pop("payload"),
        lambda envelope: envelope["signatures"][0].update(header={"kid": "p-02"}),
        lambda envelope: envelope["signatures"][0].pop("protected"),
        lambda envelope: envelope["signatures"][0].update(signature="!"),
        lambda envelope: envelope["signatures"][0].update(signature=""),
        lambda envelope: envelope["signatures"][0].update(signature=b64(bytes(63))),
        lambda envelope: envelope["signatures"][0].update(protected=b64(b"\xff")),
    ],
)
def test_another_envelope_is_refused(edit: Callable[[Json], None]) -> None:
    with pytest.raises(Refused):
        verify(edited(edit), "p-01")


@pytest.mark.parametrize("part", ["payload", "protected", "signature"])
def test_base64url_has_one_spelling(part: str) -> None:
    """In the last character of most lengths some bits mean nothing: they must be zero."""
    envelope = json.loads(signed("p-001"))
    place = envelope if part == "payload" else envelope["signatures"][0]
    text = place[part]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = text[:-1] + alphabet[alphabet.index(text[-1]) ^ 1]
    assert urlsafe_b64decode(twin + "==") == urlsafe_b64decode(text + "==")
    place[part] = twin
    with pytest.raises(Refused, match="canonical"):
        parse(json.dumps(envelope).encode())


def test_a_compact_jws_is_refused() -> None:
    envelope = json.loads(signed("p-01"))
    parts = (
        envelope["signatures"][0]["protected"],
        envelope["payload"],
        envelope["signatures"][0]["signature"],
    )
    with pytest.raises(Refused, match="not a signed document"):
        parse(".".join(parts).encode())


def test_the_size_of_a_document_has_a_bound() -> None:
    document = signed("p-01")
    largest = document + b" " * (MAX_DOCUMENT_BYTES - len(document))
    assert verify(largest, "p-01")[0] == PAYLOAD
    with pytest.raises(Refused, match=f"at most {MAX_DOCUMENT_BYTES} bytes"):
        parse(largest + b" ")


def test_as_many_signatures_as_are_allowed_verify() -> None:
    owners = [f"p-{n:02}" for n in range(MAX_SIGNATURES)]
    assert verify(signed(*owners), *owners)[1] == frozenset(owners)
    with pytest.raises(Refused, match="1 to 16 signatures"):
        parse(add_signature(signed(*owners), key("p-99")))


def test_any_flipped_byte_is_refused_unless_it_is_whitespace_between_the_parts() -> None:
    document = signed("p-01", "p-02")
    original = verify(document, "p-01", "p-02")
    taken = set()
    for position, byte in enumerate(document):
        for flip in FLIPS:
            flipped = document[:position] + bytes([byte ^ flip]) + document[position + 1 :]
            try:
                result = verify(flipped, "p-01", "p-02")
            except Refused:
                continue
            assert result == original
            taken.add((byte, byte ^ flip))
    assert taken <= {(one, other) for one in WHITESPACE for other in WHITESPACE}
    assert (0x20, 0x0A) in taken


@given(data=st.data())
@settings(deadline=None, max_examples=200)
def test_any_other_damage_is_refused_or_changes_nothing(data: st.DataObject) -> None:
    document = signed("p-01", "p-02")
    start = data.draw(st.integers(0, len(document)))
    end = data.draw(st.integers(start, min(len(document), start + 8)))
    damaged = document[:start] + data.draw(st.binary(max_size=8)) + document[end:]
    try:
        result = verify(damaged, "p-01", "p-02")
    except Refused:
        return
    assert result == verify(document, "p-01", "p-02")


@given(data=st.binary(max_size=60))
@settings(deadline=None)
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        parse(data)


@pytest.mark.parametrize(
    "data", [b"[" * 200_000, b'{"payload":' * 40_000, b'{"payload":"' + b"A" * 500_000, b"\xff"]
)
def test_bytes_that_are_no_document_are_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(Refused, match=r"^[^\n]{1,300}\Z"):
        parse(data)


@pytest.mark.parametrize("kid", ["", "P 01", "p-01\n", "p" * 500, "\x1b[2J"])
def test_a_signer_is_named_by_an_id(kid: str) -> None:
    with pytest.raises(Refused):
        parse(with_header(json.dumps({"alg": "Ed25519", "kid": kid}).encode()))


@pytest.mark.parametrize("data", [b'{"a\\nb": 1}', with_header(b'{"a\\nb": 1}')])
def test_what_a_document_says_cannot_break_the_line_of_its_refusal(data: bytes) -> None:
    with pytest.raises(Refused, match=r"^[^\n]{1,300}\Z"):
        parse(data)
