"""Outlines and geometries to try `node.masks` with. Outlines are in units of a picture: 0..1 is inside it."""

from math import cos, pi, sin

import numpy as np
from hypothesis import Phase, settings
from hypothesis import strategies as st

from node.masks.geometry import TRANSFORMS, Geometry, Points, Size, Transform

AS_FOUND = settings(deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
"""For slow properties: making a failing example small would take longer than a test may."""

SIZES = st.tuples(st.integers(1, 11), st.integers(1, 9))
GRIDS = st.sampled_from([1, 2, 8, None])
"""Parts of a pixel to which vertices are rounded: 1 puts them on corners of pixels, where touching decides."""
MISSES = st.sampled_from([0.0, 0.0, 1e-4, -1e-4, 1e-7, -1e-7])
"""How far, in pixels, outlines are then moved: so little that they just touch, or just do not."""


def outlines(size: Size) -> st.SearchStrategy[Points]:
    """Outlines in pixels of a picture of `size`: round, star-shaped, concave, thin; inside, across and outside."""
    placed = st.one_of(stars(), combs(), _slivers()).map(lambda points: points * size)
    return st.builds(_rounded, placed, GRIDS, MISSES)


def _rounded(points: Points, grid: int | None, miss: float) -> Points:
    return points if grid is None else np.round(points * grid) / grid + miss


@st.composite
def stars(draw: st.DrawFn, *, nearest: float = -1.0, farthest: float = 2.0) -> Points:
    """Star-shaped and simple, around a centre within these bounds; with equal radii they are convex."""
    x, y = draw(st.floats(nearest, farthest)), draw(st.floats(nearest, farthest))
    count = draw(st.integers(4, 9))
    turn = draw(st.floats(0, 1))
    convex = draw(st.booleans())
    first = draw(st.floats(0.02, 1.5))
    radii = [first if convex else draw(st.floats(0.02, 1.5)) for _ in range(count)]
    angles = [2 * pi * (n + turn + draw(st.floats(0, 0.9))) / count for n in range(count)]
    return np.array([(x + r * cos(a), y + r * sin(a)) for r, a in zip(radii, angles, strict=True)])


@st.composite
def combs(draw: st.DrawFn) -> Points:
    """Concave: a back with teeth of any depth, the gaps between them thinner than a pixel or wider."""
    x, y = draw(st.floats(-0.5, 1)), draw(st.floats(-0.5, 1))
    steps = draw(st.lists(st.floats(0.01, 0.3), min_size=4, max_size=8))
    right = [x, *(x + np.cumsum(steps))]
    depths = [draw(st.floats(0.02, 0.8)) if n % 2 else 0.01 for n in range(len(right))]
    teeth = [(across, y + depth) for across, depth in zip(right, depths, strict=True)]
    points = np.array([*teeth, (right[-1], y - 0.1), (x, y - 0.1)])
    return points[:, ::-1] if draw(st.booleans()) else points


@st.composite
def _slivers(draw: st.DrawFn) -> Points:
    """Long and far thinner than a pixel, in any direction."""
    ends = [(draw(st.floats(-0.5, 1.5)), draw(st.floats(-0.5, 1.5))) for _ in range(2)]
    thin = draw(st.sampled_from([1e-3, 1e-5, 1e-8]))
    (ax, ay), (bx, by) = ends
    return np.array([(ax, ay), (bx, by), (bx + thin, by - thin), (ax + thin, ay)])


@st.composite
def geometries(draw: st.DrawFn, *, array: Size | None = None) -> Geometry:
    """A small sensor with any crop and transform; main up to three times the crop, lores of any aspect."""
    array = array or draw(st.tuples(st.integers(2, 9), st.integers(2, 7)))
    x, y = draw(st.integers(0, array[0] - 1)), draw(st.integers(0, array[1] - 1))
    crop = (x, y, draw(st.integers(1, array[0] - x)), draw(st.integers(1, array[1] - y)))
    transform: Transform = draw(st.sampled_from(sorted(TRANSFORMS)))
    main = draw(st.tuples(st.integers(1, min(11, 3 * crop[2])), st.integers(1, min(11, 3 * crop[3]))))
    return Geometry(
        sensor="small",
        pixel_array=array,
        mode=array,
        crop=crop,
        transform=transform,
        main=main,
        lores=draw(st.tuples(st.integers(1, 9), st.integers(1, 9))),
    )
