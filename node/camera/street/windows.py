"""Windows: panes with the sky in them by day and light behind them in the evening, drawn on a sheet."""

import numpy as np

from node.camera.street.house import House
from node.camera.street.light import Rgb, tint
from node.camera.street.sheet import Sheet
from node.camera.street.view import rect

FRAME: Rgb = (0.93, 0.93, 0.90)
"""The paint of window frames and rails."""

PANE: Rgb = (0.30, 0.38, 0.46)
"""Glass with a dark room behind it."""

_PANE_SKY: Rgb = (0.52, 0.62, 0.70)
_WARM: Rgb = (1.0, 0.80, 0.46)


def draw_pane(sheet: Sheet, box: tuple[float, float, float, float], z: float, evening: float) -> None:
    """Glass with the sky in its upper corner; lit from within in the evening, by 0 to 1."""
    left, right, low, high = box
    shine = tint(_WARM, evening * 0.92)
    sheet.stand(rect(left, right, low, high, z), PANE, shine=shine)
    if evening == 0.0:
        corner = np.array(
            (
                (left, high - 0.75 * (high - low), z),
                (left + 0.85 * (right - left), high, z),
                (left, high, z),
            )
        )
        sheet.stand(corner, _PANE_SKY)


def draw_window(
    sheet: Sheet, house: House, column: int, storey: int, evening: float, *, curtain: bool
) -> None:
    """A window in a wall; `evening` 0 to 1 is how brightly it is lit when it is dark."""
    x, low, z = house.column(column), house.floor(storey) + 0.95, house.z0
    sheet.stand(rect(x - 0.85, x + 0.85, low - 0.1, low + 1.45, z - 0.02), FRAME)
    draw_pane(sheet, (x - 0.75, x + 0.75, low, low + 1.35), z - 0.03, evening)
    if curtain:
        for left, right in ((-0.75, -0.50), (0.50, 0.75)):
            cloth = rect(x + left, x + right, low, low + 1.35, z - 0.04)
            sheet.stand(cloth, (0.80, 0.78, 0.74), shine=tint((0.95, 0.66, 0.36), evening * 0.7))
    sheet.stand(rect(x - 0.04, x + 0.04, low, low + 1.35, z - 0.05), FRAME)
    sheet.stand(rect(x - 0.95, x + 0.95, low - 0.18, low - 0.08, z - 0.1), tint(FRAME, 0.86))
