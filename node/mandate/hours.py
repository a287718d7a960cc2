"""The hours of a mandate: which instants a decision lets a site be filmed.

Owns the reading of `site` and `hours` of a signed mandate, and the rules below. It asks no clock and does
no I/O beyond the time zone database. It must never open where the text leaves a doubt.

**Rule 1, the opening day.** A window belongs to the local day on which it opens; `days` names those days.
Of two clock times, a close that is not later than the open falls on the next day; equal ones mean 24 hours
by the wall clock (23 or 25 on the nights of daylight saving time). Only a close may be "24:00".

**Rule 2, doubt narrows.** An opening time that occurs twice (autumn) is taken the second time, a closing
time that occurs twice the first time. A time that does not exist (spring) becomes the end of the gap for an
opening and its start, the same instant, for a closing. A window that becomes empty so does not open, nor
does one of a day that the time zone skipped. Sun events are rounded to whole seconds: up for an opening,
down for a closing.

**Rule 3, the site's sun.** Dawn and dusk are the sun's centre 6 degrees below the site's horizon (civil),
sunrise and sunset 0.833 degrees below. A day's dusk and sunset lie between that day's solar noon and the
solar midnight after it, even when that is past local midnight; its dawn and sunrise between the solar
midnight before and solar noon. A day's solar noon is the one nearest to 12:00 local time. A closing event
is the first after the opening, of the same day or the next. An offset moves the event, not its day.

**Rule 4, no event, no window.** A window exists only where both its ends exist. Where the sun does not reach
the angle, a window on it does not open: no `dusk` to `dawn` in a midsummer without civil dusk, no `sunset`
to `sunrise` in the polar night. Who wants to film then gives clock times.

**Rule 5, no season turns a window over.** Whether a close may fall on the next day is decided by the text,
never by how early or late the sun is. It may: of two clock times as in rule 1; of two events, when the close
comes earlier in the order dawn, sunrise, sunset, dusk, or is the same (the offset no later, where both are of
the same half of the day); from a sunset or dusk to a clock time up to 12:00; from a clock time of 12:00 or
later to a dawn or sunrise. Every other close is the opening day's, and on days when it comes before the
opening the window does not open: `dusk` to `23:00` on a midsummer night whose dusk is at 23:40, `18:00` to
`dusk` in December.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from node.clock import NS, utc_ns
from node.errors import Refused
from node.mandate.sun import EVENTS, MORNING, Event, sun_event_s

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""In the order of `date.weekday()`."""

MAX_NAME_CHARS = 200
MAX_LATITUDE, MAX_LONGITUDE = 90, 180
MAX_WINDOWS = 32
MAX_RANGE_DAYS = 400
MAX_OFFSET_MINUTES = 6 * 60
LOOKAHEAD_DAYS = 8

_DAY_S = 86_400
_DAY_MINUTES = 1_440
_NOON_MINUTES = 720
_LAST_NS = utc_ns(datetime(2200, 1, 1, tzinfo=UTC))

# How far a day's windows reach from its 12:00, by rules 1 and 3: a solar noon up to 12 h 16 min away, half a
# solar day, 6 h of offset, the next day for a close; and an hour more for daylight saving time.
_REACH_BEFORE_S, _REACH_AFTER_S = 32 * 3_600, 56 * 3_600

# Starts with a capital: keeps out "localtime", which is another zone on every machine, and "right/...",
# which counts leap seconds.
_ZONE = re.compile(r"[A-Z][A-Za-z0-9_+-]*(/[A-Z][A-Za-z0-9_+-]*){0,2}")
_EVENT_NAMED: Mapping[str, Event] = {event: event for event in EVENTS}
_CLOCK_TIME = re.compile(r"([0-9]{2}):([0-5][0-9])")
_SUN_TIME = re.compile(r"([a-z]+)(?:([+-])([0-9]{2}):([0-5][0-9]))?")


class Site(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the node stands: degrees, north and east positive; `timezone` is a name of the IANA database."""

    name: str
    latitude: float
    longitude: float
    timezone: str

    def __post_init__(self) -> None:
        if not (0 < len(self.name) <= MAX_NAME_CHARS and self.name.isprintable()):
            raise Refused(f"site: name must be one line of 1 to {MAX_NAME_CHARS} characters")
        if not abs(self.latitude) <= MAX_LATITUDE:
            raise Refused("site: latitude must be -90 to 90 degrees")
        if not abs(self.longitude) <= MAX_LONGITUDE:
            raise Refused("site: longitude must be -180 to 180 degrees")
        if not _is_zone(self.timezone):
            raise Refused(f"site: timezone is not known here: {self.timezone[:40]!r}")


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of `hours`: the days on which it opens, and its two ends.

    An end is "HH:MM" or a sun event with an offset of up to six hours or none: "20:00", "dusk",
    "dusk-00:30", "dawn+01:15".
    """

    days: tuple[Day, ...]
    open: str
    close: str

    def __post_init__(self) -> None:
        if not self.days or len(set(self.days)) != len(self.days):
            raise Refused("hours: days must name at least one day, and none twice")
        if _parsed(self.open, "open").minutes == _DAY_MINUTES:
            raise Refused('hours: open cannot be "24:00" (write "00:00" and the next day)')
        _parsed(self.close, "close")


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """UTC nanoseconds since the Unix epoch, half open: from `start_ns` until just before `end_ns`."""

    start_ns: int
    end_ns: int


def open_intervals(
    windows: Sequence[Window], site: Site, *, from_ns: int, until_ns: int
) -> tuple[Interval, ...]:
    """When the windows are open within [from_ns, until_ns): sorted, disjoint, touching ones merged.

    Refuses a range that is longer than 400 days, runs backwards or leaves 1970 to 2199, and more than 32
    windows.
    """
    if from_ns > until_ns:
        raise Refused("hours: the range ends before it begins")
    if until_ns - from_ns > MAX_RANGE_DAYS * _DAY_S * NS:
        raise Refused(f"hours: the range is longer than {MAX_RANGE_DAYS} days")
    merged: list[Interval] = []
    for found in sorted(_openings(windows, site, from_ns=from_ns, until_ns=until_ns)):
        start_ns, end_ns = max(found.start_ns, from_ns), min(found.end_ns, until_ns)
        if start_ns >= end_ns:
            continue
        if merged and start_ns <= merged[-1].end_ns:
            merged[-1] = Interval(merged[-1].start_ns, max(merged[-1].end_ns, end_ns))
        else:
            merged.append(Interval(start_ns, end_ns))
    return tuple(merged)


def is_open(windows: Sequence[Window], site: Site, at_ns: int) -> bool:
    """Whether any window is open at this instant. Refuses what `open_intervals` refuses.

    Looks at four local days: below a millisecond for clock times, a few where windows end with the sun.
    """
    found = _openings(windows, site, from_ns=at_ns, until_ns=at_ns)
    return any(interval.start_ns <= at_ns < interval.end_ns for interval in found)


def next_change(windows: Sequence[Window], site: Site, at_ns: int) -> int | None:
    """The next instant (UTC ns) at which the answer of `is_open` changes, after `at_ns`.

    None if nothing changes within 8 days. Refuses what `open_intervals` refuses.
    """
    until_ns = at_ns + LOOKAHEAD_DAYS * _DAY_S * NS + 1
    found = open_intervals(windows, site, from_ns=at_ns, until_ns=until_ns)
    if not found:
        return None
    if found[0].start_ns > at_ns:
        return found[0].start_ns
    return found[0].end_ns if found[0].end_ns < until_ns else None


def _openings(windows: Sequence[Window], site: Site, *, from_ns: int, until_ns: int) -> Iterator[Interval]:
    """Every opening that may touch the range; some lie outside it, some overlap."""
    if len(windows) > MAX_WINDOWS:
        raise Refused(f"hours: more than {MAX_WINDOWS} windows")
    if not (from_ns >= 0 and until_ns <= _LAST_NS):
        raise Refused("hours: only the years 1970 to 2199 can be asked about")
    local_days = _LocalDays(site)
    from_s, until_s = from_ns // NS, until_ns // NS
    day = local_days.day_of(from_s - _REACH_AFTER_S) - timedelta(days=1)
    while (noon_s := local_days.noon_s(day)) - _REACH_BEFORE_S <= until_s:
        if noon_s + _REACH_AFTER_S >= from_s and not local_days.is_skipped(day):
            for window in windows:
                opening = _opening(window, day, local_days, until_s=until_s)
                if opening is not None:
                    yield opening
        day += timedelta(days=1)


def _opening(window: Window, day: date, local_days: "_LocalDays", *, until_s: int) -> Interval | None:
    """When the window of this local day is open; None if it does not open, or only after `until_s`."""
    if DAYS[day.weekday()] not in window.days:
        return None
    opens, closes = _parsed(window.open, "open"), _parsed(window.close, "close")
    start_s = local_days.end_s(opens, day, is_opening=True)
    if start_s is None or start_s > until_s:
        return None
    for days_later in (0, 1) if _may_close_next_day(opens, closes) else (0,):
        end_s = local_days.end_s(closes, day, days_later=days_later, is_opening=False)
        if end_s is not None and end_s > start_s:
            return Interval(start_s * NS, end_s * NS)
    return None


@dataclass(frozen=True, slots=True)
class _End:
    """One end of a window: minutes after local midnight, or after a sun event."""

    event: Event | None
    minutes: int


def _parsed(text: str, field: Literal["open", "close"]) -> _End:
    """Read "HH:MM" or a sun event with its offset. Refuses anything else."""
    if match := _CLOCK_TIME.fullmatch(text):
        minutes = 60 * int(match[1]) + int(match[2])
        if minutes <= _DAY_MINUTES:
            return _End(None, minutes)
    elif match := _SUN_TIME.fullmatch(text):
        offset = 60 * int(match[3] or 0) + int(match[4] or 0)
        event = _EVENT_NAMED.get(match[1])
        if event is not None and offset <= MAX_OFFSET_MINUTES:
            return _End(event, -offset if match[2] == "-" else offset)
    raise Refused(
        f"hours: {field} must be HH:MM, or dawn, sunrise, sunset or dusk with an offset of up to "
        f"06:00 (like dusk-00:30), not {text[:20]!r}"
    )


def _may_close_next_day(opens: _End, closes: _End) -> bool:
    """Rules 1 and 5: what the text alone says, whatever the season."""
    if opens.event is None and closes.event is None:
        return closes.minutes <= opens.minutes
    if opens.event is None:
        return closes.event in MORNING and opens.minutes >= _NOON_MINUTES
    if closes.event is None:
        return opens.event not in MORNING and closes.minutes <= _NOON_MINUTES
    if (opens.event in MORNING) != (closes.event in MORNING):
        return closes.event in MORNING
    is_not_later = EVENTS.index(closes.event) <= EVENTS.index(opens.event)
    return is_not_later and closes.minutes <= opens.minutes


class _LocalDays:
    """A site's local days in UTC seconds. Remembers sun events, so make one per question."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._zone = ZoneInfo(site.timezone)
        self._events: dict[tuple[Event, int], int | None] = {}

    def day_of(self, when_s: int) -> date:
        """The local date at an instant."""
        return datetime.fromtimestamp(when_s, self._zone).date()

    def noon_s(self, day: date) -> int:
        """12:00 local time."""
        return self._wall_s(day, _NOON_MINUTES, is_opening=True)

    def is_skipped(self, day: date) -> bool:
        """Whether the zone's clocks never showed this date (Samoa had no 30 December 2011)."""
        return self._wall_s(day, 0, is_opening=True) == self._wall_s(day, _DAY_MINUTES, is_opening=False)

    def end_s(self, end: _End, day: date, *, is_opening: bool, days_later: int = 0) -> int | None:
        """The instant of an end of this day's window, rounded to narrow; None without a sun event."""
        if end.event is None:
            return self._wall_s(day + timedelta(days=days_later), end.minutes, is_opening=is_opening)
        # A later day's event is counted in solar days: local noons are 23 or 25 hours apart now and then, and
        # where the zone is far from the longitude they would name the same noon twice or leave one out.
        passed_s = self._event_s(end.event, self.noon_s(day) + days_later * _DAY_S)
        if passed_s is None:
            return None
        return passed_s + 60 * end.minutes - (0 if is_opening else 1)

    def _event_s(self, event: Event, near_s: int) -> int | None:
        if (event, near_s) not in self._events:
            self._events[event, near_s] = sun_event_s(
                event,
                near_s=near_s,
                latitude=self._site.latitude,
                longitude=self._site.longitude,
            )
        return self._events[event, near_s]

    def _wall_s(self, day: date, minutes: int, *, is_opening: bool) -> int:
        """When the clocks show this many minutes after midnight; rule 2 where they do twice or never."""
        shown = datetime.combine(day, time(), self._zone) + timedelta(minutes=minutes)
        first_s, second_s = (utc_ns(shown.replace(fold=fold)) // NS for fold in (0, 1))
        if first_s > second_s:  # PEP 495: so it is, and only so, in a gap
            return self._gap_s(second_s, first_s)
        return second_s if is_opening else first_s

    def _gap_s(self, before_s: int, after_s: int) -> int:
        """The instant of the one change of offset after `before_s` and up to `after_s`."""
        offset = self._offset(before_s)
        while after_s - before_s > 1:
            middle_s = (before_s + after_s) // 2
            if self._offset(middle_s) == offset:
                before_s = middle_s
            else:
                after_s = middle_s
        return after_s

    def _offset(self, when_s: int) -> timedelta | None:
        return datetime.fromtimestamp(when_s, self._zone).utcoffset()


def _is_zone(name: str) -> bool:
    """Whether the time zone database of this machine has a zone of this name."""
    if not _ZONE.fullmatch(name):
        return False
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # absent, not a zone's bytes, a folder
        return False
    return True
