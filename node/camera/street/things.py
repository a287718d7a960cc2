"""Everything in the street that moves, as faces at a distance: trees, people, cars and what the balconies show.

Turns the script's comings and goings into what can be drawn. Draws nothing itself.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from node.camera.street.cars import CarModel, footprint
from node.camera.street.house import BALCONY_DEEP_M, NEAR_HOUSE
from node.camera.street.light import SUN_CASTS, Faces, Light, Rgb, one_face
from node.camera.street.people import (
    GAIT_STEPS,
    STRIDE_M,
    TALL_M,
    Look,
    resident_faces,
    walker_figure,
)
from node.camera.street.scene import Moment
from node.camera.street.script import Car, Script, Walker
from node.camera.street.trees import TREES, Crown
from node.camera.street.view import FOCAL, Floats, rect

Kind = Literal["walker", "car", "resident", "television", "sweep"]

LAMPS_BELOW = 0.7
"""The daylight at which cars switch their lamps on."""

_ASIDE = 0.5 / FOCAL  # half the picture's width in metres, one metre away
_CLEARANCE_M = 0.15  # what stands at the same distance does not hide a thing
_WET = 0.1  # rain from which on umbrellas are up
_CONTACT = 0.38  # shade right under a thing, in any light
_UNDERFOOT = 0.01 * np.array(
    ((24, 0, 0), (17, 0, 6), (0, 0, 8), (-17, 0, 6), (-24, 0, 0), (-17, 0, -6), (0, 0, -8), (17, 0, -6))
)
_RESIDENT_AT = (4, 1)  # column and storey of the near house
_TELEVISION_AT = (2, 1)
_RESIDENT = Look((0.80, 0.30, 0.26), (0.2, 0.2, 0.3), (0.90, 0.72, 0.60), (0.30, 0.22, 0.16))


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """Faces that are drawn together; hidden by all of the backdrop that is nearer than `distance` metres.

    `kind` is None for trees, which belong to the scenery. `foot` is the ground it stands on, (n, 3), and `tall` how
    high it is for the sun; 0 where nothing is seen of its shadow.
    """

    kind: Kind | None
    number: int
    distance: float
    faces: Faces
    foot: Floats | None = None
    tall: float = 0.0

    def shades(self, light: Light) -> Iterator[tuple[Floats, float]]:
        """Outlines on the ground and how much to darken what lies within."""
        if self.foot is None:
            return
        if light.shadows > 0.0:
            cast = np.concatenate((self.foot, self.foot + np.array(SUN_CASTS) * self.tall))
            yield cast, light.shadows
        if light.shadows < _CONTACT:
            yield self.foot, _CONTACT - light.shadows


class Things:
    """The street's moving things for one script."""

    def __init__(self, *, script: Script, residents: bool) -> None:
        self.script = script
        self._residents = residents
        self._crowns = [Crown(tree) for tree in TREES]
        # What was worked out for one frame serves others: gaits repeat, and parked cars stand still.
        self._figure = lru_cache(maxsize=512)(walker_figure)
        self._car = lru_cache(maxsize=16)(CarModel().faces)

    def at(self, seconds: float, moment: Moment) -> list[Thing]:
        """All that moves at that moment, from far to near."""
        things = [self._tree(crown, seconds, moment) for crown in self._crowns]
        if self._residents:
            things += [_television(seconds, moment), _resident(seconds)]
        things += [
            self._walking(walker, moment)
            for walker in self.script.walkers(seconds)
            if abs(walker.x) < walker.z * _ASIDE + 1.0
        ]
        things += [self._driven(car, moment) for car in self.script.cars(seconds)]
        return sorted(things, key=lambda thing: -thing.distance)

    @staticmethod
    def _tree(crown: Crown, seconds: float, moment: Moment) -> Thing:
        faces = crown.faces(seconds=seconds, wind=moment.wind)
        return Thing(None, crown.tree.shape, crown.tree.z - _CLEARANCE_M, faces)

    def _walking(self, walker: Walker, moment: Moment) -> Thing:
        look = walker.look
        step = round(walker.walked / (STRIDE_M * look.height) * GAIT_STEPS) % GAIT_STEPS
        umbrella = moment.rain > _WET and look.umbrella is not None
        figure = self._figure(look, walker.heading, step, umbrella=umbrella)
        place = np.array((walker.x, 0.0, walker.z))
        faces = figure._replace(points=figure.points + place)
        foot, tall = _UNDERFOOT + place, TALL_M * look.height
        return Thing("walker", walker.number, walker.z - _CLEARANCE_M, faces, foot, tall)

    def _driven(self, car: Car, moment: Moment) -> Thing:
        lit = car.running and moment.daylight < LAMPS_BELOW
        faces = self._car(car.pose, car.style, lit=lit)
        return Thing(
            "car",
            car.number,
            car.pose.z - _CLEARANCE_M,
            faces,
            footprint(car.pose, -0.05),
            1.1 * car.style.height,
        )


def _resident(seconds: float) -> Thing:
    """Somebody who paces a little behind a balcony's rail."""
    column, storey = _RESIDENT_AT
    x = NEAR_HOUSE.column(column) + 0.15 + 0.55 * math.sin(0.33 * seconds)
    z = NEAR_HOUSE.z0 - BALCONY_DEEP_M + 0.4
    faces = resident_faces(_RESIDENT, x=x, y=NEAR_HOUSE.floor(storey), z=z, seconds=seconds)
    return Thing("resident", 0, z - _CLEARANCE_M, faces)


def _television(seconds: float, moment: Moment) -> Thing:
    """A window in which a television flickers."""
    column, storey = _TELEVISION_AT
    x, floor = NEAR_HOUSE.column(column), NEAR_HOUSE.floor(storey)
    cut = math.floor(1.7 * seconds)  # scenes of the film change now and then
    flicker = 0.55 + 0.25 * math.sin(2.4 * cut) + 0.20 * math.sin(11.0 * seconds + cut)
    warm = 0.5 + 0.5 * math.sin(1.9 * cut)
    rgb: Rgb = (flicker * (0.45 + 0.35 * warm), flicker * 0.80, flicker * (1.0 - 0.25 * warm))
    z = NEAR_HOUSE.z0 - 0.04
    pane = rect(x - 0.08, x + 1.06, floor + 0.85, floor + 2.05, z)
    glow = 1.0 - 0.35 * moment.daylight
    return Thing("television", 0, z - _CLEARANCE_M, one_face(pane, rgb, glow))
