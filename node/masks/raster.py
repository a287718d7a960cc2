"""From polygons to the exact pixels of every plane that must be black.

The rule, for closed sets: a main pixel is masked if its square, widened by the guard band on every side,
has a point in common with a polygon. A chroma sample is masked if any luma pixel of its 2x2 block is. A lores
pixel is masked if it overlaps a main pixel of a block that is masked: rounding is always outwards, because a
scaled-down picture mixes all that a pixel overlaps, chroma included. Nothing is rounded inwards anywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from node.masks.geometry import Geometry, Points, Size, sensor_to_stream

Mask = NDArray[np.bool_]
"""True where black; shape (height, width) of one plane."""

Spans = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Rows, and the first and last column in each of them; these may lie outside the picture."""

_EPSILON = 1e-6  # px: floating-point error is rounded outwards


@dataclass(frozen=True, slots=True, eq=False)
class StreamMask:
    """What is black in one stream: `luma` (h, w) and `chroma` (ceil(h/2), ceil(w/2)), for both chroma planes."""

    luma: Mask
    chroma: Mask


@dataclass(frozen=True, slots=True, eq=False)
class MaskRaster:
    """A mask set in pixels, for one geometry."""

    geometry: Geometry
    main: StreamMask
    lores: StreamMask


def rasterise(polygons: Sequence[Points], geometry: Geometry, *, guard_px: int) -> MaskRaster:
    """Masks of both streams for polygons in fractions of the pixel array; `guard_px` in main pixels."""
    outlines = [sensor_to_stream(polygon, geometry, geometry.main) for polygon in polygons]
    luma = touched(outlines, geometry.main, margin_px=guard_px)
    chroma = blocks(luma)
    whole_blocks = chroma.repeat(2, axis=1).repeat(2, axis=0)[: luma.shape[0], : luma.shape[1]]
    lores = overlapping(whole_blocks, geometry.lores)
    # Where sides are odd, a scaled chroma plane's samples do not lie on blocks of the scaled luma.
    lores_chroma = blocks(lores)
    lores_chroma |= overlapping(chroma, (lores_chroma.shape[1], lores_chroma.shape[0]))
    return MaskRaster(geometry, StreamMask(luma, chroma), StreamMask(lores, lores_chroma))


def touched(outlines: Sequence[Points], size: Size, *, margin_px: int = 0) -> Mask:
    """Pixels whose closed square, widened by `margin_px` on each side, meets one of the closed polygons.

    Outlines are in pixels, shape (n, 2), simple, and may reach outside the picture.
    """
    width, height = size
    # What is just outside still widens into the picture.
    steps = np.zeros((height + 2 * margin_px, width + 2 * margin_px + 1), np.int16)
    for outline in outlines:
        _add(_edges(outline + margin_px, len(steps)), steps)
        _add(_inside(outline + margin_px, len(steps)), steps)
    np.cumsum(steps, axis=1, out=steps)
    mask: Mask = steps[:, :-1] > 0
    for axis in (0, 1):
        mask = _reaching(mask, 2 * margin_px, axis=axis)
    return mask[:height, :width]


def blocks(luma: Mask) -> Mask:
    """Of each 2x2 block (the last may be half): whether any of its pixels is set."""
    height, width = luma.shape
    even = np.zeros((height + height % 2, width + width % 2), np.bool_)
    even[:height, :width] = luma
    return even[::2, ::2] | even[1::2, ::2] | even[::2, 1::2] | even[1::2, 1::2]


def overlapping(mask: Mask, size: Size) -> Mask:
    """The same field of view in another resolution: pixels that overlap a set pixel of `mask`."""
    (width, height), (old_height, old_width) = size, mask.shape
    rows = _any_of(mask, *_overlap(height, old_height))
    columns = np.ascontiguousarray(rows.T)
    return np.ascontiguousarray(_any_of(columns, *_overlap(width, old_width)).T)


def _any_of(mask: Mask, first: NDArray[np.intp], past: NDArray[np.intp]) -> Mask:
    """For each range of rows: where any of them is set. `past` is one past its last row; no range is empty."""
    ranges = np.stack((first, past), axis=1).ravel()
    padded = np.concatenate((mask, np.zeros((1, mask.shape[1]), np.bool_)))  # so that the last `past` exists
    return np.asarray(np.logical_or.reduceat(padded, ranges, axis=0)[::2])


def _reaching(mask: Mask, cells: int, *, axis: Literal[0, 1]) -> Mask:
    """Where a cell or one of the `cells` after it along the axis is set. Each turn doubles how far it looks."""
    reached, seen = mask, 0
    while seen < cells:
        step = min(seen + 1, cells - seen)
        further = reached.copy()
        if axis == 0:
            further[:-step] |= reached[step:]
        else:
            further[:, :-step] |= reached[:, step:]
        reached, seen = further, seen + step
    return reached


def _overlap(new: int, old: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """For each of `new` equal cells over a line of `old` cells: the first, and one past the last, that it overlaps."""
    index = np.arange(new, dtype=np.intp)
    return index * old // new, -(-(index + 1) * old // new)


def _edges(outline: Points, height: int) -> Spans:
    """Spans of the pixels that the outline itself touches, in rows 0 to `height`."""
    ends = np.stack((outline, np.roll(outline, -1, axis=0)))
    order = np.argsort(ends[:, :, 1], axis=0, kind="stable")[:, :, None]
    (x0, y0), (x1, y1) = (half.T for half in np.take_along_axis(ends, order, axis=0))
    first = np.maximum(np.floor(y0 - _EPSILON), 0).astype(np.int64)
    count = np.maximum(np.minimum(np.floor(y1 + _EPSILON), height - 1).astype(np.int64) - first + 1, 0)
    edge = np.repeat(np.arange(len(outline)), count)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count - first, count)
    level = y1 - y0 <= _EPSILON
    slope = np.divide(x1 - x0, y1 - y0, out=np.zeros(len(x0)), where=~level)
    x, top, bottom, slope = x0[edge], y0[edge], y1[edge], slope[edge]
    enters = x + slope * (np.clip(row - _EPSILON, top, bottom) - top)
    leaves = np.where(level[edge], x1[edge], x + slope * (np.clip(row + 1 + _EPSILON, top, bottom) - top))
    low, high = np.minimum(enters, leaves), np.maximum(enters, leaves)
    return row, np.floor(low - _EPSILON).astype(np.int64), np.floor(high + _EPSILON).astype(np.int64)


def _inside(outline: Points, height: int) -> Spans:
    """Spans of the pixels whose centre is inside (even-odd). A pixel wholly inside has its centre there."""
    x0, y0 = outline.T
    x1, y1 = np.roll(outline, -1, axis=0).T
    rows = np.arange(max(int(np.floor(y0.min())), 0), min(int(np.ceil(y0.max())), height))
    centre = rows[:, None] + 0.5
    crossed = (y0 <= centre) != (y1 <= centre)
    row, edge = np.nonzero(crossed)
    x = x0[edge] + (centre[row, 0] - y0[edge]) * (x1[edge] - x0[edge]) / (y1[edge] - y0[edge])
    order = np.lexsort((x, row))
    row, x = row[order], x[order]  # an even number in each row, so neighbours pair up
    return rows[row[::2]], np.ceil(x[::2] - 0.5).astype(np.int64), np.floor(x[1::2] - 0.5).astype(np.int64)


def _add(spans: Spans, steps: NDArray[np.int16]) -> None:
    """One step up where a span begins, one down behind its end. Fewer spans a row than polygons have corners."""
    row, first, last = spans
    width = steps.shape[1] - 1
    first, last = np.maximum(first, 0), np.minimum(last, width - 1)
    kept = first <= last
    begins = row[kept] * steps.shape[1] + first[kept]
    flat = steps.reshape(-1)  # with one index a cell, `add.at` is ten times as fast as with two
    np.add.at(flat, begins, np.int16(1))
    np.add.at(flat, begins + (last - first)[kept] + 1, np.int16(-1))
