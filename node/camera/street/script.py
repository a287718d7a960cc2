"""Who comes when: walkers, cars and sweeping headlights, each drawn from the seed and from nothing else.

Arrivals are spread evenly (one in every interval, at a random moment of it), so that a short film shows what its
scene promises. Any moment can be asked for in any order; there is always somebody on the way at second 0.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from node.camera.street.cars import CarStyle, Pose
from node.camera.street.drives import WAYS, Drive, new_drive
from node.camera.street.light import Rgb
from node.camera.street.people import Look
from node.camera.street.scene import StreetScene
from node.camera.street.view import Floats

# Salts of the seed. With these nobody is run over in the first minute of the demo: cars do not give way.
_WALKERS, _CARS, _SWEEPS = 1, 23, 3
_BEFORE = 1_000  # arrivals are numbered from there: some come before the film begins
_LONGEST_S = 90.0  # nobody stays longer
_SWEEP_S = 2.6

_ROUTES: tuple[tuple[tuple[float, float], ...], ...] = (
    ((-9.5, 12.2), (9.5, 12.2)),
    ((17.5, 25.0), (-3.4, 25.1), (-5.9, 27.5), (-5.9, 60.0)),
    ((-2.3, 7.4), (-2.4, 25.0), (-5.6, 27.5), (-5.7, 60.0)),
    ((9.5, 11.7), (-9.5, 11.7)),
    ((-17.5, 24.8), (17.5, 24.8)),
    ((-6.2, 60.0), (-6.2, 27.3), (-3.0, 25.2), (-2.8, 7.4)),
    ((17.5, 25.5), (-17.5, 25.5)),
)
"""Ways that people take, as (X, Z) in metres."""

_COATS: tuple[Rgb, ...] = (
    (0.75, 0.22, 0.20),
    (0.16, 0.30, 0.52),
    (0.90, 0.72, 0.22),
    (0.24, 0.42, 0.34),
    (0.55, 0.55, 0.58),
    (0.62, 0.40, 0.62),
    (0.18, 0.19, 0.22),
    (0.86, 0.52, 0.28),
)
_TROUSERS: tuple[Rgb, ...] = ((0.20, 0.24, 0.34), (0.26, 0.25, 0.24), (0.45, 0.41, 0.34), (0.13, 0.14, 0.16))
_SKINS: tuple[Rgb, ...] = ((0.92, 0.76, 0.64), (0.80, 0.60, 0.46), (0.52, 0.36, 0.26))
_HAIRS: tuple[Rgb, ...] = ((0.20, 0.15, 0.11), (0.62, 0.46, 0.24), (0.36, 0.22, 0.12), (0.62, 0.61, 0.60))


@dataclass(frozen=True, slots=True)
class Walker:
    """A person under way at one moment."""

    number: int
    look: Look
    x: float
    z: float
    heading: float
    walked: float


@dataclass(frozen=True, slots=True)
class Car:
    """A car at one moment; `running`: its engine is on, so its lamps are when it is dark."""

    number: int
    style: CarStyle
    pose: Pose
    running: bool


@dataclass(frozen=True, slots=True)
class Sweep:
    """Light of a car out of sight; `share` 0 to 1 of its way from left to right."""

    number: int
    share: float


@dataclass(frozen=True, slots=True)
class _Walk:
    look: Look
    route: int
    speed: float
    aside: float


class Script:
    """Everybody's comings and goings for one seed and scene."""

    def __init__(self, *, seed: int, scene: StreetScene) -> None:
        self._seed = seed
        self._scene = scene
        self._walk: Callable[[int], _Walk] = lru_cache(maxsize=256)(self._new_walk)
        self._drive: Callable[[int], Drive] = lru_cache(maxsize=256)(self._new_drive)
        self._delay: Callable[[int, int], float] = lru_cache(maxsize=1024)(self._new_delay)

    def walkers(self, seconds: float) -> Iterator[Walker]:
        """Everybody who walks at that moment."""
        for number, age in self._arrived(_WALKERS, self._scene.walkers_per_minute, seconds):
            walk = self._walk(number)
            walked = age * walk.speed
            place = _along(_ROUTES[walk.route], walked)
            if place is not None:
                x, z, heading = place
                yield Walker(
                    number,
                    walk.look,
                    x - walk.aside * math.sin(heading),
                    z + walk.aside * math.cos(heading),
                    heading,
                    walked,
                )

    def cars(self, seconds: float) -> Iterator[Car]:
        """Every car that is not parked for good."""
        for number, age in self._arrived(_CARS, self._scene.cars_per_minute, seconds):
            drive = self._drive(number)
            place = drive.at(age)
            if place is not None:
                yield Car(number, drive.style, *place)

    def sweeps(self, seconds: float) -> Iterator[Sweep]:
        """Headlights from elsewhere."""
        for number, age in self._arrived(_SWEEPS, self._scene.sweeps_per_minute, seconds):
            share = age / _SWEEP_S
            if share < 1.0:
                yield Sweep(number, share)

    def _arrived(self, salt: int, per_minute: float, seconds: float) -> Iterator[tuple[int, float]]:
        """Number and age in seconds of all that came within the longest stay."""
        if per_minute <= 0.0:
            return
        interval = 60.0 / per_minute
        newest = math.floor(seconds / interval)
        for index in range(max(-_BEFORE, newest - math.ceil(_LONGEST_S / interval)), newest + 1):
            age = seconds - (index + 0.8 * self._delay(salt, index + _BEFORE)) * interval
            if 0.0 <= age < _LONGEST_S:
                yield index + _BEFORE, age

    def _random(self, *salts: int) -> np.random.Generator:
        return np.random.default_rng((self._seed, *salts))

    def _new_delay(self, salt: int, number: int) -> float:
        return float(self._random(salt, number, 0).uniform())

    def _new_drive(self, number: int) -> Drive:
        # Every way in turn, from a random one on: a short film shows more than one of them.
        first = int(self._random(_CARS).integers(WAYS))
        return new_drive(number, first, self._random(_CARS, number, 1))

    def _new_walk(self, number: int) -> _Walk:
        random = self._random(_WALKERS, number, 1)
        child = random.uniform() < 0.15  # noqa: PLR2004 — a share
        umbrella = random.uniform() < 0.5 and self._scene.rain != 0.0  # noqa: PLR2004 — a share
        look = Look(
            coat=_pick(random, _COATS),
            trousers=_pick(random, _TROUSERS),
            skin=_pick(random, _SKINS),
            hair=_pick(random, _HAIRS),
            height=float(random.uniform(0.66, 0.78) if child else random.uniform(0.92, 1.06)),
            bag=bool(random.uniform() < 0.4),  # noqa: PLR2004 — a share
            umbrella=_pick(random, _COATS) if umbrella else None,
        )
        route = (number + int(self._random(_WALKERS).integers(len(_ROUTES)))) % len(_ROUTES)
        speed, aside = float(random.uniform(1.15, 1.6)), float(random.uniform(-0.3, 0.3))
        return _Walk(look, route, speed, aside)


def _pick(random: np.random.Generator, choices: tuple[Rgb, ...]) -> Rgb:
    return choices[int(random.integers(len(choices)))]


def _along(route: tuple[tuple[float, float], ...], walked: float) -> tuple[float, float, float] | None:
    """X, Z and heading after that many metres; None past the end."""
    for (x0, z0), (x1, z1) in pairwise(route):
        length = math.hypot(x1 - x0, z1 - z0)
        if walked <= length:
            share = walked / length
            return x0 + share * (x1 - x0), z0 + share * (z1 - z0), math.atan2(z1 - z0, x1 - x0)
        walked -= length
    return None


def sweep_corners(sweep: Sweep) -> Floats:
    """Where a sweep's patch of light stands: an upright rectangle, clockwise from its top left (4, 3)."""
    x = -24.0 + 36.0 * sweep.share
    wide, high, low, z = 2.8, 7.2, 0.6, 27.6
    return np.array(((x - 1.9, high, z), (x + 3.6, high, z), (x + wide, low, z), (x - wide, low, z)))
