"""Where a point of the sensor lands: tables that anybody can check by eye, and the way back."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from node.errors import Refused
from node.masks.geometry import (
    TRANSFORMS,
    Geometry,
    Points,
    Size,
    Transform,
    libcamera_transform,
    sensor_to_stream,
    stream_to_sensor,
)
from node.masks.raster import Mask, rasterise
from tests.masks.shapes import geometries

ARRAY: Size = (8, 6)
# An L that no transform lays on itself: a stroke down column 1, a foot along row 3, in pixels of the sensor.
LETTER = np.array([(1.25, 0.25), (1.75, 0.25), (1.75, 3.25), (5.75, 3.25), (5.75, 3.75), (1.25, 3.75)])

WHOLE = (0, 0, 8, 6)
WHOLE_UPRIGHT = """
identity  hflip     vflip     rotate180
.#......  ......#.  ........  ........
.#......  ......#.  ........  ........
.#......  ......#.  .#####..  ..#####.
.#####..  ..#####.  .#......  ......#.
........  ........  .#......  ......#.
........  ........  .#......  ......#.
"""
WHOLE_TURNED = """
transpose  rotate90  rotate270  rotate180transpose
......     ......    ......     ......
####..     ..####    ......     ......
...#..     ..#...    ...#..     ..#...
...#..     ..#...    ...#..     ..#...
...#..     ..#...    ...#..     ..#...
...#..     ..#...    ...#..     ..#...
......     ......    ####..     ..####
......     ......    ......     ......
"""

PART = (1, 1, 6, 4)  # the sensor's columns 1 to 6, rows 1 to 4
PART_UPRIGHT = """
identity  hflip   vflip   rotate180
#.....    .....#  ......  ......
#.....    .....#  #####.  .#####
#####.    .#####  #.....  .....#
......    ......  #.....  .....#
"""
PART_TURNED = """
transpose  rotate90  rotate270  rotate180transpose
###.       .###      ....       ....
..#.       .#..      ..#.       .#..
..#.       .#..      ..#.       .#..
..#.       .#..      ..#.       .#..
..#.       .#..      ..#.       .#..
....       ....      ###.       .###
"""

CLOSE = (0, 2, 4, 2)  # columns 0 to 3, rows 2 and 3, at twice the sensor's resolution
CLOSE_UPRIGHT = """
identity  hflip     vflip     rotate180
..##....  ....##..  ..######  ######..
..##....  ....##..  ..######  ######..
..######  ######..  ..##....  ....##..
..######  ######..  ..##....  ....##..
"""
CLOSE_TURNED = """
transpose  rotate90  rotate270  rotate180transpose
....       ....      ..##       ##..
....       ....      ..##       ##..
####       ####      ..##       ##..
####       ####      ..##       ##..
..##       ##..      ####       ####
..##       ##..      ####       ####
..##       ##..      ....       ....
..##       ##..      ....       ....
"""


def pictures(table: str) -> dict[str, list[str]]:
    names, *rows = (line.split() for line in table.strip().splitlines())
    return {name: [row[n] for row in rows] for n, name in enumerate(names)}


def cases(
    crop: tuple[int, int, int, int], *tables: str
) -> list[tuple[tuple[int, int, int, int], str, list[str]]]:
    return [(crop, name, picture) for table in tables for name, picture in pictures(table).items()]


def drawn(mask: Mask) -> list[str]:
    return ["".join(".#"[pixel] for pixel in row) for row in mask.astype(int)]


def seen_through(crop: tuple[int, int, int, int], transform: Transform, main: Size) -> Geometry:
    return Geometry(
        sensor="tiny", pixel_array=ARRAY, mode=ARRAY, crop=crop, transform=transform, main=main, lores=(4, 3)
    )


@pytest.mark.parametrize(
    ("crop", "transform", "picture"),
    [
        *cases(WHOLE, WHOLE_UPRIGHT, WHOLE_TURNED),
        *cases(PART, PART_UPRIGHT, PART_TURNED),
        *cases(CLOSE, CLOSE_UPRIGHT, CLOSE_TURNED),
    ],
)
def test_a_letter_on_the_sensor_lands_where_the_table_shows_it(
    crop: tuple[int, int, int, int], transform: Transform, picture: list[str]
) -> None:
    geometry = seen_through(crop, transform, (len(picture[0]), len(picture)))
    assert drawn(rasterise([LETTER / ARRAY], geometry, guard_px=0).main.luma) == picture


# What libcamera's documentation of `Transform` draws: where the corners A B / C D come to lie, and each value's bits.
LIBCAMERA = """
bits  name                picture
0     identity            AB/CD
1     hflip               BA/DC
2     vflip               CD/AB
3     rotate180           DC/BA
4     transpose           AC/BD
5     rotate270           BD/AC
6     rotate90            CA/DB
7     rotate180transpose  DB/CA
"""
CORNERS = {"A": (0.25, 0.25), "B": (0.75, 0.25), "C": (0.25, 0.75), "D": (0.75, 0.75)}


@pytest.mark.parametrize("line", LIBCAMERA.strip().splitlines()[1:])
def test_transforms_are_what_libcamera_draws_and_its_bits_mean(line: str) -> None:
    bits, name, picture = line.split()
    transform = libcamera_transform(
        hflip=bool(int(bits) & 1), vflip=bool(int(bits) & 2), transpose=bool(int(bits) & 4)
    )
    assert transform == name
    geometry = seen_through(WHOLE, transform, (2, 2))
    seen = {
        letter: sensor_to_stream(np.array([at]), geometry, (2, 2))[0].astype(int).tolist()
        for letter, at in CORNERS.items()
    }
    assert seen == {
        letter: [column, row]
        for row, letters in enumerate(picture.split("/"))
        for column, letter in enumerate(letters)
    }


def test_every_transform_stands_in_the_tables() -> None:
    assert pictures(WHOLE_UPRIGHT).keys() | pictures(WHOLE_TURNED).keys() == TRANSFORMS.keys()


GUARD_LUMA = """
###.....
###.....
#######.
#######.
#######.
........
"""
GUARD_CHROMA = """
##..
####
####
"""
GUARD_LORES = """
###..
###..
#####
#####
#####
#####
"""
GUARD_LORES_CHROMA = """
##.
###
###
"""


def test_guard_band_chroma_and_lores_are_all_rounded_outwards() -> None:
    geometry = Geometry(
        sensor="tiny",
        pixel_array=ARRAY,
        mode=ARRAY,
        crop=WHOLE,
        transform="identity",
        main=ARRAY,
        lores=(5, 6),
    )
    raster = rasterise([LETTER / ARRAY], geometry, guard_px=1)
    assert drawn(raster.main.luma) == GUARD_LUMA.split()
    assert drawn(raster.main.chroma) == GUARD_CHROMA.split()
    assert drawn(raster.lores.luma) == GUARD_LORES.split()
    assert drawn(raster.lores.chroma) == GUARD_LORES_CHROMA.split()


@settings(deadline=None)
@given(
    geometry=geometries(),
    stream=st.tuples(st.integers(1, 4096), st.integers(1, 4096)),
    points=arrays.arrays(np.float64, st.tuples(st.integers(1, 5), st.just(2)), elements=st.floats(-4, 5)),
)
def test_the_way_back_leads_to_the_same_point_of_the_sensor(
    geometry: Geometry, stream: Size, points: Points
) -> None:
    there = sensor_to_stream(points, geometry, stream)
    np.testing.assert_allclose(stream_to_sensor(there, geometry, stream), points, atol=1e-12)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("pixel_array", (0, 6)),
        ("pixel_array", (8, 16_385)),
        ("mode", (8, 0)),
        ("main", (-8, 6)),
        ("lores", (4, 16_385)),
        ("crop", (0, 0, 9, 6)),
        ("crop", (0, 1, 8, 6)),
        ("crop", (-1, 0, 8, 6)),
        ("crop", (0, 0, 0, 6)),
        ("crop", (0, 0, 8, -6)),
    ],
)
def test_a_geometry_that_cannot_be_is_refused_by_the_name_of_its_field(
    field: str, value: tuple[int, ...]
) -> None:
    good = seen_through(WHOLE, "identity", ARRAY)
    with pytest.raises(Refused, match=f"geometry: {field}"):
        msgspec.structs.replace(good, **{field: value})
