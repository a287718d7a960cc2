"""A camera daemon on a real bus, with a simulated clock: the other ends of its bus are played by the test."""

from collections.abc import Callable

from node.camera.daemon import CameraDaemon, build
from node.clock import NS, SimulatedClock, TimeTrust
from node.masks.geometry import Geometry, full_view
from node.messages import (
    AuditCommitted,
    AuditRequest,
    CameraReport,
    CloseSegment,
    EventHappened,
    EventTaken,
    Message,
    OpenSegment,
    RecorderAlive,
    RecordsStored,
    SealedRecord,
    StoredSegment,
    VersionFloors,
)
from tests.fakes.kept import OpenedSegment, opened_messages
from tests.fakes.node_place import NodePlace, drained
from tests.fakes.rig import EVENING, every_half_second
from tests.fakes.scripted import Pictures, ScriptedSource, plain

VIEW = full_view(sensor="s", main=(96, 72), lores=(48, 36))


class Node:
    """A camera daemon, and the other ends of its bus played by the test."""

    def __init__(self, place: NodePlace, *, geometry: Geometry = VIEW) -> None:
        self.place = place
        self.geometry = geometry
        self.recorder = place.bus("recorder")
        self.uplink = place.bus("uplink")
        self.ends = [self.recorder, self.uplink]
        self.said: list[Message] = []
        """What the recorder has heard."""
        self.told: list[Message] = []
        """What the uplink has heard."""
        self.generation = 1
        self.turn = "1"
        self.counts: dict[str, int] = {}
        self.floors = VersionFloors()
        self.camera: CameraDaemon | None = None
        self.hung: list[str] = []

    def start(
        self,
        *,
        seconds: float = 30,
        start_ns: int = EVENING,
        trust: TimeTrust = "simulated",
        allow_demo_root: bool = True,
        film: Callable[[int], Pictures] | None = None,
    ) -> None:
        self.clock = SimulatedClock(start_utc_ns=start_ns, trust=trust)
        self.source = ScriptedSource(
            clock=self.clock,
            geometry=self.geometry,
            times_ns=every_half_second(seconds),
            film=film or plain(self.geometry),
            frame_rate=2,
        )
        bus = self.place.bus("camera")
        self.ends.append(bus)
        self.camera = build(
            self.place.config,
            clock=self.clock,
            bus=bus,
            allow_demo_root=allow_demo_root,
            new_source=lambda: self.source,
            hung=self.hung.append,
        )

    def alive(self, instance: str = "0" * 26) -> None:
        """What the recorder says once a second."""
        alive = RecorderAlive(
            instance=instance,
            turn=self.turn,
            stored=tuple(StoredSegment(*told) for told in list(self.counts.items())[-8:]),
            heard_ns=0,
            generation=self.generation,
            floors=self.floors,
            time_floor_ns=0,
        )
        for _ in range(100):  # until the two are connected
            if self.recorder.send(alive, to="camera"):
                return
            self.said += drained(self.recorder, wait_s=0.02)
        raise AssertionError("the camera's inbox was never there")

    def steps(self, count: int) -> None:
        """Let the camera work, and answer what it says; a step in the dark passes a second."""
        assert self.camera is not None
        for _ in range(count):
            if not self.camera.filming.is_open:
                self.clock.wait_until(self.clock.boottime_ns() + NS)
            self.camera.step(timeout_s=0.05)
            self.answer()

    def answer(self) -> None:
        for message in drained(self.recorder, wait_s=0.02):
            self.said.append(message)
            match message:
                case OpenSegment():
                    self.counts[message.segment] = 0
                case SealedRecord():
                    self.counts[message.segment] += 1
                    self.recorder.send(
                        RecordsStored(message.segment, self.counts[message.segment]), to="camera"
                    )
                case AuditRequest():
                    self.recorder.send(AuditCommitted(message.id, 1), to="camera")
                case _:
                    pass
        self.told += drained(self.uplink, wait_s=0.0)

    def all_of(self, kind: type[Message]) -> list[Message]:
        heard = self.told if kind is EventHappened else self.said
        return [message for message in heard if type(message) is kind]

    @property
    def last_report(self) -> CameraReport:
        report = self.all_of(CameraReport)[-1]
        assert isinstance(report, CameraReport)
        return report

    @property
    def footage(self) -> list[OpenedSegment]:
        kinds = (OpenSegment, SealedRecord, CloseSegment)
        return opened_messages([m for m in self.said if isinstance(m, kinds)], self.place.keys)

    def close(self) -> None:
        if self.camera is not None:
            for message in self.told:  # or it would wait for somebody to take them
                if isinstance(message, EventHappened):
                    self.uplink.send(EventTaken(message.id, message.stage), to="camera")
            self.camera.close()
            self.answer()
        self.camera = None
        while self.ends:
            self.ends.pop().close()


def started(node: Node, **how: object) -> Node:
    """The camera runs, connected, and has heard what counts."""
    node.start(**how)  # type: ignore[arg-type]  # as `Node.start` takes them
    node.steps(1)
    node.alive()
    return node


def filming(node: Node, **how: object) -> Node:
    """... and has opened its sensor."""
    started(node, **how)
    for _ in range(20):
        node.steps(1)
        if node.source.opened_ns:
            return node
    raise AssertionError(f"it never opened its sensor: {node.last_report.dark}, {node.last_report.detail}")
