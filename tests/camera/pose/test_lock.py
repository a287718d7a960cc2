"""The lock over made-up views that nothing was tuned on: black within 2 s of a turn, and never for the weather."""

from collections.abc import Callable

import numpy as np
import pytest
from camera.pose.weather import (
    WEATHER,
    Weather,
    dusk,
    hand,
    lamps,
)

from node.camera.painter import Painter
from node.camera.pose.lock import PoseLock
from node.camera.pose.making import reference_from
from node.camera.pose.structure import Sight
from node.camera.source import Plane, new_picture
from node.errors import Refused
from node.formats.pose import PoseReference
from tests.fakes.scripted import ScriptedRequest
from tests.fakes.turned import GUARD_PX, Pose, World, noisy, raster_of, watched

POLYGON = np.array(((0.6, 0.1), (0.9, 0.1), (0.9, 0.5), (0.6, 0.4)))
BLACK_WITHIN_S = 2.0
Film = Callable[[float], Plane]


def filmed(world: World, pose: Pose, *, at_s: float, until_s: float = 1e9) -> Film:
    """The world, and between these times from another pose; half a grey step of noise is new in every frame."""
    place, away = world.seen(), world.seen(pose)
    return lambda s: noisy(away if at_s <= s < until_s else place, round(s * 1000))


def reference_of(world: World, blind: np.ndarray | None = None) -> PoseReference:
    blind = np.zeros(world.size[::-1], np.bool_) if blind is None else blind
    pictures = (np.where(blind, 16, noisy(world.seen(), n)).astype(np.uint8) for n in range(10))
    return reference_from(pictures, Sight(size=world.size, blind=blind))


TURNS = [
    Pose(x=20), Pose(y=-18), Pose(pan=1.5), Pose(tilt=-2), Pose(pan=5), Pose(tilt=10), Pose(pan=10, roll=3),
    Pose(pan=-25), Pose(roll=2.5), Pose(roll=-8), Pose(roll=30), Pose(zoom=1.08), Pose(zoom=0.8, pan=3),
]  # fmt: skip


@pytest.mark.parametrize("turn", TURNS, ids=str)
def test_a_turn_beyond_the_guard_band_is_black_within_two_seconds_and_comes_back(turn: Pose) -> None:
    seed = TURNS.index(turn)
    turn_s = 6.0 + np.random.default_rng(seed).uniform(0, 2)
    film = filmed(World(100 + seed), turn, at_s=turn_s, until_s=turn_s + 5)
    found = watched(film, seconds=18, masks=[POLYGON], frame_rate=8)
    black_s = found.black_after(turn_s)
    assert black_s is not None
    assert black_s <= BLACK_WITHIN_S
    assert [shut for _, shut in found.changes] == [True, False]
    assert found.changes[1][0] - (turn_s + 5) < 5


@pytest.mark.parametrize("turn", [Pose(pan=0.2), Pose(tilt=-0.2), Pose(x=8, y=8), Pose(roll=0.4)], ids=str)
def test_within_the_guard_band_nothing_happens(turn: Pose) -> None:
    assert watched(filmed(World(7), turn, at_s=6), seconds=18, masks=[POLYGON], frame_rate=8).changes == []


@pytest.mark.parametrize("guard_px", [16, 64])
def test_the_guard_band_of_the_mask_set_is_what_counts(guard_px: int) -> None:
    film = filmed(World(8), Pose(x=30), at_s=6)
    assert bool(watched(film, seconds=12, guard_px=guard_px, frame_rate=8).changes) is (guard_px == 16)


def swaying(
    world: World, *, amplitude_px: float, hertz: float, until_s: float = 1e9, from_s: float = 0.0
) -> Film:
    def film(s: float) -> Plane:
        swing = amplitude_px * np.sin(2 * np.pi * hertz * s + 1) if from_s <= s < until_s else 0.0
        return noisy(world.seen(Pose(x=swing * 0.9, y=swing * 0.4)), round(s * 1000))

    return film


@pytest.mark.parametrize("hertz", [0.2, 0.5, 1 / 1.1, 1.0, 1.7, 2.0])
def test_wind_that_stays_within_the_band_trips_nothing(hertz: float) -> None:
    film = swaying(World(20), amplitude_px=10, hertz=hertz)
    assert watched(film, seconds=30, frame_rate=7).changes == []


@pytest.mark.parametrize(("amplitude_px", "hertz"), [(25, 1.0), (40, 1.3), (60, 2.0), (30, 1 / 1.1)])
def test_a_gust_that_swings_further_trips_nothing(amplitude_px: float, hertz: float) -> None:
    film = swaying(World(21), amplitude_px=amplitude_px, hertz=hertz, from_s=12, until_s=16)
    assert watched(film, seconds=24, frame_rate=15).changes == []


@pytest.mark.parametrize("weather", WEATHER, ids=lambda w: w.__name__)
@pytest.mark.parametrize("seed", [30])
def test_light_weather_people_and_hands_trip_nothing(weather: Weather, seed: int) -> None:
    picture = World(seed).seen()
    assert watched(lambda s: weather(picture, s), seconds=28, frame_rate=4).changes == []


@pytest.mark.parametrize("weather", [dusk, lamps], ids=lambda w: w.__name__)
def test_a_turn_in_the_dark_is_seen(weather: Weather) -> None:
    world = World(32)
    place, away = world.seen(), world.seen(Pose(pan=6))
    found = watched(lambda s: weather(away if s >= 12.4 else place, s), seconds=18, frame_rate=8)
    black_s = found.black_after(12.4)
    assert black_s is not None
    assert black_s <= BLACK_WITHIN_S


def test_a_lens_that_is_covered_and_uncovered_elsewhere_stays_black() -> None:
    world = World(33)
    place, away = world.seen(), World(34).seen()
    found = watched(lambda s: hand(place if s < 10 else away, s), seconds=30, frame_rate=8)
    assert len(found.changes) == 1
    assert 14 <= found.changes[0][0] <= 16.5


def test_a_slow_slip_is_caught_when_it_leaves_the_band() -> None:
    world = World(35)

    def film(s: float) -> Plane:
        return noisy(world.seen(Pose(y=0.5 * max(0.0, s - 20))), round(s * 1000))

    found = watched(film, seconds=60, frame_rate=3)
    assert len(found.changes) == 1
    assert 13 < 0.5 * (found.changes[0][0] - 20) < 19


def test_with_a_reference_a_camera_that_was_turned_before_the_start_shows_no_frame() -> None:
    world = World(40)
    for turn in (Pose(pan=2), Pose(pan=10), Pose(roll=20), Pose(pan=40)):
        film = filmed(world, turn, at_s=0)
        found = watched(film, seconds=5, frame_rate=8, reference=reference_of(world))
        assert found.changes == [(0.0, True)]


def test_with_a_reference_a_camera_in_place_films_from_the_first_frame_by_day_and_by_dusk() -> None:
    world = World(41)
    for light in (1.0, 0.3, 0.05):
        film = noisy(16 + (world.seen() - 16.0) * light, 1, sigma=2)
        assert (
            watched(lambda _, film=film: film, seconds=6, frame_rate=4, reference=reference_of(world)).changes
            == []
        )


def test_a_start_in_full_darkness_films_and_the_morning_decides() -> None:
    world = World(42)
    place, away = world.seen(), world.seen(Pose(pan=8))
    morning = watched(
        lambda s: dusk(place, s + 14) if s else noisy(np.full((540, 960), 18), 1), seconds=10,
        frame_rate=4, reference=reference_of(world),
    )  # fmt: skip
    assert morning.changes == []
    night = noisy(np.full((540, 960), 18), 1)
    film = watched(
        lambda s: night if s < 5 else away, seconds=12, frame_rate=4, reference=reference_of(world)
    )
    assert len(film.changes) == 1
    assert 5 <= film.changes[0][0] <= 6.5


def test_wider_masks_change_nothing_of_what_is_known() -> None:
    world = World(43)
    lock = PoseLock(
        size=world.size, blind=raster_of(*world.size, [POLYGON]).main.luma, guard_px=GUARD_PX,
        reference=None,
    )  # fmt: skip
    film = filmed(world, Pose(pan=3), at_s=20)
    wider = [POLYGON, np.array(((0.0, 0.0), (0.4, 0.0), (0.4, 0.4), (0.0, 0.4)))]
    assert watched(film, seconds=15, lock=lock, masks=[POLYGON], frame_rate=8).changes == []
    lock.cover(blind=raster_of(*world.size, wider).main.luma, guard_px=GUARD_PX)
    found = watched(film, seconds=10, lock=lock, masks=wider, frame_rate=8, start_s=15)
    assert found.black_after(20) is not None
    lock.cover(blind=raster_of(*world.size, [POLYGON, *wider]).main.luma, guard_px=GUARD_PX)
    assert lock.lost


def test_masks_that_leave_nothing_of_the_reference_are_refused() -> None:
    world = World(44)
    everything = np.ones(world.size[::-1], np.bool_)
    with pytest.raises(Refused, match="too few"):
        PoseLock(size=world.size, blind=everything, guard_px=GUARD_PX, reference=reference_of(world))


def test_a_view_without_edges_is_no_reference() -> None:
    sight = Sight(size=(960, 540), blind=np.zeros((540, 960), np.bool_))
    with pytest.raises(Refused, match="landmarks"):
        reference_from([noisy(np.full((540, 960), 90), n) for n in range(5)], sight)


def test_a_black_frame_of_a_painter_that_failed_is_not_looked_at() -> None:
    world = World(45)
    blind = raster_of(*world.size, [POLYGON]).main.luma
    lock = PoseLock(size=world.size, blind=blind, guard_px=GUARD_PX, reference=reference_of(world))
    painter = Painter(raster_of(480, 270, []))
    frame = painter.paint(ScriptedRequest((new_picture((480, 272)), new_picture((240, 134))), sensor_ns=0))
    lock.observe(frame)
    assert (frame.fault is not None, lock.looks) == (True, 0)
