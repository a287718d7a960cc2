"""Which polygons are fit to be a mask or a zone: simple ones, exactly judged, bounded in number and size."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from node.errors import Refused
from node.masks.geometry import Points

Grid = NDArray[np.int64]

MIN_VERTICES = 3
MAX_VERTICES = 128
MAX_POLYGONS = 64
_REACH = 4.0  # vertices may lie outside the picture, but not absurdly far
_GRID = 1 << 24  # simplicity is judged on this integer grid: 26-bit coordinates, exact in 64-bit products


def simple_polygon(vertices: Sequence[Sequence[float]], *, name: str) -> Points:
    """The vertices as an array (n, 2) of fractions, or `Refused` naming `name` and what is wrong.

    A polygon is refused if it has fewer than three vertices or too many, a coordinate that is not a number
    or far outside, or an outline that touches or crosses itself (also where two vertices coincide, or where
    it turns back onto itself, so that it has no inside).
    """
    if len(vertices) < MIN_VERTICES:
        raise Refused(f"{name}: a polygon needs at least three points, this has {len(vertices)}")
    if len(vertices) > MAX_VERTICES:
        raise Refused(f"{name}: at most {MAX_VERTICES} points, this has {len(vertices)}")
    points = np.asarray(vertices, np.float64)
    if points.shape != (len(vertices), 2) or not np.isfinite(points).all():
        raise Refused(f"{name}: every point is two finite numbers x, y")
    if np.abs(points - 0.5).max() > _REACH:
        raise Refused(f"{name}: a point lies too far outside the picture")
    if _touches_itself(np.round(points * _GRID).astype(np.int64)):
        raise Refused(f"{name}: the outline crosses or touches itself")
    return points


def parse_polygon(text: str, *, name: str = "--mask") -> tuple[tuple[float, float], ...]:
    """`"x,y x,y x,y"` in fractions, as a person writes it on a command line; or `Refused` naming `name`."""
    try:
        corners = [tuple(float(number) for number in corner.split(",")) for corner in text.split()]
    except ValueError as error:
        raise Refused(f'{name} {text!r}: write it like "0.1,0.1 0.4,0.1 0.4,0.3"') from error
    if any(len(corner) != 2 for corner in corners):  # noqa: PLR2004 — x and y
        raise Refused(f'{name} {text!r}: every corner is x,y, like "0.1,0.1 0.4,0.1 0.4,0.3"')
    simple_polygon(corners, name=f"{name} {text!r}")
    return tuple((corner[0], corner[1]) for corner in corners)


def _touches_itself(grid: Grid) -> bool:
    count = len(grid)
    start, end, after = grid, np.roll(grid, -1, axis=0), np.roll(grid, -2, axis=0)
    if (start == end).all(axis=1).any():
        return True
    # Neighbours share a corner: the next edge may only not turn back along this one.
    back = ((end - start) * (after - end)).sum(axis=1) < 0
    if ((_cross(start, end, after) == 0) & back).any():
        return True
    one, other = np.triu_indices(count, k=2)
    apart = ~((one == 0) & (other == count - 1))
    one, other = one[apart], other[apart]
    return bool(_segments_meet(start[one], end[one], start[other], end[other]).any())


def _cross(o: Grid, a: Grid, b: Grid) -> Grid:
    """Twice the signed area of the triangle o, a, b; arrays of points broadcast."""
    product: Grid = (a[..., 0] - o[..., 0]) * (b[..., 1] - o[..., 1])
    other: Grid = (a[..., 1] - o[..., 1]) * (b[..., 0] - o[..., 0])
    return product - other


def _segments_meet(a: Grid, b: Grid, c: Grid, d: Grid) -> NDArray[np.bool_]:
    """Whether each segment a[k]-b[k] has a point in common with c[k]-d[k]."""
    side_c, side_d = np.sign(_cross(a, b, c)), np.sign(_cross(a, b, d))
    side_a, side_b = np.sign(_cross(c, d, a)), np.sign(_cross(c, d, b))
    low, high = np.maximum(np.minimum(a, b), np.minimum(c, d)), np.minimum(np.maximum(a, b), np.maximum(c, d))
    boxes_meet = np.asarray((low <= high).all(axis=-1), np.bool_)
    # Both straddle (or touch) the other's line; for collinear segments that is decided by their boxes.
    return (side_c * side_d <= 0) & (side_a * side_b <= 0) & boxes_meet
