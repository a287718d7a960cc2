"""`stolpe check audit`: what holds is said, the first bad entry is named."""

import json
import shutil
from pathlib import Path

import msgspec
import pytest
from system.program import stolpe
from vectors.make_keys import key_set
from vectors.shelf import FOLDER, ExpectedAudit, expectation


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """The public key that the vectors' checkpoints are signed with."""
    keys = [{k: v for k, v in key.items() if k != "d"} for key in key_set("test-node")["keys"]]
    (tmp_path / "node.pub.json").write_text(json.dumps({"keys": keys}))
    return tmp_path / "node.pub.json"


def log_in(folder: Path, name: str) -> Path:
    """A vector as a node has it: the log, and its checkpoint beside it."""
    source = FOLDER / "audit" / f"{name}.jsonl"
    (folder / "audit").mkdir()
    shutil.copy(source, folder / "audit" / "audit.jsonl")
    said = expectation(source, ExpectedAudit).checkpoint
    if said is not None:
        (folder / "audit" / "checkpoint.json").write_bytes(msgspec.json.encode(said))
    return folder / "audit"


def test_a_good_log_and_its_checkpoint_hold(tmp_path: Path, node: Path) -> None:
    done = stolpe("check", "audit", log_in(tmp_path, "five"), "--node", node)
    assert (done.code, done.out) == (0, f"{tmp_path}/audit/audit.jsonl: 5 entries, every invariant holds\n")


def test_what_was_not_checked_is_said(tmp_path: Path) -> None:
    done = stolpe("check", "audit", log_in(tmp_path, "five") / "audit.jsonl")
    assert done.out.endswith("every invariant holds (A4 not checked)\n")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("edited", "A3 entry 2: "),
        ("deleted", "A2 entry 1: "),
        ("torn", "A1 entry 4: "),
        ("last_edited", "A5 entry 4: "),
        ("checkpoint_stranger", "A4 checkpoint: "),
    ],
)
def test_the_first_bad_entry_is_named(name: str, line: str, tmp_path: Path, node: Path) -> None:
    done = stolpe("check", "audit", log_in(tmp_path, name), "--node", node)
    assert done.code == 1
    assert done.out.startswith(line)
    assert len(done.lines) == len(done.out.splitlines()) == 1


def test_a_log_of_which_nothing_is_signed_is_not_called_good_for_a_node(tmp_path: Path, node: Path) -> None:
    log = log_in(tmp_path, "five")
    (log / "checkpoint.json").unlink()
    assert stolpe("check", "audit", log).code == 0
    done = stolpe("check", "audit", log, "--node", node)
    assert done.code == 1
    assert "there is no checkpoint beside it" in done.err


def test_a_log_is_held_against_a_checkpoint_that_left_the_node(tmp_path: Path, node: Path) -> None:
    log = log_in(tmp_path, "rewritten")
    (log / "checkpoint.json").rename(tmp_path / "said.json")
    assert stolpe("check", "audit", log).code == 0
    done = stolpe("check", "audit", log, "--node", node, "--checkpoint", tmp_path / "said.json")
    assert (done.code, done.out[:11]) == (1, "A5 entry 4:")


@pytest.mark.parametrize("name", ["absent", "audit/checkpoint.json"])
def test_what_is_no_log_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    log_in(tmp_path, "five")
    done = stolpe("check", "audit", tmp_path / name)
    assert done.code == 1
    assert len(done.lines) == 1
