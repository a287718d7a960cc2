"""The camera daemon: frames in, sealed footage, events and counters out. No network, no disk to write to.

Its parts are put together in `build`; `CameraDaemon.step` is its unit of work.
"""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2

from node.bus import Bus
from node.camera.delivery import Delivery
from node.camera.documents import Documents
from node.camera.events import EventReports
from node.camera.filming import Filming
from node.camera.frame_watch import FrameWatch, end_process
from node.camera.pose.kept import PoseReferences
from node.camera.poses import Poses
from node.camera.report import Reporter
from node.camera.source import FrameSource
from node.camera.sources import source_factory
from node.clock import NS, Clock
from node.config import NodeConfig
from node.mandate.ids import new_ulid
from node.mandate.store import DocumentStore
from node.messages import (
    AuditCommitted,
    CameraAlive,
    DarkReason,
    EventTaken,
    Message,
    RecorderAlive,
    Recording,
    RecordsStored,
    SegmentRefused,
    UplinkAlive,
)
from node.sealing.aead import fastest_aead
from node.service import Every

_LOG = logging.getLogger(__name__)
ALIVE_SECONDS, REPORT_SECONDS = 1.0, 2.0
PATIENCE_NS = 3 * NS
HAND_OVER_ROUNDS, HAND_OVER_ROUND_S = 120, 0.1
GIVE_UP_ROUNDS = 30
"""An orderly end takes up to twelve seconds while the others still take something, and three if they do not."""
MOST_MESSAGES_A_STEP = 64


def build(
    config: NodeConfig,
    *,
    clock: Clock,
    bus: Bus,
    allow_demo_root: bool,
    new_source: Callable[[], FrameSource] | None = None,
    hung: Callable[[str], None] = end_process,
) -> "CameraDaemon":
    """The daemon of this configuration. `new_source` replaces its camera; `hung` is told of a camera that hangs."""
    cv2.setNumThreads(1)  # what is done with one frame is small, and the other cores are the encoder's
    instance = new_ulid(clock.now().utc_ns)
    delivery = Delivery(clock=clock, send=partial(bus.send, to="recorder"))
    events = EventReports(clock=clock, send=partial(bus.send, to="uplink"))
    watch = FrameWatch(clock=clock, limit_s=config.sensor.hung_seconds, hung=hung)
    documents = Documents(
        store=DocumentStore(Path(config.paths.documents)),
        first_root=Path(config.paths.root),
        node=config.node.id,
        allow_demo_root=allow_demo_root,
        clock=clock,
        send=partial(bus.send, to="recorder"),
    )
    poses = Poses(
        PoseReferences(
            directory=Path(config.paths.documents),
            key_file=Path(config.paths.camera_key),
            node=config.node.id,
        )
    )
    filming = Filming(
        clock=clock,
        new_source=new_source or source_factory(config.sensor, clock=clock),
        bits_per_second=config.sensor.bits_per_second,
        delivery=delivery,
        events=events,
        watch=watch,
        poses=poses,
        node=config.node.id,
        boot=instance,
        aead=fastest_aead(),
    )
    reporter = Reporter(
        instance=instance, clock=clock, filming=filming, delivery=delivery, events=events, watch=watch
    )
    watch.start()
    return CameraDaemon(
        instance=instance,
        clock=clock,
        bus=bus,
        documents=documents,
        filming=filming,
        delivery=delivery,
        events=events,
        watch=watch,
        reporter=reporter,
    )


class CameraDaemon:
    """One camera at work, joined to the others by its bus."""

    def __init__(
        self,
        *,
        instance: str,
        clock: Clock,
        bus: Bus,
        documents: Documents,
        filming: Filming,
        delivery: Delivery,
        events: EventReports,
        watch: FrameWatch,
        reporter: Reporter,
    ) -> None:
        self._instance = instance
        self._clock = clock
        self._bus = bus
        self._documents = documents
        self._filming = filming
        self._delivery = delivery
        self._events = events
        self._watch = watch
        self._reporter = reporter
        self._alive_due = Every(ALIVE_SECONDS, clock=clock)
        self._report_due = Every(REPORT_SECONDS, clock=clock)
        self._told: tuple[DarkReason | str | None, Recording] = "", "none"
        self._began_ns = clock.boottime_ns()
        self._logged: tuple[DarkReason | None, str] | None = None
        self._met: dict[str, str] = {}

    @property
    def filming(self) -> Filming:
        """What is filmed, or why nothing is."""
        return self._filming

    def step(self, timeout_s: float = ALIVE_SECONDS) -> bool:
        """Hear what others say, and take one frame; waits in the dark alone, for messages. A dark camera works, too."""
        self._hear(0.0 if self._filming.is_open else self._rest_s(timeout_s))
        self._filming.advance()
        self._tell()
        return True

    def close(self) -> None:
        """Close the sensor, and give the others some seconds to take what was filmed and seen."""
        self._filming.close()
        self._watch.stop()
        left, in_vain = self._waiting, 0
        for _ in range(HAND_OVER_ROUNDS):
            if not left or in_vain >= GIVE_UP_ROUNDS:
                break
            self._hear(HAND_OVER_ROUND_S)
            in_vain = in_vain + 1 if self._waiting >= left else 0
            left = self._waiting
            self._delivery.pump()
            self._events.pump()
            if self._alive_due.due():
                self._say_alive()
        self._report()

    @property
    def _waiting(self) -> int:
        """Fragments and events that nobody has taken yet."""
        return self._delivery.waiting + self._events.waiting

    def _rest_s(self, timeout_s: float) -> float:
        """How long to wait in the dark: until the hours may change, at most `timeout_s`."""
        change_ns = self._filming.next_change()
        left_s = timeout_s if change_ns is None else (change_ns - self._clock.now().utc_ns) / NS
        return min(timeout_s, max(0.0, left_s))

    def _hear(self, timeout_s: float) -> None:
        for _ in range(MOST_MESSAGES_A_STEP):
            message = self._bus.receive(timeout_s=timeout_s)
            if message is None:
                return
            self._take(message)
            timeout_s = 0.0

    def _take(self, message: Message) -> None:
        match message:
            case RecorderAlive():
                self._meet("recorder", message.instance)
                self._delivery.recorder_alive(message)
                if self._documents.changed(message):
                    self._filming.under(self._documents.read(message, geometry=self._filming.geometry))
            case RecordsStored():
                self._delivery.stored(message.segment, message.count)
            case SegmentRefused():
                self._delivery.refused(message)
            case EventTaken():
                self._events.taken(message.id, message.stage)
            case AuditCommitted():
                self._documents.audited(message.id)
            case UplinkAlive():
                self._meet("uplink", message.instance)
            case _:
                raise AssertionError(f"the bus let a {type(message).__name__} in")

    def _meet(self, who: str, instance: str) -> None:
        """A sign of life; one that has just started knows nothing of this camera yet, and hears of it at once."""
        if self._met.get(who) != instance:
            self._met[who] = instance
            self._alive_due.soon()
            self._report_due.soon()

    def _tell(self) -> None:
        self._delivery.pump()
        self._events.pump()
        self._documents.pump()
        if self._alive_due.due():
            self._say_alive()
        if self._knows and (self._report_due.due() or self._state != self._told):
            self._report()

    @property
    def _state(self) -> tuple[DarkReason | None, Recording]:
        """What is told at once when it changes."""
        return self._filming.dark, self._filming.recording

    @property
    def _knows(self) -> bool:
        """A camera that has just started does not say that there is no mandate before it could have heard of one."""
        return self._documents.were_read or self._clock.boottime_ns() - self._began_ns >= PATIENCE_NS

    def _say_alive(self) -> None:
        alive = CameraAlive(self._instance, self._clock.boottime_ns())
        self._bus.send(alive, to="recorder")
        self._bus.send(alive, to="uplink")

    def _report(self) -> None:
        state = dark, _ = self._state
        detail = self._documents.trouble or self._filming.poses.refused
        if (dark, detail) != self._logged:
            self._logged = dark, detail
            _LOG.info(
                "%s%s", f"dark, {dark}" if dark else "filming", f": {detail}" if dark and detail else ""
            )
        report = self._reporter.report(
            self._documents.in_force, detail=detail, messages_refused=self._bus.counts.refused
        )
        self._bus.send(report, to="recorder")
        if self._bus.send(report, to="uplink"):
            self._told = state
