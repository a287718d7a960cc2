"""Recorded video as a camera: every frame at its time, whole files taken, damaged and cut ones refused by name."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from av.video.reformatter import ColorRange

from node.camera.replay import ReplaySource
from node.camera.source import Plane
from node.clock import NS, SimulatedClock
from node.errors import Refused
from node.masks.geometry import Size
from tests.fakes.videos import write_jpegs, write_sound, write_video

SIZE: Size = (64, 48)
START = 1_700_000_000 * NS
FASTSTART = {"movflags": "faststart"}


def steps(count: int, *, first: int = 40, size: Size = SIZE) -> list[Plane]:
    """Plain pictures, each 5 lighter than the one before."""
    return [np.full(size[::-1], first + 5 * n, np.uint8) for n in range(count)]


def noise(count: int, *, size: Size = SIZE) -> list[Plane]:
    """Pictures that fill a file evenly, so that half of its bytes are half of its pictures."""
    return list(np.random.default_rng(5).integers(20, 230, (count, *size[::-1])).astype(np.uint8))


@dataclass(frozen=True, slots=True)
class Seen:
    """One delivered frame: the clock when it came, its own time, the mean of its luma, and what it says it is."""

    clock_ns: int
    sensor_ns: int
    light: int
    place: tuple[str, int, float]


def camera(*paths: Path) -> tuple[ReplaySource, SimulatedClock]:
    clock = SimulatedClock(start_utc_ns=START)
    return ReplaySource(paths, clock=clock), clock


def next_seen(source: ReplaySource, clock: SimulatedClock) -> Seen | None:
    request = source.next_request()
    if request is None:
        return None
    where = source.position
    light = round(float(request.main.luma.mean()))
    request.release()
    return Seen(
        clock.boottime_ns(), request.sensor_ns, light, (where.video, where.frame, round(where.seconds, 3))
    )


def watched(*paths: Path) -> list[Seen]:
    """Every frame from the first to the last."""
    source, clock = camera(*paths)
    source.open()
    found = []
    while (seen := next_seen(source, clock)) is not None:
        found.append(seen)
    return found


def milliseconds(found: Sequence[Seen]) -> list[int]:
    return [seen.sensor_ns // 1_000_000 for seen in found]


# Whole files.


def test_every_frame_comes_at_its_own_time_with_its_own_picture(tmp_path: Path) -> None:
    found = watched(write_video(tmp_path / "a.mkv", steps(4)))
    assert found == [
        Seen(0, 0, 40, ("a.mkv", 0, 0.0)),
        Seen(NS // 10, NS // 10, 45, ("a.mkv", 1, 0.1)),
        Seen(2 * NS // 10, 2 * NS // 10, 50, ("a.mkv", 2, 0.2)),
        Seen(3 * NS // 10, 3 * NS // 10, 55, ("a.mkv", 3, 0.3)),
    ]


def test_several_videos_follow_each_other_as_one(tmp_path: Path) -> None:
    first = write_video(tmp_path / "a.mkv", steps(3))
    second = write_video(tmp_path / "b.avi", steps(2, first=100), frame_rate=5)
    third = write_video(tmp_path / "c.mkv", steps(2, first=150))
    found = watched(first, second, third)
    assert milliseconds(found) == [0, 100, 200, 300, 500, 700, 800]
    assert [seen.light for seen in found] == [40, 45, 50, 100, 105, 150, 155]
    assert [seen.place for seen in found[2:5]] == [("a.mkv", 2, 0.2), ("b.avi", 0, 0.0), ("b.avi", 1, 0.2)]


def test_the_start_of_each_video_is_told_on_the_cameras_clock(tmp_path: Path) -> None:
    source, clock = camera(*[write_video(tmp_path / name, steps(3)) for name in ("a.mkv", "b.mkv")])
    source.open()
    starts = []
    while next_seen(source, clock) is not None:
        starts.append(source.position.video_start_ns)
    assert starts == [0] * 3 + [3 * NS // 10] * 3


def test_what_went_by_while_the_camera_was_closed_is_never_delivered(tmp_path: Path) -> None:
    source, clock = camera(write_video(tmp_path / "a.mkv", steps(20)))
    clock.wait_until(4 * NS // 10 + 1)
    source.open()
    first = next_seen(source, clock)
    assert first is not None
    assert (first.light, first.sensor_ns, source.passed_over) == (65, 5 * NS // 10, 5)
    source.close()
    clock.wait_until(15 * NS // 10)
    source.open()
    again = next_seen(source, clock)
    assert again is not None
    assert (again.light, again.sensor_ns, source.passed_over) == (115, 15 * NS // 10, 14)


def test_a_camera_that_opens_after_the_last_frame_delivers_nothing(tmp_path: Path) -> None:
    source, clock = camera(write_video(tmp_path / "a.mkv", steps(4)))
    clock.wait_until(NS)
    source.open()
    assert (source.next_request(), source.passed_over) == (None, 4)


def test_a_closed_camera_gives_no_frame(tmp_path: Path) -> None:
    source, _ = camera(write_video(tmp_path / "a.mkv", steps(4)))
    with pytest.raises(Refused, match="closed"):
        source.next_request()
    source.open()
    source.close()
    source.close()
    with pytest.raises(Refused, match="closed"):
        source.next_request()


def test_frames_at_any_times_keep_their_times(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.3, 0.31, 1.7, 1.75]
    found = watched(write_video(tmp_path / "a.mkv", steps(6), times_s=times))
    assert milliseconds(found) == [0, 40, 300, 310, 1700, 1750]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_time_counts_from_the_first_frame(tmp_path: Path, name: str) -> None:
    times = [0.2 + n / 10 for n in range(30)]
    found = watched(write_video(tmp_path / name, steps(30), codec="libx264", times_s=times))
    assert milliseconds(found) == [100 * n for n in range(30)]


@pytest.mark.parametrize("size", [(65, 49), (33, 48), (64, 35)])
@pytest.mark.parametrize("codec", ["ffv1", "mjpeg"])
def test_an_odd_last_row_or_column_is_cut_and_the_rest_stays_in_its_place(
    tmp_path: Path, size: Size, codec: str
) -> None:
    ramp = np.add.outer(2 * np.arange(size[1]), np.arange(size[0])).astype(np.uint8) + 20
    full_range = codec == "mjpeg"
    path = write_video(
        tmp_path / "a.mkv", [ramp], codec=codec, pix_fmt="yuvj420p" if full_range else "yuv420p"
    )
    source, _ = camera(path)
    even = size[0] & ~1, size[1] & ~1
    assert (source.geometry.main, source.geometry.lores) == (even, even)
    assert (source.geometry.pixel_array, source.geometry.crop) == (size, (0, 0, *even))
    source.open()
    request = source.next_request()
    assert request is not None
    expected = (16 + ramp * (219 / 255) if full_range else ramp)[: even[1], : even[0]]
    assert np.abs(request.main.luma - expected).max() <= (12 if full_range else 0)
    assert [plane.shape for plane in request.main.chroma] == [(even[1] // 2, even[0] // 2)] * 2


def test_full_range_video_becomes_limited_range(tmp_path: Path) -> None:
    levels = [np.full(SIZE[::-1], level, np.uint8) for level in (0, 128, 255)]
    found = watched(write_video(tmp_path / "a.avi", levels, codec="mjpeg", pix_fmt="yuvj420p"))
    assert [seen.light for seen in found] == pytest.approx([16, 126, 235], abs=1)


def test_video_that_only_says_that_it_is_full_range_becomes_limited_range_too(tmp_path: Path) -> None:
    levels = [np.full(SIZE[::-1], level, np.uint8) for level in (0, 128, 255)]
    found = watched(write_video(tmp_path / "a.mkv", levels, color_range=ColorRange.JPEG))
    assert [seen.light for seen in found] == pytest.approx([16, 126, 235], abs=1)


def test_limited_range_video_stays_as_it_is(tmp_path: Path) -> None:
    levels = [np.full(SIZE[::-1], level, np.uint8) for level in (16, 128, 235)]
    assert [seen.light for seen in watched(write_video(tmp_path / "a.mkv", levels))] == [16, 128, 235]


@pytest.mark.parametrize("pix_fmt", ["yuv444p", "yuv422p"])
def test_video_with_more_colour_samples_becomes_4_2_0(tmp_path: Path, pix_fmt: str) -> None:
    source, _ = camera(write_video(tmp_path / "a.mkv", steps(1), pix_fmt=pix_fmt))
    source.open()
    request = source.next_request()
    assert request is not None
    assert abs(float(request.main.luma.mean()) - 40) <= 1
    assert [(plane.shape, round(float(plane.mean()))) for plane in request.main.chroma] == [
        ((24, 32), 128)
    ] * 2


def test_lores_of_a_large_video_is_320_wide_and_shows_the_same(tmp_path: Path) -> None:
    halves = np.full((480, 640), 50, np.uint8)
    halves[:, 320:] = 200
    source, _ = camera(write_video(tmp_path / "a.mkv", [halves]))
    assert source.geometry.lores == (320, 240)
    source.open()
    request = source.next_request()
    assert request is not None
    assert (request.lores.luma[:, :160] == 50).all()
    assert (request.lores.luma[:, 160:] == 200).all()


def test_how_many_frames_to_expect_is_the_sum_of_the_files(tmp_path: Path) -> None:
    paths = [write_video(tmp_path / f"{count}.mkv", steps(count)) for count in (4, 7)]
    source, _ = camera(*paths)
    assert (source.expected_frames, source.frame_rate) == (11, 10.0)


# Files that are not what they should be.


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def text(path: Path) -> Path:
    path.write_text("This is a text, and no video.\n" * 50)
    return path


def zeros(path: Path) -> Path:
    path.write_bytes(bytes(20_000))
    return path


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (empty, "a.mp4"),
        (empty, "a.mkv"),
        (text, "a.mp4"),
        (text, "a"),
        pytest.param(
            text,
            "a.txt",
        ),
        (zeros, "a.mkv"),
        (write_sound, "a.wav"),
        (write_sound, "a.mkv"),
        (Path, "missing.mp4"),
        (lambda path: path.parent, "a folder"),
    ],
)
def test_what_is_no_video_is_refused_by_its_name(
    tmp_path: Path, make: Callable[[Path], Path], name: str
) -> None:
    path = make(tmp_path / name)
    with pytest.raises(Refused, match=f"^{re.escape(str(path))}: "):
        watched(path)


@pytest.mark.parametrize("size", [(30, 48), (64, 30), (31, 31)])
def test_pictures_that_are_too_small_are_refused(tmp_path: Path, size: Size) -> None:
    with pytest.raises(Refused, match=f"pictures of {size[0]}x{size[1]}"):
        camera(write_video(tmp_path / "a.mkv", steps(2, size=size)))


def test_a_second_video_of_another_size_is_refused(tmp_path: Path) -> None:
    first = write_video(tmp_path / "a.mkv", steps(2))
    second = write_video(tmp_path / "b.mkv", steps(2, size=(64, 50)))
    with pytest.raises(Refused, match=r"b\.mkv: is 64x50, but a\.mkv is 64x48"):
        camera(first, second)


@pytest.mark.parametrize("name", ["a.avi", "a.mkv", "a.mp4"])
def test_a_video_that_changes_its_size_is_refused_where_it_does(tmp_path: Path, name: str) -> None:
    pictures = steps(3) + steps(2, size=(96, 64))
    source, clock = camera(write_jpegs(tmp_path / name, pictures, durations_ms=[100] * 5))
    source.open()
    assert [next_seen(source, clock) is not None for _ in range(3)] == [True] * 3
    with pytest.raises(Refused, match=f"{name}: changes its size to 96x64"):
        next_seen(source, clock)


def test_a_picture_that_cannot_be_decoded_is_counted_and_the_others_are_shown(tmp_path: Path) -> None:
    path = write_jpegs(tmp_path / "a.mkv", steps(30), durations_ms=[100] * 30, broken={7})
    source, clock = camera(path)
    source.open()
    shown = 0
    while next_seen(source, clock) is not None:
        shown += 1
    assert (shown, source.undecodable) == (29, 1)


def test_a_video_with_many_pictures_that_cannot_be_decoded_is_refused(tmp_path: Path) -> None:
    path = write_jpegs(tmp_path / "a.mkv", steps(30), durations_ms=[100] * 30, broken={3, 8, 14, 20})
    with pytest.raises(Refused, match="damaged: 4 parts of it cannot be decoded"):
        watched(path)


def test_a_video_of_which_nothing_can_be_decoded_is_refused(tmp_path: Path) -> None:
    path = write_jpegs(tmp_path / "a.mkv", steps(3), durations_ms=[100] * 3, broken={0, 1, 2})
    with pytest.raises(Refused, match="no picture in it can be decoded"):
        watched(path)


# Cut files.


@dataclass(frozen=True, slots=True)
class Kind:
    """How a video is kept."""

    name: str
    codec: str
    pix_fmt: str = "yuv420p"
    sound: bool = False

    def write(self, folder: Path, pictures: list[Plane]) -> Path:
        muxer = FASTSTART if self.name.endswith((".mp4", ".mov")) else None
        return write_video(
            folder / self.name,
            pictures,
            codec=self.codec,
            pix_fmt=self.pix_fmt,
            sound=self.sound,
            muxer=muxer,
        )


KINDS = {
    "mp4 x264": Kind("a.mp4", "libx264"),
    "mp4 mjpeg": Kind("a.mp4", "mjpeg", "yuvj420p"),
    "mov x264 sound": Kind("a.mov", "libx264", sound=True),
    "mkv x264": Kind("a.mkv", "libx264"),
    "mkv ffv1": Kind("a.mkv", "ffv1"),
    "mkv x264 sound": Kind("a.mkv", "libx264", sound=True),
    "avi mjpeg": Kind("a.avi", "mjpeg", "yuvj420p"),
    "avi x264": Kind("a.avi", "libx264"),
    "avi x264 sound": Kind("a.avi", "libx264", sound=True),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_file_is_never_refused(tmp_path: Path, kind: str) -> None:
    assert milliseconds(watched(KINDS[kind].write(tmp_path, noise(120)))) == [100 * n for n in range(120)]


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_very_short_file_is_not_taken_for_a_cut_one(tmp_path: Path, kind: str, count: int) -> None:
    assert len(watched(KINDS[kind].write(tmp_path, noise(count)))) == count


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75, 0.9])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_was_cut_is_refused(tmp_path: Path, kind: str, share: float) -> None:
    path = KINDS[kind].write(tmp_path, noise(120))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(Refused, match=f"^{re.escape(str(path))}: (cut off|damaged|cannot be read)"):
        watched(path)


def test_an_mp4_whose_index_was_at_the_end_that_is_missing_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", noise(120), codec="libx264")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(Refused, match="cut off"):
        watched(path)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_last_frame_that_is_shown_for_long_is_not_taken_for_a_cut(tmp_path: Path, name: str) -> None:
    found = watched(write_jpegs(tmp_path / name, steps(11), durations_ms=[100] * 10 + [9000]))
    assert milliseconds(found) == [100 * n for n in range(11)]


def test_a_matroska_file_that_does_not_begin_at_0_is_not_taken_for_a_cut_one(tmp_path: Path) -> None:
    times = [5 + n / 10 for n in range(30)]
    assert len(watched(write_video(tmp_path / "a.mkv", steps(30), times_s=times))) == 30
