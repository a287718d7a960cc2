"""Whether one mask set covers another: judged in the world, so no crop, turn or resolution can fool it."""

import tracemalloc
from fractions import Fraction
from itertools import pairwise
from math import cos, radians, sin

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.masks.coverage import View, compare
from node.masks.geometry import TRANSFORMS, Geometry, Points, Transform
from node.masks.raster import rasterise
from tests.masks.oracle import Point, laid
from tests.masks.shapes import AS_FOUND, geometries, outlines

CAMERA = Geometry(
    sensor="imx708",
    pixel_array=(1536, 864),
    mode=(1536, 864),
    crop=(0, 0, 1536, 864),
    transform="identity",
    main=(768, 432),
    lores=(320, 180),
)
MIDDLE = (384, 216, 768, 432)
BALCONY = np.array([(0.30, 0.20), (0.60, 0.22), (0.58, 0.45), (0.31, 0.40)])
GARDEN = np.array([(0.70, 0.60), (0.95, 0.65), (0.80, 0.90)])


def view(*polygons: Points, geometry: Geometry = CAMERA, guard_px: int = 16) -> View:
    return View(polygons, guard_px, geometry)


def upper(share: float) -> Points:
    """The upper part of the picture."""
    return np.array([(0.0, 0.0), (1.0, 0.0), (1.0, share), (0.0, share)])


def turned(polygon: Points, degrees: float, geometry: Geometry) -> Points:
    """Around its middle, in the picture."""
    angle = radians(degrees)
    turn = np.array([(cos(angle), sin(angle)), (-sin(angle), cos(angle))])
    pixels = polygon * geometry.pixel_array
    middle = pixels.mean(axis=0)
    around: Points = (pixels - middle) @ turn + middle
    return around / geometry.pixel_array


def test_the_same_set_covers_itself_and_changes_nothing() -> None:
    change = compare(view(BALCONY, GARDEN), view(GARDEN, BALCONY))
    assert change.covers
    assert (change.uncovered_share, change.hidden_share) == (0.0, 0.0)


def test_a_wider_set_covers_the_narrower_one_and_hides_more() -> None:
    change = compare(view(upper(0.5)), view(upper(0.25)))
    assert change.covers
    assert (change.uncovered_share, change.hidden_share) == (0.0, 0.25)


def test_an_older_narrower_version_does_not_cover_the_wider_one() -> None:
    change = compare(view(upper(0.25)), view(upper(0.5)))
    assert not change.covers
    assert (change.uncovered_share, change.hidden_share) == (0.25, 0.0)


def test_taking_one_polygon_away_uncovers_what_was_behind_it() -> None:
    change = compare(view(BALCONY), view(BALCONY, GARDEN))
    assert not change.covers
    where = np.argwhere(change.uncovered)[:, ::-1] / change.uncovered.shape[::-1]
    guard = 18 / np.array(CAMERA.main)
    assert (where.min(axis=0) > GARDEN.min(axis=0) - guard).all()
    assert (where.max(axis=0) < GARDEN.max(axis=0) + guard).all()


def test_a_narrower_guard_band_does_not_cover() -> None:
    assert not compare(view(BALCONY, guard_px=16), view(BALCONY, guard_px=17)).covers
    assert compare(view(BALCONY, guard_px=17), view(BALCONY, guard_px=16)).covers


@pytest.mark.parametrize("degrees", [0.05, -0.05])
def test_a_tiny_turn_uncovers_something(degrees: float) -> None:
    change = compare(view(turned(BALCONY, degrees, CAMERA)), view(BALCONY))
    assert not change.covers
    assert 0 < change.uncovered_share < 0.001


@pytest.mark.parametrize("shift_px", [(1, 0), (0, 1), (-1, 0), (0, -1)])
def test_a_shift_by_one_pixel_uncovers_something(shift_px: tuple[int, int]) -> None:
    change = compare(view(BALCONY + np.array(shift_px) / CAMERA.main), view(BALCONY))
    assert not change.covers


def test_a_smaller_crop_of_the_same_scale_covers_and_a_larger_one_does_not() -> None:
    smaller = msgspec.structs.replace(CAMERA, crop=MIDDLE, main=(384, 216))
    assert compare(view(BALCONY, geometry=smaller), view(BALCONY)).covers
    change = compare(view(BALCONY), view(BALCONY, geometry=smaller))
    assert not change.covers
    assert change.uncovered_share == pytest.approx(0.75, abs=0.05)


def test_zooming_in_does_not_cover_because_the_guard_band_shrinks_with_the_pixels() -> None:
    zoomed = msgspec.structs.replace(CAMERA, crop=MIDDLE)
    assert not compare(view(BALCONY, geometry=zoomed), view(BALCONY)).covers
    assert compare(view(BALCONY, geometry=zoomed, guard_px=34), view(BALCONY)).covers


def test_another_sensor_or_pixel_array_never_covers_whatever_is_masked() -> None:
    everything = np.array([(-1.0, -1.0), (2.0, -1.0), (2.0, 2.0), (-1.0, 2.0)])
    for other in (
        msgspec.structs.replace(CAMERA, sensor="imx477"),
        msgspec.structs.replace(CAMERA, pixel_array=(1536, 865)),
    ):
        change = compare(view(everything, geometry=other), view(BALCONY))
        assert not change.covers
        assert change.uncovered_share == 1.0


# Vertices between corners of pixels: a corner met within rounding may fall either way after a turn.
OFF_CORNERS = st.lists(
    st.tuples(st.integers(0, 16), st.integers(0, 12)).map(
        lambda at: ((at[0] + 0.3) / 16, (at[1] + 0.3) / 12)
    ),
    min_size=3,
    max_size=5,
    unique=True,
).map(np.array)


@settings(AS_FOUND)
@given(OFF_CORNERS, st.sampled_from(sorted(TRANSFORMS)), st.sampled_from(sorted(TRANSFORMS)))
def test_the_same_sensor_polygons_hide_the_same_world_whatever_the_transform(
    polygon: Points, one: Transform, other: Transform
) -> None:
    change = compare(
        *(
            View([polygon], 1, _seen(transform, main=(6, 8) if TRANSFORMS[transform][0] else (8, 6)))
            for transform in (one, other)
        )
    )
    assert change.covers
    assert change.hidden_share == 0.0


def _seen(transform: Transform, *, main: tuple[int, int]) -> Geometry:
    return Geometry(
        sensor="tiny",
        pixel_array=(8, 6),
        mode=(8, 6),
        crop=(0, 0, 8, 6),
        transform=transform,
        main=main,
        lores=(4, 3),
    )


@settings(AS_FOUND)
@given(geometries(), st.data())
def test_adding_a_polygon_or_widening_the_guard_band_always_covers(
    geometry: Geometry, data: st.DataObject
) -> None:
    polygons = data.draw(st.lists(outlines((1, 1)), min_size=1, max_size=3))
    guard_px = data.draw(st.integers(0, 2))
    fewer = View(polygons[:-1], guard_px, geometry)
    assert compare(View(polygons, guard_px, geometry), fewer).covers
    assert compare(View(polygons[:-1], guard_px + 1, geometry), fewer).covers


@st.composite
def three_sets_of_one_sensor(draw: st.DrawFn) -> tuple[View, View, View]:
    """Any crop and transform; main as fine as the sensor, so that all three are judged on one grid."""
    first, second, third = (draw(_one_to_one()) for _ in range(3))
    return first, second, third


@st.composite
def _one_to_one(draw: st.DrawFn) -> View:
    x, y = draw(st.integers(0, 1)), draw(st.integers(0, 1))
    width, height = draw(st.integers(5 - x, 6 - x)), draw(st.integers(4 - y, 5 - y))
    transform: Transform = draw(st.sampled_from(sorted(TRANSFORMS)))
    geometry = Geometry(
        sensor="small",
        pixel_array=(6, 5),
        mode=(6, 5),
        crop=(x, y, width, height),
        transform=transform,
        main=(height, width) if TRANSFORMS[transform][0] else (width, height),
        lores=(3, 2),
    )
    corners = (
        draw(st.sampled_from([(0.05, 0.05), (0.3, 0.3), (0.45, 0.45)])),
        draw(st.sampled_from([(0.55, 0.55), (0.7, 0.7), (0.95, 0.95)])),
    )
    (left, top), (right, bottom) = corners
    polygon = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    return View([polygon] if draw(st.booleans()) else [], draw(st.integers(0, 1)), geometry)


@settings(AS_FOUND, max_examples=150)
@given(three_sets_of_one_sensor())
def test_what_covers_a_set_that_covers_a_third_covers_the_third(sets: tuple[View, View, View]) -> None:
    one, two, three = sets
    if compare(one, two).covers and compare(two, three).covers:
        assert compare(one, three).covers


@pytest.mark.parametrize("shift", [(0.25, 0), (-0.25, 0), (0, 0.25), (0, -0.25)])
def test_where_main_is_finer_than_the_sensor_a_shift_by_one_of_its_pixels_uncovers(
    shift: tuple[float, float],
) -> None:
    fine = msgspec.structs.replace(_seen("identity", main=(32, 24)), lores=(8, 6))
    square = np.array([(2.1, 2.1), (4.4, 2.1), (4.4, 4.4), (2.1, 4.4)])
    moved = (square + np.array(shift)) / fine.pixel_array
    assert not compare(View([moved], 0, fine), View([square / fine.pixel_array], 0, fine)).covers


@settings(AS_FOUND, max_examples=80)
@given(geometries(), st.data())
def test_whether_a_set_covers_is_what_the_pixels_say_that_see_the_world(
    old_geometry: Geometry, data: st.DataObject
) -> None:
    """Exactly: also where a part of a pixel alone is uncovered, however small."""
    polygons = data.draw(st.lists(outlines((1, 1)), max_size=2))
    guard_px = data.draw(st.integers(0, 1))
    old = View(polygons, guard_px, old_geometry)
    if data.draw(st.booleans()):  # the same view, masks moved a little
        shift = np.array(data.draw(st.tuples(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2))))
        new = View([polygon + shift for polygon in polygons], guard_px, old_geometry)
    else:
        others = data.draw(st.lists(outlines((1, 1)), max_size=1))
        geometry = data.draw(geometries(array=old_geometry.pixel_array))
        new = View(polygons + others, data.draw(st.integers(0, 1)), geometry)
    places = _places(new.geometry, old.geometry)
    seen, was_seen = _pixels_at(new, places), _pixels_at(old, places)
    change = compare(new, old)
    assert change.covers == (seen.keys() <= was_seen.keys())
    assert bool(change.hidden_share) == bool(was_seen.keys() - seen.keys())
    assert change.uncovered.any() == (not change.covers)


def test_a_crop_that_moves_by_one_sensor_pixel_uncovers_a_hairline() -> None:
    cropped = msgspec.structs.replace(CAMERA, crop=(100, 100, 1000, 500))
    moved = msgspec.structs.replace(cropped, crop=(101, 100, 1000, 500))
    change = compare(view(geometry=moved), view(geometry=cropped))
    assert not change.covers
    assert change.uncovered_share == pytest.approx(500 / (1536 * 864))
    assert change.hidden_share == pytest.approx(500 / (1536 * 864))


@pytest.mark.parametrize("array", [(4056, 3040), (4608, 2592)], ids=["imx477", "imx708"])
def test_a_comparison_of_different_crops_of_a_large_sensor_takes_little_memory(
    array: tuple[int, int],
) -> None:
    geometry = msgspec.structs.replace(CAMERA, pixel_array=array, crop=(0, 0, *array), main=(1920, 1080))
    small = msgspec.structs.replace(geometry, crop=(333, 777, 601, 401), main=(1440, 962))
    tracemalloc.start()
    change = compare(view(BALCONY, geometry=geometry), view(BALCONY, geometry=small))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not change.covers
    assert peak < 40 << 20


def _places(*geometries: Geometry) -> list[Point]:
    """A point of the world for each part that is in no more than one pixel of every view."""
    columns, rows = (
        sorted(
            {Fraction(0), Fraction(geometries[0].pixel_array[axis])}
            | {
                g.crop[axis] + Fraction(g.crop[2 + axis] * n, side)
                for g in geometries
                for side in g.main
                for n in range(side + 1)
            }
        )
        for axis in (0, 1)
    )
    return [((x0 + x1) / 2, (y0 + y1) / 2) for x0, x1 in pairwise(columns) for y0, y1 in pairwise(rows)]


def _pixels_at(view: View, places: list[Point]) -> dict[Point, tuple[int, int]]:
    """The unmasked main pixel in which each place is seen; places that are not seen are left out."""
    geometry = view.geometry
    masked = rasterise(view.polygons, geometry, guard_px=view.guard_px).main.luma
    x0, y0, width, height = geometry.crop
    pixels = {}
    for x, y in places:
        u, v = (x - x0) / width, (y - y0) / height
        if 0 < u < 1 and 0 < v < 1:
            s, t = laid(u, v, geometry.transform)
            column, row = int(s * geometry.main[0]), int(t * geometry.main[1])
            if not masked[row, column]:
                pixels[x, y] = column, row
    return pixels
