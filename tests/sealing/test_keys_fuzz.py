"""Whatever bytes a key file has: `Refused`, or a set of keys."""

from pathlib import Path

import pytest
from formats.mutations import mutated
from hypothesis import given, settings
from hypothesis import strategies as st
from vectors.shelf import vector

from node.errors import Refused
from node.sealing.keys import JwkSet, PrivateKeys, read_jwk_set, read_private_keys

ORIGINALS = [vector("keys", name) for name in ("test-cissi", "test-david", "test-anna", "enc_before_sig")]
FUZZ = settings(derandomize=True, deadline=None, max_examples=100)


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private file that every example fills anew."""
    path = tmp_path_factory.mktemp("fuzz") / "keys.json"
    path.touch(0o600)
    return path


def private(path: Path, data: bytes) -> PrivateKeys | None:
    path.write_bytes(data)
    try:
        return read_private_keys(path)
    except Refused:
        return None


@pytest.fixture(scope="session")
def publics(key_file: Path) -> list[JwkSet]:
    """The public halves of the originals."""
    return [keys.public for data in ORIGINALS if (keys := private(key_file, data)) is not None]


@given(data=st.binary(max_size=300))
@FUZZ
def test_any_bytes_are_no_keys(data: bytes, key_file: Path) -> None:
    key_file.write_bytes(data)
    for read in (read_jwk_set, read_private_keys):
        with pytest.raises(Refused):
            read(key_file)


@given(mutation=mutated(ORIGINALS))
@FUZZ
def test_a_mutated_key_file_is_refused_or_still_a_persons_keys(
    mutation: tuple[int, bytes], key_file: Path, publics: list[JwkSet]
) -> None:
    keys = private(key_file, mutation[1])
    if keys is None:
        return
    known = {_bytes(key) for public in publics for key in public.keys}
    assert {_bytes(key) for key in keys.public.keys} <= known


@given(mutation=mutated(ORIGINALS))
@FUZZ
def test_a_mutated_key_set_is_refused_or_a_key_set(mutation: tuple[int, bytes], key_file: Path) -> None:
    key_file.write_bytes(mutation[1])
    try:
        found = read_jwk_set(key_file)
    except Refused:
        return
    assert isinstance(found, JwkSet)


def _bytes(key: object) -> str:
    return str(getattr(key, "x", None) or getattr(key, "pub", None))
