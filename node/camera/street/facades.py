"""The houses themselves: walls, roofs, gables and chimneys, with windows and balconies set in, drawn on a sheet."""

import numpy as np

from node.camera.street.balconies import draw_balcony_back, draw_balcony_front
from node.camera.street.house import House
from node.camera.street.light import Rgb, tint
from node.camera.street.sheet import Sheet
from node.camera.street.view import rect
from node.camera.street.windows import FRAME, PANE, draw_window

_PLINTH: Rgb = (0.42, 0.41, 0.40)
_LIT_SHARE, _CURTAIN_SHARE = 0.36, 0.5


def draw_house(sheet: Sheet, house: House) -> None:
    """Walls and roof, then windows, then balconies."""
    _walls(sheet, house)
    random = np.random.default_rng(house.shape)
    for storey in range(house.storeys):
        for column in range(house.columns):
            evening = float(random.uniform(0.55, 1.0)) if random.uniform() < _LIT_SHARE else 0.0
            curtain = random.uniform() < _CURTAIN_SHARE
            if column in house.bays and storey > 0:
                draw_balcony_back(sheet, house, column, storey, evening=evening)
            else:
                draw_window(sheet, house, column, storey, evening, curtain=bool(curtain))
    _gable_windows(sheet, house)
    for storey in range(1, house.storeys):
        for column in house.bays:
            draw_balcony_front(sheet, house, column, storey)


def _walls(sheet: Sheet, house: House) -> None:
    middle, ridge = (house.z0 + house.z1) / 2, house.eaves + 0.40 * (house.z1 - house.z0)
    x0, x1, z0, eaves = house.x0, house.x1, house.z0, house.eaves
    if x1 < 0.0:  # its right end is seen
        _gable(sheet, house, x1, ridge)
    sheet.stand(rect(x0, x1, 0.0, eaves, z0), house.wall)
    sheet.stand(rect(x0, x1, 0.0, 0.6, z0), _PLINTH)
    over = 0.45
    roof = np.array(
        (
            (x0 - over, eaves - 0.12, z0 - over),
            (x1 + over, eaves - 0.12, z0 - over),
            (x1 + over, ridge + 0.1, middle),
            (x0 - over, ridge + 0.1, middle),
        )
    )
    sheet.stand(roof, house.roof, distance=z0)
    for share in np.linspace(0.12, 0.88, 6):  # courses of tiles
        low, high = roof[0] + (roof[3] - roof[0]) * share, roof[1] + (roof[2] - roof[1]) * share
        thick = np.array((0.0, 0.07, 0.05))
        line = np.array((low, high, high + thick, low + thick))
        sheet.stand(line, tint(house.roof, 0.90), distance=z0)
    sheet.stand(rect(x0 - over, x1 + over, eaves - 0.30, eaves - 0.08, z0 - over), FRAME)
    sheet.stand(rect(x0, x1, eaves - 0.62, eaves - 0.30, z0 - 0.01), tint(house.wall, 0.80))
    for column in (0.6, house.columns - 1.6):
        x = house.column(0) + column * (x1 - x0) / house.columns
        sheet.stand(rect(x - 0.4, x + 0.4, ridge - 0.7, ridge + 1.0, middle), tint(house.roof, 0.75))
        sheet.stand(rect(x - 0.48, x + 0.48, ridge + 0.9, ridge + 1.05, middle), _PLINTH)


def _gable(sheet: Sheet, house: House, x: float, ridge: float) -> None:
    middle, deep = (house.z0 + house.z1) / 2, house.z1 - house.z0
    shaded = tint(house.wall, 0.76)
    strips = np.linspace(house.z0, house.z1, 9)
    for near, far in zip(strips[-2::-1], strips[:0:-1], strict=True):
        tops = [house.eaves + (ridge - house.eaves) * (1 - abs(z - middle) * 2 / deep) for z in (near, far)]
        wall = np.array(((x, 0.0, near), (x, 0.0, far), (x, tops[1], far), (x, tops[0], near)))
        sheet.stand(wall, shaded)
        foot = np.array(((x, 0.0, near), (x, 0.0, far), (x, 0.6, far), (x, 0.6, near)))
        sheet.stand(foot, tint(_PLINTH, 0.8))


def _gable_windows(sheet: Sheet, house: House) -> None:
    if house.x1 >= 0.0:
        return
    for storey in range(house.storeys):
        low = house.floor(storey) + 0.95
        for z in (house.z0 + 3.0, house.z0 + 7.5):
            for grow, rgb in ((0.12, FRAME), (0.0, PANE)):
                near, far = z - 0.6 - grow, z + 0.6 + grow
                bottom, top = low - grow, low + 1.25 + grow
                x = house.x1
                pane = np.array(((x, bottom, near), (x, bottom, far), (x, top, far), (x, top, near)))
                sheet.stand(pane, tint(rgb, 0.85), distance=near)
