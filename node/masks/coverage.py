"""Does one mask set cover another: does the world lose sight, or does it gain any?

Judged in sensor space, because crop, transform and resolution may differ. The pixel array is cut wherever a main
pixel of either view ends, in whole numbers, so that no part lies in two pixels of one view: what a part shows is
then known exactly, and nothing is too small to be noticed. Works in strips of rows, in little memory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from node.masks.geometry import TRANSFORMS, Geometry, Points, Size, sensor_to_stream
from node.masks.raster import Mask, touched

Cuts = NDArray[np.int64]

STRIP_PARTS = 1 << 20
SKETCH_SIDE = 512


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What one mask set lets be seen: polygons (fractions of the pixel array), guard band, geometry."""

    polygons: Sequence[Points]
    guard_px: int
    geometry: Geometry


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """`covers`: nothing becomes visible. The shares are of the pixel array, 0..1.

    `uncovered`, `hidden`: a sketch of the whole pixel array, at most 512 px a side; set where any part of it changed.
    """

    covers: bool
    uncovered_share: float
    hidden_share: float
    uncovered: Mask
    hidden: Mask


def compare(new: View, old: View) -> Comparison:
    """What changes in sight when `new` takes the place of `old`. Sets of different sensors never cover each other."""
    if (new.geometry.sensor, new.geometry.pixel_array) != (
        old.geometry.sensor,
        old.geometry.pixel_array,
    ):
        everything = np.ones((1, 1), np.bool_)
        return Comparison(
            covers=False, uncovered_share=1.0, hidden_share=1.0, uncovered=everything, hidden=everything
        )
    columns, rows = _cuts(new.geometry, old.geometry, axis=0), _cuts(new.geometry, old.geometry, axis=1)
    gained, lost = _Change(columns, rows), _Change(columns, rows)
    sights = zip(_sight(new, old, columns, rows), _sight(old, new, columns, rows), strict=True)
    for seen, was_seen in sights:
        gained.add(seen & ~was_seen)
        lost.add(was_seen & ~seen)
    return Comparison(
        covers=not gained.share,
        uncovered_share=gained.share,
        hidden_share=lost.share,
        uncovered=gained.sketch(),
        hidden=lost.sketch(),
    )


def _upright(geometry: Geometry) -> Size:
    """Main's size in the sensor's own orientation."""
    swap, _, _ = TRANSFORMS[geometry.transform]
    width, height = geometry.main
    return (height, width) if swap else (width, height)


def _edges(geometry: Geometry, other: Geometry, axis: int) -> Cuts:
    """Where main pixels begin and the last ends, in sensor pixels times both views' main pixels: all whole numbers."""
    count, scale = _upright(geometry)[axis], _upright(other)[axis]
    first, length = geometry.crop[axis], geometry.crop[2 + axis]
    return scale * (first * count + length * np.arange(count + 1, dtype=np.int64))


def _cuts(one: Geometry, other: Geometry, axis: int) -> Cuts:
    """Every edge of a main pixel of either view, and both ends of the pixel array."""
    end = one.pixel_array[axis] * _upright(one)[axis] * _upright(other)[axis]
    return np.unique(np.concatenate((_edges(one, other, axis), _edges(other, one, axis), (0, end))))


def _strips(columns: Cuts, rows: Cuts) -> Iterator[slice]:
    """Rows of parts, some at a time."""
    step = max(1, STRIP_PARTS // len(columns))
    for first in range(0, len(rows) - 1, step):
        yield slice(first, min(first + step, len(rows) - 1))


def _sight(view: View, other: View, columns: Cuts, rows: Cuts) -> Iterator[Mask]:
    """Strip by strip, the parts that lie in an unmasked main pixel."""
    geometry = view.geometry
    outlines = [sensor_to_stream(polygon, geometry, geometry.main) for polygon in view.polygons]
    masked = touched(outlines, geometry.main, margin_px=view.guard_px)
    # One more column and row, of what no pixel shows.
    clear = np.pad(~_to_sensor(masked, geometry), ((0, 1), (0, 1)))
    column, row = (
        _pixel_of(cuts, _edges(geometry, other.geometry, axis)) for axis, cuts in enumerate((columns, rows))
    )
    for strip in _strips(columns, rows):
        yield clear[row[strip]][:, column]


def _pixel_of(cuts: Cuts, edges: Cuts) -> NDArray[np.intp]:
    """For each part between two cuts, the number of the pixel that it lies in; one past the last if in none."""
    pixel = np.searchsorted(edges, cuts[:-1], side="right") - 1
    return np.where((pixel < 0) | (pixel >= len(edges) - 1), len(edges) - 1, pixel)


def _to_sensor(mask: Mask, geometry: Geometry) -> Mask:
    """Undo the transform: a main-stream mask as the sensor's crop sees it."""
    swap, flip_u, flip_v = TRANSFORMS[geometry.transform]
    upright = mask[:: -1 if flip_v else 1, :: -1 if flip_u else 1]
    return upright.T if swap else upright


class _Change:
    """Sums up the parts that came into sight, or went out of it, strip by strip from the top."""

    def __init__(self, columns: Cuts, rows: Cuts) -> None:
        self._columns, self._rows = columns, rows
        self._widths = np.diff(columns).astype(np.float64)
        self._heights = np.diff(rows)
        self._row = 0
        self._area = 0
        self._rows_of_sketch: list[Mask] = []

    def add(self, parts: Mask) -> None:
        """The next strip."""
        first, last = self._row, self._row + len(parts)
        if parts.any():  # widths are whole and their sum is below 2 ** 53, so the float is exact
            across = parts @ self._widths
            self._area += sum(int(w) * int(h) for w, h in zip(across, self._heights[first:last], strict=True))
        self._rows_of_sketch.append(_any_of(parts.T, self._columns).T)
        self._row = last

    @property
    def share(self) -> float:
        """Of the pixel array."""
        return self._area / (int(self._columns[-1]) * int(self._rows[-1]))

    def sketch(self) -> Mask:
        """The whole pixel array, small."""
        return _any_of(np.concatenate(self._rows_of_sketch), self._rows)


def _any_of(parts: Mask, cuts: Cuts) -> Mask:
    """Rows of parts between `cuts`, gathered into at most `SKETCH_SIDE` rows of equal height."""
    count = min(SKETCH_SIDE, len(cuts) - 1)
    begin = int(cuts[-1]) * np.arange(count, dtype=np.int64) // count
    first = np.searchsorted(cuts, begin, side="right") - 1
    past = np.searchsorted(cuts, np.append(begin[1:], cuts[-1]), side="left")
    padded = np.concatenate((parts, np.zeros((1, parts.shape[1]), np.bool_)))
    return np.asarray(np.logical_or.reduceat(padded, np.stack((first, past), axis=1).ravel(), axis=0)[::2])
