"""Balconies: the shaded wall behind, slab, screens, panels and rail in front, drawn on a sheet.

What stands on a balcony is drawn between the two by others: the front hides it up to the rail.
"""

import numpy as np

from node.camera.street.house import BALCONY_DEEP_M, BALCONY_HALF_M, RAIL_M, STOREY_M, House
from node.camera.street.light import Rgb, tint
from node.camera.street.sheet import Sheet
from node.camera.street.view import CAMERA_M, rect
from node.camera.street.windows import FRAME, draw_pane

_SLAB: Rgb = (0.80, 0.79, 0.76)
_BOX: Rgb = (0.50, 0.30, 0.20)
_LEAVES: Rgb = (0.28, 0.46, 0.20)
_BLOOMS: tuple[Rgb, ...] = ((0.88, 0.30, 0.36), (0.88, 0.30, 0.36), (0.95, 0.86, 0.50))


def draw_balcony_back(sheet: Sheet, house: House, column: int, storey: int, *, evening: float) -> None:
    """The wall behind a balcony, in its own shade, with a door and a wide window."""
    x, floor, z = house.column(column), house.floor(storey), house.z0
    half = BALCONY_HALF_M
    sheet.stand(rect(x - half, x + half, floor, floor + STOREY_M - 0.2, z - 0.01), tint(house.wall, 0.66))
    sheet.stand(rect(x - 1.12, x - 0.28, floor, floor + 2.15, z - 0.02), FRAME)
    draw_pane(sheet, (x - 1.02, x - 0.38, floor + 0.1, floor + 2.05), z - 0.03, evening)
    sheet.stand(rect(x - 0.18, x + 1.16, floor + 0.75, floor + 2.15, z - 0.02), FRAME)
    draw_pane(sheet, (x - 0.08, x + 1.06, floor + 0.85, floor + 2.05), z - 0.03, evening)


def draw_balcony_front(sheet: Sheet, house: House, column: int, storey: int) -> None:
    """Slab, side screens, and a front of panels under a rail."""
    x, floor, half = house.column(column), house.floor(storey), BALCONY_HALF_M
    z0, z1 = house.z0 - BALCONY_DEEP_M, house.z0
    side = x + half if x < 0.0 else x - half
    screen = np.array(
        ((side, floor, z0), (side, floor, z1), (side, floor + RAIL_M, z1), (side, floor + RAIL_M, z0))
    )
    sheet.stand(screen, tint(house.panels, 0.62))
    below = np.array(
        (
            (x - half, floor - 0.2, z0),
            (x + half, floor - 0.2, z0),
            (x + half, floor - 0.2, z1),
            (x - half, floor - 0.2, z1),
        )
    )
    if floor > CAMERA_M:  # its underside is seen
        sheet.stand(below, tint(_SLAB, 0.60), distance=z1)
    sheet.stand(rect(x - half - 0.05, x + half + 0.05, floor - 0.2, floor + 0.03, z0), _SLAB)
    sheet.stand(rect(x - half, x + half, floor + 0.02, floor + RAIL_M - 0.06, z0), house.panels)
    for post in np.linspace(x - half, x + half, 5):
        sheet.stand(
            rect(post - 0.03, post + 0.03, floor + 0.06, floor + RAIL_M, z0), tint(house.panels, 0.72)
        )
    sheet.stand(
        rect(x - half - 0.05, x + half + 0.05, floor + RAIL_M - 0.06, floor + RAIL_M + 0.03, z0), FRAME
    )
    if column % 2 == storey % 2:
        _flowers(sheet, x, floor, z0)


def _flowers(sheet: Sheet, x: float, floor: float, z: float) -> None:
    sheet.stand(rect(x - 0.75, x + 0.35, floor + 0.66, floor + 0.92, z - 0.12), _BOX)
    random = np.random.default_rng(round(10 * (x + 100)))
    for offset in np.linspace(-0.70, 0.30, 8):
        high = 0.16 + float(random.uniform(0.0, 0.12))
        leaf = rect(x + offset - 0.08, x + offset + 0.08, floor + 0.88, floor + 0.92 + high, z - 0.13)
        sheet.stand(leaf, _LEAVES)
        bloom = rect(
            x + offset - 0.05,
            x + offset + 0.05,
            floor + 0.96 + high * 0.5,
            floor + 1.05 + high * 0.5,
            z - 0.14,
        )
        sheet.stand(bloom, _BLOOMS[int(random.integers(len(_BLOOMS)))])
