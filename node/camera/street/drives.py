"""The ways that cars take: through the car park, along the road behind it, or into a bay and out again.

Pure: how long a car has been under way in, where it stands out. When cars come is `script.py`'s.
"""

import math
from dataclasses import dataclass

import numpy as np

from node.camera.street.cars import CarStyle, Pose
from node.camera.street.estate import FREE_BAYS, PARKED_AT_M
from node.camera.street.light import Rgb

WAYS = 4
"""How many ways there are."""

_CROSSES, _PARKS, _FAR_LEFT, _FAR_RIGHT = range(WAYS)

_PAINTS: tuple[Rgb, ...] = (
    (0.70, 0.15, 0.14),
    (0.20, 0.36, 0.60),
    (0.86, 0.87, 0.88),
    (0.22, 0.24, 0.26),
    (0.86, 0.66, 0.20),
    (0.32, 0.50, 0.42),
)

_RIGHTBOUND_M, _LEFTBOUND_M = 14.7, 16.9  # the lanes of the car park
_ROAD_RIGHTBOUND_M, _ROAD_LEFTBOUND_M = 37.3, 39.9
_TURN_M = 3.6  # radius of the turn into a bay
_EDGE_M = 14.0  # a car this far aside is out of the picture in the car park


@dataclass(frozen=True, slots=True)
class Drive:
    """One car's errand: `speed` in m/s where it passes, `stay` in seconds where it parks in `bay`."""

    style: CarStyle
    way: int
    speed: float
    bay: float
    stay: float

    def at(self, age: float) -> tuple[Pose, bool] | None:
        """Where the car is that many seconds after it came, and whether its engine runs; None once it has left."""
        return _parking(self, age) if self.way == _PARKS else _passing(self, age)


def new_drive(number: int, first: int, random: np.random.Generator) -> Drive:
    """The errand of car `number`; cars take the ways in turn, beginning with `first`."""
    way = (number + first) % WAYS
    speed = random.uniform(4.0, 5.5) if way == _CROSSES else random.uniform(8.0, 11.0)
    paint = _PAINTS[int(random.integers(len(_PAINTS)))]
    return Drive(
        style=CarStyle(paint, float(random.choice((0.98, 1.02, 1.06, 1.25)))),
        way=way,
        speed=float(speed),
        bay=FREE_BAYS[number // WAYS % len(FREE_BAYS)],
        stay=float(random.uniform(9.0, 18.0)),
    )


def _passing(drive: Drive, age: float) -> tuple[Pose, bool] | None:
    """A car that drives through, in the car park or on the road behind it."""
    start, end, z = {
        _CROSSES: (-_EDGE_M, _EDGE_M, _RIGHTBOUND_M),
        _FAR_LEFT: (32.0, -15.0, _ROAD_LEFTBOUND_M),
        _FAR_RIGHT: (-15.0, 32.0, _ROAD_RIGHTBOUND_M),
    }[drive.way]
    driven = age * drive.speed
    if driven > abs(end - start):
        return None
    forward = math.copysign(1.0, end - start)
    return Pose(start + forward * driven, z, 0.0 if forward > 0 else math.pi), True


def _parking(drive: Drive, age: float) -> tuple[Pose, bool] | None:
    """In from the right, into a bay, and after a while out backwards and away to the left."""
    lane = _EDGE_M - drive.bay - _TURN_M
    way_in = lane + math.pi / 2 * _TURN_M + PARKED_AT_M - _LEFTBOUND_M - _TURN_M
    arriving = way_in / 2.4
    if age < arriving:
        return _into_bay(drive.bay, way_in * (1.0 - (1.0 - age / arriving) ** 2)), True
    age -= arriving
    if age < drive.stay:
        return _into_bay(drive.bay, way_in), age < 1.2 or age > drive.stay - 1.5  # noqa: PLR2004 — seconds
    age -= drive.stay
    backing = 4.6
    if age < backing:
        share = age / backing
        back = (way_in - lane) * (3 * share**2 - 2 * share**3)
        return _into_bay(drive.bay, way_in - back), True
    away = max(0.0, age - backing - 0.8)
    x = drive.bay + _TURN_M - 0.5 * 1.3 * away**2
    return (Pose(x, _LEFTBOUND_M, math.pi), True) if x > -_EDGE_M else None


def _into_bay(bay: float, driven: float) -> Pose:
    """The pose after so many metres on the way from the right edge into a bay."""
    lane = _EDGE_M - bay - _TURN_M
    if driven <= lane:
        return Pose(_EDGE_M - driven, _LEFTBOUND_M, math.pi)
    angle = (driven - lane) / _TURN_M
    if angle < math.pi / 2:
        x = bay + _TURN_M * (1.0 - math.sin(angle))
        return Pose(x, _LEFTBOUND_M + _TURN_M * (1.0 - math.cos(angle)), math.pi - angle)
    return Pose(bay, _LEFTBOUND_M + _TURN_M + driven - lane - math.pi / 2 * _TURN_M, math.pi / 2)
