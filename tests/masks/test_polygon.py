"""Which outlines are taken as polygons, and which are refused and why."""

from fractions import Fraction
from itertools import combinations
from math import cos, inf, nan, pi, sin

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from node.errors import Refused
from node.masks.polygon import MAX_VERTICES, simple_polygon

Vertices = list[tuple[float, float]]

SQUARE: Vertices = [(0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9)]
HORSESHOE: Vertices = [
    (0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.6, 0.9), (0.6, 0.3), (0.4, 0.3), (0.4, 0.9), (0.1, 0.9),
]  # fmt: skip
CROSSES = "the outline crosses or touches itself"


@pytest.mark.parametrize(
    "vertices",
    [
        pytest.param(SQUARE, id="square"),
        pytest.param(HORSESHOE, id="horseshoe"),
        pytest.param([(0.1, 0.1), (0.5, 0.1), (0.9, 0.1), (0.5, 0.9)], id="a corner of 180 degrees"),
        pytest.param([(-3.4, -3.4), (4.4, -3.4), (0.5, 4.4)], id="far beyond the picture"),
        pytest.param([(0.1, 0.1), (0.9, 0.9), (0.9, 0.9 + 1e-6)], id="a sliver"),
        pytest.param(
            [(0.5 + 0.4 * cos(2 * pi * n / 128), 0.5 + 0.4 * sin(2 * pi * n / 128)) for n in range(128)],
            id="the most vertices",
        ),
    ],
)
def test_a_simple_polygon_is_taken_as_it_is(vertices: Vertices) -> None:
    assert simple_polygon(vertices, name="mask").tolist() == [list(vertex) for vertex in vertices]


@pytest.mark.parametrize(
    ("vertices", "why"),
    [
        pytest.param([], "at least three points, this has 0", id="none"),
        pytest.param(SQUARE[:2], "at least three points, this has 2", id="two points"),
        pytest.param([*SQUARE, SQUARE[-1]], CROSSES, id="a vertex twice in a row"),
        pytest.param([*SQUARE, SQUARE[0]], CROSSES, id="closed by its first vertex"),
        pytest.param([*SQUARE[:3], SQUARE[0], (0.05, 0.5)], CROSSES, id="a vertex met again"),
        pytest.param([(0.1, 0.1), (0.9, 0.1), (0.5, 0.1)], CROSSES, id="no inside"),
        pytest.param(
            [(0.1, 0.1), (0.9, 0.1), (0.95, 0.1), (0.9, 0.1), (0.5, 0.9)], CROSSES, id="out and back"
        ),
        pytest.param([(0.1, 0.1), (0.9, 0.1), (0.6, 0.1), (0.5, 0.9)], CROSSES, id="spike"),
        pytest.param([(0.1, 0.1), (0.9, 0.9), (0.9, 0.1), (0.1, 0.9)], CROSSES, id="bow tie"),
        pytest.param([*SQUARE, (0.5, 0.1)], CROSSES, id="a vertex on another edge"),
        pytest.param([(0.1, 0.1), (0.9, 0.1), (0.9, nan)], "two finite numbers", id="nan"),
        pytest.param([(0.1, 0.1), (0.9, 0.1), (-inf, 0.5)], "two finite numbers", id="infinity"),
        pytest.param([(0.1, 0.1), (0.9, 0.1), (0.5, 4.51)], "too far outside", id="far below"),
        pytest.param([(-3.51, 0.1), (0.9, 0.1), (0.5, 0.9)], "too far outside", id="far left"),
        pytest.param(
            [(0.1, 0.1), (0.9, 0.1), (1e308, 0.9)], "too far outside", id="a number as large as can be"
        ),
        pytest.param(
            [(n / 200, n * n / 40_000) for n in range(MAX_VERTICES + 1)], "at most 128 points", id="too many"
        ),
    ],
)
def test_anything_else_is_refused_by_its_name(vertices: Vertices, why: str) -> None:
    with pytest.raises(Refused, match=f"^mask 'garden': .*{why}"):
        simple_polygon(vertices, name="mask 'garden'")


@pytest.mark.parametrize("vertices", [[(0.1, 0.1, 0.5)] * 3, [(0.1,), (0.5,), (0.9,)]])
def test_points_that_are_not_pairs_are_refused(vertices: list[tuple[float, ...]]) -> None:
    with pytest.raises(Refused, match="every point is two finite numbers"):
        simple_polygon(vertices, name="mask")


@pytest.mark.parametrize("begin", range(5))
@pytest.mark.parametrize("step", [1, -1])
def test_a_corner_that_touches_a_far_edge_is_refused_wherever_the_outline_begins(
    begin: int, step: int
) -> None:
    deep = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.0), (0.0, 1.0)]
    assert not _taken([deep[(begin + step * n) % 5] for n in range(5)])
    shallow = [(x, 0.25) if (x, y) == (0.5, 0.0) else (x, y) for x, y in deep]
    assert _taken([shallow[(begin + step * n) % 5] for n in range(5)])


# On a coarse grid most outlines touch themselves somewhere.
COARSE = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4)).map(lambda corner: (corner[0] / 4, corner[1] / 4)),
    min_size=3,
    max_size=7,
    unique=True,
) | st.lists(
    st.sampled_from([(0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (0.5, 0.5), (0.0, 1.0)]), min_size=3, max_size=5
)


@settings(deadline=None)
@given(COARSE)
@example([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.25, 0.25), (0.0, 1.0)])
def test_a_polygon_is_taken_exactly_if_its_edges_meet_in_common_corners_only(vertices: Vertices) -> None:
    assert _taken(vertices) == _is_simple([(Fraction(x), Fraction(y)) for x, y in vertices])


@settings(deadline=None)
@given(COARSE, st.integers(0, 6), st.booleans())
def test_where_an_outline_begins_and_which_way_it_runs_does_not_matter(
    vertices: Vertices, begin: int, backwards: bool
) -> None:
    turned = vertices[begin % len(vertices) :] + vertices[: begin % len(vertices)]
    assert _taken(vertices) == _taken(turned[::-1] if backwards else turned)


def _taken(vertices: Vertices) -> bool:
    try:
        simple_polygon(vertices, name="mask")
    except Refused:
        return False
    return True


Point = tuple[Fraction, Fraction]


def _is_simple(corners: list[Point]) -> bool:
    """By the definition: no two edges have a point in common, but neighbours their corner."""
    edges = list(zip(corners, corners[1:] + corners[:1], strict=True))
    if any(a == b for a, b in edges):
        return False
    for (i, one), (j, other) in combinations(enumerate(edges), 2):
        common = _common(one, other)
        neighbours = j == i + 1 or (i == 0 and j == len(edges) - 1)
        if common is not None and not (neighbours and common == "corner"):
            return False
    return True


def _common(one: tuple[Point, Point], other: tuple[Point, Point]) -> str | None:
    """What two segments share: None, one end of both ("corner"), or anything else ("more")."""
    (ax, ay), (bx, by) = one
    (cx, cy), (dx, dy) = other
    across = (bx - ax) * (dy - cy) - (by - ay) * (dx - cx)
    if across != 0:  # their lines cross in one point: a + t (b - a) = c + s (d - c)
        t = ((cx - ax) * (dy - cy) - (cy - ay) * (dx - cx)) / across
        s = ((cx - ax) * (by - ay) - (cy - ay) * (bx - ax)) / across
        if not (0 <= t <= 1 and 0 <= s <= 1):
            return None
        return "corner" if t in (0, 1) and s in (0, 1) else "more"
    if (bx - ax) * (cy - ay) != (by - ay) * (cx - ax):
        return None  # parallel
    low = max(min(one), min(other))
    high = min(max(one), max(other))
    if low > high:
        return None
    return "corner" if low == high else "more"
