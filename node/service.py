"""A daemon as a process: when it is ready, that it lives, when it must stop (sd_notify(3)). Knows no daemon."""

import contextlib
import os
import signal
import socket
from collections.abc import Callable
from types import FrameType

from node.clock import NS, Clock
from node.errors import one_line

TELL_SECONDS = 0.1


class Supervisor:
    """Whoever started this process and watches it: systemd, or the demo in its place; nobody if neither did."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._address = os.environ.get("NOTIFY_SOCKET")
        self._interval_ns = _watchdog_us() * 1000 // 3
        self._fed_ns: int | None = None

    def ready(self) -> None:
        """The start is over: what others wait for can be had."""
        self._tell("READY=1")

    def stopping(self) -> None:
        """The orderly end has begun."""
        self._tell("STOPPING=1")

    def status(self, line: str) -> None:
        """What this daemon does, in one line, for `systemctl status`."""
        self._tell(f"STATUS={one_line(line)}")

    def feed(self) -> None:
        """Real work has advanced: the watchdog may wait anew. Costs nothing when it was fed a moment ago."""
        now_ns = self._clock.boottime_ns()
        recently = self._fed_ns is not None and now_ns - self._fed_ns < self._interval_ns
        if self._interval_ns and not recently:
            self._fed_ns = now_ns
            self._tell("WATCHDOG=1")

    def _tell(self, text: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        # A supervisor that does not listen notices by itself; this daemon's work does not end or halt for it.
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out, contextlib.suppress(OSError):
            out.settimeout(TELL_SECONDS)
            out.connect(address)
            out.send(text.encode())


def _watchdog_us() -> int:
    """How often this very process must be fed, in microseconds; 0: nobody watches it (sd_watchdog_enabled(3))."""
    interval_us, watched = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID")
    return int(interval_us) if interval_us.isdecimal() and watched in {None, f"{os.getpid()}"} else 0


class Stop:
    """Whether SIGTERM or SIGINT came. Asked between two units of work, so that none is cut in the middle."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True


class Every:
    """Something that is due regularly, on the given clock; at once the first time."""

    def __init__(self, seconds: float, *, clock: Clock) -> None:
        self._period_ns = int(seconds * NS)
        self._clock = clock
        self._next_ns = clock.boottime_ns()

    def due(self) -> bool:
        """Whether it is time; then the next time is a period later."""
        now_ns = self._clock.boottime_ns()
        if now_ns < self._next_ns:
            return False
        self._next_ns = now_ns + self._period_ns
        return True

    def soon(self) -> None:
        """Make it due now."""
        self._next_ns = self._clock.boottime_ns()


def run(step: Callable[[], bool], *, stop: Stop, supervisor: Supervisor) -> None:
    """Until stopped: one unit of work, then the watchdog. `step` says whether its real work advanced."""
    supervisor.ready()
    while not stop.asked:
        if step():
            supervisor.feed()
    supervisor.stopping()
