"""The housing estate: pavements, car park, road, what is parked, posts and hedges, drawn on a sheet.

Owns the ground plan, because cars have to know which bays are free. Draws nothing that moves.
"""

import math

import numpy as np

from node.camera.street.cars import CarModel, CarStyle, Pose, footprint
from node.camera.street.facades import draw_house
from node.camera.street.house import FAR_HOUSE, NEAR_HOUSE
from node.camera.street.light import LAMP_HEADS, SUN_CASTS, Rgb, tint
from node.camera.street.sheet import Sheet
from node.camera.street.trees import TREES
from node.camera.street.view import Floats, ground, rect

BAY_WIDE_M, BAY_NEAR_M, BAY_FAR_M = 2.6, 18.6, 23.6
PARKED_AT_M = 21.0
BAYS = (-12.6, -10.0, -7.4, -4.8, -0.2, 2.4, 5.0, 7.6, 10.2, 12.8)
"""X of the middles of the car park's bays."""

FREE_BAYS = (2.4, -4.8, 10.2)
"""Bays that cars come and park in."""

_PARKED: dict[float, tuple[CarStyle, float]] = {  # by bay: the car, and how it heads
    -12.6: (CarStyle((0.75, 0.75, 0.72), 1.06), math.pi / 2),
    -10.0: (CarStyle((0.16, 0.28, 0.46)), math.pi / 2),
    -7.4: (CarStyle((0.78, 0.79, 0.80), 1.08), -math.pi / 2),
    -0.2: (CarStyle((0.62, 0.14, 0.13)), math.pi / 2),
    5.0: (CarStyle((0.20, 0.23, 0.24), 1.05), math.pi / 2),
    7.6: (CarStyle((0.88, 0.88, 0.86), 1.28), -math.pi / 2),
    12.8: (CarStyle((0.30, 0.44, 0.36)), math.pi / 2),
}

_GRASS: Rgb = (0.47, 0.58, 0.31)
_ASPHALT: Rgb = (0.43, 0.44, 0.46)
_ROAD: Rgb = (0.40, 0.41, 0.43)
_PAVING: Rgb = (0.66, 0.65, 0.62)
_KERB: Rgb = (0.76, 0.76, 0.74)
_PAINT: Rgb = (0.90, 0.90, 0.88)
_GRAVEL: Rgb = (0.72, 0.68, 0.58)
_POST: Rgb = (0.30, 0.33, 0.35)


def draw_estate(sheet: Sheet) -> None:
    """All of it: the ground, the shadows on it, and what stands there, from far to near."""
    _draw_ground(sheet)
    _draw_shadows(sheet)
    _draw_standing(sheet)


def _strip(near: float, far: float, left: float = -300.0, right: float = 300.0) -> Floats:
    return ground(((left, near), (right, near), (right, far), (left, far)))


def _draw_ground(sheet: Sheet) -> None:
    for far, near, rgb in ((400.0, 42.0, tint(_GRASS, 0.86)), (42.0, 26.0, _GRASS)):
        sheet.lay(_strip(near, far), rgb)
    sheet.lay(ground(((-7.0, 26.0), (-4.6, 26.0), (-4.6, 60.0), (-7.0, 60.0))), _GRAVEL)
    sheet.lay(_strip(41.2, 43.0), _PAVING)
    sheet.lay(_strip(36.0, 41.2), _ROAD)
    sheet.lay(_strip(35.8, 36.0), _KERB)
    for dash in range(-40, 80, 4):
        sheet.lay(_strip(38.5, 38.66, dash, dash + 2), _PAINT)
    sheet.lay(_strip(24.0, 26.2), _PAVING)
    for x in np.arange(-40.0, 40.0, 1.2).tolist():
        sheet.lay(_strip(24.0, 26.2, x, x + 0.04), tint(_PAVING, 0.88))
    sheet.lay(_strip(13.2, 23.8), _ASPHALT)
    sheet.lay(_strip(23.8, 24.0), _KERB)
    sheet.lay(_strip(10.0, 13.0), _PAVING)
    for x in np.arange(-12.0, 12.0, 0.9).tolist():
        sheet.lay(_strip(10.0, 13.0, x, x + 0.025), tint(_PAVING, 0.86))
    for z in (10.9, 11.8, 12.4):
        sheet.lay(_strip(z, z + 0.03), tint(_PAVING, 0.88))
    sheet.lay(_strip(13.0, 13.2), _KERB)
    _draw_markings(sheet)


def _draw_markings(sheet: Sheet) -> None:
    """Bays, the crossing between them, arrows in the aisle, patches and drains."""
    random = np.random.default_rng(5)
    for _ in range(7):
        x, z = float(random.uniform(-11, 11)), float(random.uniform(13.5, 22.0))
        wide, deep = float(random.uniform(0.8, 3.0)), float(random.uniform(0.3, 0.9))
        sheet.lay(_strip(z, z + deep, x, x + wide), tint(_ASPHALT, float(random.uniform(0.92, 1.06))))
    edges = {round(x + side * BAY_WIDE_M / 2, 2) for x in BAYS for side in (-1, 1)}
    for x in sorted(edges):
        sheet.lay(_strip(BAY_NEAR_M, BAY_FAR_M, x - 0.06, x + 0.06), _PAINT)
    for z in np.arange(13.5, 23.6, 1.0):
        sheet.lay(_strip(z, z + 0.5, -3.3, -1.7), _PAINT)
    for x in (-8.5, 4.2):
        for flip, z in ((1, 14.7), (-1, 16.9)):
            tail, neck, tip = x - flip * 0.9, x + flip * 0.3, x + flip * 1.1
            sheet.lay(_strip(z - 0.07, z + 0.07, tail, neck), _PAINT)
            sheet.lay(ground(((neck, z - 0.32), (tip, z), (neck, z + 0.32))), _PAINT)
    for x in (-6.0, 6.6):
        sheet.lay(_strip(23.2, 23.75, x, x + 0.6), (0.20, 0.20, 0.21))


def _cast(points: Floats, height: float) -> Floats:
    """Ground points and where the tops above them throw their shadow."""
    return np.concatenate((points, points + np.array(SUN_CASTS) * height))


def _draw_shadows(sheet: Sheet) -> None:
    for house in (FAR_HOUSE, NEAR_HOUSE):
        corners = ((house.x0, house.z0), (house.x1, house.z0), (house.x1, house.z1), (house.x0, house.z1))
        sheet.shade(_cast(ground(corners), house.eaves))
    turn = np.linspace(0.0, 2 * math.pi, 20)
    for tree in TREES:
        disc = np.stack((np.cos(turn) * tree.wide, 0 * turn, np.sin(turn) * tree.wide * 0.7), axis=1)
        sheet.shade(disc + (tree.x, 0.0, tree.z) + np.array(SUN_CASTS) * tree.middle)
        sheet.shade(_cast(ground(((tree.x - 0.15, tree.z), (tree.x + 0.15, tree.z))), tree.middle))
    for x, y, z, _ in LAMP_HEADS:
        sheet.shade(_cast(ground(((x - 0.05, z + 0.6), (x + 0.05, z + 0.6))), y))
    for x, (style, heading) in _PARKED.items():
        sheet.shade(_cast(footprint(Pose(x, PARKED_AT_M, heading), -0.05), 1.1 * style.height))


def _draw_standing(sheet: Sheet) -> None:
    """From far to near."""
    _draw_forest(sheet)
    draw_house(sheet, FAR_HOUSE)
    _hedge(sheet, (7.5, 40.0), 44.0, high=1.5, rgb=(0.25, 0.38, 0.18))
    for tree in TREES:
        _trunk(sheet, tree.x, tree.z, tree.middle)
    for x, y, z, _ in LAMP_HEADS[3:1:-1]:
        _lamp_post(sheet, x, y, z)
    draw_house(sheet, NEAR_HOUSE)
    _hedge(sheet, (-22.0, -8.0), 27.4, high=1.0, rgb=(0.27, 0.42, 0.20))
    _hedge(sheet, (1.9, 4.1), 29.0, high=0.8, rgb=(0.33, 0.47, 0.22))
    _bench(sheet, 7.2, 27.3)
    _lamp_post(sheet, *LAMP_HEADS[1][:3])
    model = CarModel()
    for x, (style, heading) in _PARKED.items():
        for points, rgb in model.faces(Pose(x, PARKED_AT_M, heading), style, lit=False).each():
            sheet.stand(points, rgb, distance=PARKED_AT_M)
    _lamp_post(sheet, *LAMP_HEADS[0][:3])


def _draw_forest(sheet: Sheet) -> None:
    """Two rows of spruces against the sky."""
    random = np.random.default_rng(11)
    for z, high, rgb in ((170.0, 15.0, (0.45, 0.55, 0.53)), (110.0, 10.5, (0.29, 0.41, 0.33))):
        x = -130.0
        while x < 130.0:  # noqa: PLR2004 — both ends lie outside the picture
            wide, tall = float(random.uniform(4.0, 7.5)), high * float(random.uniform(0.65, 1.1))
            tree = np.array(((x - wide / 2, 0, z), (x + wide / 2, 0, z), (x, tall, z)))
            sheet.stand(tree, tint(rgb, float(random.uniform(0.93, 1.05))))
            x += wide * 0.45
        sheet.stand(rect(-150.0, 150.0, 0.0, high * 0.35, z), rgb)


def _hedge(sheet: Sheet, span: tuple[float, float], z: float, *, high: float, rgb: Rgb) -> None:
    left, right = span
    random = np.random.default_rng(round(z * 10))
    sheet.stand(rect(left, right, 0.0, high * 0.75, z), tint(rgb, 0.80))
    turn = np.linspace(0.0, math.pi, 9)
    for x in np.arange(left + 0.4, right - 0.3, 0.55):
        wide, tall = float(random.uniform(0.5, 0.75)), high * float(random.uniform(0.85, 1.1))
        dome = np.stack((x + wide * np.cos(turn), tall * np.sin(turn) ** 0.7, 0 * turn + z), axis=1)
        sheet.stand(dome, tint(rgb, float(random.uniform(0.85, 1.12))))


def _trunk(sheet: Sheet, x: float, z: float, high: float) -> None:
    trunk = np.array(((x - 0.24, 0, z), (x + 0.24, 0, z), (x + 0.13, high, z), (x - 0.13, high, z)))
    sheet.stand(trunk, (0.40, 0.33, 0.27))
    sheet.stand(trunk * (1, 1, 1) + ((0.12, 0, 0), (0, 0, 0), (0, 0, 0), (0.07, 0, 0)), (0.33, 0.27, 0.22))


def _lamp_post(sheet: Sheet, x: float, y: float, z: float) -> None:
    """A post 0.6 m behind its head, an arm, and a lamp that shines."""
    foot, arm = z + 0.6, x + 0.45
    sheet.stand(rect(arm - 0.10, arm + 0.10, 0.0, 0.9, foot), tint(_POST, 0.85))
    sheet.stand(rect(arm - 0.055, arm + 0.055, 0.9, y + 0.2, foot), _POST)
    sheet.stand(rect(x - 0.25, arm + 0.055, y + 0.12, y + 0.2, foot), _POST)
    sheet.stand(rect(x - 0.42, x + 0.22, y, y + 0.16, z + 0.3), tint(_POST, 0.8))
    sheet.stand(rect(x - 0.36, x + 0.16, y - 0.09, y, z + 0.3), (0.93, 0.92, 0.85), shine=(1.0, 0.93, 0.74))


def _bench(sheet: Sheet, x: float, z: float) -> None:
    wood: Rgb = (0.55, 0.38, 0.24)
    for leg in (0.1, 1.6):
        sheet.stand(rect(x + leg, x + leg + 0.08, 0.0, 0.85, z), _POST)
    for low in (0.42, 0.60, 0.74):
        sheet.stand(rect(x, x + 1.8, low, low + 0.10, z - 0.05), wood)
