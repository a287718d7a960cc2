"""When the sun passes an angle at a place: pure arithmetic, no local time and no clock.

Owns the meaning of the four sun events. It must never guess: where the sun does not pass the angle on a
day, there is no event, and the caller decides what that means.

The sun's position and its noon are astral's (NOAA's solar calculator, after Meeus, "Astronomical
Algorithms"). astral's own `dusk()` and its kin are not used: they compute on UTC dates, so near midnight
they raise or answer for a neighbouring day, and they add refraction to the 6 degrees.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Literal

from astral import Observer
from astral.sun import elevation, noon

Event = Literal["dawn", "sunrise", "sunset", "dusk"]
EVENTS: tuple[Event, ...] = ("dawn", "sunrise", "sunset", "dusk")
"""In the order in which they happen on a day; the first two before solar noon, the others after it."""

MORNING: frozenset[Event] = frozenset(EVENTS[:2])

ELEVATION_DEG: dict[Event, float] = {
    "dawn": -6.0,
    "sunrise": -0.833,
    "sunset": -0.833,
    "dusk": -6.0,
}
"""Where the centre of the sun stands, without refraction: civil twilight; the upper rim on the horizon."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_S = 86_400


def sun_event_s(event: Event, *, near_s: int, latitude: float, longitude: float) -> int | None:
    """The first whole second (UTC, since the Unix epoch) at which the sun has passed the event's angle.

    The crossing itself lies less than a second earlier. Looked at is the solar day whose noon is nearest
    to `near_s`: dawn and sunrise between the solar midnight before that noon and the noon, sunset and dusk
    between the noon and the solar midnight after it. None where the sun stands on one side of the angle at
    both. Degrees; north and east are positive.
    """
    observer = Observer(latitude, longitude, 0.0)
    date_there = (_EPOCH + timedelta(seconds=near_s + longitude / 360 * _DAY_S)).date()
    noon_s = _noon_s(observer, date_there)
    neighbour = date_there + timedelta(days=-1 if event in MORNING else 1)
    # astral's midnight() takes the equation of time a day late; between two noons it is exact enough.
    midnight_s = (noon_s + _noon_s(observer, neighbour)) // 2
    angle = ELEVATION_DEG[event]
    if not _elevation_deg(observer, midnight_s) < angle < _elevation_deg(observer, noon_s):
        return None
    before_s, after_s = sorted((midnight_s, noon_s))
    while after_s - before_s > 1:
        middle_s = (before_s + after_s) // 2
        is_up = _elevation_deg(observer, middle_s) >= angle
        if is_up == (event in MORNING):
            after_s = middle_s
        else:
            before_s = middle_s
    return after_s


def _noon_s(observer: Observer, date_there: date) -> int:
    """Solar noon of a date in local mean solar time: astral's date, whatever the UTC date is then."""
    return (noon(observer, date_there, UTC) - _EPOCH) // timedelta(seconds=1)


def _elevation_deg(observer: Observer, when_s: int) -> float:
    """Degrees above the horizon. Whole seconds only: astral drops fractions of them."""
    return elevation(observer, _EPOCH + timedelta(seconds=when_s), with_refraction=False)
