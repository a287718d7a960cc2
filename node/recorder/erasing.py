"""An erasure at work: epoch by epoch, what is kept of it goes under a fresh key, and then the old key is destroyed.

Every step can be cut and done again. A segment that is kept opens at any instant, under the old key or under the fresh
one, which is destroyed when the old one would have been; a segment that goes opens until the old key is gone, and never
after. Recording comes first: one chunk, then the next message.
"""

import errno
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from node.clock import NS, Clock
from node.errors import CannotOpen, Damaged, Refused
from node.recorder.audit_desk import AuditDesk
from node.recorder.consumed import ConsumedOrders
from node.recorder.epochs import EpochKeys, SlotFailed, SlotFull
from node.recorder.erasure_plan import ErasurePlan, PlanFile
from node.recorder.footage import Footage
from node.recorder.outlets import Endings
from node.recorder.rewrapping import Copying, Unreadable, rewrap
from node.recorder.ring import KeptSegment, Ring
from node.recorder.start import Deletion
from node.recorder.storage import Part, Storage
from node.sealing.keys import SigningKey
from node.volume import Volume

BYTES_A_SECOND: Final = 8 << 20
WORKING_WAIT_S: Final = 0.005
AGAIN_NS: Final = 10 * NS
ATTEMPTS: Final = 3
"""So often a segment that is to be kept is read. One that cannot be does not keep the others from being erased."""


class Erasing:
    """Does what `plan` says, if it says anything. `deletion`: what destroying a key is worth here."""

    def __init__(
        self,
        *,
        plan: PlanFile,
        directory: Path,
        ring: Ring,
        keys: EpochKeys,
        footage: Footage,
        consumed: ConsumedOrders,
        desk: AuditDesk,
        storage: Storage,
        endings: Endings,
        deletion: Deletion,
        clock: Clock,
        signing: SigningKey,
        volume: Volume,
    ) -> None:
        self._plan = plan
        self._directory = directory
        self._ring = ring
        self._keys = keys
        self._footage = footage
        self._consumed = consumed
        self._desk = desk
        self._storage = storage
        self._endings = endings
        self._deletion: Deletion = deletion
        self._clock = clock
        self._signing = signing
        self._volume = volume
        self._copying: tuple[KeptSegment, int, Copying] | None = None
        self._failed: dict[Path, int] = {}
        self._kept = 0
        self._next_ns = 0
        if plan.current is not None:
            why = "the recorder was started anew in the middle: it goes on"
            desk.note("erasure_resumed", f"erasure {plan.current.order}", why)
        if plan.unreadable:
            desk.note("erasure_unknown", "erasure", plan.unreadable)

    @property
    def is_at_work(self) -> bool:
        """Whether anything is to be erased still."""
        return self._plan.current is not None

    @property
    def wait_s(self) -> float | None:
        """How long a step may wait for a message while there is something to do; None if there is nothing."""
        is_due = self._plan.current is not None and self._next_ns <= self._clock.boottime_ns() + NS
        return WORKING_WAIT_S if is_due else None

    def tend(self) -> None:
        """One step further, if it is time for one. Trouble is told, and tried again."""
        plan = self._plan.current
        if plan is None or self._clock.boottime_ns() < self._next_ns:
            return
        try:
            self._step(plan)
        except SlotFull:
            self._is_in_trouble("key slot", OSError(errno.ENOSPC, "the key slot is full"))
        except SlotFailed as error:
            self._is_in_trouble("key slot", error)
        except OSError as error:
            self._is_in_trouble("ring", error)

    def close(self) -> None:
        """Let go of what is being copied; the next start goes on, and takes away what is left of it."""
        with suppress(OSError):
            self._let_go()

    def _step(self, plan: ErasurePlan) -> None:
        self._ring.check_volume()  # of a ring that is not there everything would pass for gone
        if self._copying is not None:
            self._copy(*self._copying)
            return
        epoch = next((epoch for epoch in plan.epochs if epoch in self._keys.live), None)
        if epoch is None:
            self._end(plan)
            return
        keeping = next(self._kept_of(epoch, plan), None)
        if keeping is None:
            self._destroy(epoch, plan)
        elif keeping == self._ring.being_written:
            self._keys.successor(epoch)  # first, so that what is filmed from here on goes under it
            self._footage.cut()
        else:
            self._begin_copy(keeping, epoch)

    def _kept_of(self, epoch: int, plan: ErasurePlan) -> Iterator[KeptSegment]:
        """What of this epoch is to be kept, and under its key still; what is being written comes first."""
        there = (self._ring.being_written, *self._ring.segments)
        going = set(plan.segments)
        for kept in there:
            if kept is None or kept.epoch != epoch or kept.path.name in going:
                continue
            if self._failed.get(kept.path, 0) < ATTEMPTS:
                yield kept

    def _begin_copy(self, kept: KeptSegment, epoch: int) -> None:
        old, fresh = self._keys.entry(epoch), self._keys.successor(epoch)
        self._ring.make_room(kept.size)
        if old is None or kept not in self._ring.segments:  # it was the oldest, and had to make room itself
            return
        copied = rewrap(kept.path, old=old, fresh=fresh, signing=self._signing, volume=self._volume)
        self._copying = kept, fresh.epoch, copied

    def _copy(self, kept: KeptSegment, epoch: int, copied: Copying) -> None:
        """The next chunk; behind the last one the segment is under the fresh key."""
        try:
            size = next(copied, None)
        except (Damaged, CannotOpen) as error:
            self._let_go()
            self._failed[kept.path] = ATTEMPTS
            self._desk.note("segment_lost", kept.path.name, f"nobody could have opened it: {error}")
            return
        except Unreadable as error:
            self._let_go()
            self._cannot_be_read(kept, f"{error.strerror}")
            raise
        except OSError:
            self._let_go()
            raise
        if size is None:
            self._ring.moved(kept, epoch)
            self._kept += 1
            self._let_go()
        else:
            self._next_ns = self._clock.boottime_ns() + size * NS // BYTES_A_SECOND

    def _cannot_be_read(self, kept: KeptSegment, why: str) -> None:
        """Tried some times; then it goes with the key, for what was ordered must not wait for a bad block for ever."""
        self._failed[kept.path] = self._failed.get(kept.path, 0) + 1
        if self._failed[kept.path] == ATTEMPTS:
            self._desk.note(
                "segment_lost", kept.path.name, f"it cannot be read, and goes with its key: {why}"
            )

    def _destroy(self, epoch: int, plan: ErasurePlan) -> None:
        """Nothing that is kept is under this key any more."""
        written = self._ring.being_written
        if written is not None and written.epoch == epoch:
            self._footage.cut()
        self._volume.sync_directory(self._directory)  # until then an old file may come back under its name
        self._keys.destroy(epoch)
        self._desk.note("epoch_destroyed", f"epoch {epoch}", f"erasure {plan.order}")
        self._ring.sweep()

    def _end(self, plan: ErasurePlan) -> None:
        self._ring.sweep()
        self._volume.sync_directory(self._directory)
        now_ns = self._clock.now().utc_ns
        if plan.order not in self._consumed.ids:  # a power cut came between the plan and this
            with suppress(Refused):  # no room, or too old to count again: the log names it
                self._consumed.consume(plan.order, expires_ns=plan.expires_ns, now_ns=now_ns, state="ended")
        said = (
            f"{len(plan.segments)} segments are erased with the keys of {len(plan.epochs)} epochs "
            f"(deletion: {self._deletion}); {self._kept} others were kept under new keys"
        )
        self._desk.note("erasure_finished", f"erasure {plan.order}", said)
        self._plan.end(now_ns)
        self._endings.say(plan.order, 0, "finished", said)
        self._failed.clear()
        self._kept = 0

    def _let_go(self) -> None:
        copying, self._copying = self._copying, None
        if copying is not None:
            copying[2].close()

    def _is_in_trouble(self, part: Part, error: OSError) -> None:
        self._storage.failed(part, error)
        self._next_ns = self._clock.boottime_ns() + AGAIN_NS
