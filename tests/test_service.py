"""A daemon as a process: sd_notify to a real socket, a watchdog that only work feeds, an end between two units."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.clock import NS, SimulatedClock
from node.service import Every, Stop, Supervisor, run

SERVED = Path(__file__).parent / "fakes" / "served.py"


class Listening:
    """Who started the daemon, in systemd's place."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        listener.settimeout(10)

    def told(self) -> str:
        return self._listener.recv(4096).decode()

    def told_so_far(self) -> list[str]:
        """Everything that has come; a datagram to a local socket is there when `send` returns."""
        self._listener.setblocking(False)
        said = []
        try:
            while True:
                said.append(self._listener.recv(4096).decode())
        except BlockingIOError:
            return said
        finally:
            self._listener.settimeout(10)


@contextmanager
def listening(address: str) -> Iterator[Listening]:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listener:
        listener.bind("\0" + address[1:] if address.startswith("@") else address)
        yield Listening(listener)


@pytest.fixture(params=["path", "abstract"])
def listener(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Listening]:
    address = str(tmp_path / "notify") if request.param == "path" else f"@stolpe-test-{os.getpid()}"
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    with listening(address) as open_ear:
        yield open_ear


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(start_utc_ns=0)


@pytest.fixture
def stop() -> Iterator[Stop]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield Stop()
    for number, handler in before.items():
        signal.signal(number, handler)


def fed(listener: Listening, clock: SimulatedClock, seconds: int) -> int:
    """How often the watchdog is fed while real work advances ten times a second."""
    supervisor = Supervisor(clock=clock)
    for _ in range(seconds * 10):
        supervisor.feed()
        clock.wait_until(clock.boottime_ns() + NS // 10)
    return listener.told_so_far().count("WATCHDOG=1")


def test_readiness_status_and_the_end_are_told(listener: Listening, clock: SimulatedClock) -> None:
    supervisor = Supervisor(clock=clock)
    supervisor.ready()
    supervisor.status("dark: outside_hours")
    supervisor.stopping()
    assert listener.told_so_far() == ["READY=1", "STATUS=dark: outside_hours", "STOPPING=1"]


def test_a_status_cannot_say_anything_else(listener: Listening, clock: SimulatedClock) -> None:
    Supervisor(clock=clock).status("/a\nREADY=1\udcff")
    assert listener.told() == r"STATUS=/a\nREADY=1\udcff"


def test_the_watchdog_is_fed_three_times_in_its_interval_and_no_more(
    listener: Listening, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "3000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert fed(listener, clock, 9) == 9


@pytest.mark.parametrize(
    ("interval", "pid"), [(None, None), ("", None), ("0", None), ("x", None), ("3000000", "1")]
)
def test_without_a_watchdog_for_this_process_nothing_is_fed(
    listener: Listening, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch, interval: str, pid: str
) -> None:
    for name, value in (("WATCHDOG_USEC", interval), ("WATCHDOG_PID", pid)):
        if value is not None:
            monkeypatch.setenv(name, value)
    assert fed(listener, clock, 9) == 0


@pytest.mark.parametrize("address", ["", "/nowhere/notify", "@nobody-listens-here", "/" + "long" * 50])
def test_a_daemon_whose_supervisor_is_away_works_on(
    clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    Supervisor(clock=clock).ready()


def test_a_supervisor_that_does_not_read_halts_nobody(listener: Listening, clock: SimulatedClock) -> None:
    supervisor = Supervisor(clock=clock)
    queue = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())
    for _ in range(min(queue, 1000) + 2):
        supervisor.status("working")
    assert len(listener.told_so_far()) >= 1


def test_only_a_step_that_advanced_feeds_the_watchdog(
    listener: Listening, clock: SimulatedClock, stop: Stop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "1000")
    told: list[list[str]] = []
    advances = iter([False, True, False, True, False])

    def step() -> bool:
        told.append(listener.told_so_far())
        clock.wait_until(clock.boottime_ns() + NS)
        stop.asked = len(told) == 5
        return next(advances)

    run(step, stop=stop, supervisor=Supervisor(clock=clock))
    assert told == [["READY=1"], [], ["WATCHDOG=1"], [], ["WATCHDOG=1"]]
    assert listener.told_so_far() == ["STOPPING=1"]


def test_what_ends_a_step_ends_the_daemon_without_a_word_of_order(listener: Listening, stop: Stop) -> None:
    def step() -> bool:
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        run(step, stop=stop, supervisor=Supervisor(clock=SimulatedClock(start_utc_ns=0)))
    assert listener.told_so_far() == ["READY=1"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_unit_of_work_that_has_begun_is_done_before_the_end(
    listener: Listening, number: signal.Signals
) -> None:
    environment = {**os.environ, "WATCHDOG_USEC": "1000"}
    with subprocess.Popen(
        [sys.executable, SERVED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin
        assert process.stdout
        assert listener.told() == "READY=1"
        assert process.stdout.readline() == "begun\n"
        process.stdin.write("work\n")
        process.stdin.flush()
        assert [process.stdout.readline() for _ in range(2)] == ["done\n", "begun\n"]
        assert listener.told() == "WATCHDOG=1"
        process.send_signal(number)
        process.stdin.write("idle\n")
        process.stdin.flush()
        assert process.stdout.read() == "done\nended in order\n"
        assert process.wait() == 0
    assert listener.told_so_far() == ["STOPPING=1"]


@given(period=st.sampled_from([0.5, 1.0, 30.0]), waits=st.lists(st.integers(0, 70), max_size=30))
def test_what_is_regular_is_due_at_once_and_then_a_period_after_it_was_due_last(
    period: float, waits: list[int]
) -> None:
    clock = SimulatedClock(start_utc_ns=0)
    every = Every(period, clock=clock)
    last_ns = None
    for seconds in waits:
        clock.wait_until(clock.boottime_ns() + seconds * NS)
        expected = last_ns is None or clock.boottime_ns() >= last_ns + int(period * NS)
        assert every.due() == expected
        if expected:
            last_ns = clock.boottime_ns()


def test_what_is_made_due_soon_is_due_now_and_once() -> None:
    every = Every(30, clock=SimulatedClock(start_utc_ns=0))
    assert [every.due(), every.due()] == [True, False]
    every.soon()
    assert [every.due(), every.due()] == [True, False]
