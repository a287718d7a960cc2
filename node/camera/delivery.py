"""Footage on its way to the recorder: sealed in order, kept until it is on the recorder's disk, ten seconds at most.

A recorder that was restarted, has no room, or has lost a message gives out a new *turn* and takes nothing that is
still on its way. Then a new segment begins with everything that was not stored: so this keeps fragments as they
were before sealing, in memory only.
What has to be given up leaves a gap in the footage that says so.

Messages arrive in the order in which they were sent. So a recorder that has heard a later sign of life, and has not
stored a record that was handed over before, has lost it; one that is only slow has not heard that sign of life yet.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from node.camera.fragments import Fragment
from node.camera.segments import SealedUnder, SegmentSealer
from node.clock import NS, Clock, Instant
from node.messages import OpenSegment, RecorderAlive, SealedRecord, SegmentMessage, SegmentRefused

if TYPE_CHECKING:
    from node.formats.segment import Record

KEPT_NS = 10 * NS
RETRY_NS = NS
GIVEN_UP = "the recorder did not take it"


@dataclass(slots=True)
class _Item:
    """A fragment, a gap (`reason`), or the end of a segment (neither), and which record it became."""

    under: SealedUnder
    start: Instant
    taken_ns: int
    until_ns: int = 0
    fragment: Fragment | None = None
    reason: str | None = None
    segment: str | None = None
    index: int = 0
    handed_ns: int | None = None
    counted: bool = False


class Delivery:
    """A `FootageSink` towards another process. `send` hands a message over, or says that it could not."""

    def __init__(self, *, clock: Clock, send: Callable[[SegmentMessage], bool]) -> None:
        self._clock = clock
        self._send = send
        self._under: SealedUnder | None = None
        self._items: deque[_Item] = deque()
        self._sealed = 0  # so many items, from the left, are sealed under the segment that is open
        self._outbound: deque[SegmentMessage] = deque()
        self._sealer: tuple[SealedUnder, SegmentSealer] | None = None
        self._gaps: tuple[Record, ...] = ()
        self._turn: str | None = None
        self._not_before_ns = 0
        self.dropped = 0
        """Fragments that were given up, and will not be stored."""
        self.first_stored_ns: int | None = None
        """When the recorder had stored the first fragment, since boot."""

    @property
    def waiting(self) -> int:
        """Fragments that are not stored yet."""
        return sum(item.fragment is not None for item in self._items)

    def begin(self, under: SealedUnder) -> None:
        """What is added from now on stands under these documents."""
        self._under = under

    def add(self, fragment: Fragment, start: Instant) -> None:
        """Take a fragment whose first picture was taken at `start`."""
        now_ns = self._clock.boottime_ns()
        self._items.append(_Item(self._documents, start, now_ns, fragment=fragment))
        for item in self._items:
            if now_ns - item.taken_ns <= KEPT_NS:
                break
            self._give_up(item, start.utc_ns)
        self._count_dropped(self._sealed)
        self._merge_gaps()
        self.pump()

    def gap(self, start_ns: int, until_ns: int, reason: str) -> None:
        """Note that nothing was recorded in between."""
        start = Instant(start_ns, self._clock.now().trust)
        now_ns = self._clock.boottime_ns()
        self._items.append(_Item(self._documents, start, now_ns, until_ns=until_ns, reason=reason))

    def finish(self, now_ns: int) -> None:
        """End the segment that is open, if there is one."""
        if self._under is not None:
            end = Instant(now_ns, self._clock.now().trust)
            self._items.append(_Item(self._documents, end, self._clock.boottime_ns()))
            self.pump()

    def pump(self) -> None:
        """Seal and hand over what can be; the rest waits."""
        if self._turn is None or self._clock.boottime_ns() < self._not_before_ns:
            return
        while True:
            while self._outbound:
                if not self._send(self._outbound[0]):
                    return
                self._outbound.popleft()
            self._note_handed_over()
            if self._sealed >= len(self._items):
                return
            self._seal(self._items[self._sealed])

    def stored(self, segment: str, count: int) -> None:
        """The recorder has the first `count` records of the segment on its disk."""
        kept = [item for item in self._items if item.segment != segment or item.index >= count]
        if len(kept) == len(self._items):
            return
        self._sealed -= len(self._items) - len(kept)
        if self.first_stored_ns is None:
            self.first_stored_ns = self._clock.boottime_ns()
        self._items = deque(kept)

    def refused(self, refusal: SegmentRefused) -> None:
        """The recorder could not go on: begin anew, in a moment."""
        for told in refusal.stored:
            self.stored(told.segment, told.count)
        if refusal.turn != self._turn:
            self._begin_anew(refusal.turn)
            self._not_before_ns = self._clock.boottime_ns() + RETRY_NS

    def recorder_alive(self, alive: RecorderAlive) -> None:
        """What the recorder has stored; another turn, or something that got lost, makes us begin anew."""
        for told in alive.stored:
            self.stored(told.segment, told.count)
        if alive.turn != self._turn or self._is_lost(alive.heard_ns):
            self._begin_anew(alive.turn)
        self.pump()

    @property
    def _documents(self) -> SealedUnder:
        if self._under is None:
            raise ValueError("footage came before the documents that it stands under")
        return self._under

    def _is_lost(self, heard_ns: int) -> bool:
        """Whether the recorder went by the oldest that was handed over: it has heard what was said afterwards."""
        handed_ns = self._items[0].handed_ns if self._sealed else None
        return handed_ns is not None and heard_ns > handed_ns

    def _note_handed_over(self) -> None:
        """Everything that is sealed has been sent, as of now."""
        for n in range(self._sealed - 1, -1, -1):
            if self._items[n].handed_ns is not None:
                break
            self._items[n].handed_ns = self._clock.boottime_ns()

    def _seal(self, item: _Item) -> None:
        sealer = self._sealer_under(item)
        if item.reason is not None:
            sealer.gap(item.start.utc_ns, item.until_ns, item.reason)
        elif item.fragment is not None:
            sealer.add(item.fragment, item.start)
        else:
            self._finish_segment(sealer, item.start.utc_ns)
        self._sealed += 1
        last = next((m for m in reversed(self._outbound) if isinstance(m, SealedRecord)), None)
        if last is not None:
            for made in self._items:  # a gap before a segment's first fragment is sealed with it
                if made.segment is None:
                    made.segment, made.index = last.segment, last.index
                if made is item:
                    break
        elif item.reason is None:
            self._items.remove(item)  # the end of nothing
            self._sealed -= 1

    def _sealer_under(self, item: _Item) -> SegmentSealer:
        if self._sealer is not None and self._sealer[0] is not item.under:
            self._finish_segment(self._sealer[1], item.start.utc_ns)
        if self._sealer is None:
            sealer = SegmentSealer(under=item.under, send=self._queue, gaps=self._gaps)
            self._sealer, self._gaps = (item.under, sealer), ()
        return self._sealer[1]

    def _finish_segment(self, sealer: SegmentSealer, now_ns: int) -> None:
        """What it had no segment for is told in the next one, under whatever documents that is."""
        sealer.finish(now_ns)
        self._sealer, self._gaps = None, sealer.gaps

    def _queue(self, message: SegmentMessage) -> None:
        opens = isinstance(message, OpenSegment)
        self._outbound.append(msgspec.structs.replace(message, turn=self._turn) if opens else message)

    def _begin_anew(self, turn: str) -> None:
        """Forget the open segment with its key; everything not stored goes into the next."""
        self._turn = turn
        self._outbound.clear()
        self._sealer, self._gaps, self._sealed = None, (), 0
        for item in self._items:
            item.segment = item.handed_ns = None
        self._count_dropped(0)
        self._merge_gaps()

    def _give_up(self, item: _Item, until_ns: int) -> None:
        if item.fragment is not None:
            item.fragment, item.reason, item.until_ns = None, GIVEN_UP, until_ns

    def _count_dropped(self, first: int) -> None:
        """Of the items from there on, which are not on their way, count the fragments that are no longer there."""
        for item in islice(self._items, first, None):
            if item.reason == GIVEN_UP and not item.counted:
                item.counted = True
                self.dropped += 1

    def _merge_gaps(self) -> None:
        """Neighbours that were given up, and are not sealed, become one gap up to what follows it."""
        items = list(self._items)
        self._items = deque(items[: self._sealed])
        for item in items[self._sealed :]:
            before = self._items[-1] if len(self._items) > self._sealed else None
            if before is not None and before.reason == GIVEN_UP:
                before.until_ns = item.start.utc_ns
                if item.reason == GIVEN_UP and item.under is before.under:
                    before.until_ns = item.until_ns
                    continue
            self._items.append(item)
