"""P1 over a pipeline: two scenes that differ only behind masks make the same records, and show the analyser the same.

Each example films two such scenes, opens what was sealed, and compares byte by byte; also every sample of the lores
pictures, which a daemon's detector would not even look at where they are masked. Guard bands may be narrow here.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from node.camera.source import Plane
from node.clock import NS
from node.mandate.documents import MIN_GUARD_BAND_PX, MaskPolygon
from node.masks.geometry import TRANSFORMS, Geometry, Points, Transform
from node.masks.raster import MaskRaster, StreamMask, rasterise
from tests.fakes.kept import OpenedSegment
from tests.fakes.office import Office, Papers, altered
from tests.fakes.rig import EVENING, HERE, Rig
from tests.fakes.scripted import Pictures, filmed
from tests.masks.shapes import AS_FOUND, stars

MORE = int(os.environ.get("STOLPE_EXAMPLES", "1"))
FRAMES = 7
CORNER = ((0.0, 0.0), (0.2, 0.0), (0.0, 0.2))


class Desk:
    """An office and its papers for `HERE`; every example puts its own geometry and polygons in."""

    def __init__(self, directory: Path) -> None:
        self.office = Office(directory)
        self.papers = self.office.papers(start_ns=EVENING, geometry=HERE, polygons=[CORNER])


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("keys"))


EVEN = st.integers(16, 40).map(lambda half: 2 * half)
SMALL_EVEN = st.integers(4, 16).map(lambda half: 2 * half)


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    """Small pictures; sides are even, as encoders and image processors have them in 4:2:0."""
    main, transform = draw(st.tuples(EVEN, EVEN)), draw(st.sampled_from(sorted(TRANSFORMS)))
    return _through(main, transform, lores=draw(st.tuples(SMALL_EVEN, SMALL_EVEN)))


def _through(main: tuple[int, int], transform: Transform, *, lores: tuple[int, int]) -> Geometry:
    array = (main[0] + 30, main[1] + 20)
    return Geometry(
        sensor="s",
        pixel_array=array,
        mode=array,
        crop=(5, 3, main[0] + 7, main[1] + 11),
        transform=transform,
        main=main,
        lores=lores,
    )


@dataclass(frozen=True, slots=True)
class Footage:
    """All that left one pipeline."""

    records: list[OpenedSegment]
    shape: list[tuple[str, int]]
    seen: list[bytes]
    times_ns: list[int]


@settings(AS_FOUND, max_examples=40 * MORE)
@given(
    geometry=geometries(),
    polygons=st.lists(stars(nearest=0.2, farthest=0.8), min_size=1, max_size=3),
    guard_px=st.sampled_from([0, 1, MIN_GUARD_BAND_PX]),
    scenes=st.tuples(st.integers(0, 99), st.integers(100, 199), st.integers(200, 299)),
)
def test_scenes_that_differ_only_behind_masks_leave_the_same_records(
    desk: Desk,
    *,
    geometry: Geometry,
    polygons: list[Points],
    guard_px: int,
    scenes: tuple[int, int, int],
) -> None:
    under = _masked_by(desk.papers, geometry, polygons, guard_px)
    before, one, other = scenes
    raster = _raster(under)
    assume(raster.main.luma.any())
    first = _footage(desk, under, _scene(raster, before=before, behind=one))
    second = _footage(desk, under, _scene(raster, before=before, behind=other))
    assert first.seen == second.seen
    assert first.times_ns == second.times_ns
    assert first.shape == second.shape
    assert [s.records for s in first.records] == [s.records for s in second.records]
    assert sum(len(s.records) for s in first.records) > FRAMES // 2


def test_scenes_that_differ_in_a_single_sample_that_is_not_masked_leave_other_records(desk: Desk) -> None:
    """So that the comparison above can fail."""
    raster = _raster(desk.papers)
    height, width = raster.main.luma.shape
    one = _scene(raster, before=1, behind=2)

    def other(number: int) -> Pictures:
        main, _ = one(number)
        return filmed(
            raster.geometry, lambda picture: _brighten(main.luma, picture.luma, (height - 1, width - 1))
        )

    first, second = _footage(desk, desk.papers, one), _footage(desk, desk.papers, other)
    assert first.seen != second.seen
    assert [s.records for s in first.records] != [s.records for s in second.records]


def _brighten(luma: Plane, target: Plane, at: tuple[int, int]) -> None:
    target[:] = luma
    target[at] ^= 0x80


def _masked_by(papers: Papers, geometry: Geometry, polygons: list[Points], guard_px: int) -> Papers:
    named = tuple(MaskPolygon("m", tuple((float(x), float(y)) for x, y in polygon)) for polygon in polygons)
    assert papers.masks is not None
    masks = altered(papers.masks, geometry=geometry, polygons=named, guard_band_px=guard_px)
    return Papers(papers.mandate, masks)


def _raster(papers: Papers) -> MaskRaster:
    assert papers.masks is not None
    masks = papers.masks.document
    return rasterise(masks.outlines, masks.geometry, guard_px=masks.guard_band_px)


def _scene(raster: MaskRaster, *, before: int, behind: int) -> Callable[[int], Pictures]:
    """Noise before the masks that `before` decides, and behind them noise that `behind` decides."""

    def film(number: int) -> Pictures:
        visible, hidden = (np.random.default_rng([seed, number]) for seed in (before, behind))
        return filmed(
            raster.geometry, lambda main: _draw(main.luma, main.chroma, raster.main, visible, hidden)
        )

    return film


def _draw(
    luma: Plane,
    chroma: tuple[Plane, ...],
    mask: StreamMask,
    visible: np.random.Generator,
    hidden: np.random.Generator,
) -> None:
    for plane, masked in ((luma, mask.luma), *((plane, mask.chroma) for plane in chroma)):
        plane[:] = visible.integers(16, 236, plane.shape)
        plane[masked] = hidden.integers(0, 256, int(masked.sum()))


def _footage(desk: Desk, under: Papers, film: Callable[[int], Pictures]) -> Footage:
    assert under.masks is not None
    geometry = under.masks.document.geometry
    rig = Rig(under, geometry=geometry, times_ns=[n * NS // 2 for n in range(FRAMES)], film=film)
    rig.run()
    opened = rig.messages.opened(desk.office.keys)
    return Footage(opened, rig.messages.shape, rig.watcher.seen, rig.watcher.times_ns)
