"""The demo in systemd's place: starts the daemons, hears whether they are ready and alive, starts again what dies.

As the units of a real node say: Type=notify, Restart=always, RestartSec=0.5, WatchdogSec=10. What a child dies of it
dies of again, so one that never gets ready is given up in the end. The peers file has the process of each: the one
that runs or, until its successor does, the one that ran last, for what it said may still be on its way.
"""

import os
import selectors
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from node.clock import NS, Clock
from node.errors import Refused
from node.files import replace_whole

RESTART_NS: Final = NS // 2
WATCHDOG_NS: Final = 10 * NS
START_NS: Final = 30 * NS
STOP_NS: Final = 15 * NS
MOST_STARTS: Final = 3  # in a row, without ever getting ready
_NOTICE_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class Program:
    """What runs as one daemon, and the file that takes what it says."""

    name: str
    command: tuple[str, ...]
    log: Path


@dataclass(slots=True)
class _Child:
    """One daemon through all its lives. `process` is None between two of them."""

    program: Program
    notices: socket.socket
    process: subprocess.Popen[bytes] | None = None
    wanted: bool = True
    pidfd: int = -1
    ready: bool = False
    starts: int = 0
    alive_until_ns: int = 0
    start_at_ns: int | None = None


@dataclass(slots=True)
class Counts:
    """How often something had to be done, by the child's name."""

    restarts: dict[str, int] = field(default_factory=dict)
    starved: dict[str, int] = field(default_factory=dict)


class Children:
    """The daemons of one demo. `run` is a directory of this user's own; `say` is told every change in a line."""

    def __init__(
        self,
        programs: tuple[Program, ...],
        *,
        run: Path,
        peers: Path,
        clock: Clock,
        say: Callable[[str], None],
    ) -> None:
        self._peers = peers
        self._latest: dict[str, int] = {}
        self._clock = clock
        self._say = say
        self._selector = selectors.DefaultSelector()
        self._children = {program.name: _Child(program, _notice_socket(run, program)) for program in programs}
        for child in self._children.values():
            self._selector.register(child.notices, selectors.EVENT_READ, child)
        self.counts = Counts()

    @property
    def pids(self) -> Mapping[str, int]:
        """Of those that run."""
        return {name: child.process.pid for name, child in self._children.items() if child.process}

    @property
    def all_ready(self) -> bool:
        """Whether every daemon has said so."""
        return all(child.ready for child in self._children.values())

    def start(self) -> None:
        """Start all of them, in their order."""
        for child in self._children.values():
            self._start(child)

    def step(self, timeout_s: float) -> None:
        """Wait for something to happen, no longer than until something is due, and do what follows from it.

        `Refused`, with its last words, if a daemon cannot be started.
        """
        for key, _ in self._selector.select(min(timeout_s, self._rest_s())):
            child: _Child = key.data
            if key.fileobj is child.notices:
                self._hear(child)
            else:
                self._bury(child)
        now_ns = self._clock.boottime_ns()
        for child in self._children.values():
            if child.start_at_ns is not None and now_ns >= child.start_at_ns:
                self._start(child)
            elif child.process and now_ns >= child.alive_until_ns:
                self._starve(child)

    def stop(self, name: str) -> int:
        """End one in order, while the others go on; what it exited with. It is killed if it takes too long."""
        child = self._children[name]
        child.wanted, child.start_at_ns = False, None
        process = child.process
        if process is None:
            return 0
        child.alive_until_ns = self._clock.boottime_ns() + STOP_NS
        process.terminate()
        while child.process:
            self.step(0.1)
        return process.returncode

    def close(self) -> None:
        """End all that still run, at once; nothing is left of them, so that others can be started in `run`."""
        for child in self._children.values():
            if child.process:
                child.process.kill()
                child.process.wait()
                self._forget(child)
            Path(child.notices.getsockname()).unlink(missing_ok=True)
            child.notices.close()
        self._selector.close()

    def _rest_s(self) -> float:
        due = [child.start_at_ns for child in self._children.values() if child.start_at_ns is not None]
        due += [child.alive_until_ns for child in self._children.values() if child.process]
        return max(0, min(due, default=NS) - self._clock.boottime_ns()) / NS

    def _start(self, child: _Child) -> None:
        program = child.program
        environment = {
            **{name: value for name, value in os.environ.items() if name != "WATCHDOG_PID"},
            "NOTIFY_SOCKET": str(child.notices.getsockname()),
            "WATCHDOG_USEC": str(WATCHDOG_NS // 1000),
        }
        with program.log.open("ab") as log:
            # In a group of its own: Ctrl-C is for the demo, which then stops its children in order.
            child.process = subprocess.Popen(  # noqa: S603 — our own program
                program.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                process_group=0,
            )
        child.pidfd = os.pidfd_open(child.process.pid)
        self._selector.register(child.pidfd, selectors.EVENT_READ, child)
        child.ready, child.start_at_ns, child.starts = False, None, child.starts + 1
        child.alive_until_ns = self._clock.boottime_ns() + START_NS
        self._latest[program.name] = child.process.pid
        replace_whole(self._peers, msgspec.json.encode(self._latest), mode=0o600)

    def _hear(self, child: _Child) -> None:
        for line in child.notices.recv(_NOTICE_BYTES).decode(errors="replace").splitlines():
            if line == "READY=1" and child.process and not child.ready:
                child.ready, child.starts = True, 0
                self._feed(child)
                self._say(f"{child.program.name} is ready, process {child.process.pid}")
            elif line == "WATCHDOG=1" and child.ready and child.wanted:
                self._feed(child)

    def _feed(self, child: _Child) -> None:
        child.alive_until_ns = self._clock.boottime_ns() + WATCHDOG_NS

    def _starve(self, child: _Child) -> None:
        if child.process is None:
            return
        name = child.program.name
        self._say(f"{name} has not shown for too long that it works: killed")
        self.counts.starved[name] = self.counts.starved.get(name, 0) + 1
        child.process.send_signal(signal.SIGKILL)
        child.alive_until_ns = self._clock.boottime_ns() + STOP_NS

    def _bury(self, child: _Child) -> None:
        if child.process is None:
            return
        name, code = child.program.name, child.process.wait()
        self._forget(child)
        if not child.wanted:
            return
        if child.starts >= MOST_STARTS:
            raise Refused(f"{name} does not start: {_last_words(child.program.log)}")
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        self._say(f"{name} {how}: it is started again")
        self.counts.restarts[name] = self.counts.restarts.get(name, 0) + 1
        child.start_at_ns = self._clock.boottime_ns() + RESTART_NS

    def _forget(self, child: _Child) -> None:
        """It runs no more: nothing of it is waited for."""
        self._selector.unregister(child.pidfd)
        os.close(child.pidfd)
        child.process, child.pidfd, child.ready = None, -1, False
        with suppress(BlockingIOError):  # what it said at last is not its successor's
            while child.notices.recv(_NOTICE_BYTES):
                pass


def _notice_socket(run: Path, program: Program) -> socket.socket:
    """Where one child says READY=1 and WATCHDOG=1, as to systemd (sd_notify(3))."""
    notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    notices.bind(str(run / f"{program.name}.notice"))
    return notices


def _last_words(log: Path) -> str:
    said = log.read_text(errors="replace").strip().splitlines()
    return said[-1] if said else f"it said nothing in {log}"
