"""What is pinned up for everybody to see: status, birth, state, health, checkpoint. Retained, and told on change."""

import logging
from typing import Final

import msgspec

from node.clock import NS, Clock
from node.config import UplinkSection
from node.formats import payloads as p
from node.formats.topics import Topics
from node.messages import AuditCheckpoint
from node.service import Every
from node.uplink import states
from node.uplink.documents import Documents
from node.uplink.health import Health, Reading, Verdict
from node.uplink.machine import Machine, program_digest, versions
from node.uplink.outbox import Outbox
from node.uplink.own_events import OwnEvents
from node.uplink.publisher import Publisher
from node.uplink.stamps import Stamps
from node.uplink.watch import Watch

CAPABILITIES: Final = ("events", "health", "documents", "audit-checkpoint")
LOOK_SECONDS: Final = 1.0
PATIENCE_NS: Final = 3 * NS
_LOG = logging.getLogger(__name__)


class Noticeboard:
    """Everything retained."""

    def __init__(
        self,
        *,
        settings: UplinkSection,
        instance: str,
        topics: Topics,
        clock: Clock,
        stamp: Stamps,
        watch: Watch,
        outbox: Outbox,
        publisher: Publisher,
        documents: Documents,
        machine: Machine,
        own_events: OwnEvents,
    ) -> None:
        self._capacity_bytes = settings.outbox_bytes
        self._expiry_s = 3 * settings.health_seconds
        self._instance = instance
        self._topics = topics
        self._clock = clock
        self._stamp = stamp
        self._watch = watch
        self._outbox = outbox
        self._publisher = publisher
        self._documents = documents
        self._machine = machine
        self._own_events = own_events
        self._health = Health()
        self._verdict: Verdict | None = None
        self._program = program_digest()
        self._look = Every(LOOK_SECONDS, clock=clock)
        self._health_due = Every(settings.health_seconds, clock=clock)
        self._republish = Every(settings.republish_seconds, clock=clock)
        self._republish.due()  # a session's beginning tells everything anyway
        self._session = 0
        self._patient_until_ns = clock.boottime_ns() + PATIENCE_NS
        self.refused_messages = 0
        """How many messages the bus did not let through."""
        self.refused_subscription = ""
        """Why nothing arrives from the broker."""

    def tend(self) -> None:
        """Look once a second, and at once when a daemon has said something new."""
        look = self._look.due()
        if look or self._watch.changed:
            self._watch.changed = False
            self._pin_states()
        if look:
            self._judge()
        if self._republish.due():
            self._publisher.tell_all()

    def opened(self, session: int) -> None:
        """That session begins: what the publisher now tells names it."""
        self._session, self.refused_subscription = session, ""
        birth = p.Birth(
            **p.common(self._stamp()),
            session=session,
            series=self._outbox.series,
            instance=self._instance,
            program=self._program,
            versions=versions(),
            capabilities=CAPABILITIES,
        )
        self._pin_states()
        self._publisher.keep(self._topics.birth, birth)

    def checkpoint(self, message: AuditCheckpoint) -> None:
        """The audit log's newest signed head."""
        payload = p.Checkpoint(
            **p.common(self._stamp()),
            size=message.size,
            head=message.head,
            made_ns=message.time_ns,
            signature=message.signature,
        )
        self._publisher.keep(self._topics.checkpoint, payload)

    def _pin_states(self) -> None:
        view, stamp, topics = self._watch.view, self._stamp(), self._topics
        unknown = view.camera is None and not view.camera_silent
        if unknown and self._clock.boottime_ns() < self._patient_until_ns:
            return  # an uplink that is started anew does not say of a camera that films that it is dark
        status = states.status(view, stamp, session=self._session, series=self._outbox.series)
        self._publisher.keep(topics.status, status)
        self._publisher.keep(topics.state("mandate"), states.mandate_state(view, stamp))
        self._publisher.keep(topics.state("masks"), states.masks_state(view, stamp))
        self._publisher.keep(topics.state("recording"), states.recording_state(view, stamp))
        self._publisher.keep(topics.state("time"), states.time_state(view, stamp))

    def _judge(self) -> None:
        """Health: every interval, and at once when its level changes."""
        machine = self._machine.measure()
        verdict = self._health.judge(self._reading(machine), now_ns=self._clock.boottime_ns())
        changed = self._verdict is None or verdict.level != self._verdict.level
        if changed:
            self._tell(verdict)
        self._verdict = verdict
        if self._health_due.due() or changed:
            payload = self._health_payload(verdict, machine)
            self._publisher.keep(self._topics.health, payload, expiry_s=self._expiry_s, anyway=True)

    def _tell(self, verdict: Verdict) -> None:
        names = ", ".join(reason.name for reason in verdict.reasons)
        if verdict.level != "good":
            self._own_events.begin("health", kind="health", detail=f"{verdict.level}: {names}")
            _LOG.warning("health is %s: %s", verdict.level, names)
        elif self._verdict is not None:
            self._own_events.end("health", detail="good")
            _LOG.info("health is good")

    def _reading(self, machine: p.MachineNumbers) -> Reading:
        view, counts = self._watch.view, self._outbox.counts
        return Reading(
            machine=machine,
            camera_silent=view.camera_silent,
            recorder_silent=view.recorder_silent,
            camera=view.camera,
            recorder=view.recorder,
            outbox_failures=self._outbox.failures,
            outbox_filled=counts.bytes / self._capacity_bytes,
            outbox_dropped=counts.dropped,
            publish_refused=self._publisher.refused,
            subscription_refused=self.refused_subscription,
            messages_refused=self.refused_messages,
        )

    def _health_payload(self, verdict: Verdict, machine: p.MachineNumbers) -> p.Health:
        camera, recorder = self._watch.camera, self._watch.recorder
        return p.Health(
            **p.common(self._stamp()),
            level=verdict.level,
            reasons=verdict.reasons[: p.MAX_REASONS],
            camera=msgspec.convert(camera, p.CameraNumbers, from_attributes=True) if camera else None,
            recorder=msgspec.convert(recorder, p.RecorderNumbers, from_attributes=True) if recorder else None,
            uplink=self._uplink_numbers(),
            machine=machine,
        )

    def _uplink_numbers(self) -> p.UplinkNumbers:
        counts, process = self._outbox.counts, self._machine.process()
        return p.UplinkNumbers(
            sessions=counts.session,
            waiting=counts.waiting,
            waiting_bytes=counts.bytes,
            dropped=counts.dropped,
            published=self._publisher.published,
            publish_refused=self._publisher.refused,
            documents=self._documents.arrived,
            documents_refused=self._documents.refused,
            messages_refused=self.refused_messages,
            camera_restarts=self._watch.restarts("camera"),
            recorder_restarts=self._watch.restarts("recorder"),
            pss_bytes=process.pss_bytes,
            cpu_percent=process.cpu_percent,
        )
