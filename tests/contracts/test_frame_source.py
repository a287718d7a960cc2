"""What every camera promises to whoever films with it (`node.camera.source`). A new source is added to `SOURCES`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from node.camera.replay import ReplaySource
from node.camera.source import FrameSource, Picture, Request
from node.camera.synthetic import SyntheticStreet
from node.clock import NS, SimulatedClock
from node.errors import Refused
from node.masks.geometry import full_view
from tests.fakes.scripted import ScriptedSource, filmed
from tests.fakes.videos import write_video

FRAMES, FRAME_RATE = 12, 10
START_NS = 1_700_000_000 * NS


def replayed(folder: Path, clock: SimulatedClock) -> FrameSource:
    noise = np.random.default_rng(3).integers(20, 230, (FRAMES, 30, 40)).astype(np.uint8)
    pictures = [
        picture.repeat(16, axis=0).repeat(16, axis=1) for picture in noise
    ]  # lores is smaller than main
    path = write_video(folder / "clip.mkv", pictures, frame_rate=FRAME_RATE)
    return ReplaySource([path], clock=clock)


def street(_: Path, clock: SimulatedClock) -> FrameSource:
    return SyntheticStreet(
        clock=clock, size=(320, 180), lores=(80, 45), frame_rate=FRAME_RATE, seconds=FRAMES / FRAME_RATE
    )


def scripted(_: Path, clock: SimulatedClock) -> FrameSource:
    geometry = full_view(sensor="s", main=(97, 73), lores=(32, 24))
    times = [clock.boottime_ns() + n * NS // FRAME_RATE for n in range(FRAMES)]

    def draw(picture: Picture, number: int) -> None:
        picture.luma[:, : 8 * number + 1] = 200

    return ScriptedSource(
        clock=clock,
        geometry=geometry,
        times_ns=times,
        film=lambda number: filmed(geometry, lambda main: draw(main, number)),
        frame_rate=FRAME_RATE,
    )


SOURCES: dict[str, Callable[[Path, SimulatedClock], FrameSource]] = {
    "replay": replayed,
    "synthetic": street,
    "scripted": scripted,
}


@dataclass(frozen=True)
class Filmed:
    """A camera that nobody has opened yet, and its clock."""

    source: FrameSource
    clock: SimulatedClock

    def take(self) -> Request:
        """The next request, which there must be."""
        request = self.source.next_request()
        assert request is not None
        return request

    def taken_until_refused(self, count: int) -> Iterator[Request]:
        """Requests that nobody releases: `count`, or as many as there are buffers."""
        for _ in range(count):
            try:
                yield self.take()
            except Refused:
                return

    def rest(self) -> int:
        """Take and release all that is left; how many."""
        count = 0
        while (request := self.source.next_request()) is not None:
            request.release()
            count += 1
        return count


@pytest.fixture(params=SOURCES.values(), ids=list(SOURCES))
def camera(request: pytest.FixtureRequest, tmp_path: Path) -> Filmed:
    clock = SimulatedClock(start_utc_ns=START_NS)
    return Filmed(request.param(tmp_path, clock), clock)


def copied(picture: Picture) -> list[bytes]:
    return [plane.tobytes() for plane in (picture.luma, *picture.chroma)]


def test_it_is_closed_until_it_is_opened(camera: Filmed) -> None:
    with pytest.raises(Refused, match="closed"):
        camera.source.next_request()


def test_after_closing_it_delivers_nothing(camera: Filmed) -> None:
    camera.source.open()
    camera.take().release()
    camera.source.close()
    with pytest.raises(Refused, match="closed"):
        camera.source.next_request()


def test_closing_twice_or_before_opening_is_allowed(camera: Filmed) -> None:
    camera.source.close()
    camera.source.open()
    camera.source.close()
    camera.source.close()


def test_opening_what_is_open_is_refused_and_it_films_on(camera: Filmed) -> None:
    camera.source.open()
    with pytest.raises(Refused, match="open already"):
        camera.source.open()
    camera.take().release()


def test_it_opens_again_after_it_was_closed(camera: Filmed) -> None:
    camera.source.open()
    first = camera.take()
    seen_ns = first.sensor_ns
    first.release()
    camera.source.close()
    camera.clock.wait_until(camera.clock.boottime_ns() + NS // 5)
    camera.source.open()
    again = camera.take()
    assert again.sensor_ns >= seen_ns + NS // 5
    again.release()


def test_its_geometry_and_frame_rate_never_change(camera: Filmed) -> None:
    before = camera.source.geometry, camera.source.frame_rate
    camera.source.open()
    while_open = camera.source.geometry, camera.source.frame_rate
    camera.take().release()
    camera.source.close()
    assert before == while_open == (camera.source.geometry, camera.source.frame_rate)
    assert before[1] > 0


def test_pictures_are_of_the_sizes_that_its_geometry_names_in_8_bit_4_2_0(camera: Filmed) -> None:
    camera.source.open()
    request = camera.take()
    for picture, size in (
        (request.main, camera.source.geometry.main),
        (request.lores, camera.source.geometry.lores),
    ):
        rows, columns = (size[1] + 1) // 2, (size[0] + 1) // 2
        assert picture.size == size
        assert [plane.shape for plane in picture.chroma] in (
            [(rows, columns)] * 2,
            [(rows, columns, 2)],
        )
        planes = (picture.luma, *picture.chroma)
        assert all(plane.dtype == np.uint8 and plane.flags.writeable for plane in planes)
    request.release()


def test_what_is_painted_into_a_request_is_what_its_pictures_show(camera: Filmed) -> None:
    """Its pictures are the buffers and not copies made each time they are asked for."""
    camera.source.open()
    request = camera.take()
    request.main.luma[:4, :4] = 16
    request.lores.luma[:2, :2] = 16
    assert (request.main.luma[:4, :4] == 16).all()
    assert (request.lores.luma[:2, :2] == 16).all()
    request.release()


def test_main_and_lores_show_the_same_moment(camera: Filmed) -> None:
    camera.source.open()
    for _ in range(4):
        request = camera.take()
        size = request.lores.size
        small = cv2.resize(request.main.luma, size, interpolation=cv2.INTER_AREA)
        assert np.abs(small.astype(int) - request.lores.luma.astype(int)).mean() < 2
        request.release()


def test_each_moment_comes_when_it_is_there_and_later_than_the_one_before(camera: Filmed) -> None:
    camera.source.open()
    times = []
    for _ in range(FRAMES - 1):
        request = camera.take()
        assert request.sensor_ns <= camera.clock.boottime_ns()
        times.append(request.sensor_ns)
        request.release()
    steps = np.diff(times)
    assert (steps > 0).all()
    assert abs(float(np.median(steps)) - NS / camera.source.frame_rate) < NS / 100


def test_at_its_end_it_says_so_for_ever(camera: Filmed) -> None:
    camera.source.open()
    assert camera.rest() == FRAMES
    assert [camera.source.next_request() for _ in range(3)] == [None] * 3


def test_whoever_releases_each_request_never_runs_out_of_buffers(camera: Filmed) -> None:
    camera.source.open()
    assert camera.rest() == FRAMES


def test_a_request_that_is_out_is_never_drawn_over(camera: Filmed) -> None:
    """It may have few buffers: then it refuses the next one, and does not take back what somebody reads."""
    camera.source.open()
    held = camera.take()
    before = copied(held.main) + copied(held.lores)
    others = list(camera.taken_until_refused(FRAMES - 1))
    assert copied(held.main) + copied(held.lores) == before
    for request in (held, *others):
        request.release()
    if len(others) < FRAMES - 1:
        camera.take().release()


def test_a_request_that_is_out_stays_good_when_the_camera_is_closed(camera: Filmed) -> None:
    camera.source.open()
    held = camera.take()
    before = copied(held.main)
    camera.source.close()
    assert copied(held.main) == before
    held.release()
