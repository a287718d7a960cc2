"""The uplink: a postman between the node and its broker. It opens nothing, decides nothing, sees no picture.

`build` is the parts list. One loop waits for the bus and the session together; everything is done in it.
"""

import logging
from pathlib import Path
from typing import Final

import zmq

from node import messages as m
from node.bus import Bus
from node.clock import NS, Clock
from node.config import BrokerSection, NodeConfig
from node.formats.payloads import Status, WhyOffline, encode
from node.formats.topics import Topics
from node.mandate.ids import new_ulid
from node.service import Every
from node.uplink import states
from node.uplink.documents import Documents
from node.uplink.link import Acknowledged, Arrived, Closed, Letter, Opened, SubscriptionRefused
from node.uplink.liveness import Watched
from node.uplink.machine import Machine, boot_id
from node.uplink.noticeboard import Noticeboard
from node.uplink.outbox import Outbox
from node.uplink.own_events import OwnEvents
from node.uplink.publisher import Publisher
from node.uplink.releases import Releases
from node.uplink.session import Session
from node.uplink.stamps import Stamps
from node.uplink.watch import Watch

ALIVE_SECONDS: Final = 1.0
MESSAGES_AT_A_TIME: Final = 64
FAREWELL_MS, FAREWELL_LOOKS = 50, 20
_LOG = logging.getLogger(__name__)


def build(config: NodeConfig, *, clock: Clock, bus: Bus) -> "Uplink":
    """The uplink with everything that it needs. `Refused` if there can be no outbox."""
    instance = new_ulid(clock.now().utc_ns)
    topics = Topics(config.node.organisation, config.node.id)
    place = Path(config.paths.outbox)
    boot = boot_id()
    outbox = Outbox(place, capacity_bytes=config.uplink.outbox_bytes, boot=boot, clock=clock)
    machine = Machine(place=place.parent)
    own_events = OwnEvents(outbox=outbox, clock=clock, instance=instance)
    watch = Watch(clock=clock, own_events=own_events)
    stamp = Stamps(node=config.node.id, boot=boot, clock=clock, outbox=outbox, watch=watch)
    session = Session(config.broker, client_id=config.node.id, subscriptions=(topics.document,))
    publisher = Publisher(session=session, outbox=outbox, topics=topics, clock=clock, stamp=stamp)
    documents = Documents(
        bus=bus,
        topics=topics,
        clock=clock,
        stamp=stamp,
        reply=publisher.reply,
        take_over=session.take_over,
    )
    releases = Releases(bus=bus, topics=topics, clock=clock, stamp=stamp, post=publisher.post)
    noticeboard = Noticeboard(
        settings=config.uplink,
        instance=instance,
        topics=topics,
        clock=clock,
        stamp=stamp,
        watch=watch,
        outbox=outbox,
        publisher=publisher,
        documents=documents,
        machine=machine,
        own_events=own_events,
    )
    return Uplink(
        broker=config.broker,
        instance=instance,
        topics=topics,
        clock=clock,
        bus=bus,
        outbox=outbox,
        own_events=own_events,
        watch=watch,
        stamp=stamp,
        session=session,
        publisher=publisher,
        documents=documents,
        releases=releases,
        noticeboard=noticeboard,
    )


class Uplink:
    """All of it, driven by `step`."""

    def __init__(
        self,
        *,
        broker: BrokerSection,
        instance: str,
        topics: Topics,
        clock: Clock,
        bus: Bus,
        outbox: Outbox,
        own_events: OwnEvents,
        watch: Watch,
        stamp: Stamps,
        session: Session,
        publisher: Publisher,
        documents: Documents,
        releases: Releases,
        noticeboard: Noticeboard,
    ) -> None:
        self._where = f"{broker.host}:{broker.port}"
        self._instance = instance
        self._topics = topics
        self._clock = clock
        self._bus = bus
        self._outbox = outbox
        self._own_events = own_events
        self._watch = watch
        self._stamp = stamp
        self._session = session
        self._publisher = publisher
        self._documents = documents
        self._releases = releases
        self._noticeboard = noticeboard
        self._alive = Every(ALIVE_SECONDS, clock=clock)
        self._away_ns: int | None = None
        self._reason = ""
        self._number = 0
        self._poller = zmq.Poller()
        self._poller.register(bus.inbox, zmq.POLLIN)
        self._poller.register(session.fileno(), zmq.POLLIN)
        own_events.interrupt("uplink", instance=instance)
        self._open_session()

    def step(self, *, timeout_s: float) -> bool:
        """Wait for something to do, at most so long, and do it. True: the work goes on, whatever the broker does."""
        self._poller.poll(round(timeout_s * 1000))
        self._hear_bus()
        self._hear_broker()
        if self._alive.due():
            self._tend()
        self._documents.tend()
        self._noticeboard.tend()
        self._publisher.pump()
        return True

    def close(self) -> None:
        """The orderly end: say that the node goes offline, wait a second for the broker to have it, leave."""
        if self._publisher.connected:
            self._publisher.farewell(self._topics.status, self._offline("stopped"))
            self._publisher.pump()
            poller = zmq.Poller()
            poller.register(self._session.fileno(), zmq.POLLIN)
            for _ in range(FAREWELL_LOOKS):
                if self._publisher.told(self._topics.status) or not self._publisher.connected:
                    break
                poller.poll(FAREWELL_MS)
                self._hear_broker()
        self._session.close()
        self._outbox.close()

    def _hear_bus(self) -> None:
        for _ in range(MESSAGES_AT_A_TIME):
            message = self._bus.receive(timeout_s=0)
            if message is None:
                return
            self._hear(message)

    def _hear(self, message: m.Message) -> None:
        match message:
            case m.EventHappened():
                self._take(message)
            case m.CameraAlive():
                self._watch.alive("camera", message.instance)
            case m.RecorderAlive():
                self._watch.alive("recorder", message.instance)
                self._clock.raise_floor(message.time_floor_ns)
            case m.CameraReport() | m.RecorderReport():
                self._watch.reported(message)
            case m.AuditCheckpoint():
                self._noticeboard.checkpoint(message)
            case m.AuditCommitted():
                self._documents.committed(message)
            case m.DocumentAnswered():
                self._documents.answered(message)
            case m.ReleaseChunk() | m.ReleaseEnded():
                self._releases.take(message)
                self._publisher.pump()
            case _:  # the bus has let nothing else through
                raise AssertionError(f"the uplink got {type(message).__name__}")

    def _take(self, event: m.EventHappened) -> None:
        """On the disk, then answered, then on its way: at once."""
        origin = _origin(self._bus.sender)
        if not self._outbox.take(event, origin=origin, instance=self._watch.instance(origin)):
            return  # it comes again; health says so
        taken = m.EventTaken(event.id, event.stage)
        for sender in self._bus.sender:
            self._bus.send(taken, to=sender)
        self._publisher.pump()

    def _hear_broker(self) -> None:
        answers: list[Acknowledged] = []
        for happening in self._session.happenings():
            match happening:
                case Acknowledged():
                    answers.append(happening)
                case Arrived():
                    self._documents.take(happening)
                case SubscriptionRefused():
                    self._refused_subscription(happening)
                case Opened():
                    self._opened(happening)
                case Closed():
                    self._publisher.acknowledged(answers)
                    answers = []
                    self._closed(happening)
        self._publisher.acknowledged(answers)

    def _opened(self, opened: Opened) -> None:
        now_ns = self._clock.boottime_ns()
        if self._away_ns is not None:
            away_s = (now_ns - self._away_ns) / NS
            self._own_events.moment("broker", f"the broker was away for {away_s:.1f} s: {self._reason}")
        _LOG.info("session %d with %s", self._number, self._where)
        self._away_ns, self._reason = None, ""
        self._noticeboard.opened(self._number)
        self._publisher.opened(opened.receive_maximum)

    def _closed(self, closed: Closed) -> None:
        if closed.reason != self._reason:
            _LOG.warning("no session with %s: %s", self._where, closed.reason)
        self._reason = closed.reason
        if self._away_ns is None:
            self._away_ns = self._clock.boottime_ns()
        self._publisher.lost()
        self._documents.lost()
        if closed.was_open:
            self._open_session()

    def _open_session(self) -> None:
        """Each has a number of its own, and a will that names it."""
        self._number = self._outbox.next_session()
        will = encode(self._offline("vanished"))
        self._session.open(Letter(self._topics.status, will, retain=True))

    def _offline(self, why: WhyOffline) -> Status:
        return states.offline(why, self._stamp(), session=self._number, series=self._outbox.series)

    def _refused_subscription(self, refused: SubscriptionRefused) -> None:
        _LOG.warning("the broker refuses to send %s: %s", refused.topic, refused.reason)
        self._noticeboard.refused_subscription = f"documents cannot arrive: {refused.reason}"

    def _tend(self) -> None:
        alive = m.UplinkAlive(self._instance)
        self._bus.send(alive, to="camera")
        self._bus.send(alive, to="recorder")
        self._watch.look()
        self._noticeboard.refused_messages = self._bus.counts.refused
        self._own_events.offer_again()
        if self._outbox.mishap:
            _LOG.error("%s", self._outbox.mishap)
            self._own_events.moment("outbox", self._outbox.mishap)
            self._outbox.mishap = ""


def _origin(senders: frozenset[m.Daemon]) -> Watched:
    return "camera" if "camera" in senders else "recorder"
