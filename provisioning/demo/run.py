"""The demo while it lives: broker, office and three daemons, started and stopped in order, watched from outside."""

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from central.broker import LoopbackBroker
from central.office_session import OfficeSession
from node.clock import NS, Clock
from node.errors import Damaged, Refused
from node.formats import segment as fmt
from node.mandate.example import NODE
from node.service import Stop
from provisioning.demo.children import Children, Program
from provisioning.demo.node_files import HOST, OFFICE, ORGANISATION, NodeFiles
from provisioning.demo.screen import Figures, Screen
from provisioning.demo.subscriber import Subscriber
from provisioning.demo.widening import widened_masks

DAEMONS: Final = ("camera", "recorder", "uplink")
"""As they are started: the camera has most to load, and the others are there before it is ready."""
STOPPED: Final = ("camera", "recorder", "uplink")
"""Footage has somebody to take it until it ends, and state somebody to tell it."""

TICK_SECONDS: Final = 0.1
LOOK_SECONDS: Final = 0.02
"""So late may the first fragment be seen."""
FIRST_FRAGMENT_SECONDS: Final = 30.0
LAST_WORDS_SECONDS: Final = 6.0
FIRST_RECORDS: Final = 2  # what a player needs first, and a fragment
_LOOKED_AT: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class Watched:
    """What was counted from outside while the node ran."""

    frames: int
    fragments: int
    segments: int
    events: int
    published: int
    missing_numbers: int
    seconds: float
    seconds_to_first_fragment: float
    pss_mib: Mapping[str, float]
    restarts: Mapping[str, int]
    documents_accepted: int


class DemoRun:
    """One run. Built once, run once; whatever happens, nothing of it stays running."""

    def __init__(
        self, files: NodeFiles, *, seconds: float, widen: bool, clock: Clock, screen: Screen
    ) -> None:
        self._files = files
        self._seconds = seconds
        self._widen_at_s = seconds / 2 if widen else None
        self._clock = clock
        self._screen = screen
        self._broker = LoopbackBroker(
            files.broker_configuration,
            host=HOST,
            port=files.config.broker.port,
            wait=lambda s: clock.wait_until(clock.boottime_ns() + int(s * NS)),
        )
        self._session = OfficeSession(
            host=HOST,
            port=files.config.broker.port,
            authority=files.authority,
            certificate=files.office,
            name=OFFICE,
            organisation=ORGANISATION,
        )
        self._subscriber = Subscriber(
            self._session, events_file=files.directory / "events.jsonl", say=screen.say
        )
        self._children = Children(
            programs(files), run=files.run, peers=files.run / "peers.json", clock=clock, say=screen.say
        )
        self._broker_starts = 0
        self._started_ns = 0
        self._first_ns: int | None = None

    def run(self, stop: Stop) -> Watched:
        """Film for so many seconds from the first fragment on, or until stopped."""
        with ExitStack() as ending:
            ending.callback(self._broker.stop)
            self._broker.start()
            self._screen.say(
                f"Mosquitto listens on {HOST}:{self._files.config.broker.port}, process {self._broker.pid}"
            )
            ending.callback(self._session.close)
            self._session.start()
            ending.callback(self._children.close)
            self._screen.say(
                "daemons of one user: their inboxes tell them apart by process, which keeps that user from nothing"
            )
            self._started_ns = self._clock.boottime_ns()
            self._children.start()
            self._film(stop)
            pss = {name: _pss_mib(pid) for name, pid in self._children.pids.items()}
            seconds = self._filmed_s
            self._stop_in_order()
            return self._watched(pss, seconds)

    @property
    def _filmed_s(self) -> float:
        return 0.0 if self._first_ns is None else (self._clock.boottime_ns() - self._first_ns) / NS

    def _film(self, stop: Stop) -> None:
        while not stop.asked and self._filmed_s < self._seconds:
            self._tick(LOOK_SECONDS if self._first_ns is None else TICK_SECONDS)
            if self._first_ns is None:
                self._look_for_first_fragment()
            elif self._widen_at_s is not None and self._filmed_s >= self._widen_at_s:
                self._widen_at_s = None
                self._send_widened_masks()
        if stop.asked:
            self._screen.say("stopping in order")

    def _tick(self, timeout_s: float = TICK_SECONDS) -> None:
        self._children.step(timeout_s)
        self._mind_the_broker()
        self._subscriber.take()
        self._screen.show(self._figures())

    def _mind_the_broker(self) -> None:
        """It is started again as its own unit would; the node and the office come back to it by themselves."""
        if self._broker.has_died:
            self._broker.stop()
            self._broker.start()
            self._broker_starts += 1
            self._screen.say(f"Mosquitto ended: it was started again, process {self._broker.pid}")

    def _look_for_first_fragment(self) -> None:
        waited_s = (self._clock.boottime_ns() - self._started_ns) / NS
        if any(_has_fragment(path) for path in self._files.ring.glob("*.seg")):
            self._first_ns = self._clock.boottime_ns()
            self._screen.say(f"the first fragment is sealed and stored, {waited_s:.1f} s after the start")
        elif waited_s > FIRST_FRAGMENT_SECONDS:
            logs = self._files.directory / "logs"
            raise Refused(
                f"nothing was filmed in {FIRST_FRAGMENT_SECONDS:.0f} s; the daemons said why in {logs}"
            )

    def _send_widened_masks(self) -> None:
        self._screen.say("the technician sends wider masks, signed and sealed to the node")
        self._session.send_document(NODE, widened_masks(self._files, now_ns=self._clock.now().utc_ns))

    def _stop_in_order(self) -> None:
        for name in STOPPED:
            code = self._children.stop(name)
            self._screen.say(f"{name} stopped" if code == 0 else f"{name} ended with {code}")
            if name == "camera":
                self._hear_last_words()
        self._subscriber.take()

    def _hear_last_words(self) -> None:
        """What the camera counted at last comes with the health after the next."""
        enough = self._subscriber.healths + 2
        until_ns = self._clock.boottime_ns() + int(LAST_WORDS_SECONDS * NS)
        while self._subscriber.healths < enough and self._clock.boottime_ns() < until_ns:
            self._tick()

    def _figures(self) -> Figures:
        heard = self._subscriber
        return Figures(
            seconds=self._filmed_s,
            of=self._seconds,
            frames=heard.frames,
            fragments=heard.fragments,
            sealed_mb=heard.sealed_bytes / 1e6,
            began=len(heard.seen),
            ended=len(heard.ended),
            processes=len(self._children.pids),
        )

    def _watched(self, pss: Mapping[str, float], seconds: float) -> Watched:
        if self._first_ns is None:
            raise Refused("stopped before anything was filmed: there is nothing to open")
        heard = self._subscriber
        return Watched(
            frames=heard.frames,
            fragments=heard.fragments,
            segments=len(list(self._files.ring.glob("*.seg"))),
            events=len(heard.seen),
            published=len(heard.ended),
            missing_numbers=heard.missing,
            seconds=round(seconds, 1),
            seconds_to_first_fragment=round((self._first_ns - self._started_ns) / NS, 2),
            pss_mib={name: round(pss[name], 1) for name in STOPPED if name in pss},
            restarts={
                **{name: self._children.counts.restarts.get(name, 0) for name in STOPPED},
                "broker": self._broker_starts,
            },
            documents_accepted=sum(reply.accepted for reply in heard.replies.values()),
        )


def programs(files: NodeFiles) -> tuple[Program, ...]:
    """The daemons of this node, in the order in which they are started."""
    return tuple(
        Program(
            name,
            (
                sys.executable, "-m", "node.cli.demo_daemon", name,
                "--config", str(files.config_file), "--peers", str(files.run / "peers.json"),
            ),
            files.directory / "logs" / f"{name}.log",
        )
        for name in DAEMONS
    )  # fmt: skip


def _has_fragment(path: Path) -> bool:
    """Whether a segment file has a fragment behind what a player needs first; read as anybody can, without a key."""
    try:
        with path.open("rb") as file:
            return len(fmt.read(file.read(_LOOKED_AT)).records) >= FIRST_RECORDS
    except (Damaged, FileNotFoundError):
        return False  # it is being made, or was evicted


def _pss_mib(pid: int) -> float:
    """A process' share of memory (proc(5), smaps_rollup), in MiB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise Refused(f"/proc/{pid}/smaps_rollup has no Pss line")
