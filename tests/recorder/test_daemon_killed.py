"""A recorder that is killed with -9: what it answered is there, and the next one goes on."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from recorder.footage import Footage, footage
from recorder.station import PATIENCE, ULID, Station

from node.clock import NS, SystemClock
from node.formats import segment as fmt
from node.formats.audit import read
from node.messages import AuditCommitted, AuditRequest, Message, RecorderAlive, RecordsStored, StoredSegment
from node.recorder.audit_files import lines

CHILD = """
import sys
from pathlib import Path
from node.bus import Bus, SpawnedPeers
from node.clock import SystemClock
from node.recorder.daemon import build
from recorder.station import config_in

folder, run = Path(sys.argv[1]), Path(sys.argv[2])
sys.stdin.readline()  # until this process is known as the recorder
bus = Bus("recorder", run=run, peers=SpawnedPeers(run / "daemons"))
recorder = build(config_in(folder, run), clock=SystemClock(trust="demo"), bus=bus, allow_demo_root=True)
while True:
    recorder.step()
"""


@contextmanager
def child(station: Station, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A recorder in a process of its own, which ends by -9."""
    command = [sys.executable, "-c", CHILD, str(folder), str(station.run)]
    env = {**os.environ, "PYTHONPATH": "tests"}
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        station.spawned({"camera": os.getpid(), "uplink": os.getpid(), "recorder": process.pid})
        process.stdin.write(b"go\n")
        process.stdin.flush()
        try:
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


def send(station: Station, message: Message) -> None:
    """As soon as the recorder is there."""
    message = station.in_turn(message)
    for _ in range(PATIENCE):
        if station.ends["camera"].send(message, to="recorder"):
            return
        station.ends["camera"].receive(timeout_s=0.05)
    raise AssertionError("the recorder is not there")


def stored(station: Station, one: Footage, count: int) -> int:
    """Wait until so many are said to be stored."""
    for _ in range(PATIENCE):
        message = station.ends["camera"].receive(timeout_s=0.05)
        if message == RecordsStored(one.header.segment, count):
            return count
    raise AssertionError("it is not stored")


@pytest.mark.parametrize("answered", [1, 4, 7])
def test_no_record_that_was_answered_is_lost(answered: int, station: Station, tmp_path: Path) -> None:
    now_ns = SystemClock().now().utc_ns
    one = footage(start_ns=now_ns, payloads=[bytes([n]) * 200_000 for n in range(10)])
    with child(station, tmp_path) as process:
        for message in one.messages[: answered + 1]:
            send(station, message)
        stored(station, one, answered)
        for message in one.messages[answered + 1 : answered + 4]:  # on their way when it dies
            send(station, message)
        process.kill()
        process.wait()
    station.spawned(dict.fromkeys(("camera", "uplink", "recorder"), os.getpid()))
    station.start(clock=SystemClock(trust="demo"))
    found = one.opened(station.paths[0].read_bytes())
    kept = len(found.records)
    assert answered <= kept <= answered + 3
    assert tuple(found.records.values()) == one.plain[:kept]
    assert found.ending == "recovered"
    alive = station.answer(RecorderAlive)
    assert alive.stored == (StoredSegment(one.header.segment, kept),)
    assert station.violations == []
    two = footage(2, start_ns=now_ns + NS)
    assert station.ask(*two.messages)[-1] == RecordsStored(two.header.segment, 5)


def test_no_entry_that_was_answered_is_lost(station: Station, tmp_path: Path) -> None:
    with child(station, tmp_path) as process:
        send(station, AuditRequest(ULID, "live", "grant"))
        index = None
        while index is None:
            message = station.ends["camera"].receive(timeout_s=5)
            index = message.index if isinstance(message, AuditCommitted) else None
        process.kill()
        process.wait()
    with (tmp_path / "audit" / "audit.jsonl").open("rb") as file:
        assert [entry.id for entry, _ in read(lines(file))][index] == ULID


def test_the_child_really_works_on_the_same_files(station: Station, tmp_path: Path) -> None:
    one = footage(start_ns=SystemClock().now().utc_ns)
    with child(station, tmp_path):
        for message in one.messages:
            send(station, message)
        stored(station, one, 5)
    assert len(fmt.read(station.paths[0].read_bytes()).records) == 5
