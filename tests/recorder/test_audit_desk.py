"""The doors of the audit log: how much of it others may fill."""

from pathlib import Path

import pytest
from recorder.footage import START_NS

from node.clock import NS, SimulatedClock
from node.mandate.ids import new_ulid
from node.messages import AuditRequest, Daemon
from node.recorder.audit_desk import MAX_WAITING, REQUESTS_AN_HOUR, AuditDesk
from node.recorder.audit_log import MAX_LOG_BYTES, AuditLog
from node.recorder.storage import Storage
from node.sealing.keys import PrivateKeys
from node.unanswered import Unanswered
from tests.fakes.faults import fails_at

LONGEST = "\x01" * 400


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(start_utc_ns=START_NS)


@pytest.fixture
def log(tmp_path: Path, keys: dict[str, PrivateKeys], clock: SimulatedClock) -> AuditLog:
    return AuditLog(tmp_path, clock=clock, signing=keys["node"].signing)


@pytest.fixture
def desk(log: AuditLog, clock: SimulatedClock) -> AuditDesk:
    return AuditDesk(
        log=log, storage=Storage(clock=clock, events=Unanswered(clock=clock, most=1)), clock=clock
    )


def asked(desk: AuditDesk, clock: SimulatedClock, sender: Daemon) -> int | None:
    request = AuditRequest(new_ulid(clock.now().utc_ns), "live", LONGEST, LONGEST)
    return desk.commit(request, senders={sender})


def test_a_daemon_that_asks_without_end_takes_nothing_from_the_others(
    desk: AuditDesk, clock: SimulatedClock
) -> None:
    answered = [asked(desk, clock, "uplink") for _ in range(REQUESTS_AN_HOUR + 50)]
    assert sum(index is not None for index in answered) == REQUESTS_AN_HOUR
    assert asked(desk, clock, "camera") == REQUESTS_AN_HOUR


def test_the_longest_requests_take_days_to_push_out_what_others_wrote(
    desk: AuditDesk, clock: SimulatedClock, tmp_path: Path
) -> None:
    for _ in range(24):
        for _ in range(REQUESTS_AN_HOUR):
            asked(desk, clock, "uplink")
        clock.wait_until(clock.boottime_ns() + 3600 * NS)
    assert sum(path.stat().st_size for path in tmp_path.glob("audit*")) * 7 < MAX_LOG_BYTES


def test_what_had_no_room_while_the_log_failed_is_counted_in_it(
    desk: AuditDesk, log: AuditLog, tmp_path: Path
) -> None:
    with fails_at("fdatasync", 1, []):
        desk.note("first", "x")
    for n in range(MAX_WAITING + 5):
        with fails_at("fdatasync", 1, []):
            desk.note(f"entry {n}", "x")
    desk.flush()
    text = (tmp_path / "audit.jsonl").read_text()
    assert "entries_missing" in text
    assert "6 had no room" in text
    assert log.size == MAX_WAITING + 1
