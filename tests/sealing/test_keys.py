"""Key files: made once, readable by nobody else, refused in one line."""

from pathlib import Path

import msgspec
import pytest

from node.errors import Refused
from node.sealing.keys import (
    JwkSet,
    Kem,
    OkpJwk,
    kem_of,
    new_keys,
    public_halves,
    read_jwk_set,
    read_private_keys,
    recipient_key,
    verifies,
    verifying_key,
    without_private,
    write_key_files,
)

KEMS: list[Kem] = ["MLKEM768-X25519", "X25519"]


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "anna.json"
    write_key_files(path, new_keys("anna", kem="X25519"))
    return path


@pytest.mark.parametrize("kem", KEMS)
def test_new_keys_are_read_as_they_were_written(kem: Kem, tmp_path: Path) -> None:
    made = new_keys("anna", kem=kem)
    public_path = write_key_files(tmp_path / "anna.json", made)
    read = read_private_keys(tmp_path / "anna.json")
    assert (read.owner, read.recipient.kem, read.public) == ("anna", kem, without_private(made))
    assert read_jwk_set(public_path) == without_private(made)


def test_keys_are_hybrid_unless_one_asks_for_less() -> None:
    assert kem_of(new_keys("anna").keys[1]) == "MLKEM768-X25519"


def test_no_two_keys_are_the_same() -> None:
    assert new_keys("anna", kem="X25519") != new_keys("anna", kem="X25519")


def test_the_public_half_lies_beside_the_private_one(tmp_path: Path) -> None:
    assert write_key_files(tmp_path / "anna.json", new_keys("anna")) == tmp_path / "anna.pub.json"
    assert {path.name for path in tmp_path.iterdir()} == {"anna.json", "anna.pub.json"}


def test_a_private_key_file_is_readable_by_its_owner_alone(key_file: Path) -> None:
    assert key_file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602, 0o610, 0o601])
def test_a_private_key_file_that_others_can_touch_is_refused(mode: int, key_file: Path) -> None:
    key_file.chmod(mode)
    with pytest.raises(Refused, match="chmod 600"):
        read_private_keys(key_file)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_private_key_file_of_its_owner_alone_is_taken(mode: int, key_file: Path) -> None:
    key_file.chmod(mode)
    assert read_private_keys(key_file).owner == "anna"


def test_a_key_file_is_never_written_over(key_file: Path) -> None:
    before = key_file.read_bytes()
    with pytest.raises(Refused, match="never written over"):
        write_key_files(key_file, new_keys("bertil"))
    assert key_file.read_bytes() == before


def test_a_public_key_file_is_never_written_over(tmp_path: Path) -> None:
    public = tmp_path / "anna.pub.json"
    public.write_bytes(b"somebody's")
    with pytest.raises(Refused, match="never written over"):
        write_key_files(tmp_path / "anna.json", new_keys("anna", kem="X25519"))
    assert public.read_bytes() == b"somebody's"


def test_the_public_file_is_no_private_key_file(key_file: Path) -> None:
    public = key_file.with_name("anna.pub.json")
    public.chmod(0o600)
    with pytest.raises(Refused, match="public half"):
        read_private_keys(public)


def test_a_key_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"nobody\.json"):
        read_private_keys(tmp_path / "nobody.json")


def test_a_key_file_of_64_kib_is_read(key_file: Path) -> None:
    key_file.write_bytes(key_file.read_bytes().ljust(64 * 1024))
    assert read_private_keys(key_file).owner == "anna"


def test_a_key_file_larger_than_64_kib_is_refused(key_file: Path) -> None:
    key_file.write_bytes(key_file.read_bytes().ljust(64 * 1024 + 1))
    with pytest.raises(Refused, match="too large"):
        read_private_keys(key_file)


def test_an_unknown_field_nested_without_end_is_refused(key_file: Path) -> None:
    key_file.write_bytes(b'{"keys":[{"a":' + b"[" * 60_000)
    with pytest.raises(Refused):
        read_jwk_set(key_file)


def test_a_mandate_spells_public_keys_without_owner_and_use() -> None:
    keys = new_keys("anna")
    for key, bare in zip(without_private(keys).keys, public_halves(keys), strict=True):
        assert bare == msgspec.structs.replace(key, kid=None, use=None)


def test_public_halves_of_anything_but_a_pair_are_refused() -> None:
    sig, enc = new_keys("anna", kem="X25519").keys
    for keys in ((sig,), (enc,), (sig, sig), (enc, enc), (sig, enc, enc), ()):
        with pytest.raises(Refused):
            public_halves(JwkSet(keys))


@pytest.mark.parametrize("kem", KEMS)
def test_an_encryption_key_verifies_nothing(kem: Kem) -> None:
    with pytest.raises(Refused):
        verifying_key(new_keys("anna", kem=kem).keys[1])


def test_nothing_is_sealed_to_a_signature_key() -> None:
    with pytest.raises(Refused):
        recipient_key(new_keys("anna").keys[0])


@pytest.mark.parametrize(
    "x", ["", "A", "AA", "A" * 42, "A" * 44, "A" * 42 + "=", "A" * 42 + "B", "A" * 42 + "å"]
)
def test_a_public_key_that_is_not_32_bytes_in_canonical_base64url_is_refused(x: str) -> None:
    with pytest.raises(Refused):
        verifying_key(OkpJwk(crv="Ed25519", x=x))
    with pytest.raises(Refused):
        recipient_key(OkpJwk(crv="X25519", x=x))


def test_a_signature_is_of_one_key_over_one_message(key_file: Path, tmp_path: Path) -> None:
    write_key_files(tmp_path / "bertil.json", new_keys("bertil", kem="X25519"))
    anna, bertil = read_private_keys(key_file), read_private_keys(tmp_path / "bertil.json")
    signature = anna.signing.sign(b"message")
    assert verifies(verifying_key(anna.public.keys[0]), signature, b"message")
    assert not verifies(verifying_key(anna.public.keys[0]), signature, b"messages")
    assert not verifies(verifying_key(bertil.public.keys[0]), signature, b"message")
