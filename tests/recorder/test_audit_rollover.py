"""A log of several files: closed and dropped with a signature, checked as one, and what was done to it is named."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from fakes.faults import fails_at
from recorder.footage import START_NS
from system.program import stolpe
from vectors.make_keys import key_set, signing_key

from node.clock import SimulatedClock
from node.messages import AuditCheckpoint
from node.recorder.audit_check import AuditCheck, check_audit
from node.recorder.audit_files import FILE_NAME, closed_name, heads_name, numbered
from node.recorder.audit_log import ROOM_BYTES, AuditLog

SIGNING = signing_key("test-node")
NODE = SIGNING.private.public_key()
FILE = 1200
KEEP = ROOM_BYTES + 20 * FILE
"""So much that nothing is dropped in these tests, where they do not say otherwise."""


def opened(folder: Path, *, most_bytes: int = KEEP, owner: str = "test-node") -> AuditLog:
    return AuditLog(
        folder,
        clock=SimulatedClock(start_utc_ns=START_NS),
        signing=signing_key(owner),
        file_bytes=FILE,
        most_bytes=most_bytes,
    )


def commit(log: AuditLog, count: int, what: str = "grant") -> list[AuditCheckpoint]:
    """So many entries, and the checkpoint behind each."""
    said = []
    for n in range(count):
        log.commit(by="camera", action="live", subject=f"{what} {n}")
        said.append(log.checkpoint())
    return said


def closed(folder: Path) -> list[int]:
    return numbered([path.name for path in folder.iterdir()], ".jsonl")


def found(folder: Path, said: AuditCheckpoint | None = None) -> list[tuple[str, str]]:
    return [(v.number, v.where) for v in check_audit(folder / FILE_NAME, said=said, node=NODE)]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of several files, none dropped, with its checkpoint."""
    folder = tmp_path / "audit"
    folder.mkdir()
    log = opened(folder)
    log.keep(commit(log, 16)[-1])
    log.close()
    assert len(closed(folder)) > 3
    return folder


@pytest.fixture
def dropped(tmp_path: Path) -> tuple[Path, list[AuditCheckpoint]]:
    """A log whose oldest files were dropped, and every checkpoint that it ever said."""
    folder = tmp_path / "audit"
    folder.mkdir()
    log = opened(folder, most_bytes=ROOM_BYTES + 8 * FILE)
    said = commit(log, 30)
    log.close()
    assert closed(folder)[0] > 4
    return folder, said


def test_a_log_of_many_files_is_one_chain_and_holds(log: Path) -> None:
    check = AuditCheck(log / FILE_NAME, said=None, node=NODE)
    assert list(check.violations()) == []
    assert (check.first, check.files) == (0, len(closed(log)) + 1)
    assert check.head.size == 16 + 2 * len(closed(log))


def test_a_start_goes_on_where_the_files_stopped(log: Path) -> None:
    again = opened(log)
    size = again.size
    assert again.repairs == ()
    assert again.commit(by="camera", action="live", subject="after") in {size, size + 2}
    again.close()
    assert found(log) == []


def test_an_id_of_an_older_file_is_answered_and_not_written_again(log: Path) -> None:
    one = "01KAR0F2T9Z6S3X8V1N4K7J5H0"
    first = opened(log)
    index = first.commit(by="camera", action="live", subject="once", id=one)
    commit(first, 9)
    first.close()
    again = opened(log)
    assert again.commit(by="camera", action="live", subject="once", id=one) == index
    again.close()


def test_the_oldest_go_and_the_whole_log_stays_within_its_bound(tmp_path: Path) -> None:
    log = opened(tmp_path, most_bytes=ROOM_BYTES + 8 * FILE)
    for _ in range(60):
        commit(log, 1)
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= ROOM_BYTES + 8 * FILE
    log.close()
    assert closed(tmp_path)[0] > 20
    assert found(tmp_path) == []


def test_what_was_dropped_is_told_before_it_goes(dropped: tuple[Path, list[AuditCheckpoint]]) -> None:
    folder, _ = dropped
    newest = numbered([path.name for path in folder.iterdir()], ".heads")[-1]
    texts = b"".join(path.read_bytes() for path in folder.glob("audit*.jsonl")).decode()
    assert f'"action":"log_dropped","subject":"{closed_name(newest)}"' in texts
    assert heads_name(newest) in texts


# What is done to it, and how it is named.


@pytest.fixture
def node_key(tmp_path: Path) -> Path:
    """The public half of the key that these logs are signed with."""
    keys = [{k: v for k, v in key.items() if k != "d"} for key in key_set("test-node")["keys"]]
    (tmp_path / "node.pub.json").write_text(json.dumps({"keys": keys}))
    return tmp_path / "node.pub.json"


Harm = Callable[[Path, list[int]], str]
"""Does it, and says which violation must be found where."""


def _edit(folder: Path, first: list[int]) -> str:
    path = folder / closed_name(first[1])
    path.write_bytes(path.read_bytes().replace(b"grant", b"grand", 1))
    entry = next(n for n, line in enumerate(path.read_bytes().splitlines(), first[1]) if b"grand" in line)
    return f"A3 entry {entry}"


def _delete_entry(folder: Path, first: list[int]) -> str:
    path = folder / closed_name(first[1])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:1] + lines[2:]))
    return f"A2 entry {first[1] + 1}"


def _delete_middle_file(folder: Path, first: list[int]) -> str:
    (folder / closed_name(first[1])).unlink()
    return f"A2 entry {first[1]}"


def _delete_oldest_file(folder: Path, first: list[int]) -> str:
    (folder / closed_name(first[0])).unlink()
    return f"A8 {closed_name(first[0])}"


def _delete_newest_file(folder: Path, first: list[int]) -> str:
    end = first[-1] + len((folder / closed_name(first[-1])).read_bytes().splitlines())
    (folder / FILE_NAME).unlink()
    return f"A7 entry {end}"


def _swap_files(folder: Path, first: list[int]) -> str:
    one, other = folder / closed_name(first[1]), folder / closed_name(first[2])
    one.rename(folder / "aside")
    other.rename(one)
    (folder / "aside").rename(other)
    return f"A2 entry {first[1]}"


def _cut_middle_file(folder: Path, first: list[int]) -> str:
    path = folder / closed_name(first[1])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    return f"A7 entry {first[1] + len(lines) - 1}"


def _cut_an_entry(folder: Path, first: list[int]) -> str:
    path = folder / closed_name(first[1])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(path.read_bytes()[:-10])
    return f"A1 entry {first[1] + len(lines) - 1}"


def _cut_newest_file(folder: Path, first: list[int]) -> str:
    path = folder / FILE_NAME
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    begins = first[-1] + len((folder / closed_name(first[-1])).read_bytes().splitlines())
    return f"A5 entry {begins + len(lines) - 1}"


def _append_behind_the_end(folder: Path, first: list[int]) -> str:
    path = folder / closed_name(first[1])
    following = (folder / closed_name(first[2])).read_bytes().splitlines(keepends=True)
    path.write_bytes(path.read_bytes() + following[0])
    return f"A6 entry {first[2]}"


def _strange_opening(folder: Path, first: list[int]) -> str:
    """Everything from there on written anew, by somebody who has not the node's key."""
    for name in (*map(closed_name, first[2:]), FILE_NAME):
        (folder / name).unlink()
    log = opened(folder, owner="test-stranger")
    commit(log, 5, "harmless")
    log.close()
    return f"A6 entry {first[2]}"


HARMS: list[Harm] = [
    _edit, _delete_entry, _delete_middle_file, _delete_oldest_file, _delete_newest_file, _swap_files,
    _cut_middle_file, _cut_an_entry, _cut_newest_file, _append_behind_the_end, _strange_opening,
]  # fmt: skip


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__.strip("_"))
def test_the_first_bad_entry_is_named_whatever_was_done(harm: Harm, log: Path, node_key: Path) -> None:
    last = opened(log)
    said = last.checkpoint()
    last.close()
    expected = harm(log, closed(log))
    violations = found(log, said)
    assert " ".join(violations[0]) == expected
    (log.parent / "said.json").write_bytes(msgspec.json.encode(said))
    done = stolpe("check", "audit", log, "--node", node_key, "--checkpoint", log.parent / "said.json")
    assert (done.code, done.out.startswith(expected)) == (1, True)


# Roll-back of the whole disk, against what left the node.


def test_a_disk_that_was_rolled_back_has_fewer_entries_than_were_signed(log: Path, tmp_path: Path) -> None:
    shutil.copytree(log, tmp_path / "before")
    later = opened(log)
    said = commit(later, 9)[-1]
    later.close()
    size = AuditCheck(tmp_path / "before" / FILE_NAME, said=None, node=NODE)
    assert list(size.violations()) == []
    assert found(tmp_path / "before", said) == [("A5", f"entry {size.head.size}")]


def test_every_checkpoint_that_was_ever_said_holds_also_for_what_was_dropped(
    dropped: tuple[Path, list[AuditCheckpoint]],
) -> None:
    folder, said = dropped
    compared = 0
    for one in said:
        check = AuditCheck(folder / FILE_NAME, said=one, node=NODE)
        assert list(check.violations()) == []
        compared += check.compared and one.size <= check.first
    assert compared > 3


def test_a_disk_that_was_rolled_back_and_went_on_contradicts_a_checkpoint_of_a_file_that_it_dropped(
    tmp_path: Path,
) -> None:
    most = ROOM_BYTES + 30 * FILE
    (tmp_path / "one").mkdir()
    log = opened(tmp_path / "one", most_bytes=most)
    commit(log, 4)
    log.close()
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    went_on = opened(tmp_path / "one", most_bytes=most)
    said = commit(went_on, 3)[-1]
    went_on.close()
    forked = opened(tmp_path / "two", most_bytes=most)  # by the node itself, which cannot know
    commit(forked, 90, "another")
    forked.close()
    check = AuditCheck(tmp_path / "two" / FILE_NAME, said=said, node=NODE)
    assert [(v.number, v.where) for v in check.violations()] == [("A5", f"entry {said.size - 1}")]
    assert check.first > said.size


def test_heads_that_were_altered_or_signed_by_another_are_named(
    dropped: tuple[Path, list[AuditCheckpoint]],
) -> None:
    folder, _ = dropped
    name = heads_name(0)
    good = (folder / name).read_bytes()
    for bad in (good[:-1] + bytes([good[-1] ^ 1]), good[:-32], good + bytes(32), b"", bytes(200)):
        (folder / name).write_bytes(bad)
        assert found(folder) == [("A8", name)]
    statement, _, rest = good.partition(b"\n")
    (folder / name).write_bytes(statement.replace(b'"first":"2026', b'"first":"2025') + b"\n" + rest)
    assert found(folder) == [("A8", name)]


def test_a_checkpoint_older_than_all_that_is_remembered_shows_nothing_and_that_is_said(
    dropped: tuple[Path, list[AuditCheckpoint]], tmp_path: Path
) -> None:
    folder, said = dropped
    (folder / heads_name(0)).unlink()
    (tmp_path / "said.json").write_bytes(msgspec.json.encode(said[0]))
    done = stolpe("check", "audit", folder, "--checkpoint", tmp_path / "said.json")
    assert done.code == 1
    assert "it shows nothing" in done.err


def test_check_audit_says_how_many_files_and_what_went_before(
    dropped: tuple[Path, list[AuditCheckpoint]],
) -> None:
    folder, _ = dropped
    done = stolpe("check", "audit", folder)
    assert done.code == 0, (done.out, done.err)
    assert f"files, after {closed(folder)[0]} that were dropped, every invariant holds" in done.out


# What a start does with it.


def test_a_newest_file_that_was_altered_is_set_aside_and_the_log_goes_on_from_the_one_before(
    log: Path,
) -> None:
    first = closed(log)
    newest = log / FILE_NAME
    newest.write_bytes(newest.read_bytes().replace(b"log_continues", b"log_continued", 1))
    altered = newest.read_bytes()
    again = opened(log)
    repair = next(one for one in again.repairs if one.action == "log_altered")
    end = first[-1] + len((log / closed_name(first[-1])).read_bytes().splitlines())
    assert again.size == end
    again.note("log_altered", repair.subject)
    again.close()
    assert (log / repair.subject).read_bytes() == altered
    assert found(log) == []


def test_an_older_file_that_was_altered_stays_and_is_told_of(log: Path) -> None:
    name = closed_name(closed(log)[-1])
    data = (log / name).read_bytes().replace(b"grant", b"grand", 1)
    (log / name).write_bytes(data)
    again = opened(log)
    assert [(one.action, one.subject) for one in again.repairs] == [("log_altered", name)]
    again.note("log_altered", name)
    again.close()
    assert (log / name).read_bytes() == data


@pytest.mark.parametrize("call", ["pwrite", "fdatasync", "rename", "fsync", "open"])
def test_a_disk_that_fails_in_the_middle_of_a_roll_over_costs_no_entry(call: str, tmp_path: Path) -> None:
    log = opened(tmp_path, most_bytes=ROOM_BYTES + 6 * FILE)
    for n in range(40):
        for number in (1, 2, 3):
            try:
                with fails_at(call, number, []):
                    log.commit(by="camera", action="live", subject=f"failed {n}")
            except OSError:
                continue
        log.commit(by="camera", action="live", subject=f"grant {n}")
    log.close()
    assert found(tmp_path) == []
    again = opened(tmp_path, most_bytes=ROOM_BYTES + 6 * FILE)
    assert again.repairs == ()
    again.close()
