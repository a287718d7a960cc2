"""Whatever bytes a signed document has: `Refused`, or exactly what was signed by exactly those who signed."""

from hashlib import sha256

import msgspec
import pytest
from formats.mutations import mutated
from hypothesis import given, settings
from hypothesis import strategies as st
from vectors.shelf import vector

from node.errors import Refused
from node.mandate.signatures import add_signature, parse, sign, verified_signers
from node.sealing.keys import OkpJwk, PrivateKeys

NAMES = ("one_signature", "two_signatures", "no_white_space", "any_bytes", "kid_unknown", "signature_other")
ORIGINALS = [vector("documents", name) for name in NAMES]
FUZZ = settings(derandomize=True, deadline=None, max_examples=100)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="session")
def known(people: dict[str, PrivateKeys]) -> dict[str, OkpJwk]:
    """The public keys of three who have a say."""
    return {who: _sig(people[who]) for who in ("test-anna", "test-bertil", "test-cissi")}


def _sig(keys: PrivateKeys) -> OkpJwk:
    key = keys.public.keys[0]
    assert isinstance(key, OkpJwk)
    return key


def believed(data: bytes, known: dict[str, OkpJwk]) -> tuple[bytes, frozenset[str]] | None:
    try:
        document = parse(data)
        return document.payload, verified_signers(document, known)
    except Refused:
        return None


@pytest.fixture(scope="session")
def signed(known: dict[str, OkpJwk]) -> set[tuple[bytes, str]]:
    """Every payload with everybody who did sign it."""
    told = [believed(data, known) for data in ORIGINALS]
    return {(payload, who) for payload, signers in filter(None, told) for who in signers}


@given(data=st.binary(max_size=300))
@FUZZ
def test_any_bytes_are_no_document(data: bytes) -> None:
    with pytest.raises(Refused):
        parse(data)


@given(value=JSON)
@FUZZ
def test_any_json_is_no_document(value: object) -> None:
    for told in (value, {"payload": "", "signatures": value}, {"payload": value, "signatures": []}):
        with pytest.raises(Refused):
            parse(msgspec.json.encode(told))


@given(protected=JSON, signature=st.binary(max_size=70))
@FUZZ
def test_any_json_as_a_signature_is_refused(
    protected: object, signature: bytes, known: dict[str, OkpJwk]
) -> None:
    told = msgspec.json.decode(ORIGINALS[0])
    for member in (protected, {**told["signatures"][0], "protected": protected}, {"protected": protected}):
        data = msgspec.json.encode({**told, "signatures": [member]})
        assert believed(data, known) is None


@given(mutation=mutated(ORIGINALS))
@FUZZ
def test_a_mutated_document_is_refused_or_says_what_was_signed(
    mutation: tuple[int, bytes], known: dict[str, OkpJwk], signed: set[tuple[bytes, str]]
) -> None:
    found = believed(mutation[1], known)
    if found is None:
        return
    payload, signers = found
    assert signers
    assert all((payload, who) in signed for who in signers)


@given(name=st.sampled_from(["payload", "signatures"]), value=JSON, first=st.booleans())
@FUZZ
def test_a_member_that_occurs_twice_is_never_read_in_two_ways(
    name: str, value: object, first: bool, known: dict[str, OkpJwk], signed: set[tuple[bytes, str]]
) -> None:
    body = ORIGINALS[0].strip()[1:-1]
    member = b'"%s": %s' % (name.encode(), msgspec.json.encode(value))
    parts = (member, body) if first else (body, member)
    found = believed(b"{" + b",".join(parts) + b"}", known)
    assert found is None or (found[0], *found[1]) in signed


@given(payload=st.binary(max_size=200), many=st.integers(1, 3))
@FUZZ
def test_what_was_signed_is_believed(
    payload: bytes, many: int, people: dict[str, PrivateKeys], known: dict[str, OkpJwk]
) -> None:
    chosen = list(known)[:many]
    data = sign(payload, people[chosen[0]].signing)
    for who in chosen[1:]:
        data = add_signature(data, people[who].signing)
    assert believed(data, known) == (payload, frozenset(chosen))
    assert parse(data).digest == sha256(payload).digest()
