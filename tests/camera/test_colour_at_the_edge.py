"""Recorded colour of any format: what is painted black, to its last pixel, makes no difference to what is not."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream
from numpy.typing import NDArray

from node.camera.painter import Painter
from node.camera.replay import ReplaySource
from node.clock import SimulatedClock
from node.masks.raster import MaskRaster, rasterise

SIZE = (270, 130)
OUTLINES = [np.array([[0.31, 0.2], [0.63, 0.25], [0.55, 0.71], [0.37, 0.6]])]
GUARD_PX = 16
FRAMES = 3


def write(path: Path, pictures: list[NDArray[np.uint8]], pix_fmt: str) -> Path:
    """FFV1, lossless, of RGB pictures."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = *SIZE, pix_fmt
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
                format=pix_fmt, interpolation="AREA"
            )
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def raster_of(source: ReplaySource) -> MaskRaster:
    return rasterise(OUTLINES, source.geometry, guard_px=GUARD_PX)


def masked(path: Path) -> list[bytes]:
    """Every sample of both streams, after painting."""
    source = ReplaySource([path], clock=SimulatedClock(start_utc_ns=0))
    painter = Painter(raster_of(source))
    source.open()
    found = []
    while (request := source.next_request()) is not None:
        frame = painter.paint(request)
        assert frame.fault is None
        planes = [plane for p in (frame.main, frame.lores) for plane in (p.luma, *p.chroma)]
        found.append(b"".join(np.ascontiguousarray(plane).tobytes() for plane in planes))
        request.release()
    return found


@pytest.mark.parametrize("pix_fmt", ["bgr0", "yuv444p", "yuv422p"])
def test_what_is_painted_makes_no_difference_to_its_last_pixel(tmp_path: Path, pix_fmt: str) -> None:
    noise = np.random.default_rng(1)
    plain = [noise.integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8) for _ in range(FRAMES)]
    first = write(tmp_path / "a.mkv", plain, pix_fmt)
    black = raster_of(ReplaySource([first], clock=SimulatedClock(start_utc_ns=0))).main.luma
    if pix_fmt == "yuv422p":  # two pixels of a row share their colour: a pair at the edge is half visible
        black = (black[:, ::2] & black[:, 1::2]).repeat(2, axis=1)
    other = [picture.copy() for picture in plain]
    for picture in other:
        picture[black] = noise.integers(0, 256, (int(black.sum()), 3), np.uint8)
    second = write(tmp_path / "b.mkv", other, pix_fmt)
    assert first.read_bytes() != second.read_bytes()
    assert masked(first) == masked(second)


def test_a_pixel_beside_what_is_painted_makes_one(tmp_path: Path) -> None:
    """So that the test before can fail."""
    plain = [np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)]
    changed = [plain[0].copy()]
    changed[0][2, 2] = 255
    assert masked(write(tmp_path / "a.mkv", plain, "bgr0")) != masked(
        write(tmp_path / "b.mkv", changed, "bgr0")
    )
