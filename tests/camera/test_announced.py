"""A recorded video that lacks its last byte is no recorded video."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.camera.announced import announced_length, check_whole_file
from node.camera.replay import ReplaySource
from node.clock import SimulatedClock
from node.errors import Refused
from tests.fakes.videos import write_video

CODECS = {".mp4": "libx264", ".mov": "libx264", ".avi": "mjpeg", ".mkv": "ffv1", ".ts": "libx264"}


def video(folder: Path, suffix: str) -> Path:
    pictures = [np.random.default_rng(n).integers(0, 255, (64, 96), np.uint8) for n in range(20)]
    codec = CODECS[suffix]
    return write_video(
        folder / f"a{suffix}", pictures, codec=codec, pix_fmt="yuvj420p" if codec == "mjpeg" else "yuv420p"
    )


@pytest.mark.parametrize("suffix", CODECS)
@pytest.mark.parametrize("missing", [1, 187, 1000])
def test_not_even_the_last_byte_may_be_missing(tmp_path: Path, suffix: str, missing: int) -> None:
    path = video(tmp_path, suffix)
    ReplaySource([path], clock=SimulatedClock(start_utc_ns=0))
    path.write_bytes(path.read_bytes()[:-missing])
    with pytest.raises(Refused, match="cut off"):
        ReplaySource([path], clock=SimulatedClock(start_utc_ns=0))


@pytest.mark.parametrize("suffix", CODECS)
def test_what_stands_behind_the_end_is_nobodys_loss(tmp_path: Path, suffix: str) -> None:
    path = video(tmp_path, suffix)
    path.write_bytes(path.read_bytes() + bytes(188))
    check_whole_file(path)


def test_a_matroska_file_whose_writer_did_not_know_its_length_says_nothing(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "a.mkv", [np.zeros((64, 96), np.uint8)] * 5, codec="ffv1", muxer={"live": "1"}
    )
    check_whole_file(path)
    assert announced_length(BytesIO(path.read_bytes()), path.stat().st_size) == 0


@given(
    st.binary(max_size=400),
    st.sampled_from([b"", b"RIFF", b"\x1a\x45\xdf\xa3", b"\x00\x00\x00\x08ftyp", b"G" * 200]),
)
def test_whatever_a_file_begins_with_it_is_judged_and_nothing_else(rest: bytes, start: bytes) -> None:
    data = start + rest
    assert announced_length(BytesIO(data), len(data)) >= 0
