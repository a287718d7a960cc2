"""What the camera sends, and what it is answered: stored, or refused so that it begins another segment.

A segment begins under this recorder's *turn*. A new turn with every start and every refusal makes everything that
was still on its way stale: it is passed over without a word, and the camera sends it again in another segment. A
segment never stays open without its camera: when that starts anew, begins another one, leaves a gap or says nothing
for a while, what is there is finished as recovered. Taking the same record twice changes nothing.
"""

import errno
from collections.abc import Callable
from pathlib import Path

import msgspec

from node.clock import NS, Clock
from node.errors import Refused
from node.mandate.ids import new_ulid
from node.messages import (
    MAX_TOLD_SEGMENTS,
    CameraAlive,
    CloseSegment,
    OpenSegment,
    RecordsStored,
    SealedRecord,
    SegmentMessage,
    SegmentRefused,
    StoredSegment,
)
from node.recorder.epochs import SlotFailed, SlotFull
from node.recorder.ring import Ring
from node.recorder.storage import Storage, sentence

SILENT_NS = 15 * NS
LONGEST_NS = 180 * NS
"""A segment is a minute; whatever the camera thinks, its key must not be kept for much more."""
AHEAD_NS = 60 * NS
"""How far ahead of this clock a segment may begin: its key lives as long as its beginning says."""
MAX_REASON = 400


class _Beginning(msgspec.Struct, frozen=True):
    """What is looked at in a header here; the ring reads all of it."""

    start_ns: int


Answer = RecordsStored | SegmentRefused


class Footage:
    """The open segment's life.

    `finish_later` finishes a file that the disk did not let be finished. `retention_hours`: the most that the mandate
    in force allows, whatever the camera says; None if none is in force. `note` writes into the log what happened.
    """

    def __init__(
        self,
        *,
        ring: Ring,
        clock: Clock,
        storage: Storage,
        finish_later: Callable[[Path], object],
        retention_hours: Callable[[], int | None],
        note: Callable[[str, str, str], None],
        last: tuple[StoredSegment, ...],
        unfinished: tuple[Path, ...] = (),
    ) -> None:
        self._ring = ring
        self._clock = clock
        self._storage = storage
        self._finish_later = finish_later
        self._retention_hours = retention_hours
        self._note = note
        self._stored = {told.segment: told.count for told in last}
        self._begun = False  # in this turn
        self._unfinished = list(unfinished)
        self._opening: OpenSegment | None = None
        self._owner: str | None = None
        self._written_ns = self._begun_ns = 0
        self.heard_ns = 0
        """When the camera said the sign of life that was taken last."""
        self.turn = new_ulid(clock.now().utc_ns)
        """Under which a segment may begin."""
        self.records = 0
        self.record_bytes = 0
        self.recovered = 0
        """Segments that this instance finished for a camera that did not."""

    @property
    def stored(self) -> tuple[StoredSegment, ...]:
        """The segments that were written last, the newest last, and how many of their records are on the disk."""
        return tuple(StoredSegment(*told) for told in self._stored.items())

    def take(self, message: SegmentMessage) -> Answer | None:
        """Do it, and say what is on the disk afterwards; or refuse, once, what is on its way. None: it is stale."""
        if self._is_stale(message):
            return None
        try:
            self._do(message)
        except SlotFull as full:
            self._storage.failed("key slot", OSError(errno.ENOSPC, "the key slot is full"))
            return self._refused(message.segment, f"{full}")
        except Refused as refusal:
            return self._refused(message.segment, f"{refusal}")
        except FileExistsError:
            return self._refused(message.segment, "a segment of this id is there already")
        except OSError as error:
            self._storage.failed("key slot" if isinstance(error, SlotFailed) else "ring", error)
            return self._refused(message.segment, sentence(error))
        return RecordsStored(message.segment, self._stored.get(message.segment, 0))

    def camera_is(self, alive: CameraAlive) -> None:
        """A sign of life. Another instance than the one whose segment is open will not go on with it."""
        if self._ring.open_segment is not None and self._owner not in {None, alive.instance}:
            self.cut()
        self._owner = alive.instance
        self.heard_ns = alive.said_ns

    def tend(self) -> None:
        """What is due without any message: a silent camera's segment ends; what could not be finished is."""
        now_ns = self._clock.boottime_ns()
        silent = now_ns - self._written_ns >= SILENT_NS
        if self._ring.open_segment is not None and (silent or now_ns - self._begun_ns >= LONGEST_NS):
            self.cut()

    def try_again(self) -> None:
        """After trouble: does the disk take things again? Then finish what it did not let be finished."""
        try:
            if self._storage.in_trouble("ring"):
                self._ring.try_disk()
            while self._unfinished:
                if self._unfinished[-1].exists():  # or it was evicted meanwhile
                    self._finish_later(self._unfinished[-1])
                self._unfinished.pop()
        except OSError as error:
            self._storage.failed("ring", error)
        else:
            self._storage.works("ring")

    def cut(self) -> None:
        """Finish the open segment, if there is one, as it is."""
        if self._ring.open_segment is None:
            return
        self._look_what_is_lost(self._ring.open_segment)
        left = self._ring.cut()
        if left is not None:
            self._unfinished.append(left)
        self._opening = None
        self.recovered += 1

    def _look_what_is_lost(self, segment: str) -> None:
        """A disk that has failed is not believed in what it said before, either."""
        try:
            lost = self._ring.lost_records()
        except OSError as error:
            self._note("records_unknown", segment, f"what is on the disk cannot be read: {sentence(error)}")
            return
        if lost:
            said = f"{lost} of the {self._ring.open_records} records that it said it had are not on the disk"
            self._note("records_lost", segment, said)

    def _do(self, message: SegmentMessage) -> None:
        if message.segment == self._ring.open_segment:
            self._written_ns = self._clock.boottime_ns()
        if self._is_repeated(message):
            return
        match message:
            case OpenSegment():
                self._begin(message)
            case SealedRecord():
                self._ring.write(message)
                self._storage.works("ring")
                self.records += 1
                self.record_bytes += len(message.ciphertext)
                self._stored[message.segment] = self._ring.open_records
            case CloseSegment():
                self._ring.write(message)
                self._opening = None

    def _is_repeated(self, message: SegmentMessage) -> bool:
        """Whether that was done before: by this instance, or by one whose work recovery found."""
        match message:
            case OpenSegment():
                return message == self._opening
            case SealedRecord():
                return message.index < self._stored.get(message.segment, 0)
            case CloseSegment():
                closed = message.segment != self._ring.open_segment
                return closed and message.count == self._stored.get(message.segment)

    def _is_stale(self, message: SegmentMessage) -> bool:
        """Whether it was sent before the camera knew of this turn."""
        if isinstance(message, OpenSegment):
            return message.turn != self.turn
        return not self._begun

    def _begin(self, message: OpenSegment) -> None:
        self.cut()
        self._refuse_doubtful_time(message)
        hours = min(message.retention_hours, self._retention_hours() or message.retention_hours)
        self._ring.write(msgspec.structs.replace(message, retention_hours=hours))
        self._storage.works("ring")
        self._opening, self._owner = message, None
        self._begun_ns = self._written_ns = self._clock.boottime_ns()
        self._begun = True
        self._stored[message.segment] = 0
        while len(self._stored) > MAX_TOLD_SEGMENTS:
            del self._stored[next(iter(self._stored))]

    def _refuse_doubtful_time(self, message: OpenSegment) -> None:
        now = self._clock.now()
        try:
            start_ns = msgspec.json.decode(message.header, type=_Beginning).start_ns
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Refused(f"a segment's header is not as it must be ({error})") from error
        if now.trust == "untrusted":
            raise Refused("the time is not trusted: nobody knows how long the segment may be kept")
        if start_ns > now.utc_ns + AHEAD_NS:
            raise Refused("the segment begins in the future: it would be kept too long")

    def _refused(self, segment: str, reason: str) -> SegmentRefused:
        """Nothing that is on its way is taken, so what is open ends here."""
        self.cut()
        self.turn, self._begun = new_ulid(self._clock.now().utc_ns), False
        return SegmentRefused(segment, self.stored, self.turn, reason[:MAX_REASON])
