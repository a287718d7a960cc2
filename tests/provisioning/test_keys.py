"""`stolpe keys`: private files that only their owner can read, never written over, and what they say of themselves."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from system.program import Done

from node.sealing.keys import read_jwk_set, read_private_keys


@pytest.fixture
def no_umask() -> Iterator[None]:
    """The most permissive environment: only what the program asks for protects a file."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("no_umask")
def test_a_private_key_is_its_owners_alone_and_the_public_half_is_for_all(
    stolpe: Callable[..., Done], tmp_path: Path
) -> None:
    done = stolpe("keys", "new", "p-31", "--out", "p-31.key")
    assert (done.code, done.err) == (0, "")
    assert (tmp_path / "p-31.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "p-31.pub.json").stat().st_mode & 0o777 == 0o644
    assert {path.name for path in tmp_path.iterdir()} == {"p-31.key", "p-31.pub.json"}
    assert "keep it secret" in done.out


@pytest.mark.parametrize("kem", ["MLKEM768-X25519", "X25519"])
def test_the_two_halves_belong_to_the_owner_and_to_each_other(
    stolpe: Callable[..., Done], tmp_path: Path, kem: str
) -> None:
    assert stolpe("keys", "new", "p-31", "--kem", kem, "--out", "p-31.key").code == 0
    private = read_private_keys(tmp_path / "p-31.key")
    assert (private.owner, private.recipient.kem) == ("p-31", kem)
    assert read_jwk_set(tmp_path / "p-31.pub.json") == private.public


def test_post_quantum_secrecy_is_the_default(stolpe: Callable[..., Done], tmp_path: Path) -> None:
    stolpe("keys", "new", "p-31", "--out", "p-31.key")
    assert read_private_keys(tmp_path / "p-31.key").recipient.kem == "MLKEM768-X25519"


def test_the_public_half_says_nothing_private(stolpe: Callable[..., Done], tmp_path: Path) -> None:
    stolpe("keys", "new", "p-31", "--out", "p-31.key")
    for key in json.loads((tmp_path / "p-31.pub.json").read_text())["keys"]:
        assert not {"d", "priv"} & set(key)


def test_a_key_file_is_never_written_over(stolpe: Callable[..., Done], tmp_path: Path) -> None:
    stolpe("keys", "new", "p-31", "--out", "p-31.key")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    done = stolpe("keys", "new", "p-31", "--out", "p-31.key")
    assert (done.code, done.out, len(done.lines)) == (1, "", 1)
    assert "exists" in done.err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("there", ["p-31.key", "p-31.pub.json"])
def test_where_one_half_is_in_the_way_the_other_is_not_made(
    stolpe: Callable[..., Done], tmp_path: Path, there: str
) -> None:
    (tmp_path / there).write_text("another's")
    done = stolpe("keys", "new", "p-31", "--out", "p-31.key")
    assert (done.code, len(done.lines)) == (1, 1)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {there: "another's"}


@pytest.mark.parametrize("owner", ["", "P-31", "-p", "p 31", "p_31", "p.31", "../p", "p" * 49, "p\n", "å"])
def test_a_bad_id_makes_no_key(stolpe: Callable[..., Done], tmp_path: Path, owner: str) -> None:
    done = stolpe("keys", "new", "--out", "p.key", "--", owner)
    assert (done.code, len(done.lines)) == (1, 1)
    assert "cannot be an id: a-z, 0-9 and -" in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ["key", "pub.json"])
def test_show_tells_owner_and_kinds_and_prints_the_public_half_only(
    stolpe: Callable[..., Done], tmp_path: Path, ending: str
) -> None:
    stolpe("keys", "new", "p-31", "--out", "p-31.key")
    done = stolpe("keys", "show", f"p-31.{ending}")
    first, _, rest = done.out.partition("\n")
    assert first == "owner p-31: signs with Ed25519, is sealed to with MLKEM768-X25519"
    sig, enc = json.loads((tmp_path / "p-31.pub.json").read_text())["keys"]
    assert json.loads(rest) == {
        "sig": {"kty": "OKP", "crv": "Ed25519", "x": sig["x"]},
        "enc": {"kty": "AKP", "alg": "MLKEM768-X25519", "pub": enc["pub"]},
    }


@pytest.mark.parametrize("part", ["x", "pub"])
def test_show_prints_no_key_that_is_none(stolpe: Callable[..., Done], tmp_path: Path, part: str) -> None:
    stolpe("keys", "new", "p-31", "--out", "p-31.key")
    told = json.loads((tmp_path / "p-31.pub.json").read_text())
    next(key for key in told["keys"] if part in key)[part] = "\x9b2J"
    (tmp_path / "forged.json").write_text(json.dumps(told))
    done = stolpe("keys", "show", "forged.json")
    assert (done.code, done.out, len(done.lines)) == (1, "", 1), done


def test_show_prints_no_owner_who_is_no_id(stolpe: Callable[..., Done], tmp_path: Path) -> None:
    stolpe("keys", "new", "p-31", "--out", "p-31.key")
    forged = (tmp_path / "p-31.pub.json").read_text().replace('"p-31"', '"p-31\\nsigned and verified"')
    (tmp_path / "forged.json").write_text(forged)
    assert "\nsigned and verified" not in stolpe("keys", "show", "forged.json").out
