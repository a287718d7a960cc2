"""Exactness of `node.masks.raster`, held against exact rational arithmetic pixel by pixel."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.masks.geometry import Geometry, Points, Size, full_view
from node.masks.polygon import MAX_POLYGONS, MAX_VERTICES
from node.masks.raster import Mask, rasterise, touched
from tests.masks import oracle
from tests.masks.shapes import AS_FOUND, SIZES, geometries, outlines


@st.composite
def pictures(draw: st.DrawFn) -> tuple[Size, list[Points], int]:
    size = draw(SIZES)
    return size, draw(st.lists(outlines(size), max_size=3)), draw(st.integers(0, 3))


@st.composite
def views(draw: st.DrawFn) -> tuple[Geometry, list[Points], int]:
    geometry = draw(geometries())
    return geometry, draw(st.lists(outlines((1, 1)), max_size=2)), draw(st.integers(0, 2))


def assert_exact(mask: Mask, polygons: list[list[oracle.Point]], size: Size, margin: int) -> None:
    """Never less than the rule demands; more only where a polygon passes within a hair's breadth."""
    demanded = oracle.masked(polygons, size, Fraction(margin))
    allowed = oracle.masked(polygons, size, margin + oracle.NEARLY)
    assert not (demanded & ~mask).any(), "a pixel that must be black can be seen"
    assert not (mask & ~allowed).any(), "a pixel is black for no reason"


@settings(AS_FOUND, max_examples=100)
@given(pictures())
def test_a_pixel_is_masked_exactly_if_its_widened_square_meets_a_polygon(
    picture: tuple[Size, list[Points], int],
) -> None:
    size, polygons, margin = picture
    mask = touched(polygons, size, margin_px=margin)
    assert_exact(mask, [oracle.exact(polygon) for polygon in polygons], size, margin)


@settings(AS_FOUND, max_examples=100)
@given(views())
def test_every_crop_transform_and_resolution_is_masked_exactly(
    view: tuple[Geometry, list[Points], int],
) -> None:
    geometry, polygons, guard_px = view
    raster = rasterise(polygons, geometry, guard_px=guard_px)
    on_main = [oracle.on_stream(polygon, geometry, geometry.main) for polygon in polygons]
    assert_exact(raster.main.luma, on_main, geometry.main, guard_px)
    chroma = oracle.chroma(raster.main.luma)
    np.testing.assert_array_equal(raster.main.chroma, chroma)
    lores = oracle.lores(chroma, geometry.main, geometry.lores)
    np.testing.assert_array_equal(raster.lores.luma, lores)
    assert not (oracle.chroma(lores) & ~raster.lores.chroma).any()
    if all(side % 2 == 0 for side in (*geometry.main, *geometry.lores)):
        np.testing.assert_array_equal(raster.lores.chroma, oracle.chroma(lores))


@st.composite
def large_views(draw: st.DrawFn) -> tuple[Geometry, Points, list[float]]:
    """A sensor of 12 million pixels, cropped, one polygon, and places on its outline to look at."""
    geometry = Geometry(
        sensor="large",
        pixel_array=(4056, 3040),
        mode=(2028, 1520),
        crop=draw(st.sampled_from([(0, 0, 4056, 3040), (333, 777, 1917, 1079), (1, 440, 4055, 2161)])),
        transform=draw(st.sampled_from(["identity", "rotate90", "rotate180transpose"])),
        main=draw(st.sampled_from([(1920, 1080), (1333, 999)])),
        lores=(320, 180),
    )
    return geometry, draw(outlines((1, 1))), draw(st.lists(st.floats(0, 1), min_size=8, max_size=8))


@settings(AS_FOUND, max_examples=40)
@given(large_views())
def test_at_full_size_the_pixels_along_an_outline_are_masked_exactly(
    view: tuple[Geometry, Points, list[float]],
) -> None:
    geometry, polygon, places = view
    width, height = geometry.main
    on_main = oracle.on_stream(polygon, geometry, geometry.main)
    luma = rasterise([polygon], geometry, guard_px=0).main.luma
    for n, place in enumerate(places):
        (ax, ay), (bx, by) = on_main[n % len(on_main)], on_main[(n + 1) % len(on_main)]
        x, y = int(ax + (bx - ax) * Fraction(place)) - 1, int(ay + (by - ay) * Fraction(place)) - 1
        if 0 <= x < width - 3 and 0 <= y < height - 3:
            here = [[(px - x, py - y) for px, py in on_main]]
            assert_exact(luma[y : y + 3, x : x + 3], here, (3, 3), 0)


@pytest.mark.parametrize(
    ("low", "high", "columns"),
    [
        (2.5, 3.5, "..##...."),
        (2.0001, 3.9999, "..##...."),
        (2.0, 4.0, ".####..."),
        (2.0 + 1e-9, 4.0 - 1e-9, ".####..."),  # within rounding: outwards
        (1.9999, 4.0001, ".####..."),
    ],
)
def test_a_pixel_that_is_touched_is_masked_and_one_beside_it_is_not(
    low: float, high: float, columns: str
) -> None:
    upright = np.array([(low, 1.5), (high, 1.5), (high, 2.5), (low, 2.5)])
    row = touched([upright], (8, 4))[2]
    column = touched([upright[:, ::-1]], (4, 8))[:, 2]
    assert ["".join(".#"[int(pixel)] for pixel in line) for line in (row, column)] == [columns] * 2


def test_without_polygons_nothing_is_masked() -> None:
    raster = rasterise([], full_view(sensor="s", main=(7, 5), lores=(3, 2)), guard_px=16)
    assert not any(
        mask.any() for stream in (raster.main, raster.lores) for mask in (stream.luma, stream.chroma)
    )


def test_the_guard_band_reaches_into_the_picture_from_a_polygon_outside_it() -> None:
    outside = np.array([(-0.5, 0.0), (-0.05, 0.0), (-0.05, 1.0), (-0.5, 1.0)])
    raster = rasterise([outside], full_view(sensor="s", main=(10, 4), lores=(10, 4)), guard_px=2)
    columns = raster.main.luma.all(axis=0).tolist()
    assert columns == [True, True, *[False] * 8]  # half a pixel outside, two pixels of guard


def test_the_most_polygons_with_the_most_corners_on_one_spot_are_masked_like_one() -> None:
    angles = 2 * np.pi * np.arange(MAX_VERTICES) / MAX_VERTICES
    radii = np.where(np.arange(MAX_VERTICES) % 2, 0.3, 0.01)
    star = 0.5 + np.stack((radii * np.cos(angles), radii * np.sin(angles)), axis=1)
    geometry = full_view(sensor="s", main=(16, 12), lores=(8, 6))
    many, one = (rasterise([star] * count, geometry, guard_px=1).main.luma for count in (MAX_POLYGONS, 1))
    np.testing.assert_array_equal(many, one)
    assert not one.all()


def test_a_polygon_around_the_whole_picture_blacks_out_every_pixel() -> None:
    around = np.array([(-4.0, -4.0), (4.5, -4.0), (4.5, 4.5), (-4.0, 4.5)])
    raster = rasterise([around], full_view(sensor="s", main=(9, 7), lores=(4, 3)), guard_px=0)
    assert all(mask.all() for stream in (raster.main, raster.lores) for mask in (stream.luma, stream.chroma))


@st.composite
def scaled_down(draw: st.DrawFn, *, even: bool) -> tuple[Geometry, Points]:
    factor = 2 if even else 1
    main = draw(st.tuples(st.integers(8, 20), st.integers(8, 16)))
    lores = draw(st.tuples(st.integers(1, main[0]), st.integers(1, main[1])))
    geometry = full_view(
        sensor="s",
        main=(factor * main[0], factor * main[1]),
        lores=(factor * lores[0], factor * lores[1]),
    )
    return geometry, draw(outlines((1, 1)))


def assert_no_lores_chroma_mixes_in_what_is_masked(geometry: Geometry, polygon: Points) -> None:
    """A camera scales the chroma planes by themselves: a sample is the mean of all chroma samples it overlaps."""
    raster = rasterise([polygon], geometry, guard_px=0)
    rows, columns = raster.lores.chroma.shape
    mixed = oracle.shared(raster.main.chroma, (columns, rows))
    assert not (mixed & ~raster.lores.chroma).any()


@settings(AS_FOUND, max_examples=60)
@given(scaled_down(even=True))
def test_with_even_sides_no_chroma_sample_of_lores_mixes_in_a_masked_one(
    view: tuple[Geometry, Points],
) -> None:
    assert_no_lores_chroma_mixes_in_what_is_masked(*view)


@pytest.mark.parametrize(
    ("main", "lores", "column"), [((16, 16), (5, 8), 4), ((17, 16), (7, 8), 12), ((17, 16), (10, 8), 14)]
)
def test_with_odd_sides_no_chroma_sample_of_lores_mixes_in_a_masked_one(
    main: Size, lores: Size, column: int
) -> None:
    pixel = np.array([(column + 0.4, 2.4), (column + 0.6, 2.4), (column + 0.5, 2.6)]) / main
    geometry = full_view(sensor="s", main=main, lores=lores)
    assert_no_lores_chroma_mixes_in_what_is_masked(geometry, pixel)
