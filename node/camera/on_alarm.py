"""Recording on alarm: what the last seconds showed waits in memory, and only what lies around an alarm goes on.

Nothing is sealed, sent or written before an alarm wants it; what no alarm wanted in time is forgotten. Fragments are
whole GOPs, so a clip begins and ends to a GOP. Must never hold more than the mandate's pre-roll and one GOP.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from node.analysis.events import Event
from node.camera.fragments import Fragment
from node.camera.pipeline import FootageSink
from node.clock import NS, Clock, Instant
from node.mandate.documents import Mandate

PREROLL_BYTES: Final = 96 << 20
"""Two minutes at 6 Mbit/s. What does not fit is a gap of the recording that says so."""
NO_ROOM: Final = "the pre-roll did not fit into memory"
UNSURE: Final = "masks or pose were at fault shortly before"
_NOT_YET: Final = (1 << 63) - 1


@dataclass(slots=True)
class _Wanted:
    """From when to when an alarm wants pictures, on the sensor's clock; open while the alarm goes on."""

    from_ns: int
    until_ns: int = _NOT_YET


@dataclass(slots=True)
class _Part:
    """A fragment, or a gap (`reason`), from its first to its last picture on the sensor's clock."""

    first_ns: int
    last_ns: int
    start: Instant
    fragment: Fragment | None = None
    reason: str = ""

    @property
    def until_utc_ns(self) -> int:
        """The wall time of its last picture."""
        return self.start.utc_ns + self.last_ns - self.first_ns


class OnAlarm:
    """A `FootageSink` that lets through to `footage` what lies around the mandate's alarms, and nothing else.

    An alarm that has begun lets everything through, from its pre-roll on; it ends post-roll after its end, or when
    the end is known, if that is later. One that comes meanwhile goes on in the same segment.
    """

    def __init__(
        self, *, mandate: Mandate, footage: FootageSink, clock: Clock, most_bytes: int = PREROLL_BYTES
    ) -> None:
        self._kinds = frozenset(rule.kind for rule in mandate.alarms)
        self._preroll_ns = mandate.recording.preroll_seconds * NS
        self._postroll_ns = mandate.recording.postroll_seconds * NS
        self._footage = footage
        self._clock = clock
        self._most_bytes = most_bytes
        self._waiting: deque[_Part] = deque()
        self._bytes = 0
        self._going_on: dict[str, _Wanted] = {}
        self._wanted: list[_Wanted] = []
        self._segment_open = False
        self._unsure_ns = -1  # what began until then, while nothing was recorded, is shown to nobody

    @property
    def recording(self) -> bool:
        """Whether pictures go on to be kept; else they wait, to be forgotten."""
        return bool(self._wanted)

    @property
    def waiting_bytes(self) -> int:
        """What is held in memory in case of an alarm."""
        return self._bytes

    def event(self, event: Event) -> None:
        """An event that a detector has begun or ended; only those that the mandate names are alarms."""
        if event.kind not in self._kinds:
            return
        if event.end_seconds is not None:
            ended = self._going_on.pop(event.kind, None)
            if ended is not None:
                ended.until_ns = round(event.end_seconds * NS) + self._postroll_ns
        elif event.kind not in self._going_on:
            wanted = _Wanted(round(event.start_seconds * NS) - self._preroll_ns)
            self._going_on[event.kind] = wanted
            self._wanted.append(wanted)
            self._let_go()

    def forget(self, sensor_ns: int) -> None:
        """The picture of that moment could not be shown: then those before it may be wrong too, and nobody gets them.

        A clip says so. While an alarm is recorded they have been let through already.
        """
        for part in self._waiting:
            if part.fragment is not None:
                part.fragment, part.reason = None, UNSURE
        self._bytes = 0
        if not self._wanted:
            self._unsure_ns = sensor_ns

    def add(self, fragment: Fragment, start: Instant) -> None:
        """Take a fragment whose first picture was taken at `start`."""
        self._take(_Part(fragment.sensor_ns, fragment.last_ns, start, fragment))
        self._wanted = [wanted for wanted in self._wanted if wanted.until_ns > fragment.last_ns]

    def gap(self, start_ns: int, until_ns: int, reason: str) -> None:
        """Note that nothing was filmed in between (UTC ns); it goes the way of the pictures around it."""
        now = self._clock.now()
        age_ns = now.utc_ns - until_ns
        last_ns = self._clock.boottime_ns() - age_ns
        first_ns = last_ns - (until_ns - start_ns)
        self._take(_Part(first_ns, last_ns, Instant(start_ns, now.trust), reason=reason))

    def finish(self, now_ns: int) -> None:
        """The sensor closes: what waited is forgotten, and no alarm goes on behind it."""
        self._end_segment(now_ns)
        self._drop_waiting()
        self._going_on.clear()
        self._wanted.clear()
        self._unsure_ns = -1

    def _take(self, part: _Part) -> None:
        if part.fragment is not None and part.first_ns <= self._unsure_ns:
            part.fragment, part.reason = None, UNSURE
        if self._is_wanted(part):
            self._hand_on(part)
            return
        if part.fragment is not None:
            self._end_segment(part.start.utc_ns)
        self._waiting.append(part)
        self._bytes += _size(part)
        self._forget_old(part.last_ns - self._preroll_ns)

    def _is_wanted(self, part: _Part) -> bool:
        return any(
            part.last_ns >= wanted.from_ns and part.first_ns <= wanted.until_ns for wanted in self._wanted
        )

    def _hand_on(self, part: _Part) -> None:
        if part.fragment is None:
            self._footage.gap(part.start.utc_ns, part.until_utc_ns, part.reason)
        else:
            self._footage.add(part.fragment, part.start)
            self._segment_open = True

    def _let_go(self) -> None:
        """The pre-roll. What is older than this alarm wants, no later one will."""
        parts = [part for part in self._waiting if self._is_wanted(part)]
        self._drop_waiting()
        for part in _merged(parts):
            self._hand_on(part)

    def _end_segment(self, utc_ns: int) -> None:
        if self._segment_open:
            self._footage.finish(utc_ns)
            self._segment_open = False

    def _forget_old(self, before_ns: int) -> None:
        while self._waiting and self._waiting[0].last_ns < before_ns:
            self._bytes -= _size(self._waiting.popleft())
        for part in self._waiting:
            if self._bytes <= self._most_bytes:
                break
            self._bytes -= _size(part)
            if part.fragment is not None:
                part.fragment, part.reason = None, NO_ROOM

    def _drop_waiting(self) -> None:
        self._waiting.clear()
        self._bytes = 0


def _size(part: _Part) -> int:
    return 0 if part.fragment is None else len(part.fragment.data)


def _merged(parts: list[_Part]) -> Iterator[_Part]:
    """Gaps for one reason that follow each other become one, up to what comes after them."""
    for part, after in pairwise([*parts, None]):
        assert part is not None  # noqa: S101 — only the last one is, and it is never a first
        if part.fragment is None and after is not None and part.reason == after.reason:
            after.start, after.first_ns = part.start, part.first_ns
        else:
            yield part
