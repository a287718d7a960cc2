"""Every key file of the vectors is taken or refused as it says beside it."""

from hashlib import sha256
from pathlib import Path

import pytest
from formats.independent_reader import bytes_of
from vectors.shelf import ExpectedKeyFile, expectation, name_of, vectors

from node.errors import Refused
from node.sealing.keys import AkpJwk, OkpJwk, PrivateKeys, public_halves, read_jwk_set, read_private_keys

KEYS = vectors("keys")


def usable(*, whether: bool) -> list[Path]:
    return [path for path in KEYS if (expectation(path, ExpectedKeyFile).owner is not None) is whether]


def private_copy(path: Path, folder: Path) -> Path:
    """Git keeps no mode 0600."""
    copy = folder / path.name
    copy.touch(0o600)
    copy.write_bytes(path.read_bytes())
    return copy


def digests(keys: PrivateKeys) -> list[str]:
    sig, enc = public_halves(keys.public)
    public = [sig.x, enc.pub if isinstance(enc, AkpJwk) else enc.x]
    return [sha256(bytes_of(text)).hexdigest() for text in public]


@pytest.mark.parametrize("path", usable(whether=True), ids=name_of)
def test_a_good_key_file_gives_its_owners_keys(path: Path, tmp_path: Path) -> None:
    expected = expectation(path, ExpectedKeyFile)
    keys = read_private_keys(private_copy(path, tmp_path))
    assert (keys.owner, keys.signing.owner, keys.recipient.owner) == (expected.owner,) * 3
    assert keys.recipient.kem == expected.kem
    assert digests(keys) == [expected.sig_public_sha256, expected.enc_public_sha256]


@pytest.mark.parametrize("path", usable(whether=True), ids=name_of)
def test_no_private_half_stays_in_what_is_public(path: Path, tmp_path: Path) -> None:
    for key in read_private_keys(private_copy(path, tmp_path)).public.keys:
        assert (key.d if isinstance(key, OkpJwk) else key.priv) is None


@pytest.mark.parametrize("path", usable(whether=False), ids=name_of)
def test_a_broken_key_file_is_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused):
        read_private_keys(private_copy(path, tmp_path))


@pytest.mark.parametrize("path", KEYS, ids=name_of)
def test_a_key_file_is_a_key_set_only_in_the_shape_of_one(path: Path) -> None:
    if expectation(path, ExpectedKeyFile).shape:
        assert read_jwk_set(path).keys is not None
    else:
        with pytest.raises(Refused):
            read_jwk_set(path)
