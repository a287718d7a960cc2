"""A recorder at its place on a real bus: the ends of camera and uplink are in a test's hands, and so is the clock."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec
from recorder.footage import START_NS

from node import messages as m
from node.bus import Bus, SpawnedPeers
from node.clock import NS, Clock, SimulatedClock
from node.config import BrokerSection, NodeConfig, NodeSection, PathsSection, RingSection, SensorSection
from node.mandate.example import NODE
from node.messages import Daemon, Message
from node.recorder.daemon import Recorder, build
from node.recorder.recovery import Violation, check_ring, check_slot
from node.recorder.ring import segment_paths
from node.sealing.keys import read_verifying_key
from node.volume import DISK, Volume

M = TypeVar("M", bound=Message)
PATIENCE = 800
"""How often 50 ms are waited for something that has to come."""
ULID = "01KAR0F2T9Z6S3X8V1N4K7J5H0"
JOINED = m.AuditCommitted("7ZZZZZZZZZZZZZZZZZZZZZZZZZ", 0)
"""What shows that the recorder reaches the others; nobody has asked for it."""
CAMERA = "01KAR0F2T9Z6S3X8V1N4CAMER1"
ANOTHER_CAMERA = "01KAR0F2T9Z6S3X8V1N4CAMER2"


def config_in(folder: Path, run: Path, *, ring: Path | None = None, **ring_section: int) -> NodeConfig:
    """A node whose files are all in `folder`, with small segments."""
    bounds = {"capacity_bytes": 64 << 20, "reserve_bytes": 0, **ring_section}
    return NodeConfig(
        node=NodeSection(NODE, "test"),
        broker=BrokerSection("localhost"),
        sensor=SensorSection(bits_per_second=100_000),
        ring=RingSection(**bounds),
        paths=PathsSection(
            ring=str(ring or folder / "ring"),
            root=str(folder / "root.jws.json"),
            documents=str(folder / "documents"),
            epoch_slot=str(folder / "epochs.slot"),
            audit=str(folder / "audit"),
            node_key=str(folder / "node.key"),
            outbox=str(folder / "outbox.sqlite"),
            run=str(run),
        ),
    )


@dataclass
class Station:
    """Everything around one recorder. `start` is a start of it; `lost` is what a kill leaves."""

    config: NodeConfig
    clock: SimulatedClock = field(default_factory=lambda: SimulatedClock(start_utc_ns=START_NS))
    senders: tuple[Daemon, ...] = ("camera", "uplink")
    volume: Volume = DISK
    recorders_bus: type[Bus] = Bus

    def __post_init__(self) -> None:
        self.run = Path(self.config.paths.run)
        self.peers = SpawnedPeers(self.run / "daemons")
        self.spawned(dict.fromkeys((*self.senders, "recorder"), os.getpid()))
        self.ends: dict[Daemon, Bus] = {
            name: Bus(name, run=self.run, peers=self.peers) for name in ("camera", "uplink")
        }
        self.heard: dict[Daemon, list[Message]] = {"camera": [], "uplink": []}
        self.recorder: Recorder | None = None
        self.bus: Bus | None = None
        self.turn: str | None = None
        """The recorder's, as the camera has heard it."""

    def spawned(self, pids: dict[str, int]) -> None:
        """Which process may speak as which daemon."""
        (self.run / "daemons").write_bytes(msgspec.json.encode(pids))

    def start(self, *, clock: Clock | None = None) -> None:
        """The recorder starts, and is joined to the others."""
        self.listen()  # what one before it has said
        for heard in self.heard.values():
            heard.clear()
        self.turn = None
        self.bus = self.recorders_bus("recorder", run=self.run, peers=self.peers)
        self.recorder = build(
            self.config, clock=clock or self.clock, bus=self.bus, allow_demo_root=True, volume=self.volume
        )
        for _ in range(PATIENCE):
            if self.bus.send(JOINED, to="camera") and self.bus.send(JOINED, to="uplink"):
                return
            self.listen()
        raise AssertionError("nobody hears the recorder")

    def stop(self) -> None:
        """An orderly end."""
        if self.recorder is not None:
            self.recorder.close()
        self.recorder = None

    def close(self) -> None:
        """Everything ends."""
        self.stop()
        for end in self.ends.values():
            end.close()

    def after(self, seconds: float) -> None:
        """Time passes, and the recorder does what is due."""
        self.clock.wait_until(self.clock.boottime_ns() + int(seconds * NS))
        self.step()

    def after_stop(self, seconds: float) -> None:
        """Time passes without a recorder."""
        self.clock.wait_until(self.clock.boottime_ns() + int(seconds * NS))

    def step(self, timeout_s: float = 0.0) -> bool:
        """One unit of the recorder's work."""
        assert self.recorder is not None
        return self.recorder.step(timeout_s)

    def tell(self, *messages: Message, sender: Daemon = "camera") -> None:
        """Say it, and let the recorder take it."""
        assert self.bus is not None
        for message in messages:
            before = self.bus.counts.received
            self._until(lambda message=message: self.ends[sender].send(message, to="recorder"))
            self._until(lambda before=before: self.bus is not None and self.bus.counts.received > before)

    def answer(self, kind: type[M], *, to: Daemon = "camera") -> M:
        """The next message of that type that the recorder sends to this one."""
        found: list[M] = []

        def come() -> bool:
            self.listen()
            found.extend(message for message in self.heard[to] if isinstance(message, kind))
            return bool(found)

        self._until(come)
        self.heard[to].remove(found[0])
        return found[0]

    def latest(self, kind: type[M], *, to: Daemon = "uplink") -> M:
        """The newest one of that type, at least one second after everything that was done before."""
        self.listen()
        self.heard[to] = [message for message in self.heard[to] if not isinstance(message, kind)]
        self.after(2)
        return self.answer(kind, to=to)

    def listen(self) -> None:
        """Take what has come to camera and uplink."""
        for name, end in self.ends.items():
            while (message := end.receive(timeout_s=0.01)) is not None:
                if message != JOINED:
                    self.heard[name].append(message)
                if isinstance(message, m.RecorderAlive | m.SegmentRefused):
                    self.turn = message.turn

    def ask(self, *messages: Message) -> list[Message]:
        """What the camera is answered to each of its messages about footage; it begins segments under the turn."""
        answers = []
        for message in messages:
            self.heard["camera"] = [
                m_ for m_ in self.heard["camera"] if not isinstance(m_, m.RecordsStored | m.SegmentRefused)
            ]
            self.tell(self.in_turn(message))
            answers.append(self._footage_answer())
        return answers

    def in_turn(self, message: Message) -> Message:
        """A segment's beginning under the turn that the recorder has told last; others are as they are."""
        if not isinstance(message, m.OpenSegment):
            return message
        self._until(self._knows_turn)
        assert self.turn is not None
        return msgspec.structs.replace(message, turn=self.turn)

    def _knows_turn(self) -> bool:
        self.listen()
        return self.turn is not None

    def ignores(self, *messages: Message) -> None:
        """None of them is answered."""
        self.listen()
        self.heard["camera"].clear()
        for message in messages:
            self.tell(message)
        self.step()
        self.listen()
        answers = (m.RecordsStored, m.SegmentRefused)
        assert not [said for said in self.heard["camera"] if isinstance(said, answers)]

    def _footage_answer(self) -> Message:
        found: list[Message] = []

        def come() -> bool:
            self.listen()
            found.extend(
                m_ for m_ in self.heard["camera"] if isinstance(m_, m.RecordsStored | m.SegmentRefused)
            )
            return bool(found)

        self._until(come)
        return found[0]

    def _until(self, come: Callable[[], bool]) -> None:
        for _ in range(PATIENCE):
            if come():
                return
            if self.recorder is not None:
                self.recorder.step(0.02)
        raise AssertionError("it did not come")

    @property
    def paths(self) -> list[Path]:
        """The segment files."""
        return segment_paths(Path(self.config.paths.ring))

    @property
    def violations(self) -> list[Violation]:
        """Of ring and key slot."""
        image = Path(self.config.paths.epoch_slot).read_bytes()
        node = read_verifying_key(Path(self.config.paths.node_key))
        ring = Path(self.config.paths.ring)
        return [*check_ring(ring, slot_image=image, node=node), *check_slot(image, now_ns=None)]
