"""The painter: exactly the mask becomes black, nothing else changes, and what cannot be painted is black as a whole."""

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from node.camera.painter import MaskedFrame, Painter
from node.camera.source import Picture, Plane, new_picture
from node.masks.geometry import Size, full_view
from node.masks.raster import Mask, MaskRaster, StreamMask, rasterise
from tests.fakes.scripted import ScriptedRequest

LUMA_BLACK, CHROMA_BLACK = 16, 128
RAW = 77
MAIN: Size = (32, 24)
LORES: Size = (16, 12)
EDGE_BYTES = 7
"""Memory before and behind a picture, which is not the painter's."""


class Memory:
    """One stream's buffer with a picture in it: strides wider than the picture, memory around it, all of it random."""

    def __init__(self, size: Size, *, interleaved: bool, padding: tuple[int, int], seed: int) -> None:
        width, height = size
        self._size, self._interleaved = size, interleaved
        self._columns, self._rows = (width + 1) // 2, (height + 1) // 2
        self._strides = width + padding[0], self._columns * (2 if interleaved else 1) + padding[1]
        planes = 1 if interleaved else 2
        length = self._strides[0] * height + planes * self._strides[1] * self._rows
        self.bytes = np.random.default_rng(seed).integers(0, 256, length + 2 * EDGE_BYTES).astype(np.uint8)

    def picture(self, buffer: Plane) -> Picture:
        """Views of a buffer that is laid out like this one."""
        width, height = self._size
        luma_bytes = self._strides[0] * height
        chroma_bytes = self._strides[1] * self._rows
        luma = buffer[EDGE_BYTES:][:luma_bytes].reshape(height, -1)[:, :width]
        planes = []
        for start in range(luma_bytes, len(buffer) - 2 * EDGE_BYTES, chroma_bytes):
            plane = buffer[EDGE_BYTES + start :][:chroma_bytes].reshape(self._rows, -1)
            used = plane[:, : self._columns * (2 if self._interleaved else 1)]
            planes.append(used.reshape(self._rows, self._columns, 2) if self._interleaved else used)
        return Picture(luma, tuple(planes))

    def expected(self, mask: StreamMask) -> Plane:
        """The whole buffer as it must be after painting."""
        buffer = self.bytes.copy()
        picture = self.picture(buffer)
        picture.luma[mask.luma] = LUMA_BLACK
        for plane in picture.chroma:
            plane[mask.chroma] = CHROMA_BLACK
        return buffer


def test_reshaping_a_plane_in_this_file_makes_views_and_not_copies() -> None:
    for interleaved in (False, True):
        memory = Memory((5, 3), interleaved=interleaved, padding=(3, 1), seed=1)
        picture = memory.picture(memory.bytes)
        assert all(np.shares_memory(plane, memory.bytes) for plane in (picture.luma, *picture.chroma))


@st.composite
def streams(draw: st.DrawFn) -> tuple[Memory, StreamMask]:
    size = draw(st.tuples(st.integers(1, 13), st.integers(1, 9)))
    memory = Memory(
        size,
        interleaved=draw(st.booleans()),
        padding=draw(st.tuples(st.integers(0, 5), st.integers(0, 5))),
        seed=draw(st.integers(0, 1000)),
    )
    width, height = size
    luma, chroma = (height, width), ((height + 1) // 2, (width + 1) // 2)
    return memory, StreamMask(draw(masks(luma)), draw(masks(chroma)))


def masks(shape: tuple[int, int]) -> st.SearchStrategy[Mask]:
    return arrays(np.bool_, shape, elements=st.booleans(), fill=st.booleans())


@settings(max_examples=150, deadline=None)
@given(streams(), streams())
def test_every_masked_sample_becomes_black_and_no_other_byte_changes(
    main: tuple[Memory, StreamMask], lores: tuple[Memory, StreamMask]
) -> None:
    (main_memory, main_mask), (lores_memory, lores_mask) = main, lores
    expected = main_memory.expected(main_mask), lores_memory.expected(lores_mask)
    painter = Painter(MaskRaster(full_view(sensor="s", main=MAIN, lores=LORES), main_mask, lores_mask))
    pictures = main_memory.picture(main_memory.bytes), lores_memory.picture(lores_memory.bytes)
    frame = painter.paint(ScriptedRequest(pictures, sensor_ns=5))
    assert (frame.fault, frame.sensor_ns) == (None, 5)
    assert frame.main is pictures[0]
    assert frame.lores is pictures[1]
    np.testing.assert_array_equal(main_memory.bytes, expected[0])
    np.testing.assert_array_equal(lores_memory.bytes, expected[1])


def raw(size: Size = MAIN) -> Picture:
    """A picture in which nothing is black."""
    picture = new_picture(size)
    for plane in (picture.luma, *picture.chroma):
        plane.fill(RAW)
    return picture


def corner_painter() -> Painter:
    """Masks the upper left corner, and so leaves most to be seen where painting goes well."""
    corner = np.array([(0.0, 0.0), (0.3, 0.0), (0.0, 0.3)])
    return Painter(rasterise([corner], full_view(sensor="s", main=MAIN, lores=LORES), guard_px=0))


def paint(main: Picture, lores: Picture | None = None) -> MaskedFrame:
    return corner_painter().paint(ScriptedRequest((main, lores or raw(LORES)), sensor_ns=0))


def assert_black(picture: Picture) -> None:
    assert (picture.luma == LUMA_BLACK).all()
    assert all((plane == CHROMA_BLACK).all() for plane in picture.chroma)


def test_a_picture_that_can_be_painted_is_not_black_as_a_whole() -> None:
    frame = paint(raw())
    assert frame.fault is None
    assert (frame.main.luma == RAW).sum() > MAIN[0] * MAIN[1] * 0.9


@pytest.mark.parametrize("size", [(34, 24), (32, 22), (24, 32), (1, 1), (64, 48)])
def test_a_picture_of_another_size_makes_both_black(size: Size) -> None:
    for frame in (paint(raw(size)), paint(raw(), raw(size))):
        assert frame.fault is not None
        assert "was due" in frame.fault
        assert_black(frame.main)
        assert_black(frame.lores)


def upside_down(picture: Picture) -> Picture:
    return Picture(picture.luma[::-1], picture.chroma)


def every_second_column(picture: Picture) -> Picture:
    wide = np.full((MAIN[1], 2 * MAIN[0]), RAW, np.uint8)
    return Picture(wide[:, ::2], picture.chroma)


def chroma_of_nv12_as_two_planes(picture: Picture) -> Picture:
    both = np.full((MAIN[1] // 2, MAIN[0] // 2, 2), RAW, np.uint8)
    return Picture(picture.luma, (both[:, :, 0], both[:, :, 1]))


@pytest.mark.parametrize("lay", [upside_down, every_second_column, chroma_of_nv12_as_two_planes])
def test_memory_in_an_order_that_cannot_be_painted_makes_both_pictures_black(
    lay: Callable[[Picture], Picture],
) -> None:
    frame = paint(lay(raw()))
    assert frame.fault is not None
    assert frame.fault.startswith("painting failed: ")
    assert "\n" not in frame.fault
    assert_black(frame.main)
    assert_black(frame.lores)


def planes(luma: tuple[int, ...], *chroma: tuple[int, ...], kind: type = np.uint8) -> Picture:
    return Picture(np.full(luma, RAW, kind), tuple(np.full(shape, RAW, kind) for shape in chroma))


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(planes((24, 32), (24, 16), (24, 16)), id="4:2:2"),
        pytest.param(planes((24, 32), (24, 32), (24, 32)), id="4:4:4"),
        pytest.param(planes((24, 32), (6, 8), (6, 8)), id="4:1:0"),
        pytest.param(planes((24, 32), (12, 16)), id="a chroma plane is missing"),
        pytest.param(planes((24, 32), (12, 16, 3)), id="interleaved by three"),
        pytest.param(planes((24, 32), (24, 16, 2)), id="NV16"),
        pytest.param(planes((24, 32), (12, 16), (12, 16), kind=np.uint16), id="ten bits"),
    ],
)
def test_pictures_of_another_kind_are_a_fault_and_black(picture: Picture) -> None:
    frame = paint(picture)
    assert frame.fault is not None
    assert_black(frame.main)
    assert_black(frame.lores)


def read_only(picture: Picture, plane: int) -> Picture:
    (picture.luma, *picture.chroma)[plane].flags.writeable = False
    return picture


@pytest.mark.parametrize("plane", [0, 1, 2])
@pytest.mark.parametrize("which", ["main", "lores"])
def test_memory_that_cannot_be_written_is_a_fault_and_what_is_handed_on_is_black(
    which: str, plane: int
) -> None:
    frame = paint(read_only(raw(), plane)) if which == "main" else paint(raw(), read_only(raw(LORES), plane))
    assert frame.fault is not None
    assert_black(frame.main)
    assert_black(frame.lores)


def test_a_masked_frame_cannot_be_made_without_a_painter() -> None:
    class Impostor:
        pass

    for maker in (None, Impostor(), Painter, object.__new__(MaskedFrame)):
        with pytest.raises(TypeError, match="only a Painter makes masked frames"):
            MaskedFrame(maker, main=raw(), lores=raw(LORES), sensor_ns=0, fault=None)  # type: ignore[arg-type]


def test_painting_a_frame_allocates_no_picture() -> None:
    square = np.array([[0.1, 0.1], [0.7, 0.1], [0.6, 0.8], [0.2, 0.7]])
    size = (1920, 1080)
    painter = Painter(rasterise((square,), full_view(sensor="t", main=size, lores=(320, 180)), guard_px=16))
    request = ScriptedRequest((new_picture(size), new_picture((320, 180))), sensor_ns=0)
    painter.paint(request)
    tracemalloc.start()
    try:
        for _ in range(10):
            painter.paint(request)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 16_000  # a lores plane has 57,600


def test_the_black_in_a_frames_place_is_made_once_and_nobody_can_draw_in_it() -> None:
    painter = Painter(rasterise([], full_view(sensor="s", main=MAIN, lores=LORES), guard_px=0))
    one, other = (
        painter.black(
            painter.paint(ScriptedRequest((new_picture(MAIN), new_picture(LORES)), sensor_ns=n)), "why"
        )
        for n in (1, 2)
    )
    assert (one.sensor_ns, other.sensor_ns, other.fault) == (1, 2, "why")
    assert one.main is other.main
    for picture in (other.main, other.lores):
        assert (picture.luma == LUMA_BLACK).all()
        assert all((plane == CHROMA_BLACK).all() for plane in picture.chroma)
        with pytest.raises(ValueError, match="read-only"):
            picture.luma[0, 0] = 99
