"""The mask rule worked out pixel by pixel in exact rational arithmetic: slow, and independent of `node.masks`."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from node.masks.geometry import Geometry, Points, Size, Transform
from node.masks.raster import Mask

Point = tuple[Fraction, Fraction]
Outline = Sequence[Point]

NEARLY = Fraction(1, 100_000)
"""Pixels; closer to a polygon than this, a pixel that does not quite touch it may be masked as well."""


def exact(points: Points) -> list[Point]:
    """The vertices as they are: every float is a fraction."""
    return [(Fraction(float(x)), Fraction(float(y))) for x, y in points]


def on_stream(points: Points, geometry: Geometry, stream: Size) -> list[Point]:
    """Fractions of the pixel array to stream pixels, without rounding."""
    x0, y0, width, height = geometry.crop
    placed = []
    for x, y in exact(points):
        u = (x * geometry.pixel_array[0] - x0) / width
        v = (y * geometry.pixel_array[1] - y0) / height
        s, t = laid(u, v, geometry.transform)
        placed.append((s * stream[0], t * stream[1]))
    return placed


def laid(u: Fraction, v: Fraction, transform: Transform) -> Point:
    """Where a point of the unit square comes to lie; rotations are clockwise, as libcamera's are."""
    ways: dict[Transform, Point] = {
        "identity": (u, v),
        "hflip": (1 - u, v),
        "vflip": (u, 1 - v),
        "rotate180": (1 - u, 1 - v),
        "transpose": (v, u),
        "rotate90": (1 - v, u),
        "rotate270": (v, 1 - u),
        "rotate180transpose": (1 - v, 1 - u),
    }
    return ways[transform]


def masked(outlines: Sequence[Outline], size: Size, margin: Fraction) -> Mask:
    """Pixels whose closed square, widened by `margin` on every side, meets a closed polygon (even-odd)."""
    width, height = size
    return np.array(
        [
            [any(_meets(outline, x - margin, y - margin, 1 + 2 * margin) for outline in outlines) for x in range(width)]
            for y in range(height)
        ],
        np.bool_,
    )  # fmt: skip


def chroma(luma: Mask) -> Mask:
    """Blocks of 2x2 luma pixels, of which at least one is masked."""
    height, width = luma.shape
    rows, columns = (height + 1) // 2, (width + 1) // 2
    return np.array(
        [[luma[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].any() for x in range(columns)] for y in range(rows)],
        np.bool_,
    )


def lores(main_chroma: Mask, main: Size, size: Size) -> Mask:
    """Lores pixels that share an area, however small, with a masked block of main."""
    in_blocks = [[main_chroma[y // 2, x // 2] for x in range(main[0])] for y in range(main[1])]
    return shared(np.array(in_blocks, np.bool_), size)


def shared(mask: Mask, size: Size) -> Mask:
    """Over the same field of view in another resolution: which cells share an area with a set cell of `mask`."""
    height, width = mask.shape
    result = np.zeros(size[::-1], np.bool_)
    for y, x in np.argwhere(mask).tolist():
        for row in range(size[1]):
            for column in range(size[0]):
                overlaps_x = x * size[0] < (column + 1) * width and column * width < (x + 1) * size[0]
                overlaps_y = y * size[1] < (row + 1) * height and row * height < (y + 1) * size[1]
                result[row, column] |= overlaps_x and overlaps_y
    return result


def _meets(outline: Outline, left: Fraction, top: Fraction, side: Fraction) -> bool:
    right, bottom = left + side, top + side
    edges = list(zip(outline, [*outline[1:], outline[0]], strict=True))
    return any(_edge_meets(a, b, (left, top), (right, bottom)) for a, b in edges) or _inside(
        edges, (left, top)
    )


def _edge_meets(a: Point, b: Point, low: Point, high: Point) -> bool:
    """Separating axes: an edge misses the square if x, y or the edge's own normal keeps them apart."""
    (left, top), (right, bottom) = low, high
    if max(a[0], b[0]) < left or min(a[0], b[0]) > right or max(a[1], b[1]) < top or min(a[1], b[1]) > bottom:
        return False
    sides = [_side(a, b, corner) for corner in ((left, top), (right, top), (left, bottom), (right, bottom))]
    return min(sides) <= 0 <= max(sides)


def _inside(edges: Sequence[tuple[Point, Point]], point: Point) -> bool:
    """Even-odd; `point` is on no edge."""
    crossed = 0
    for a, b in edges:
        low, high = (a, b) if a[1] <= b[1] else (b, a)
        if low[1] <= point[1] < high[1]:
            crossed += _side(low, high, point) > 0
    return crossed % 2 == 1


def _side(a: Point, b: Point, c: Point) -> Fraction:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
