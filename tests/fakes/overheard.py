"""A whole camera daemon films a scripted scene, and everything that it says to the others is written down.

The daemon is `node.camera.daemon.build`'s; the others' ends of its bus are real inboxes that this reads. It waits
for messages, never for time: the n-th step of two runs hears and says the same if the daemon makes it so.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import zmq

from node.bus import Bus
from node.camera.daemon import CameraDaemon, build
from node.clock import NS, SimulatedClock
from node.masks.geometry import Geometry
from node.messages import (
    AuditCommitted,
    AuditRequest,
    CameraAlive,
    CloseSegment,
    Daemon,
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
from tests.fakes.node_place import NodePlace
from tests.fakes.rig import EVENING
from tests.fakes.scripted import Pictures, ScriptedSource

ARRIVES_S = 10.0
"""A bound; messages between two sockets of one process take a millisecond."""
_RANDOM = {"id", "instance", "segment", "boot", "turn"}  # ids, new with every start
_CHOSEN = {"header", "wraps", "ciphertext"}  # sealed, or looked at by itself


class CountingBus(Bus):
    """The daemon's own end of the bus; it counts what was handed over, so that a test knows what is to come."""

    def __init__(self, daemon: Daemon, *, place: NodePlace) -> None:
        super().__init__(daemon, run=place.folder / "run", peers=place.peers)
        self.sent: dict[Daemon, int] = {}

    def send(self, message: Message, *, to: Daemon) -> bool:
        """Count it, if it was handed over."""
        sent = super().send(message, to=to)
        self.sent[to] = self.sent.get(to, 0) + sent
        return sent

    def connected(self, to: Daemon) -> bool:
        """Wait until that daemon's inbox takes what is sent."""
        return bool(self._outlets[to].poll(int(ARRIVES_S * 1000), zmq.POLLOUT))


@dataclass(slots=True)
class Overheard:
    """All that left one camera daemon. What is random by its nature (ids, keys, sealed bytes) is not in it."""

    said: list[tuple[Daemon, str, int, dict[str, object]]] = field(default_factory=list)
    """To whom, which type, how many bytes on the bus, and every field that is not random."""
    footage: list[OpenedSegment] = field(default_factory=list)
    """What was sealed, opened with two releasers' keys."""

    @property
    def records(self) -> list[list[tuple[str, int, bytes]]]:
        """Every record as it was before sealing."""
        return [
            [(record.type.name, record.utc_ns, record.payload) for record in segment.records]
            for segment in self.footage
        ]

    def of_type(self, kind: type[Message]) -> list[dict[str, object]]:
        """The fields of these messages in order."""
        return [fields for _, name, _, fields in self.said if name == kind.__name__]


class Listener:
    """The recorder and the uplink at the other ends, who take everything, one answer a step."""

    def __init__(self, place: NodePlace, camera: CountingBus) -> None:
        self.heard = Overheard()
        self._camera = camera
        self._ends: dict[Daemon, CountingBus] = {
            "recorder": CountingBus("recorder", place=place),
            "uplink": CountingBus("uplink", place=place),
        }
        self._taken: dict[Daemon, int] = {"recorder": 0, "uplink": 0}
        self._sealed: list[Message] = []
        self._stored: dict[str, int] = {}
        self._heard_ns = 0
        self._answers: list[tuple[Daemon, Message]] = []
        for name, end in self._ends.items():
            assert camera.connected(name), f"the {name}'s inbox was never there"
            assert end.connected("camera"), "the camera's inbox was never there"

    def alive(self, *, generation: int, floors: VersionFloors) -> None:
        """What the recorder says once a second, and when documents have changed."""
        stored = tuple(StoredSegment(*told) for told in list(self._stored.items())[-8:])
        alive = RecorderAlive(
            instance="0" * 26,
            turn="1",
            stored=stored,
            heard_ns=self._heard_ns,
            generation=generation,
            floors=floors,
            time_floor_ns=0,
        )
        self._answers.append(("recorder", alive))

    def hear(self) -> None:
        """Everything that the camera has said until now."""
        for name, end in self._ends.items():
            while self._taken[name] < self._camera.sent.get(name, 0):
                message = end.receive(timeout_s=ARRIVES_S)
                assert message is not None, "a message was lost on the way"
                self._taken[name] += 1
                self._note(name, message)

    def answer(self) -> bool:
        """Hand one answer over and wait until it is there; False if there is none."""
        if not self._answers:
            return False
        who, message = self._answers.pop(0)
        assert self._ends[who].send(message, to="camera")
        assert self._camera.inbox.poll(int(ARRIVES_S * 1000)), "an answer was lost on the way"
        return True

    def opened(self, place: NodePlace) -> Overheard:
        """All of it, at the end."""
        kinds = (OpenSegment, SealedRecord, CloseSegment)
        self.heard.footage = opened_messages([m for m in self._sealed if isinstance(m, kinds)], place.keys)
        return self.heard

    def close(self) -> None:
        """End both."""
        for end in self._ends.values():
            end.close()

    def _note(self, name: Daemon, message: Message) -> None:
        told: dict[str, object] = msgspec.to_builtins(message)
        fields = {key: value for key, value in told.items() if key not in _RANDOM | _CHOSEN}
        fields |= {f"length of {key}": len(told[key]) for key in _CHOSEN & told.keys()}  # type: ignore[arg-type]
        length = len(msgspec.msgpack.encode(message))
        self.heard.said.append((name, type(message).__name__, length, fields))
        match message:
            case SealedRecord():
                self._sealed.append(message)
                self._stored[message.segment] = message.index + 1
                self._answers.append((name, RecordsStored(message.segment, message.index + 1)))
            case OpenSegment() | CloseSegment():
                self._sealed.append(message)
            case CameraAlive():
                self._heard_ns = message.said_ns
            case EventHappened():
                self._answers.append((name, EventTaken(message.id, message.stage)))
            case AuditRequest():
                self._answers.append((name, AuditCommitted(message.id, 1)))
            case _:
                pass


def overheard(
    place: NodePlace,
    *,
    geometry: Geometry,
    film: Callable[[int], Pictures],
    frames: int,
    frame_rate: float,
    generation: int = 1,
) -> Overheard:
    """One run from the first frame to the last, under the documents of `place`; then its mandate is withdrawn."""
    clock = SimulatedClock(start_utc_ns=EVENING)
    source = ScriptedSource(
        clock=clock,
        geometry=geometry,
        times_ns=[round((n + 1) * NS / frame_rate) for n in range(frames)],
        film=film,
        frame_rate=frame_rate,
    )
    bus = CountingBus("camera", place=place)
    listener = Listener(place, bus)
    hung: list[str] = []
    camera = build(
        place.config, clock=clock, bus=bus, allow_demo_root=True, new_source=lambda: source, hung=hung.append
    )
    try:
        listener.alive(generation=generation, floors=VersionFloors())
        while len(source.requests) < frames:
            _step(camera, listener)
            assert camera.filming.dark is None, f"{camera.filming.dark}: {_last_detail(listener)}"
        listener.alive(generation=generation + 1, floors=VersionFloors(mandate=2))
        while _step(camera, listener):
            pass
        camera.close()
        listener.hear()
        return listener.opened(place)
    finally:
        camera.close()
        bus.close()
        listener.close()
        assert hung == []


def _step(camera: CameraDaemon, listener: Listener) -> bool:
    answered = listener.answer()
    camera.step(timeout_s=0.0)
    listener.hear()
    return answered


def _last_detail(listener: Listener) -> object:
    reports = [fields.get("detail") for _, name, _, fields in listener.heard.said if name == "CameraReport"]
    return reports[-1:] or "no report"
