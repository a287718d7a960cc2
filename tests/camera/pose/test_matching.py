"""Landmarks are found again where they went, to a pixel; and not where they are not."""

from collections.abc import Callable
from math import degrees, hypot

import numpy as np
import pytest
from numpy.typing import NDArray

from node.camera.pose.landmarks import Average, Landmarks
from node.camera.pose.lock import SURE_ANYWHERE, _Known
from node.camera.pose.matching import Matcher
from node.camera.pose.structure import Sight
from node.camera.source import Plane
from tests.fakes.turned import Pose, World, noisy

SEEDS = range(6)
SIGHT = Sight(size=(960, 540), blind=np.zeros((540, 960), np.bool_))


def landmarks(picture: Plane) -> Landmarks:
    average = Average(SIGHT.structure(noisy(picture, 0)))
    for seed in range(4):
        average.add(SIGHT.structure(noisy(picture, seed)), most=4)
    return average.landmarks(SIGHT)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_shift_is_measured_to_a_pixel(seed: int) -> None:
    world, random = World(seed), np.random.default_rng(seed)
    matcher = Matcher(landmarks(world.seen()), SIGHT)
    for _ in range(8):
        x, y = random.uniform(-150, 150, 2)
        match = matcher.anywhere(SIGHT.structure(noisy(world.seen(Pose(x=x, y=y)), 9)))
        assert match.surety > SURE_ANYWHERE
        assert hypot(match.shift[0] / SIGHT.scale - x, match.shift[1] / SIGHT.scale - y) < 1.0


@pytest.mark.parametrize("roll", [-2.0, -0.5, 0.3, 1.0, 2.0])
def test_a_roll_is_measured_and_is_no_shift(roll: float) -> None:
    world = World(11)
    match = Matcher(landmarks(world.seen()), SIGHT).anywhere(SIGHT.structure(world.seen(Pose(roll=roll))))
    assert degrees(match.roll) == pytest.approx(roll, abs=0.15)
    assert hypot(*match.shift) < 1.0


@pytest.mark.parametrize("zoom", [0.97, 1.02, 1.05])
def test_a_zoom_is_measured(zoom: float) -> None:
    world = World(12)
    match = Matcher(landmarks(world.seen()), SIGHT).near(
        SIGHT.structure(world.seen(Pose(zoom=zoom))), (0.0, 0.0)
    )
    assert match.growth == pytest.approx(zoom - 1, abs=0.005)


def test_in_another_view_nothing_is_found() -> None:
    known = [_Known(landmarks(World(seed).seen()), SIGHT, usual=0.95) for seed in SEEDS]
    for seed in range(20, 32):
        structure = SIGHT.structure(World(seed).seen())
        assert not any(one.is_elsewhere(one.anywhere(structure), SURE_ANYWHERE) for one in known)


@pytest.mark.parametrize(
    "light",
    [
        lambda p: 16 + (p - 16.0) * 0.25,
        lambda p: 235 - (p - 16.0) * 0.4,
        lambda p: 255 * (p / 255.0) ** 2,
        lambda p: p + (190.0 - p) * 0.8,
    ],
    ids=["dim", "inverted", "gamma", "fog"],
)
def test_light_moves_nothing(light: Callable[[Plane], NDArray[np.float64]]) -> None:
    picture = World(5).seen()
    match = Matcher(landmarks(picture), SIGHT).anywhere(SIGHT.structure(noisy(light(picture), 3)))
    assert match.surety > SURE_ANYWHERE
    assert max(map(abs, match.moves)) / SIGHT.scale < 2.0


def test_a_reference_keeps_the_places_and_directions_of_landmarks() -> None:
    found = landmarks(World(2).seen())
    again = Landmarks.of(found.reference(SIGHT.size), SIGHT.size)
    apart = np.linalg.norm(found.places[:, None] - again.places[None, :], axis=2)
    assert apart.min(axis=1).max() < 0.01
    cosine = (found.directions * again.directions[apart.argmin(axis=1)]).sum(axis=1)
    assert cosine.min() > np.cos(2 * np.pi / 64)
