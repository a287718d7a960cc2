"""What happens in the street: light, weather and traffic, as one frozen value, and the scenes that have a name.

Owns no picture and no random number: a scene says how much of what, `script.py` says who comes when.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType

import numpy as np

from node.errors import Refused

Knots = tuple[tuple[float, float], ...]
"""A value over time: (second, value) in rising order, joined by straight lines and held at both ends."""

Course = float | Knots
"""A value that stays, or one that changes."""

DAYLIGHT, DUSK_LIGHT, NIGHT_LIGHT = 1.0, 0.4, 0.0
"""Values of `StreetScene.daylight` for which the street was painted; those between are mixed."""

MAX_PER_MINUTE = 60.0

_SHARES = ("daylight", "rain", "wind")
_RATES = ("walkers_per_minute", "cars_per_minute", "sweeps_per_minute")


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetScene:
    """What happens. Courses begin anew every `lap_seconds`; walkers and cars never repeat.

    `daylight` 0 (night, lamps lit) to 1, `rain` 0 to 1 (a downpour), `wind` 0 (nothing sways) to 1 (a gale).
    `noise` is the sensor's, 1 for an ordinary one (about 1.3 luma steps by day, 3.4 at night) and up to 4.
    `sweeps_per_minute`: headlights of cars out of sight that wander over the walls, only seen in the dark.
    `residents`: somebody at a balcony's rail, and a television behind another.
    """

    daylight: Course = DAYLIGHT
    rain: Course = 0.0
    wind: Course = 0.25
    noise: float = 1.0
    walkers_per_minute: float = 10.0
    cars_per_minute: float = 6.0
    sweeps_per_minute: float = 0.0
    residents: bool = True
    lap_seconds: float = 60.0

    def __post_init__(self) -> None:
        for name in _SHARES:
            if not all(0.0 <= value <= 1.0 for value in _values(getattr(self, name))):
                raise Refused(f"scene: {name} must be 0 to 1")
        for name in _RATES:
            if not 0.0 <= getattr(self, name) <= MAX_PER_MINUTE:
                raise Refused(f"scene: {name} must be 0 to {MAX_PER_MINUTE:g}")
        if not 0.0 <= self.noise <= 4.0:  # noqa: PLR2004 — the bound that the docstring states
            raise Refused("scene: noise must be 0 to 4")
        if not self.lap_seconds > 0.0:
            raise Refused("scene: lap_seconds must be above 0")

    def daylight_range(self) -> tuple[float, float]:
        """The least and the most daylight that there will be."""
        values = _values(self.daylight)
        return min(values), max(values)

    def at(self, seconds: float) -> "Moment":
        """The scene's courses at that many seconds from the start."""
        lap = seconds % self.lap_seconds
        return Moment(*(_value_at(getattr(self, name), lap) for name in _SHARES))


@dataclass(frozen=True, slots=True)
class Moment:
    """Light and weather of one frame, each 0 to 1."""

    daylight: float
    rain: float
    wind: float


def _values(course: Course) -> tuple[float, ...]:
    """All values that a course takes at its knots. Refuses knots that are missing or out of order."""
    if isinstance(course, (int, float)):
        return (float(course),)
    times = [second for second, _ in course]
    if not times or any(later <= earlier for earlier, later in pairwise(times)):
        raise Refused("scene: a course needs knots in rising order of time")
    return tuple(value for _, value in course)


def _value_at(course: Course, second: float) -> float:
    if isinstance(course, (int, float)):
        return float(course)
    return float(np.interp(second, [knot[0] for knot in course], [knot[1] for knot in course]))


EMPTY = StreetScene(
    wind=0.0, walkers_per_minute=0.0, cars_per_minute=0.0, sweeps_per_minute=0.0, residents=False
)
"""Nobody, nothing, a still day: frames differ by the sensor's noise alone."""

EMPTY_NIGHT = replace(EMPTY, daylight=NIGHT_LIGHT)
RAIN = replace(EMPTY, rain=0.8)
RAIN_NIGHT = replace(RAIN, daylight=NIGHT_LIGHT)
WIND = replace(EMPTY, wind=1.0)
SWEEPS = replace(EMPTY_NIGHT, sweeps_per_minute=12.0)
"""An empty night in which headlights from elsewhere wander over the walls."""

NIGHTFALL = replace(EMPTY, daylight=((2.0, DAYLIGHT), (8.0, NIGHT_LIGHT)))
"""Only the light changes: dark within six seconds, faster than any real evening."""

DAY = StreetScene()
DUSK = replace(DAY, daylight=DUSK_LIGHT)
NIGHT = replace(DAY, daylight=NIGHT_LIGHT, sweeps_per_minute=3.0)
DEMO = StreetScene(
    daylight=((12.0, DAYLIGHT), (15.0, DUSK_LIGHT), (18.0, NIGHT_LIGHT), (50.0, 0.0), (57.0, 1.0)),
    rain=((19.0, 0.0), (22.0, 0.7), (27.0, 0.7), (30.0, 0.0)),
    sweeps_per_minute=2.0,
)
"""What a newcomer sees: a day, an evening and a shower within half a minute, over and over."""

SCENES: Mapping[str, StreetScene] = MappingProxyType(
    {
        "demo": DEMO,
        "day": DAY,
        "dusk": DUSK,
        "night": NIGHT,
        "empty": EMPTY,
        "empty-night": EMPTY_NIGHT,
        "rain": RAIN,
        "rain-night": RAIN_NIGHT,
        "wind": WIND,
        "sweeps": SWEEPS,
        "nightfall": NIGHTFALL,
    }
)
"""Every scene that has a name; all but day, dusk, night and demo are empty of people and cars."""
