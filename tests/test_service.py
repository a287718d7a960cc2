"""A daemon as a process: it says that it is ready, feeds its watchdog while it works, and stops between two steps."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.clock import NS, SimulatedClock
from node.service import Every, Supervisor

CHILD = """
import sys
from node.clock import SystemClock
from node.service import Stop, Supervisor, run
from time import sleep
stop, clock = Stop(), SystemClock()
def step():
    print("step", flush=True)
    sleep(0.05)
    print("done", flush=True)
    return True
run(step, stop=stop, supervisor=Supervisor(clock=clock))
print("closed", flush=True)
"""


@pytest.fixture(params=["file", "abstract"])
def notified(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[socket.socket]:
    """What systemd listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        address = str(tmp_path / "n") if request.param == "file" else f"\0stolpe-test-{tmp_path.name}"
        listening.bind(address)
        listening.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", address.replace("\0", "@"))
        monkeypatch.setenv("WATCHDOG_USEC", "3000000")
        yield listening


def test_ready_status_and_stopping_are_told(notified: socket.socket) -> None:
    supervisor = Supervisor(clock=SimulatedClock(start_utc_ns=0))
    supervisor.ready()
    supervisor.status("films")
    supervisor.stopping()
    assert [notified.recv(99) for _ in range(3)] == [b"READY=1", b"STATUS=films", b"STOPPING=1"]


def test_the_watchdog_is_fed_three_times_in_its_interval_and_not_more(notified: socket.socket) -> None:
    clock = SimulatedClock(start_utc_ns=0)
    supervisor = Supervisor(clock=clock)
    for tenth in range(31):
        clock.wait_until(tenth * NS // 10)
        supervisor.feed()
    supervisor.stopping()
    fed = list(iter(lambda: notified.recv(99), b"STOPPING=1"))
    assert fed == [b"WATCHDOG=1"] * 4  # at 0, 1, 2 and 3 s


def test_without_a_supervisor_nothing_is_told_and_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setenv("WATCHDOG_USEC", "junk")
    supervisor = Supervisor(clock=SimulatedClock(start_utc_ns=0))
    supervisor.ready()
    supervisor.feed()


def test_a_supervisor_that_does_not_listen_is_no_reason_to_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    Supervisor(clock=SimulatedClock(start_utc_ns=0)).ready()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_the_step_and_in_order(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "step\n"
        child.send_signal(number)
        rest = child.stdout.read().split()
    assert rest[-2:] == ["done", "closed"]
    assert child.returncode == 0


def test_something_regular_is_due_at_once_then_every_period_and_soon_when_asked() -> None:
    clock = SimulatedClock(start_utc_ns=0)
    every = Every(2, clock=clock)
    due = []
    for second in range(5):
        clock.wait_until(second * NS)
        due.append(every.due())
    assert due == [True, False, True, False, True]
    every.soon()
    assert every.due()
