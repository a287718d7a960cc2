"""What is due without any message: keys destroyed on time, the time floor, room on the disk, trouble tried again."""

import errno

from node.clock import Clock
from node.recorder.audit_desk import AuditDesk
from node.recorder.epochs import EpochKeys, SlotFailed
from node.recorder.footage import Footage
from node.recorder.keeper import Keeper
from node.recorder.lived_time import LivedTime
from node.recorder.ring import Ring
from node.recorder.storage import Storage
from node.service import Every

TEND_S = 1
PERSIST_S = 600
TROUBLE_S = 10
EVICTED_S = 60


class Upkeep:
    """`tend` is called often and costs nothing between two seconds."""

    def __init__(
        self,
        *,
        clock: Clock,
        time: LivedTime,
        keys: EpochKeys,
        ring: Ring,
        footage: Footage,
        keeper: Keeper,
        desk: AuditDesk,
        storage: Storage,
    ) -> None:
        self._time = time
        self._keys = keys
        self._ring = ring
        self._footage = footage
        self._keeper = keeper
        self._desk = desk
        self._storage = storage
        self._tend = Every(TEND_S, clock=clock)
        self._persist = Every(PERSIST_S, clock=clock)
        self._trouble = Every(TROUBLE_S, clock=clock)
        self._evicted_due = Every(EVICTED_S, clock=clock)
        self._noted_evicted = 0
        self._counted_ns = clock.boottime_ns()

    def tend(self) -> None:
        """Everything that is due now."""
        if not self._tend.due():
            return
        slot_works = self._destroy_due()
        self._footage.tend()
        if self._make_room():
            self._footage.try_again()
        self._note_evicted()
        slot_waits = self._storage.in_trouble("key slot") and self._trouble.due()
        if slot_works and (slot_waits or self._persist.due()):
            self.persist()
        if self._keeper.unsettled:
            self._settle()
        self._desk.flush()

    def persist(self) -> None:
        """The time that nobody may believe to be earlier, and the uptime, into the key slot."""
        boottime_ns = self._time.boottime_ns()
        try:
            self._keeper.time_has_passed(
                floor_ns=self._time.floor_ns, uptime_ns=boottime_ns - self._counted_ns
            )
        except SlotFailed as error:
            self._storage.failed("key slot", error)
            return
        self._counted_ns = boottime_ns
        if not self._keys.full:
            self._storage.works("key slot")

    def _destroy_due(self) -> bool:
        """Whether every key whose time has come is gone."""
        destruction = self._ring.destroy_due()
        for epoch in destruction.epochs:
            self._desk.note("epoch_destroyed", f"epoch {epoch}", "its retention is over")
        if destruction.trouble is not None:
            self._storage.failed("key slot", destruction.trouble)
            return False
        if destruction.epochs:
            self.persist()
        return True

    def _make_room(self) -> bool:
        """Unlink what nobody can open and what the reserve needs; whether the disk let it."""
        try:
            self._ring.sweep()
            if self._ring.make_room():
                self._storage.works("reserve")
            else:
                self._storage.failed(
                    "reserve", OSError(errno.ENOSPC, "the disk is full, and not with film alone")
                )
        except OSError as error:
            self._storage.failed("ring", error)
            return False
        return True

    def _note_evicted(self) -> None:
        """What a full disk has cost, once a minute at most."""
        evicted = self._ring.evicted_for_room
        if evicted > self._noted_evicted and self._evicted_due.due():
            what = f"{evicted - self._noted_evicted} segments"
            self._desk.note("segments_evicted", what, "the disk was full before their time was over")
            self._noted_evicted = evicted

    def _settle(self) -> None:
        try:
            self._keeper.settle()
        except SlotFailed as error:
            self._storage.failed("key slot", error)
        except OSError as error:
            self._storage.failed("documents", error)
        else:
            self._storage.works("documents")
