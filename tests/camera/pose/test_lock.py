"""The lock over made-up views that nothing was tuned on: black within 2 s of a turn, and never for the weather."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

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


def dusk(picture: Plane, s: float) -> Plane:
    """Down to a twentieth of the light in ten seconds, and up again."""
    light = max(0.05, abs(s - 14) / 14)
    return noisy(16 + (picture - 16.0) * light, round(s * 1000), sigma=3)


def lamps(picture: Plane, s: float) -> Plane:
    """In the dark two lamps go on, and off."""
    height, width = picture.shape
    y, x = np.mgrid[0:height, 0:width]
    pools = sum(np.exp(-(((x - width * c) / 120) ** 2) - ((y - 300) / 120) ** 2) for c in (0.3, 0.7))
    lit = 0.15 + (pools if 9 <= s < 18 else 0.0)
    return noisy(16 + (picture - 16.0) * np.clip(lit, 0, 1.2), round(s * 1000), sigma=3)


def switched(picture: Plane, s: float) -> Plane:
    return noisy(picture if int(s) % 6 < 4 else 16 + (picture - 16.0) * 0.05, round(s * 1000), sigma=3)


def fog(picture: Plane, s: float) -> Plane:
    return noisy(picture + (190.0 - picture) * min(0.96, max(0, s - 6) / 10), round(s * 1000))


def rain(picture: Plane, s: float) -> Plane:
    random, wet = np.random.default_rng(round(s * 1000)), picture.copy()
    for x, y, length in random.uniform(0, 1, (400 if s > 6 else 0, 3)) * (960, 540, 60):
        cv2.line(wet, (int(x), int(y)), (int(x + length / 5), int(y + length)), 190, 1)
    return noisy(wet, round(s * 1000))


def snow(picture: Plane, s: float) -> Plane:
    """It falls, and stays on what lies below."""
    random = np.random.default_rng(round(s * 1000))
    depth = np.linspace(-0.3, 1, picture.shape[0]).clip(0)[:, None] * min(0.9, max(0, s - 6) / 15)
    white = np.ascontiguousarray((picture * (1 - depth) + 215 * depth).astype(np.uint8))
    for x, y, size in random.uniform(0, 1, (500 if s > 6 else 0, 3)) * (960, 540, 5):
        cv2.circle(white, (int(x), int(y)), int(1 + size), 235, -1)
    return noisy(white, round(s * 1000))


def drops(picture: Plane, s: float) -> Plane:
    """Twenty drops on the glass."""
    if s < 6:
        return noisy(picture, round(s * 1000))
    wet = np.zeros(picture.shape, np.float32)
    for x, y, size in np.random.default_rng(4).uniform(0, 1, (20, 3)) * (960, 540, 40):
        cv2.circle(wet, (int(x), int(y)), int(15 + size), 1.0, -1)
    blurred = cv2.GaussianBlur(picture, (0, 0), 12)
    return noisy(picture * (1 - wet) + blurred * wet, round(s * 1000))


def crowd(picture: Plane, s: float) -> Plane:
    """Thirty people and cars pass in front."""
    full = picture.copy()
    for x, y, size, speed in np.random.default_rng(5).uniform(0, 1, (30, 4)) * (1200, 400, 150, 120):
        left = int((x + (30 + speed) * s) % 1200) - 120
        cv2.rectangle(
            full, (left, int(y)), (left + int(30 + size / 2), int(y + 60 + size)), int(40 + size), -1
        )
        cv2.rectangle(full, (left + 5, int(y + 10)), (left + 20, int(y + 40)), int(220 - size), -1)
    return noisy(full if s > 6 else picture, round(s * 1000))


def hand(picture: Plane, s: float) -> Plane:
    """Close before the glass, out of focus, for six seconds."""
    if not 8 <= s < 14:
        return noisy(picture, round(s * 1000))
    grain = np.random.default_rng(6).normal(0, 1, picture.shape).astype(np.float32)
    skin = cv2.GaussianBlur(grain, (0, 0), 25)
    return noisy(70 + 20 * skin / skin.std(), round(s * 1000))


def half_covered(picture: Plane, s: float) -> Plane:
    """A van stops before more than half of the view."""
    half = picture.copy()
    if s >= 6:
        half[:, :560] = np.roll(picture, 271, axis=0)[::-1, :560]
    return noisy(half, round(s * 1000))


@pytest.mark.parametrize(
    "weather",
    [dusk, lamps, switched, fog, rain, snow, drops, crowd, hand, half_covered],
    ids=lambda w: w.__name__,
)
@pytest.mark.parametrize("seed", [30])
def test_light_weather_people_and_hands_trip_nothing(
    weather: Callable[[Plane, float], Plane], seed: int
) -> None:
    picture = World(seed).seen()
    assert watched(lambda s: weather(picture, s), seconds=28, frame_rate=4).changes == []


@pytest.mark.parametrize("weather", [dusk, lamps], ids=lambda w: w.__name__)
def test_a_turn_in_the_dark_is_seen(weather: Callable[[Plane, float], Plane]) -> None:
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
