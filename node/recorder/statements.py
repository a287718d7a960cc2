"""What the recorder tells the others without being asked: that it lives, how it does, where its log stands, alarms."""

from node.bus import Bus
from node.clock import Clock
from node.mandate.ids import new_ulid
from node.messages import RecorderAlive, RecorderReport
from node.recorder import wear
from node.recorder.audit_log import AuditLog
from node.recorder.epochs import EpochKeys
from node.recorder.footage import Footage
from node.recorder.keeper import Keeper
from node.recorder.ring import Ring
from node.recorder.start import Deletion
from node.recorder.storage import Events, Storage
from node.service import Every

ALIVE_S, REPORT_S = 1, 2
CHECKPOINT_S, CHECKPOINT_ANYWAY_S = 10, 3600


class Statements:
    """`tell` sends what is due. `recovered`: segments that the start finished."""

    def __init__(
        self,
        *,
        bus: Bus,
        clock: Clock,
        keys: EpochKeys,
        ring: Ring,
        capacity_bytes: int,
        footage: Footage,
        log: AuditLog,
        keeper: Keeper,
        storage: Storage,
        events: Events,
        deletion: Deletion,
        recovered: int,
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._keys = keys
        self._ring = ring
        self._capacity_bytes = capacity_bytes
        self._footage = footage
        self._log = log
        self._keeper = keeper
        self._storage = storage
        self._events = events
        self._deletion: Deletion = deletion
        self._recovered = recovered
        self._instance = new_ulid(clock.now().utc_ns)
        self._camera: str | None = None
        self._uplink: str | None = None
        self._said_size: int | None = None
        self._alive = Every(ALIVE_S, clock=clock)
        self._report = Every(REPORT_S, clock=clock)
        self._checkpoint = Every(CHECKPOINT_S, clock=clock)
        self._checkpoint_anyway = Every(CHECKPOINT_ANYWAY_S, clock=clock)

    def tell(self) -> None:
        """Send what is due."""
        if self._storage.changed:
            self._storage.changed = False
            self._report.soon()
        if self._alive.due():
            self._tell_camera()
            self._bus.send(self._alive_message(), to="uplink")
        if self._report.due():
            self._bus.send(self._report_message(), to="uplink")
        self._tell_checkpoint()
        for event in self._events.due():
            self._bus.send(event, to="uplink")

    def tell_last(self) -> None:
        """Before an orderly end: the log's last entry is signed for, too."""
        self._checkpoint.soon()
        self.tell()

    def documents_changed(self) -> None:
        """Whoever reads the documents should look again, now."""
        self._alive.soon()

    def camera_is(self, instance: str) -> None:
        """A sign of life; a new camera films nothing before it is told what counts, so it is told at once."""
        if instance != self._camera and self._tell_camera():
            self._camera = instance

    def uplink_is(self, instance: str) -> None:
        """A sign of life; a new uplink knows nothing yet."""
        if instance != self._uplink:
            self._uplink = instance
            self._said_size = None
            self._checkpoint.soon()
            self._report.soon()

    def _tell_camera(self) -> bool:
        return self._bus.send(self._alive_message(), to="camera")

    def _tell_checkpoint(self) -> None:
        """At the start, after a change but not more often than every ten seconds, and hourly; until it is sent."""
        if self._checkpoint_anyway.due():
            self._said_size = None
        said_all = self._said_size == self._log.size and not self._storage.in_trouble("checkpoint")
        if said_all or not self._checkpoint.due():
            return
        try:
            said = self._log.checkpoint()
        except OSError as error:
            self._storage.failed("audit log", error)
            return
        try:
            self._log.keep(said)
        except OSError as error:
            self._storage.failed("checkpoint", error)
        else:
            self._storage.works("checkpoint")
        if self._bus.send(said, to="uplink"):
            self._said_size = said.size

    def _alive_message(self) -> RecorderAlive:
        return RecorderAlive(
            instance=self._instance,
            turn=self._footage.turn,
            stored=self._footage.stored,
            heard_ns=self._footage.heard_ns,
            generation=self._keeper.generation,
            floors=self._keeper.floors,
            time_floor_ns=self._keys.header.time_floor_ns,
        )

    def _report_message(self) -> RecorderReport:
        oldest = self._ring.oldest
        return RecorderReport(
            instance=self._instance,
            time_trust=self._clock.now().trust,
            ring_bytes=self._ring.size,
            ring_capacity_bytes=self._capacity_bytes,
            ring_segments=self._ring.count,
            oldest_ns=oldest.start_ns if oldest else None,
            epochs=len(self._keys.live),
            deletion=self._deletion,
            audit_size=self._log.size,
            records=self._footage.records,
            record_bytes=self._footage.record_bytes,
            evicted=self._ring.evicted,
            recovered=self._recovered + self._footage.recovered,
            storage=self._storage.state,
            storage_detail=self._storage.detail,
            documents_accepted=self._keeper.accepted,
            documents_refused=self._keeper.refused,
            messages_refused=self._bus.counts.refused,
            events_waiting=len(self._events),
            slot_wear=wear.level(self._keys.header) if self._deletion == "proven" else "good",
        )
