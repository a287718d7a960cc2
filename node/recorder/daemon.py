"""The recorder: keeps what the camera sealed, what offices signed, and what must not be forgotten or remembered.

`build` is its parts list. `step` is one unit of work: a message, and what is due. It has no key that opens footage,
and no network.
"""

from functools import partial
from pathlib import Path

import msgspec

from node.bus import Bus
from node.clock import Clock
from node.config import NodeConfig
from node.errors import Refused
from node.mandate.store import DocumentStore
from node.masks.geometry import Geometry
from node.messages import (
    AuditCommitted,
    AuditRequest,
    CameraAlive,
    CameraReport,
    CloseSegment,
    DocumentAnswered,
    DocumentArrived,
    EventTaken,
    Message,
    OpenSegment,
    ReleaseTaken,
    SealedRecord,
    UplinkAlive,
)
from node.recorder import start
from node.recorder.audit_desk import AuditDesk
from node.recorder.audit_files import FILE_NAME as LOG_NAME
from node.recorder.audit_log import AuditLog
from node.recorder.consumed import ConsumedOrders
from node.recorder.epochs import EpochKeys, SlotFailed
from node.recorder.erasing import Erasing
from node.recorder.erasure import Erasures
from node.recorder.erasure_plan import PlanFile
from node.recorder.footage import Footage
from node.recorder.keeper import Keeper, Verdict
from node.recorder.lived_time import LivedTime
from node.recorder.medium_hand import MediumHand
from node.recorder.order_desk import OrderDesk
from node.recorder.outlets import Endings
from node.recorder.recovery import finish
from node.recorder.release import Releases
from node.recorder.release_medium import ReleaseMedium
from node.recorder.ring import Ring
from node.recorder.statements import Statements
from node.recorder.storage import Events, Storage, sentence
from node.recorder.upkeep import Upkeep
from node.sealing.keys import read_private_keys
from node.unanswered import Unanswered
from node.volume import DISK, Volume

WAIT_S = 0.25
MAX_EVENTS = 100
MAX_REASON = 400


def build(
    config: NodeConfig, *, clock: Clock, bus: Bus, allow_demo_root: bool, volume: Volume = DISK
) -> "Recorder":
    """The recorder of this node, started: it has recovered what a power cut left, and said so in its log.

    Refuses keys that others can read and a key slot that cannot be read. It owns `bus` from then on.
    """
    paths = config.paths
    slot = start.open_slot(Path(paths.epoch_slot), volume=volume)
    time = LivedTime(clock, floor_ns=slot.keys.header.time_floor_ns)
    events: Events = Unanswered(clock=clock, most=MAX_EVENTS)
    storage = Storage(clock=clock, events=events)
    overdue = start.destroy_overdue(slot, time, storage)
    start.make_directories(paths, volume=volume)
    own = read_private_keys(Path(paths.node_key))
    marker = start.ring_marker(paths, storage, volume=volume)
    found = start.recovered_ring(Path(paths.ring), own.signing, marker=marker, volume=volume)
    ring = Ring(
        directory=Path(paths.ring),
        keys=slot.keys,
        signing=own.signing,
        clock=time,
        capacity_bytes=config.ring.capacity_bytes,
        preallocate_bytes=start.preallocate_bytes(config),
        reserve_bytes=config.ring.reserve_bytes,
        latest_start=time.lived_ns,
        marker=marker,
        volume=volume,
    )
    start.number_on(slot, ring)
    start.make_first_room(ring, storage, found)
    log = AuditLog(Path(paths.audit), clock=clock, signing=own.signing, volume=volume)
    desk = AuditDesk(log=log, storage=storage, clock=clock)
    consumed = ConsumedOrders(
        Path(paths.documents),
        keys=slot.keys,
        log=Path(paths.audit) / LOG_NAME,
        now_ns=time.now().utc_ns,
        volume=volume,
    )
    plan = PlanFile(Path(paths.documents), volume=volume)
    endings = Endings(bus=bus, clock=clock)
    store = DocumentStore(Path(paths.documents), volume=volume)
    releases = Releases(
        node=config.node.id,
        store=store,
        ring=ring,
        keys=slot.keys,
        log=log,
        desk=desk,
        consumed=consumed,
        plan=plan,
        endings=endings,
        bus=bus,
        clock=clock,
        time=time,
        signing=own.signing,
    )
    erasures = Erasures(
        node=config.node.id,
        store=store,
        ring=ring,
        keys=slot.keys,
        log=log,
        consumed=consumed,
        plan=plan,
        time=time,
    )
    keeper = Keeper(
        node=config.node.id,
        store=store,
        keys=slot.keys,
        log=log,
        recipient=own.recipient,
        first_root=start.first_root(Path(paths.root)),
        allow_demo_root=allow_demo_root,
        clock=clock,
        note=desk.note,
        orders=OrderDesk(releases=releases, erasures=erasures, plan=plan).take,
    )
    medium = ReleaseMedium(
        Path(paths.release_medium) if paths.release_medium else None,
        keeper=keeper,
        hand=MediumHand(clock=clock),
        clock=clock,
        note=desk.note,
    )
    footage = Footage(
        ring=ring,
        clock=clock,
        storage=storage,
        finish_later=partial(finish, signing=own.signing, volume=volume),
        retention_hours=keeper.retention_hours,
        note=desk.note,
        last=found.last,
        unfinished=found.unfinished,
    )
    deletion = start.deletion_at(Path(paths.epoch_slot))
    erasing = Erasing(
        plan=plan,
        directory=Path(paths.ring),
        ring=ring,
        keys=slot.keys,
        footage=footage,
        consumed=consumed,
        desk=desk,
        storage=storage,
        endings=endings,
        deletion=deletion,
        clock=clock,
        signing=own.signing,
        volume=volume,
    )
    upkeep = Upkeep(
        clock=clock,
        time=time,
        keys=slot.keys,
        ring=ring,
        footage=footage,
        keeper=keeper,
        desk=desk,
        storage=storage,
    )
    statements = Statements(
        bus=bus,
        clock=clock,
        keys=slot.keys,
        ring=ring,
        capacity_bytes=config.ring.capacity_bytes,
        footage=footage,
        log=log,
        keeper=keeper,
        storage=storage,
        events=events,
        deletion=deletion,
        recovered=found.count,
    )
    for entry in start.entries(slot, ring, found, overdue, consumed):
        desk.note(*entry)
    return Recorder(
        bus=bus,
        keys=slot.keys,
        ring=ring,
        footage=footage,
        log=log,
        desk=desk,
        keeper=keeper,
        releases=releases,
        erasing=erasing,
        medium=medium,
        upkeep=upkeep,
        storage=storage,
        events=events,
        statements=statements,
    )


class Recorder:
    """One recorder at work. Every message is answered as `node.messages` says; what is due is done by itself."""

    def __init__(
        self,
        *,
        bus: Bus,
        keys: EpochKeys,
        ring: Ring,
        footage: Footage,
        log: AuditLog,
        desk: AuditDesk,
        keeper: Keeper,
        releases: Releases,
        erasing: Erasing,
        medium: ReleaseMedium,
        upkeep: Upkeep,
        storage: Storage,
        events: Events,
        statements: Statements,
    ) -> None:
        self._bus = bus
        self._keys = keys
        self._ring = ring
        self._footage = footage
        self._log = log
        self._desk = desk
        self._keeper = keeper
        self._releases = releases
        self._erasing = erasing
        self._medium = medium
        self._upkeep = upkeep
        self._storage = storage
        self._events = events
        self._statements = statements

    def step(self, timeout_s: float = WAIT_S) -> bool:
        """Take one message, if one comes in time, and do what is due.

        A disk that fails is told, and tried again here: being started anew would not mend it. One that hangs does not
        let this return, and the watchdog bites.
        """
        waits = (timeout_s, self._releases.wait_s, self._erasing.wait_s)
        message = self._bus.receive(timeout_s=min(wait for wait in waits if wait is not None))
        if message is not None:
            self._take(message)
        self._upkeep.tend()
        if not (self._releases.is_running or self._erasing.is_at_work):
            # An order on a medium waits for the one before.
            self._medium.tend()
        self._releases.tend()
        self._erasing.tend()
        self._statements.tell()
        return True

    def close(self) -> None:
        """An orderly end: the open segment finished, the time persisted, everything let go of."""
        self._releases.stop("the recorder was stopped: the order is used up, and another one is needed")
        self._erasing.close()
        self._footage.cut()
        self._ring.close()
        self._upkeep.persist()
        self._desk.note("recorder_stopped", "recorder")
        self._releases.tend()
        self._statements.tell_last()
        self._log.close()
        self._keys.close()
        self._bus.close()

    def _take(self, message: Message) -> None:
        match message:
            case OpenSegment() | SealedRecord() | CloseSegment():
                answer = self._footage.take(message)
                if answer is not None:
                    self._bus.send(answer, to="camera")
            case CameraAlive():
                self._footage.camera_is(message)
                self._statements.camera_is(message.instance)
            case CameraReport():
                self._camera_looks(message.geometry)
            case AuditRequest():
                self._write_down(message)
            case DocumentArrived():
                self._document(message)
            case EventTaken():
                self._events.settle((message.id, message.stage))
            case ReleaseTaken():
                self._releases.taken(message)
            case UplinkAlive():
                self._statements.uplink_is(message.instance)
                self._releases.uplink_is(message.instance)
            case _:
                raise AssertionError(f"the bus let a {type(message).__name__} in")

    def _camera_looks(self, geometry: bytes) -> None:
        if not geometry:  # a camera that does not know yet
            return
        try:
            self._keeper.camera_looks(msgspec.json.decode(geometry, type=Geometry))
        except (msgspec.DecodeError, UnicodeDecodeError, Refused) as error:
            self._bus.counts.refused += 1
            self._bus.last_refused = f"a geometry that cannot be: {error}"

    def _write_down(self, request: AuditRequest) -> None:
        senders = self._bus.sender
        index = self._desk.commit(request, senders=senders)
        if index is not None:
            for sender in senders:
                self._bus.send(AuditCommitted(request.id, index), to=sender)

    def _document(self, message: DocumentArrived) -> None:
        try:
            verdict = self._keeper.take(message.sealed)
        except OSError as error:
            self._storage.failed("key slot" if isinstance(error, SlotFailed) else "documents", error)
            verdict = Verdict(False, None, f"{sentence(error)}: send it again when the node is well")
        else:
            if not self._keeper.unsettled:
                self._storage.works("documents")
        answer = DocumentAnswered(message.id, verdict.accepted, verdict.kind, verdict.reason[:MAX_REASON])
        for sender in self._bus.sender:
            self._bus.send(answer, to=sender)
        self._statements.documents_changed()
