"""The lock before views that are hard to know again, and at the edges of its time: starts, nights, long winds."""

import numpy as np
import pytest
from camera.pose.views import Facade, detail, morning

from node.camera.pose.lock import PoseLock
from node.camera.pose.making import reference_from
from node.camera.pose.structure import Sight
from node.camera.source import Plane
from node.formats.pose import PoseReference
from tests.fakes.turned import GUARD_PX, HEIGHT, WIDTH, Pose, World, noisy, raster_of, watched

AT_THE_LEFT = np.array(((0.02, 0.4), (0.14, 0.4), (0.14, 0.6), (0.02, 0.6)))
OPEN = np.zeros((HEIGHT, WIDTH), np.bool_)


def reference_of(picture: Plane, blind: np.ndarray = OPEN) -> PoseReference:
    pictures = (np.where(blind, 16, noisy(picture, n)).astype(np.uint8) for n in range(8))
    return reference_from(pictures, Sight(size=(WIDTH, HEIGHT), blind=blind))


@pytest.mark.parametrize("with_reference", [False, True])
@pytest.mark.parametrize("roll", [0.0, 3.0])
def test_masks_that_lie_far_from_all_landmarks_are_what_a_roll_moves(
    roll: float, *, with_reference: bool
) -> None:
    view = lambda pose: detail(1, share=0.09, pose=pose)  # noqa: E731 — one line, used here alone
    blind = raster_of(WIDTH, HEIGHT, [AT_THE_LEFT]).main.luma
    found = watched(
        lambda s: noisy(view(Pose(roll=roll) if s >= 8 else Pose()), round(s * 1000)),
        seconds=16,
        masks=[AT_THE_LEFT],
        frame_rate=6,
        reference=reference_of(view(Pose()), blind) if with_reference else None,
    )
    black_s = found.black_after(8)
    assert (black_s is not None and black_s <= 2.0) if roll else found.changes == []


@pytest.mark.parametrize("with_reference", [False, True])
@pytest.mark.parametrize("period", [60, 90, 120])
def test_a_facade_is_turned_by_one_window(period: int, *, with_reference: bool) -> None:
    facade = Facade(period, period=period)
    found = watched(
        lambda s: noisy(facade.seen(period if s >= 8 else 0), round(s * 1000)),
        seconds=14,
        frame_rate=6,
        reference=reference_of(facade.seen()) if with_reference else None,
    )
    black_s = found.black_after(8)
    assert black_s is not None
    assert black_s <= 2.0


def test_a_facade_that_was_turned_by_one_window_before_the_start_shows_no_frame() -> None:
    facade = Facade(3, period=90)
    found = watched(
        lambda s: noisy(facade.seen(90), round(s * 1000)),
        seconds=4,
        frame_rate=6,
        reference=reference_of(facade.seen()),
    )
    assert found.changes == [(0.0, True)]


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2, 0.35])
def test_by_a_reference_a_start_before_a_wall_with_one_detailed_piece_shows_no_frame(share: float) -> None:
    wall = detail(77, share=share, middle=(0.0, 0.0))
    found = watched(
        lambda s: noisy(wall, round(s * 1000)),
        seconds=6,
        frame_rate=6,
        reference=reference_of(World(40).seen()),
    )
    assert found.changes == [(0.0, True)]


@pytest.mark.parametrize("share", [0.3, 0.35])
def test_a_turn_towards_a_wall_with_some_detail_is_seen(share: float) -> None:
    wall, view = detail(77, share=share, middle=(0.2, 0.3)), World(40).seen()
    found = watched(lambda s: noisy(wall if s >= 8 else view, round(s * 1000)), seconds=14, frame_rate=6)
    assert found.black_after(8) is not None


@pytest.mark.parametrize(("with_reference", "turn"), [(True, 10), (True, 40), (False, 10)])
def test_a_camera_that_was_turned_while_it_was_closed_shows_no_frame(
    turn: int, *, with_reference: bool
) -> None:
    world = World(41)
    place, away = world.seen(), world.seen(Pose(pan=turn))
    reference = reference_of(place) if with_reference else None
    lock = PoseLock(size=(WIDTH, HEIGHT), blind=OPEN, guard_px=GUARD_PX, reference=reference)
    assert watched(lambda s: noisy(place, round(s * 1000)), seconds=9, lock=lock, frame_rate=6).changes == []
    lock.reopened()
    film = lambda s: noisy(away, round(s * 1000))  # noqa: E731 — one line, used here alone
    assert watched(film, seconds=4, lock=lock, frame_rate=6, start_s=30_000).changes == [(30_000.0, True)]


def test_wider_masks_do_not_make_a_session_begin_to_learn_anew() -> None:
    place = World(42).seen()
    film = lambda s: noisy(place, round(s * 1000))  # noqa: E731 — one line, used here alone
    lock = PoseLock(size=(WIDTH, HEIGHT), blind=OPEN, guard_px=GUARD_PX, reference=None)
    assert watched(film, seconds=2.5, lock=lock, frame_rate=6).changes == []
    lock.cover(blind=raster_of(WIDTH, HEIGHT, [AT_THE_LEFT]).main.luma, guard_px=GUARD_PX)
    lock.reopened()
    watched(film, seconds=2.5, lock=lock, masks=[AT_THE_LEFT], frame_rate=6, start_s=2.5)
    assert lock.compares_with == "session"


def test_a_camera_that_is_still_in_place_when_it_is_opened_again_films_at_once() -> None:
    place = World(41).seen()
    lock = PoseLock(size=(WIDTH, HEIGHT), blind=OPEN, guard_px=GUARD_PX, reference=None)
    for start_s in (0, 0.5, 9, 20_000):
        found = watched(
            lambda s: noisy(place, round(s * 1000)), seconds=8, lock=lock, frame_rate=6, start_s=start_s
        )
        assert found.changes == []
        lock.reopened()


@pytest.mark.parametrize("seed", [5, 6, 7])
def test_a_session_strays_no_further_than_its_band_from_where_its_first_looks_found_it(seed: int) -> None:
    world = World(seed)

    def film(s: float) -> Plane:
        return noisy(world.seen(Pose(x=27 * float(np.clip((s - 1) / 17, 0, 1)))), round(s * 1000))

    found = watched(film, seconds=24, frame_rate=6)
    assert len(found.changes) == 1
    assert 27 * (found.changes[0][0] - 1) / 17 < 1.5 * GUARD_PX


@pytest.mark.parametrize("sigma", [4, 8, 12])
def test_the_noise_of_a_night_is_no_view_and_the_morning_is(sigma: float) -> None:
    film = morning(3, sigma=sigma)
    lock = PoseLock(size=(WIDTH, HEIGHT), blind=OPEN, guard_px=GUARD_PX, reference=None)
    assert watched(film, seconds=10, lock=lock, frame_rate=3).changes == []
    assert lock.compares_with == "learning"
    assert watched(film, seconds=30, lock=lock, frame_rate=3, start_s=10).changes == []
    assert lock.compares_with == "session"


@pytest.mark.parametrize(("amplitude_px", "hertz"), [(30, 1.0), (40, 0.8), (60, 0.2), (60, 1.3), (120, 0.7)])
def test_a_wind_that_swings_the_camera_out_of_its_band_for_longer_than_a_gust_blackens_it(
    amplitude_px: float, hertz: float
) -> None:
    world = World(21)

    def film(s: float) -> Plane:
        swing = amplitude_px * np.sin(2 * np.pi * hertz * s + 1) if s >= 8 else 0.0
        return noisy(world.seen(Pose(x=float(swing))), round(s * 1000))

    black_s = watched(film, seconds=22, frame_rate=10).black_after(8)
    assert black_s is not None
    assert black_s <= 12.0


@pytest.mark.parametrize("with_reference", [False, True])
def test_a_slow_slip_is_seen_though_nothing_of_the_reference_is_in_sight_any_more(
    *, with_reference: bool
) -> None:
    """In the light of lamps other edges are seen than by day. It slips by less than half a pixel from look to look."""
    day, night, dark_s, px_per_second = World(301), World(351), 100, 0.05

    def film(s: float) -> Plane:
        share = float(np.clip((s - 10) / (dark_s - 10), 0, 1))
        pose = Pose(x=max(0.0, s - dark_s) * px_per_second)
        mixed = (1 - share) * day.seen(pose).astype(np.float32) + share * night.seen(pose)
        return noisy(mixed, round(s * 1000))

    reference = reference_of(day.seen()) if with_reference else None
    found = watched(film, seconds=dark_s + 24 / px_per_second, frame_rate=1, reference=reference)
    assert len(found.changes) == 1
    assert 10 < (found.changes[0][0] - dark_s) * px_per_second < 19
