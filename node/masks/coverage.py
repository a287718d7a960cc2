"""Does one mask set cover another: does the world lose sight, or does it gain any?

Judged in sensor space, because crop, transform and resolution may differ. The grid is the pixel array,
subdivided so that the smallest main pixel of either set holds at least one whole cell: then no main pixel can
be uncovered without a cell becoming visible.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from node.errors import Refused
from node.masks.geometry import TRANSFORMS, Geometry, Points
from node.masks.raster import Mask, overlapping, rasterise

MAX_CELLS = 1 << 29


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What one mask set lets be seen: polygons (fractions of the pixel array), guard band, geometry."""

    polygons: Sequence[Points]
    guard_px: int
    geometry: Geometry


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """`covers`: nothing becomes visible. `uncovered`, `hidden`: cells of the grid over the whole pixel array."""

    covers: bool
    uncovered: Mask
    hidden: Mask

    @property
    def uncovered_share(self) -> float:
        """Share of the pixel array that becomes visible, 0..1."""
        return float(self.uncovered.mean())

    @property
    def hidden_share(self) -> float:
        """Share of the pixel array that is no longer visible, 0..1."""
        return float(self.hidden.mean())


def compare(new: View, old: View) -> Comparison:
    """What changes in sight when `new` takes the place of `old`. Sets of different sensors never cover each other."""
    if (new.geometry.sensor, new.geometry.pixel_array) != (
        old.geometry.sensor,
        old.geometry.pixel_array,
    ):
        everything = np.ones((1, 1), np.bool_)
        return Comparison(covers=False, uncovered=everything, hidden=everything)
    cells = max(_cells_per_sensor_pixel(new.geometry), _cells_per_sensor_pixel(old.geometry))
    if cells * cells * new.geometry.pixel_array[0] * new.geometry.pixel_array[1] > MAX_CELLS:
        raise Refused("a crop this small in a sensor this large cannot be compared")
    seen, was_seen = _visible(new, cells), _visible(old, cells)
    uncovered = seen & ~was_seen
    return Comparison(covers=not uncovered.any(), uncovered=uncovered, hidden=was_seen & ~seen)


def _upright(geometry: Geometry) -> tuple[int, int]:
    """Main's size in the sensor's own orientation."""
    swap, _, _ = TRANSFORMS[geometry.transform]
    width, height = geometry.main
    return (height, width) if swap else (width, height)


def _cells_per_sensor_pixel(geometry: Geometry) -> int:
    """Subdivision with which a main pixel is at least two cells wide and high, and so holds a whole one."""
    return max(
        ceil(2 * side / crop) for side, crop in zip(_upright(geometry), geometry.crop[2:], strict=True)
    )


def _visible(view: View, cells: int) -> Mask:
    """Cells of the pixel array that overlap an unmasked main pixel."""
    geometry = view.geometry
    clear = ~rasterise(view.polygons, geometry, guard_px=view.guard_px).main.luma
    x, y, width, height = (cells * part for part in geometry.crop)
    visible = np.zeros((cells * geometry.pixel_array[1], cells * geometry.pixel_array[0]), np.bool_)
    visible[y : y + height, x : x + width] = overlapping(_to_sensor(clear, geometry), (width, height))
    return visible


def _to_sensor(mask: Mask, geometry: Geometry) -> Mask:
    """Undo the transform: a main-stream mask as the sensor's crop sees it."""
    swap, flip_u, flip_v = TRANSFORMS[geometry.transform]
    upright = mask[:: -1 if flip_v else 1, :: -1 if flip_u else 1]
    return upright.T if swap else upright
