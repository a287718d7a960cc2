"""From polygons to bytes in one go: what the rule demands is black in every plane, what it does not is untouched.

The rule is worked out in exact fractions (`tests.masks.oracle`), for both layouts, any stride, odd sizes, streams of
unrelated aspect, and polygons that are thin, concave, far outside or exactly on borders of pixels.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.camera.painter import CHROMA_BLACK, LUMA_BLACK, Painter
from node.camera.source import Picture, Plane
from node.masks.geometry import Geometry, Points, Size, full_view
from node.masks.polygon import MAX_POLYGONS
from node.masks.raster import Mask, rasterise
from tests.fakes.scripted import ScriptedRequest
from tests.masks import oracle
from tests.masks.shapes import AS_FOUND, geometries, outlines

RAW = 77


@dataclass(frozen=True)
class Buffer:
    """Rows of a stride of their own; everything in them is RAW before painting, the padding too."""

    size: Size
    interleaved: bool
    padding: tuple[int, int]

    def picture(self) -> tuple[Picture, list[Plane]]:
        """The picture, and the whole memory that its planes are views of."""
        (width, height), (columns, rows) = self.size, ((side + 1) // 2 for side in self.size)
        luma = np.full((height, width + self.padding[0]), RAW, np.uint8)
        if self.interleaved:
            memory = np.full((rows, 2 * columns + 2 * self.padding[1]), RAW, np.uint8)
            chroma = (memory.reshape(rows, -1, 2)[:, :columns],)
            return Picture(luma[:, :width], chroma), [luma, memory]
        planes = [np.full((rows, columns + self.padding[1]), RAW, np.uint8) for _ in range(2)]
        return Picture(luma[:, :width], tuple(plane[:, :columns] for plane in planes)), [luma, *planes]


@dataclass(frozen=True)
class Rule:
    """What must be black in one stream, or may be: `demanded` and `allowed` differ by a hair's breadth."""

    luma: Mask
    chroma: Mask


def rules(geometry: Geometry, polygons: list[Points], margin: Fraction) -> tuple[Rule, Rule]:
    """Of main and lores."""
    on_main = [oracle.on_stream(polygon, geometry, geometry.main) for polygon in polygons]
    luma = oracle.masked(on_main, geometry.main, margin)
    chroma = oracle.chroma(luma)
    lores = oracle.lores(chroma, geometry.main, geometry.lores)
    lores_chroma = oracle.chroma(lores)
    lores_chroma |= oracle.shared(chroma, lores_chroma.shape[::-1])
    return Rule(luma, chroma), Rule(lores, lores_chroma)


def assert_painted(picture: Picture, memory: list[Plane], demanded: Rule, allowed: Rule) -> None:
    assert (picture.luma[demanded.luma] == LUMA_BLACK).all()
    assert (picture.luma[~allowed.luma] == RAW).all()
    for plane in picture.chroma:
        assert (plane[demanded.chroma] == CHROMA_BLACK).all()
        assert (plane[~allowed.chroma] == RAW).all()
    width, columns = picture.luma.shape[1], picture.chroma[0].shape[1]
    assert (memory[0][:, width:] == RAW).all()
    used = columns * (2 if len(picture.chroma) == 1 else 1)
    assert all((plane[:, used:] == RAW).all() for plane in memory[1:])


def paint_and_judge(geometry: Geometry, polygons: list[Points], guard_px: int, *layouts: Buffer) -> None:
    streams = [layout.picture() for layout in layouts]
    frame = Painter(rasterise(polygons, geometry, guard_px=guard_px)).paint(
        ScriptedRequest((streams[0][0], streams[1][0]), sensor_ns=0)
    )
    assert frame.fault is None
    demanded = rules(geometry, polygons, Fraction(guard_px))
    allowed = rules(geometry, polygons, guard_px + oracle.NEARLY)
    for (picture, memory), must, may in zip(streams, demanded, allowed, strict=True):
        assert_painted(picture, memory, must, may)


PADDING = st.tuples(st.integers(0, 9), st.integers(0, 9))


@settings(AS_FOUND, max_examples=200)
@given(
    geometry=geometries(),
    polygons=st.lists(outlines((1, 1)), min_size=1, max_size=3),
    guard_px=st.sampled_from([0, 0, 1, 2, 16]),
    interleaved=st.booleans(),
    padding=st.tuples(PADDING, PADDING),
)
def test_what_the_rule_demands_is_black_and_nothing_else_is_touched(
    geometry: Geometry,
    polygons: list[Points],
    guard_px: int,
    interleaved: bool,
    padding: tuple[tuple[int, int], tuple[int, int]],
) -> None:
    layouts = [
        Buffer(size, interleaved, pad)
        for size, pad in zip((geometry.main, geometry.lores), padding, strict=True)
    ]
    paint_and_judge(geometry, polygons, guard_px, *layouts)


@pytest.mark.parametrize("lores", [(1, 1), (1, 9), (13, 1), (26, 22), (5, 11)])
@pytest.mark.parametrize("interleaved", [False, True])
def test_a_lores_of_one_pixel_of_another_aspect_or_larger_than_main_is_exact(
    lores: Size, *, interleaved: bool
) -> None:
    geometry = full_view(sensor="s", main=(13, 11), lores=lores)
    concave = np.array([(0.2, 0.2), (0.6, 0.2), (0.6, 0.6), (0.5, 0.6), (0.5, 0.3), (0.2, 0.3)])
    layouts = [Buffer(size, interleaved, (3, 1)) for size in (geometry.main, lores)]
    paint_and_judge(geometry, [concave], 0, *layouts)


def test_as_many_concave_polygons_as_there_may_be_are_exact() -> None:
    """An 8x8 pattern of small arrowheads, some of them partly or wholly outside."""
    arrow = np.array([(0.0, 0.0), (0.08, 0.04), (0.0, 0.08), (0.03, 0.04)])
    places = [np.array((0.16 * n - 0.1, 0.16 * m - 0.1)) for n in range(8) for m in range(8)]
    polygons = [arrow + place for place in places]
    assert len(polygons) == MAX_POLYGONS
    geometry = full_view(sensor="s", main=(19, 17), lores=(7, 12))
    paint_and_judge(
        geometry, polygons, 0, *(Buffer(s, False, (0, 0)) for s in (geometry.main, geometry.lores))
    )


HALF_WIDE = Geometry(
    sensor="s",
    pixel_array=(400, 400),
    mode=(400, 400),
    crop=(0, 0, 400, 400),
    transform="identity",
    main=(100, 400),  # four sensor pixels across are one of main, one down is one
    lores=(50, 50),
)


@pytest.mark.parametrize("guard_px", [16, 40])
def test_where_main_is_squeezed_the_guard_band_is_wide_on_every_side_in_pixels_of_main(guard_px: int) -> None:
    box = np.array([(180.5, 180.5), (219.5, 180.5), (219.5, 219.5), (180.5, 219.5)]) / 400
    luma = rasterise([box], HALF_WIDE, guard_px=guard_px).main.luma
    rows, columns = np.flatnonzero(luma.any(axis=1)), np.flatnonzero(luma.any(axis=0))
    assert (columns[0], columns[-1]) == (
        45 - guard_px,
        54 + guard_px,
    )  # the box: columns 45 to 54, rows 180 to 219
    assert (rows[0], rows[-1]) == (180 - guard_px, 219 + guard_px)
    assert luma[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()


def test_the_widest_guard_band_around_a_point_in_the_corner_covers_a_small_picture() -> None:
    speck = np.array([(0.0, 0.0), (1e-6, 0.0), (0.0, 1e-6)])
    raster = rasterise([speck], full_view(sensor="s", main=(513, 513), lores=(3, 3)), guard_px=512)
    assert raster.main.luma.all()
    assert raster.lores.luma.all()
    one_short = rasterise([speck], full_view(sensor="s", main=(514, 513), lores=(3, 3)), guard_px=512)
    assert one_short.main.luma[:, :513].all()
    assert not one_short.main.luma[:, 513].any()
