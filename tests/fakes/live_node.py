"""A whole node that films: three real daemons as child processes, a real broker, an office that hears everything.

A `BusTap` sits between the daemons. One that dies is started again, as systemd would (`provisioning.demo.children`).
"""

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import msgspec
from fakes.bus_tap import BusTap

from central.broker import LoopbackBroker, free_port
from central.office_session import OfficeSession
from node.clock import NS, SystemClock
from node.errors import Damaged
from node.formats import segment as fmt
from node.masks.polygon import parse_polygon
from node.messages import Daemon
from provisioning.demo.children import Children, Program
from provisioning.demo.command import BALCONIES
from provisioning.demo.node_files import HOST, OFFICE, ORGANISATION, Filmed, NodeFiles, write_node_files
from provisioning.demo.subscriber import Subscriber

DAEMONS: tuple[Daemon, ...] = ("recorder", "uplink", "camera")
SIZE = (640, 360)


@dataclass
class LiveNode:
    """What a test looks at, and does harm to."""

    files: NodeFiles
    broker: LoopbackBroker
    heard: Subscriber
    tap: BusTap
    children: Children
    clock: SystemClock = field(default_factory=SystemClock)
    said: list[tuple[float, str]] = field(default_factory=list)
    """What the office and the children's keeper said, with the seconds since boot."""

    def say(self, line: str) -> None:
        self.said.append((self.now_s, line))

    @property
    def now_s(self) -> float:
        return self.clock.boottime_ns() / NS

    def until(self, come: Callable[[], bool], *, seconds: float) -> float:
        """Let everything work until that has come; how long it took."""
        began = self.now_s
        while not come():
            assert self.now_s - began < seconds, (self.said[-10:], self.logs)
            self.children.step(0.05)
            self.heard.take()
        return self.now_s - began

    def work(self, seconds: float) -> None:
        """Let everything work for so long."""
        end = self.now_s + seconds
        self.until(lambda: self.now_s >= end, seconds=seconds + 5)

    def has_said(self, pattern: str, *, since: float) -> bool:
        return any(at >= since and re.search(pattern, line) for at, line in self.said)

    @property
    def stored(self) -> int:
        """Records on the disk, as anybody can count them without a key."""
        return sum(self.records().values())

    def records(self) -> dict[str, int]:
        found = {}
        for path in sorted(self.files.ring.glob("*.seg")):
            try:
                found[path.name] = len(fmt.read(path.read_bytes()).records)
            except (Damaged, FileNotFoundError):
                continue
        return found

    @property
    def logs(self) -> dict[str, str]:
        return {path.stem: path.read_text()[-600:] for path in (self.files.directory / "logs").iterdir()}

    def stop_in_order(self) -> None:
        """As the demo does; everything must end well."""
        for name in ("camera", "recorder", "uplink"):
            assert self.children.stop(name) == 0, self.logs[name]
        self.heard.take(timeout_s=1.0)


@contextmanager
def live_node(
    directory: Path, *, before_start: Callable[[NodeFiles], None] = lambda _: None
) -> Iterator[LiveNode]:
    """It films from here on; at the end nothing of it is left running."""
    with tempfile.TemporaryDirectory(prefix="live-") as run, ExitStack() as ending:
        files = node_files(directory, Path(run))
        before_start(files)
        broker = LoopbackBroker(
            files.broker_configuration, host=HOST, port=files.config.broker.port, wait=_wait
        )
        broker.start()
        ending.callback(broker.stop)
        office = office_of(files)
        office.start()
        ending.callback(office.close)
        tap = BusTap(Path(run), DAEMONS)
        ending.callback(tap.close)
        peers = files.run / "peers.json"
        peers.write_bytes(msgspec.json.encode(dict.fromkeys(get_args(Daemon), os.getpid())))
        lines: list[Callable[[str], None]] = []

        def say(line: str) -> None:
            for listener in lines:
                listener(line)

        children = Children(
            tuple(_program(name, files, tap) for name in DAEMONS),
            run=files.run,
            peers=files.run / "children.json",  # the daemons believe the tap, not each other
            clock=SystemClock(),
            say=say,
        )
        ending.callback(children.close)
        heard = Subscriber(office, events_file=Path(run) / "events.jsonl", say=say)
        node = LiveNode(files, broker, heard, tap, children)
        lines.append(node.say)
        children.start()
        yield node


def node_files(directory: Path, run: Path) -> NodeFiles:
    """A node of the demo, small enough for two cores."""
    return write_node_files(
        directory,
        run=run,
        filmed=Filmed(None, tuple(parse_polygon(text) for text in BALCONIES), SIZE, 15.0),
        port=free_port(),
        now_ns=SystemClock().now().utc_ns,
    )


def office_of(files: NodeFiles) -> OfficeSession:
    return OfficeSession(
        host=HOST,
        port=files.config.broker.port,
        authority=files.authority,
        certificate=files.office,
        name=OFFICE,
        organisation=ORGANISATION,
    )


def _program(name: str, files: NodeFiles, tap: BusTap) -> Program:
    """A real daemon whose neighbours are the tap."""
    config = files.directory / f"{name}.toml"
    text = files.config_file.read_text()
    config.write_text(re.sub(r'^run = ".*"$', f'run = "{tap.run(name)}"', text, flags=re.MULTILINE))
    peers = str(files.run / "peers.json")
    command = (sys.executable, "-m", "node.cli.demo_daemon", name, "--config", str(config), "--peers", peers)
    return Program(name, command, files.directory / "logs" / f"{name}.log")


def _wait(seconds: float) -> None:
    clock = SystemClock()
    clock.wait_until(clock.boottime_ns() + int(seconds * NS))
