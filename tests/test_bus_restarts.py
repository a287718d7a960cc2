"""A receiver that is away, killed or stopped: what must not be lost is not lost."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from fakes.said import PATIENCE_MS, ULID, connected

from node.bus import Bus, SpawnedPeers
from node.clock import NS, SimulatedClock
from node.errors import Refused
from node.files import replace_whole
from node.messages import CameraAlive, EventHappened, EventTaken
from node.unanswered import Unanswered

TAKER = Path(__file__).parent / "fakes" / "taker.py"


class Taker:
    """A real uplink in a process of its own, that can be away."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self.spawned, self._written = run / "daemons.json", run / "written"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, TAKER, self._run, self.spawned, self._written]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        replace_whole(self.spawned, msgspec.json.encode({"camera": os.getpid(), "uplink": self._process.pid}))
        assert self._process.stdout
        assert self._process.stdout.readline() == "ready\n"

    def signal(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)

    def kill(self) -> None:
        if self._process and self._process.stdout:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
            self._process = None

    @property
    def written(self) -> list[str]:
        return self._written.read_text().split() if self._written.exists() else []


class Seer:
    """A camera that sees events and keeps them until they were taken; its time is simulated."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.clock = SimulatedClock(start_utc_ns=0)
        self.waiting = Unanswered[str, EventHappened](clock=self.clock, most=1000)
        self.seen: list[str] = []

    def see(self, count: int) -> None:
        for _ in range(count):
            event = f"{len(self.seen):026d}"
            self.seen.append(event)
            self.waiting.add(
                event, EventHappened(event, "start", "motion", 1, None, score=0.5, time_trust="simulated")
            )

    def pass_seconds(self, seconds: int) -> None:
        """Whether or not anybody answers."""
        for _ in range(seconds):
            self._send_due()
            self.clock.wait_until(self.clock.boottime_ns() + NS)

    def settle(self, *, down_to: int = 0) -> None:
        """Until no more than so many events wait for their answer."""
        for _ in range(200):
            self._send_due()
            while len(self.waiting) > down_to:
                answer = self.bus.receive(timeout_s=0.1)
                if not isinstance(answer, EventTaken):
                    break
                self.waiting.settle(answer.id)
            if len(self.waiting) <= down_to:
                return
            self.clock.wait_until(self.clock.boottime_ns() + NS)
        pytest.fail(f"{len(self.waiting)} events were never taken")

    def _send_due(self) -> None:
        for event in self.waiting.due():
            self.bus.send(event, to="uplink")


@pytest.fixture
def taker(tmp_path: Path) -> Iterator[Taker]:
    taker = Taker(tmp_path)
    yield taker
    taker.kill()


@pytest.fixture
def seer(tmp_path: Path, taker: Taker) -> Iterator[Seer]:
    with Bus("camera", run=tmp_path, peers=SpawnedPeers(taker.spawned)) as bus:
        yield Seer(bus)


def test_what_happened_before_the_receiver_was_there_arrives(seer: Seer, taker: Taker) -> None:
    seer.see(20)
    seer.pass_seconds(10)
    assert seer.bus.counts.not_sent == 200
    taker.start()
    seer.settle()
    assert set(taker.written) == set(seer.seen)


def test_a_receiver_that_is_killed_and_away_for_ten_seconds_loses_nothing(seer: Seer, taker: Taker) -> None:
    taker.start()
    seer.see(300)
    seer.settle(down_to=250)  # in the middle of it
    taker.kill()
    seer.see(20)
    seer.pass_seconds(10)
    taker.start()
    seer.see(20)
    seer.settle()
    assert set(taker.written) == set(seer.seen)
    assert seer.waiting.dropped == 0


def test_a_receiver_that_is_stopped_for_ten_seconds_loses_nothing_and_repeats_are_harmless(
    seer: Seer, taker: Taker
) -> None:
    taker.start()
    seer.see(10)
    seer.settle()
    taker.signal(signal.SIGSTOP)
    seer.see(50)
    seer.pass_seconds(10)
    taker.signal(signal.SIGCONT)
    seer.settle()
    assert set(taker.written) == set(seer.seen)
    for _ in range(
        PATIENCE_MS // 100
    ):  # the repeats are still on their way when everything has been answered
        if len(taker.written) > len(seer.seen):
            break
        seer.bus.receive(timeout_s=0.1)
    assert len(taker.written) > len(seer.seen)
    assert set(taker.written) == set(seer.seen)


def test_a_receiver_that_never_comes_back_costs_a_bounded_queue(seer: Seer, taker: Taker) -> None:
    taker.start()
    seer.see(1)
    seer.settle()
    taker.signal(signal.SIGSTOP)
    sent = 0
    while seer.bus.send(CameraAlive(ULID, 1), to="uplink") or connected(seer.bus, "uplink", within_ms=100):
        sent += 1
        assert sent < 10_000  # two queues, and what the kernel holds of such small messages
    assert seer.bus.counts.not_sent >= 1


def test_sending_works_again_within_a_second_of_a_restart(seer: Seer, taker: Taker) -> None:
    taker.start()
    assert connected(seer.bus, "uplink")
    for _ in range(2):
        taker.kill()
        # Away for long enough that the sender has come to try as rarely as it ever does.
        assert not seer.bus.inbox.poll(1500)
        assert not seer.bus.send(CameraAlive(ULID, 1), to="uplink")
        taker.start()
        assert connected(seer.bus, "uplink", within_ms=1000)
        assert seer.bus.send(CameraAlive(ULID, 1), to="uplink")


def test_a_process_that_took_the_receiver_s_place_in_the_list_is_believed_and_the_old_one_no_more(
    seer: Seer, taker: Taker
) -> None:
    taker.start()
    replace_whole(taker.spawned, msgspec.json.encode({"camera": os.getpid(), "uplink": os.getpid()}))
    seer.see(1)
    seer.pass_seconds(1)
    assert connected(seer.bus, "uplink")
    seer.pass_seconds(1)
    assert seer.bus.receive(timeout_s=PATIENCE_MS / 1000) is None
    assert seer.bus.counts.refused >= 1
    taker.kill()
    taker.start()
    seer.settle()
    assert seer.bus.counts.received >= 1


@pytest.mark.parametrize("put_there", [False, True])
def test_a_daemon_whose_inbox_is_taken_away_does_not_go_on_deaf(tmp_path: Path, put_there: bool) -> None:
    with Bus("camera", run=tmp_path, peers=SpawnedPeers(tmp_path / "d")) as camera:
        assert camera.receive(timeout_s=0) is None
        (tmp_path / "camera" / "inbox").rename(tmp_path / "elsewhere")
        if put_there:
            (tmp_path / "camera" / "inbox").touch()
        with pytest.raises(Refused, match=r"taken away|in its place"):
            camera.receive(timeout_s=0)


def test_a_place_where_others_can_put_another_inbox_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(Refused, match="others can write there"):
        Bus("camera", run=tmp_path, peers=SpawnedPeers(tmp_path / "d"))
