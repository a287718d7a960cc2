"""What a made-up camera shows, and whether it is motion."""

from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from node.analysis.motion import MAX_BOXES, MotionDetector, MotionObservation

Picture = NDArray[np.uint8]
Light = Callable[[Picture, float], NDArray[np.floating]]
Size = tuple[int, int]

SIZE = (320, 180)
RATE = 12.5


def wall(size: Size = SIZE, seed: int = 1) -> Picture:
    """A still place with texture, coarse and fine."""
    width, height = size
    random = np.random.default_rng(seed)
    coarse = random.uniform(40, 180, (height // 20 + 1, width // 20 + 1)).astype(np.float32)
    fine = random.normal(0, 8, (height, width))
    place = cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR) + fine
    return np.clip(place, 16, 235).astype(np.uint8)


def walker(picture: Picture, x: float, y: float = 0.5, *, tall: float = 0.3) -> Picture:
    """The picture with a dark figure whose centre is at these fractions of it."""
    height, width = picture.shape
    half_tall, half_wide = round(tall * height / 2), round(tall * height / 5)
    left, top = round(x * width) - half_wide, round(y * height) - half_tall
    shown = picture.copy()
    shown[max(0, top) : max(0, top + 2 * half_tall), max(0, left) : max(0, left + 2 * half_wide)] = 24
    return shown


def noisy(pictures: Iterator[Picture], deviation: float = 2.0) -> Iterator[Picture]:
    random = np.random.default_rng(2)
    for picture in pictures:
        noise = random.normal(0, deviation, picture.shape)
        yield np.clip(np.round(picture + noise), 0, 255).astype(np.uint8)


def observed(
    pictures: Iterator[Picture],
    *,
    size: Size = SIZE,
    rate: float = RATE,
    blind: NDArray[np.bool_] | None = None,
) -> list[MotionObservation]:
    blind = np.zeros(size[::-1], np.bool_) if blind is None else blind
    detector = MotionDetector(size=size, blind=blind)
    return [detector.observe(picture, frame / rate) for frame, picture in enumerate(pictures)]


def highest_score(pictures: Iterator[Picture]) -> float:
    return max(observation.score for observation in observed(pictures))


def crossing(size: Size = SIZE, rate: float = RATE, *, seconds: float = 6.0) -> Iterator[Picture]:
    """Two still seconds, then somebody walks through from left to right."""
    place = wall(size)
    for frame in range(round(seconds * rate)):
        yield walker(place, (frame / rate - 2.0) * 0.25 - 0.1)


def lit(light: Light, *, seconds: float = 12.0) -> Iterator[Picture]:
    """A still place under changing light: `light` gives the gain at a time."""
    place = wall()
    for frame in range(round(seconds * RATE)):
        shown = 16 + (place - 16.0) * light(place, frame / RATE)
        yield np.clip(np.round(shown), 16, 235).astype(np.uint8)


def test_somebody_walking_through_is_motion() -> None:
    assert any(observation.moving for observation in observed(noisy(crossing())))


def test_nothing_moves_before_he_comes() -> None:
    assert all(not observation.moving for observation in observed(noisy(crossing()))[:25])


def test_the_largest_box_lies_on_him() -> None:
    observations = observed(noisy(crossing()))
    for frame, observation in enumerate(observations):
        if observation.moving:
            left, top, width, height = observation.boxes[0]
            assert abs(left + width / 2 - ((frame / RATE - 2.0) * 0.25 - 0.1)) < 0.05
            assert abs(top + height / 2 - 0.5) < 0.05
            assert 0.2 < height < 0.4


def test_boxes_are_bounded_in_number() -> None:
    place = wall()

    def crowd() -> Iterator[Picture]:
        for frame in range(60):
            shown = place
            for row in range(3):
                for column in range(10):
                    x = column / 10 + 0.02 + (0.02 * frame / RATE if frame > 20 else 0)
                    shown = walker(shown, x, 0.2 + 0.3 * row, tall=0.12)
            yield shown

    observations = observed(crowd())
    assert 1 < max(len(observation.boxes) for observation in observations) <= MAX_BOXES


@pytest.mark.parametrize("size", [(160, 120), (333, 251), (352, 232), (640, 360), (180, 320)])
def test_it_sees_him_at_every_size(size: Size) -> None:
    assert any(observation.moving for observation in observed(crossing(size), size=size))


@pytest.mark.parametrize("rate", [5, 10, 30])
def test_it_sees_him_at_every_frame_rate(rate: int) -> None:
    assert any(observation.moving for observation in observed(crossing(rate=rate), rate=rate))


def test_the_same_pictures_give_the_same_observations() -> None:
    assert observed(noisy(crossing())) == observed(noisy(crossing()))


def test_night_noise_is_not_motion() -> None:
    dark = (16 + (wall() - 16) // 4).astype(np.uint8)
    assert highest_score(noisy((dark for _ in range(150)), 6.0)) < 0.2


def test_exposure_that_drifts_is_not_motion() -> None:
    assert highest_score(lit(lambda _, s: np.array(1 + 0.3 * np.sin(s)))) < 0.2


def test_exposure_that_steps_is_not_motion() -> None:
    assert highest_score(lit(lambda _, s: np.array(0.6 if 4 < s < 8 else 1.0))) < 0.2


def test_exposure_that_steps_beside_a_mask_is_not_motion() -> None:
    blind = np.zeros(SIZE[::-1], np.bool_)
    blind[:, 90:250] = True
    stepping = lit(lambda _, s: np.array(0.5 if 4 < s < 8 else 1.0))
    painted = (np.where(blind, np.uint8(16), picture) for picture in stepping)
    assert max(observation.score for observation in observed(painted, blind=blind)) < 0.2


def test_a_beam_that_sweeps_over_a_wall_is_not_motion() -> None:
    def beam(place: Picture, seconds: float) -> NDArray[np.floating]:
        rows, columns = np.indices(place.shape)
        away = np.hypot(columns - (seconds - 3) * 160, rows - 90) / 40
        gain: NDArray[np.floating] = 0.4 + 1.2 * np.exp(-(away**2) / 2)
        return gain

    assert highest_score(lit(beam)) < 0.2


def test_the_shadow_of_a_cloud_is_not_motion() -> None:
    def shadow(place: Picture, seconds: float) -> NDArray[np.floating]:
        columns = np.arange(place.shape[1], dtype=np.float64)
        return 1 - 0.4 / (1 + np.exp((columns - (seconds - 3) * 40) / 8))

    assert highest_score(lit(shadow)) < 0.2


def test_leaves_that_sway_are_not_motion() -> None:
    place = wall()
    rows = np.indices(place.shape)[0].astype(np.float32)
    columns = np.indices(place.shape)[1].astype(np.float32)

    def swaying() -> Iterator[Picture]:
        for frame in range(200):
            shift = 3 * np.sin(2 * np.pi * 0.6 * frame / RATE + rows / 25).astype(np.float32)
            shown = cv2.remap(place, columns + shift, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            yield shown.astype(np.uint8)

    assert highest_score(swaying()) < 0.5


def test_drops_that_fall_are_not_motion() -> None:
    place, random = wall(), np.random.default_rng(3)

    def raining() -> Iterator[Picture]:
        for _ in range(150):
            shown = place.copy()
            for x, y in random.integers((0, 0), SIZE, (30, 2)):
                cv2.line(shown, (int(x), int(y)), (int(x) + 2, int(y) + 14), 200, 1)
            yield shown

    assert highest_score(raining()) < 0.5


def test_a_thing_that_is_put_down_is_not_motion_for_long() -> None:
    place = wall()
    frames = round(12 * RATE)
    stopping = (walker(place, min(0.5, (frame / RATE - 2.0) * 0.25 - 0.1)) for frame in range(frames))
    observations = observed(noisy(stopping))
    stopped = round((2.0 + 0.6 / 0.25) * RATE)
    assert any(observation.moving for observation in observations[:stopped])
    assert all(observation.score < 0.2 for observation in observations[stopped + round(2 * RATE) :])


def test_a_thing_that_is_taken_away_leaves_no_motion_behind() -> None:
    place = wall()
    observations = observed(walker(place, 0.5) if frame < 100 else place for frame in range(200))
    assert all(observation.score < 0.2 for observation in observations)


def test_a_picture_that_changes_as_a_whole_is_not_motion() -> None:
    places = [wall(), wall(seed=9)]
    assert highest_score(places[frame // 60 % 2] for frame in range(240)) == 0


def test_nobody_has_walked_during_a_long_gap() -> None:
    detector = MotionDetector(size=SIZE, blind=np.zeros(SIZE[::-1], np.bool_))
    before = [detector.observe(picture, frame / RATE) for frame, picture in enumerate(crossing(seconds=4.0))]
    assert before[-1].moving
    after = [detector.observe(walker(wall(), 0.8), 64 + frame / RATE) for frame in range(50)]
    assert max(observation.score for observation in after) == 0


def test_what_a_mask_hides_has_no_influence_even_unpainted() -> None:
    blind = np.zeros(SIZE[::-1], np.bool_)
    blind[30:150, 100:180] = True

    def hidden(seed: int) -> Iterator[Picture]:
        random = np.random.default_rng(seed)
        for picture in noisy(crossing()):
            yield np.where(blind, random.integers(0, 256, picture.shape, np.uint8), picture)

    painted = (np.where(blind, np.uint8(16), picture) for picture in noisy(crossing()))
    expected = observed(painted, blind=blind)
    assert any(observation.moving for observation in expected)
    assert observed(hidden(4), blind=blind) == expected
    assert observed(hidden(5), blind=blind) == expected


def test_in_a_larger_picture_too_what_a_mask_hides_has_no_influence() -> None:
    size = (641, 363)
    blind = np.zeros(size[::-1], np.bool_)
    blind[61:301, 201:361] = True
    random = np.random.default_rng(6)
    painted = [np.where(blind, np.uint8(16), picture) for picture in crossing(size)]
    hidden = (np.where(blind, random.integers(0, 256, blind.shape, np.uint8), p) for p in painted)
    expected = observed(iter(painted), size=size, blind=blind)
    assert any(observation.moving for observation in expected)
    assert observed(hidden, size=size, blind=blind) == expected


def test_somebody_behind_a_mask_is_not_seen() -> None:
    blind = np.zeros(SIZE[::-1], np.bool_)
    blind[50:130] = True
    painted = (np.where(blind, np.uint8(16), picture) for picture in crossing())
    assert all(not observation.boxes for observation in observed(painted, blind=blind))


def test_shares_are_of_what_is_seen() -> None:
    blind = np.zeros(SIZE[::-1], np.bool_)
    blind[:, :200] = True
    whole = max(observation.score for observation in observed(crossing())[50:])
    painted = (np.where(blind, np.uint8(16), picture) for picture in crossing())
    assert max(observation.score for observation in observed(painted, blind=blind)) > whole


def test_a_picture_that_is_blind_altogether_says_nothing() -> None:
    blind = np.ones(SIZE[::-1], np.bool_)
    nothing = MotionObservation(0.0, False, ())
    assert set(observed(noisy(crossing()), blind=blind)) == {nothing}


def test_a_picture_of_another_size_is_refused() -> None:
    detector = MotionDetector(size=SIZE, blind=np.zeros(SIZE[::-1], np.bool_))
    with pytest.raises(ValueError, match="picture"):
        detector.observe(wall((160, 120)), 0.0)


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="blind"):
        MotionDetector(size=SIZE, blind=np.zeros(SIZE, np.bool_))


def test_a_picture_too_small_to_judge_is_refused() -> None:
    with pytest.raises(ValueError, match="too small"):
        MotionDetector(size=(16, 16), blind=np.zeros((16, 16), np.bool_))
