"""The audit log on the disk: on it before it is answered, once, whole, and noticed where it is not."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes.faults import fails_at
from recorder.footage import START_NS
from vectors.make_keys import signing_key

from node.clock import SimulatedClock
from node.errors import Refused
from node.formats import audit
from node.formats.audit import AuditEntry
from node.recorder.audit_check import check_audit, read_checkpoint
from node.recorder.audit_files import lines
from node.recorder.audit_log import REMEMBERED_IDS, AuditLog

SIGNING = signing_key("test-node")
ID = "01KAR0F2T9Z6S3X8V1N4K7J5H0"

CRASHES = """
import os, sys
from pathlib import Path
from node.clock import SimulatedClock
from node.recorder.audit_log import AuditLog
from vectors.make_keys import signing_key

folder = Path(sys.argv[1])
before = (folder / "audit.jsonl").read_bytes()
for count in range(1_000):
    def crash(frame, event, function, left=[count]):
        if event == "c_call":
            if left[0] == 0:
                os._exit(9)
            left[0] -= 1
    (folder / "audit.jsonl").write_bytes(before)
    child = os.fork()
    if child == 0:
        log = AuditLog(folder, clock=SimulatedClock(start_utc_ns=0), signing=signing_key("test-node"))
        sys.setprofile(crash)
        log.commit(by="camera", action="live", subject="grant")
        os.write(1, b"answered ")
        os._exit(0)
    done = os.waitpid(child, 0)[1] == 0
    log = AuditLog(folder, clock=SimulatedClock(start_utc_ns=0), signing=signing_key("test-node"))
    print(log.size, flush=True)
    log.close()
    if done:
        break
"""
"""Commits in children that end, without any clean-up, just before their n-th call into C, for every n."""

Opener = Callable[..., AuditLog]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opener]:
    """Opens the log, as a start does."""
    made: list[AuditLog] = []

    def open_log(*, most_ids: int = REMEMBERED_IDS) -> AuditLog:
        clock = SimulatedClock(start_utc_ns=START_NS)
        made.append(AuditLog(tmp_path, clock=clock, signing=SIGNING, most_ids=most_ids))
        return made[-1]

    yield open_log
    for log in made:
        log.close()


def commit(log: AuditLog, subject: str = "grant", id: str | None = None) -> int:
    return log.commit(by="camera", action="live", subject=subject, reason="an alarm", id=id)


def entries(folder: Path) -> list[AuditEntry]:
    with (folder / "audit.jsonl").open("rb") as file:
        return [entry for entry, _ in audit.read(lines(file))]


def violations(folder: Path) -> list[str]:
    said = read_checkpoint(folder / "checkpoint.json")
    node = SIGNING.private.public_key()
    return [violation.number for violation in check_audit(folder / "audit.jsonl", said=said, node=node)]


def test_an_entry_is_in_the_file_when_it_has_an_index(tmp_path: Path, opened: Opener) -> None:
    log = opened()
    for index in range(3):
        assert commit(log, f"grant {index}") == index
        assert [entry.subject for entry in entries(tmp_path)] == [f"grant {n}" for n in range(index + 1)]


def test_an_entry_says_who_what_why_and_when(tmp_path: Path, opened: Opener) -> None:
    commit(opened(), id=ID)
    (entry,) = entries(tmp_path)
    assert (entry.by, entry.action, entry.subject, entry.reason, entry.id) == (
        "camera", "live", "grant", "an alarm", ID,
    )  # fmt: skip
    assert (entry.time, entry.time_trust) == ("2026-11-03T21:00:00.000Z", "simulated")


def test_an_entry_is_synced_before_it_has_an_index(opened: Opener) -> None:
    log, seen = opened(), list[str]()
    commit(log)
    with fails_at("nothing", 1, seen):
        commit(log)
    assert [name for name in seen if name in {"pwrite", "fdatasync"}] == ["pwrite", "fdatasync"]


def test_the_same_id_is_written_once_and_answered_always(tmp_path: Path, opened: Opener) -> None:
    log = opened()
    commit(log)
    assert [commit(log, id=ID), commit(log), commit(log, id=ID)] == [1, 2, 1]
    assert commit(opened(), id=ID) == 1
    assert len(entries(tmp_path)) == 3


def test_an_id_does_not_cover_for_another_entry(tmp_path: Path, opened: Opener) -> None:
    # Otherwise something could happen unlogged under the id of something harmless.
    log = opened()
    commit(log, id=ID)
    with pytest.raises(Refused, match="another entry"):
        commit(log, "another grant", id=ID)
    assert len(entries(tmp_path)) == 1


def test_ids_are_remembered_within_a_bound(opened: Opener) -> None:
    log = opened(most_ids=2)
    commit(log, id=ID)
    assert commit(log, id=ID) == 0
    commit(log)
    commit(log)
    assert commit(log, id=ID) == 3


def test_a_log_goes_on_where_it_stopped(tmp_path: Path, opened: Opener) -> None:
    commit(opened())
    log = opened()
    assert (log.size, log.repairs) == (1, ())
    commit(log)
    assert [entry.index for entry in entries(tmp_path)] == [0, 1]


@pytest.mark.parametrize("left", [1, 20, 100, -1])
def test_a_last_line_that_was_torn_is_cut_off_and_told_of(left: int, tmp_path: Path, opened: Opener) -> None:
    log = opened()
    commit(log)
    whole = (tmp_path / "audit.jsonl").stat().st_size
    commit(log)
    with (tmp_path / "audit.jsonl").open("r+b") as file:
        file.truncate(whole + left if left > 0 else file.seek(0, os.SEEK_END) - 1)
    again = opened()
    assert [repair.action for repair in again.repairs] == ["log_cut"]
    assert again.size == 1
    commit(again, "after")
    assert [entry.subject for entry in entries(tmp_path)] == ["grant", "after"]


@pytest.mark.parametrize("torn", [bytes(200), b"half an entry" + bytes(100) + b"\n"])
def test_what_a_power_cut_leaves_in_the_place_of_a_line_is_cut_off(
    torn: bytes, tmp_path: Path, opened: Opener
) -> None:
    commit(opened())
    with (tmp_path / "audit.jsonl").open("ab") as file:
        file.write(torn)
    log = opened()
    assert ([repair.action for repair in log.repairs], log.size) == (["log_cut"], 1)


def test_a_log_that_was_altered_is_set_aside_whole_and_a_new_one_begins(
    tmp_path: Path, opened: Opener
) -> None:
    log = opened()
    for n in range(3):
        commit(log, f"grant {n}")
    data = (tmp_path / "audit.jsonl").read_bytes().replace(b"grant 1", b"grant 9")
    (tmp_path / "audit.jsonl").write_bytes(data)
    again = opened()
    (repair,) = again.repairs
    assert repair.action == "log_altered"
    assert repair.reason.startswith("entry 1: ")
    commit(again, "after")
    assert (tmp_path / repair.subject).read_bytes() == data
    assert [entry.subject for entry in entries(tmp_path)] == ["after"]


@pytest.mark.parametrize("what", ["cut", "gone", "another"])
def test_a_log_that_is_not_the_one_that_was_signed_for_is_told_of(
    what: str, tmp_path: Path, opened: Opener
) -> None:
    log, path = opened(), tmp_path / "audit.jsonl"
    commit(log)
    short = path.read_bytes()
    commit(log)
    log.keep(log.checkpoint())
    if what == "gone":
        path.unlink()
    else:
        path.write_bytes(short if what == "cut" else short.replace(b"grant", b"grand"))
    assert [repair.action for repair in opened().repairs] == ["log_contradicts_checkpoint"]


@pytest.mark.parametrize("junk", [b"", b"{}", b"\xff", bytes(10_000)])
def test_a_checkpoint_that_cannot_be_read_is_told_of_and_hinders_nobody(
    junk: bytes, tmp_path: Path, opened: Opener
) -> None:
    commit(opened())
    (tmp_path / "checkpoint.json").write_bytes(junk)
    log = opened()
    assert [repair.action for repair in log.repairs] == ["log_contradicts_checkpoint"]
    assert commit(log) == 1


def test_a_checkpoint_is_of_the_log_as_it_is(tmp_path: Path, opened: Opener) -> None:
    log = opened()
    log.keep(log.checkpoint())
    commit(log)
    assert violations(tmp_path) == []
    log.keep(said := log.checkpoint())
    assert said == read_checkpoint(tmp_path / "checkpoint.json")
    assert said.size == 1
    commit(log)
    assert violations(tmp_path) == []
    assert opened().repairs == ()


@pytest.mark.parametrize(
    ("call", "number"), [("pwrite", 1), ("pwrite", 2), ("fdatasync", 1), ("fdatasync", 2)]
)
def test_an_entry_that_could_not_be_kept_has_no_index_and_hinders_no_other(
    call: str, number: int, tmp_path: Path, opened: Opener
) -> None:
    log = opened()
    commit(log)
    with pytest.raises(OSError, match="Input/output error"), fails_at(call, number, []):
        commit_many(log, 2)
    assert commit(log, "after") == number
    assert [entry.subject for entry in entries(tmp_path)] == ["grant", *["x" * 300] * (number - 1), "after"]
    assert opened().repairs == ()


def test_a_crash_at_any_call_leaves_all_that_was_answered(tmp_path: Path, opened: Opener) -> None:
    log = opened()
    commit(log)
    env = {**os.environ, "PYTHONPATH": "tests"}
    command = [sys.executable, "-c", CRASHES, str(tmp_path)]
    done = subprocess.run(command, env=env, capture_output=True, check=True, timeout=50)
    found = done.stdout.decode().splitlines()
    assert found[-1] == "answered 2"
    assert set(found) == {"1", "2", "answered 2"}
    assert found == sorted(found)
    assert found.count("1") > 5


def commit_many(log: AuditLog, count: int) -> None:
    for _ in range(count):
        commit(log, "x" * 300)


def test_texts_are_cut_to_what_an_entry_has_room_for(tmp_path: Path, opened: Opener) -> None:
    opened().commit(by="camera", action="live", subject="\udcff" * 2, reason="\x01" * 5000)
    (entry,) = entries(tmp_path)
    assert (entry.subject, entry.reason) == ("\\udcff\\udcff", "\x01" * 400)


def test_a_file_of_any_size_is_not_read_into_memory(tmp_path: Path, opened: Opener) -> None:
    with (tmp_path / "audit.jsonl").open("wb") as file:
        file.truncate(1 << 33)
    log = opened()
    assert [repair.action for repair in log.repairs] == ["log_altered"]
