"""A pole with a real uplink: real bus, real outbox file, and a camera and a recorder that a test speaks for."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import zmq

from node.bus import Bus, Peer
from node.clock import NS, SimulatedClock, parse_rfc3339
from node.config import BrokerSection, NodeConfig, NodeSection, PathsSection, UplinkSection
from node.mandate.ids import new_ulid
from node.messages import (
    AuditCommitted,
    AuditRequest,
    CameraAlive,
    CameraReport,
    Daemon,
    DarkReason,
    DocumentAnswered,
    DocumentArrived,
    EventHappened,
    EventTaken,
    Message,
    RecorderAlive,
    RecorderReport,
    ReleaseTaken,
    Severity,
    Stage,
    VersionFloors,
)
from node.uplink import daemon
from tests.fakes.site_broker import HOST, NODE, ORGANISATION, SiteBroker

EVENING_NS = parse_rfc3339("2026-11-05T20:00:00+01:00")
TURN_NS = NS // 20
MANDATE, MASKS = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


class OneProcess:
    """In a test all daemons are this process, so each may be anyone."""

    def daemons(self, peer: Peer) -> frozenset[Daemon]:
        """All of them, if it is us or a child of ours."""
        assert peer.uid == os.getuid()
        return frozenset({"camera", "recorder", "uplink"})

    def users(self, daemons: frozenset[Daemon]) -> frozenset[int] | None:
        """All are one user."""
        return None


def event(
    number: int,
    stage: Stage = "start",
    *,
    alarm: Severity | None = None,
    kind: str = "motion",
    detail: str = "",
) -> EventHappened:
    """The event of that number."""
    start_ns = EVENING_NS + number * NS
    return EventHappened(
        id=f"01EVENT{number:019d}".replace("E", "8", 1).replace("U", "V"),
        stage=stage,
        kind=kind,
        start_ns=start_ns,
        end_ns=start_ns + NS if stage == "end" else None,
        score=0.75,
        time_trust="synchronised",
        alarm=alarm,
        detail=detail,
        mandate=MANDATE,
        masks=MASKS,
    )


def camera_report(instance: str, *, dark: DarkReason | None = None) -> CameraReport:
    """A camera that films, or why it does not."""
    return CameraReport(
        instance=instance,
        dark=dark,
        detail="what must not leave: anna.andersson",
        mandate=MANDATE,
        mandate_version=3,
        masks=MASKS,
        masks_version=2,
        time_trust="synchronised",
        geometry=b"",
        sensor_opened=1,
        frames=100,
        black_frames=0,
        fragments=7,
        frame_age_s=0,
        unacknowledged=0,
        dropped_fragments=0,
        events_waiting=0,
        events_dropped=0,
        messages_refused=0,
        recording="none" if dark else "continuous",
        mode="continuous",
    )


def recorder_report(instance: str) -> RecorderReport:
    """A recorder with nothing to complain of."""
    return RecorderReport(
        instance=instance,
        time_trust="battery",
        ring_bytes=10,
        ring_capacity_bytes=100,
        ring_segments=1,
        oldest_ns=EVENING_NS,
        epochs=2,
        deletion="unlink",
        audit_size=5,
        records=7,
        record_bytes=9,
        evicted=0,
        recovered=0,
        storage="good",
        storage_detail="",
        documents_accepted=0,
        documents_refused=0,
        messages_refused=0,
        events_waiting=0,
    )


class Pole:
    """`turn` is a twentieth of a second of everybody's life; the clock moves with it and never else."""

    def __init__(self, config: NodeConfig, *, clock: SimulatedClock | None = None) -> None:
        self.config = config
        self.clock = clock or SimulatedClock(start_utc_ns=EVENING_NS)
        run, peers = Path(config.paths.run), OneProcess()
        self.camera_bus = Bus("camera", run=run, peers=peers)
        self.recorder_bus = Bus("recorder", run=run, peers=peers)
        self.bus = Bus("uplink", run=run, peers=peers)
        self.uplink = daemon.build(config, clock=self.clock, bus=self.bus)
        self.camera_instance = self.recorder_instance = new_ulid(EVENING_NS)
        self.camera_lives = self.recorder_lives = True
        self.recorder_answers = True
        self.dark: DarkReason | None = None
        self.taken: list[tuple[str, Stage]] = []
        self.audited: list[AuditRequest] = []
        self.documents: list[DocumentArrived] = []
        self.released: list[ReleaseTaken] = []
        self._spoken_ns = -NS
        self._closed = False
        self._join()

    def _join(self) -> None:
        """Until the others' connections to the uplink are there: a real daemon sends again what got nowhere."""
        for bus in (self.camera_bus, self.recorder_bus):
            for _ in range(500):
                if bus._outlets["uplink"].poll(10, zmq.POLLOUT):
                    break
            else:
                raise AssertionError("the bus does not join")

    def turn(self) -> None:
        """Everybody does what is due."""
        if self.clock.boottime_ns() - self._spoken_ns >= NS:
            self._spoken_ns = self.clock.boottime_ns()
            self._speak()
        self.uplink.step(timeout_s=0.005)
        while (answer := self.camera_bus.receive(timeout_s=0)) is not None:
            if isinstance(answer, EventTaken):
                self.taken.append((answer.id, answer.stage))
        while (message := self.recorder_bus.receive(timeout_s=0)) is not None:
            self._hear(message)
        self.clock.wait_until(self.clock.boottime_ns() + TURN_NS)

    def turns(self, count: int) -> None:
        """Several."""
        for _ in range(count):
            self.turn()

    def speak_now(self) -> None:
        """Do not wait for the next second."""
        self._spoken_ns = -NS

    def camera_sends(self, *events: EventHappened) -> None:
        """Events, as a camera sends them: again in a second what is not taken."""
        for happened in events:
            self.camera_bus.send(happened, to="uplink")

    def close(self, *, kill: bool = False) -> None:
        """The uplink's end, in order or as if its process had gone; then everybody's. Twice is once."""
        if self._closed:
            return
        self._closed = True
        if kill:
            self.uplink._session.close()  # the broker is told nothing of events
            self.uplink._outbox.close()
        else:
            self.uplink.close()
        for bus in (self.bus, self.camera_bus, self.recorder_bus):
            bus.close()

    def _speak(self) -> None:
        if self.camera_lives:
            self.camera_bus.send(CameraAlive(self.camera_instance, 1), to="uplink")
            self.camera_bus.send(camera_report(self.camera_instance, dark=self.dark), to="uplink")
        if self.recorder_lives:
            alive = RecorderAlive(self.recorder_instance, "turn", (), 0, 1, VersionFloors(), EVENING_NS)
            self.recorder_bus.send(alive, to="uplink")
            self.recorder_bus.send(recorder_report(self.recorder_instance), to="uplink")

    def _hear(self, message: Message) -> None:
        match message:
            case AuditRequest():
                self.audited.append(message)
                if self.recorder_answers:
                    self.recorder_bus.send(AuditCommitted(message.id, len(self.audited)), to="uplink")
            case DocumentArrived():
                self.documents.append(message)
                if self.recorder_answers:
                    accepted = message.sealed.startswith(b"good")
                    reason = "" if accepted else "mandate: it has expired"
                    self.recorder_bus.send(
                        DocumentAnswered(message.id, accepted, "mandate", reason), to="uplink"
                    )
            case ReleaseTaken():
                self.released.append(message)
            case _:
                pass


def node_config(
    folder: Path, run: Path, *, port: int, ca_file: Path, certificate_file: Path, **broker: int
) -> NodeConfig:
    """A node's configuration for that broker."""
    return NodeConfig(
        node=NodeSection(id=NODE, organisation=ORGANISATION),
        broker=BrokerSection(
            host=HOST,
            port=port,
            ca_file=str(ca_file),
            certificate_file=str(certificate_file),
            **{"will_delay_seconds": 0, "session_expiry_seconds": 600, **broker},
        ),
        uplink=UplinkSection(health_seconds=1),
        paths=PathsSection(outbox=str(folder / "outbox" / "outbox.sqlite"), run=str(run)),
    )


def config_for(site: SiteBroker, folder: Path, run: Path, **broker: int) -> NodeConfig:
    """A node's configuration at that site, with its certificate."""
    return node_config(
        folder, run, port=site.port, ca_file=site.ca_file, certificate_file=site.certificate(NODE), **broker
    )


def changed(config: NodeConfig, **sections: msgspec.Struct) -> NodeConfig:
    """The same with other sections."""
    return msgspec.structs.replace(config, **sections)


@contextmanager
def short_directory() -> Iterator[Path]:
    """Sockets have short names: pytest's directories are too long for them."""
    with tempfile.TemporaryDirectory(prefix="stolpe-") as directory:
        yield Path(directory)
