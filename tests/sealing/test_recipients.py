"""k of n persons together, and nobody else."""

from collections.abc import Mapping
from itertools import combinations, permutations
from math import comb
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from hypothesis import given, settings
from hypothesis import strategies as st

from node.errors import CannotOpen, Refused
from node.sealing.keys import Jwk, Kem, OkpJwk, PrivateKeys, new_keys, read_private_keys, write_key_files
from node.sealing.recipients import Subset, subsets, unwrap, wrap

SECRET = bytes(range(32))
CONTEXT = b"segment\0" + bytes(32)
KEMS: dict[str, Kem] = {
    "anna": "MLKEM768-X25519",
    "bertil": "MLKEM768-X25519",
    "cissi": "X25519",
    "david": "X25519",
    "eva": "X25519",
    "stranger": "X25519",
}
OF_N = [(k, n) for n in range(1, 6) for k in range(1, n + 1)]


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PrivateKeys]:
    return {person: _made(person, tmp_path_factory.mktemp("keys")) for person in KEMS}


def _made(person: str, folder: Path) -> PrivateKeys:
    path = folder / "key.json"
    write_key_files(path, new_keys(person, kem=KEMS[person]))
    return read_private_keys(path)


def sealed(
    subset: Subset, people: Mapping[str, PrivateKeys], *, context: bytes = CONTEXT, secret: bytes = SECRET
) -> bytes:
    keys: dict[str, Jwk] = {person: people[person].public.keys[1] for person in subset}
    return wrap(secret, subset, keys, context=context)


def opened(
    wrapped: bytes, subset: Subset, people: Mapping[str, PrivateKeys], *, context: bytes = CONTEXT
) -> bytes:
    recipients = {person: people[person].recipient for person in people}
    return unwrap(wrapped, subset, recipients, context=context)


@pytest.mark.parametrize(("k", "n"), OF_N)
def test_every_subset_of_k_opens_its_wrap(k: int, n: int, people: dict[str, PrivateKeys]) -> None:
    for subset in subsets(list(KEMS)[:n], k):
        assert opened(sealed(subset, people), subset, people) == SECRET


@pytest.mark.parametrize(("k", "n"), OF_N)
def test_fewer_than_k_open_nothing_whatever_keys_they_try(
    k: int, n: int, people: dict[str, PrivateKeys]
) -> None:
    everyone = list(KEMS)[:n]
    wraps = [(subset, sealed(subset, people)) for subset in subsets(everyone, k)]
    for fewer in combinations(everyone, k - 1):
        # For whom is missing they try a stranger's key, and each of their own.
        for stand_in in ("stranger", *fewer):
            for subset, wrapped in wraps:
                tried = {person: people[person if person in fewer else stand_in] for person in subset}
                with pytest.raises(CannotOpen):
                    opened(wrapped, subset, tried)


@pytest.mark.parametrize(
    "subset", [("anna", "bertil"), ("anna", "cissi"), ("cissi", "anna"), ("cissi", "david")]
)
def test_each_layer_is_needed(subset: Subset, people: dict[str, PrivateKeys]) -> None:
    wrapped = sealed(subset, people)
    for missing in subset:
        others = {**people, missing: people["stranger"]}
        with pytest.raises(CannotOpen):
            opened(wrapped, subset, others)


def test_a_key_that_is_not_at_hand_is_a_bug_of_the_caller(people: dict[str, PrivateKeys]) -> None:
    alone = {"cissi": people["cissi"]}
    with pytest.raises(KeyError):
        opened(sealed(("cissi", "david"), people), ("cissi", "david"), alone)


@pytest.mark.parametrize("kems", [("anna", "bertil", "cissi"), ("cissi", "david", "eva")])
def test_the_order_of_the_layers_is_the_order_of_the_subset(
    kems: Subset, people: dict[str, PrivateKeys]
) -> None:
    wrapped = sealed(kems, people)
    for order in permutations(kems):
        if order == kems:
            assert opened(wrapped, order, people) == SECRET
        else:
            with pytest.raises(CannotOpen):
                opened(wrapped, order, people)


def test_the_last_person_of_a_subset_lifts_the_outermost_layer(people: dict[str, PrivateKeys]) -> None:
    # X25519 outside adds 32 bytes of enc and 16 of tag to what the hybrid layer made: 1120 and 16.
    assert len(sealed(("anna",), people)) == 32 + 1120 + 16
    assert len(sealed(("cissi",), people)) == 32 + 32 + 16
    assert len(sealed(("anna", "cissi"), people)) == 32 + 1120 + 16 + 32 + 16


def test_a_wrap_belongs_to_one_context(people: dict[str, PrivateKeys]) -> None:
    subset = ("cissi", "david")
    for other in (b"", CONTEXT[:-1], CONTEXT + b"\0", b"Segment\0" + bytes(32)):
        with pytest.raises(CannotOpen):
            opened(sealed(subset, people), subset, people, context=other)


def test_a_wrap_belongs_to_one_subset_even_of_the_same_key(people: dict[str, PrivateKeys]) -> None:
    renamed = {**people, "frida": people["cissi"]}
    with pytest.raises(CannotOpen):
        opened(sealed(("cissi",), people), ("frida",), renamed)


def test_a_layer_is_not_a_wrap_of_its_own(people: dict[str, PrivateKeys]) -> None:
    # The inner layer of a subset of two, taken out, must not open as a subset of one.
    inner = opened_one_layer(sealed(("cissi", "david"), people), people)
    with pytest.raises(CannotOpen):
        opened(inner, ("cissi",), people)


def opened_one_layer(wrapped: bytes, people: Mapping[str, PrivateKeys]) -> bytes:
    """What the outer person of `("cissi", "david")` finds, by hand."""
    info = b"stolpe wrap v1\0" + len(CONTEXT).to_bytes(2, "big") + CONTEXT + bytes([2, 1]) + b"cissi\0david"
    private = people["david"].recipient.private
    return bytes(Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305).decrypt(wrapped, private, info))


def test_the_same_secret_is_sealed_differently_every_time(people: dict[str, PrivateKeys]) -> None:
    assert sealed(("anna",), people) != sealed(("anna",), people)


@given(at=st.integers(0, 127), bit=st.integers(0, 7))
@settings(derandomize=True, deadline=None, max_examples=100)
def test_a_wrap_with_any_bit_flipped_opens_nothing(at: int, bit: int, people: dict[str, PrivateKeys]) -> None:
    subset = ("cissi", "david")
    wrapped = bytearray(sealed(subset, people))
    wrapped[at] ^= 1 << bit
    with pytest.raises(CannotOpen):
        opened(bytes(wrapped), subset, people)


@given(wrapped=st.binary(max_size=1300), subset=st.sampled_from([("cissi",), ("anna",), ("anna", "cissi")]))
@settings(derandomize=True, deadline=None, max_examples=100)
def test_any_bytes_as_a_wrap_open_nothing(
    wrapped: bytes, subset: Subset, people: dict[str, PrivateKeys]
) -> None:
    with pytest.raises(CannotOpen):
        opened(wrapped, subset, people)


@pytest.mark.parametrize(("k", "n"), OF_N)
def test_there_is_one_subset_for_every_choice_of_k(k: int, n: int) -> None:
    everyone = list(KEMS)[:n]
    found = subsets(everyone, k)
    assert len(found) == comb(n, k) <= 10
    assert {frozenset(subset) for subset in found} == {frozenset(c) for c in combinations(everyone, k)}
    assert all(list(subset) == sorted(subset, key=everyone.index) for subset in found)


def test_eleven_subsets_are_too_many() -> None:
    with pytest.raises(Refused, match="15 wraps"):
        subsets("abcdef", 2)


def test_one_of_ten_is_the_most() -> None:
    assert len(subsets("abcdefghij", 1)) == 10
    with pytest.raises(Refused):
        subsets("abcdefghijk", 1)


@pytest.mark.parametrize("threshold", [-1, 0, 4])
def test_a_threshold_that_cannot_be_is_refused(threshold: int) -> None:
    with pytest.raises(Refused):
        subsets(["anna", "bertil", "cissi"], threshold)


def test_one_person_is_not_two() -> None:
    with pytest.raises(Refused, match="distinct"):
        subsets(["anna", "anna", "bertil"], 2)


def test_a_public_key_that_gives_no_secret_is_refused() -> None:
    # RFC 7748, section 6.1: an all-zero public key makes an all-zero shared secret.
    with pytest.raises(Refused):
        wrap(SECRET, ("eve",), {"eve": OkpJwk(crv="X25519", x="A" * 43)}, context=CONTEXT)
