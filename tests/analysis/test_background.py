"""Which pixels of a made-up place show something that moves."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from node.analysis.background import Background, LearningSettings

Picture = NDArray[np.uint8]

WIDTH, HEIGHT = 160, 120
FRAME_SECONDS = 0.1
NOWHERE = np.zeros((HEIGHT, WIDTH), np.bool_)


def place(seed: int = 1) -> Picture:
    random = np.random.default_rng(seed)
    coarse = random.uniform(60, 180, (8, 10)).astype(np.float32)
    fine = random.normal(0, 8, (HEIGHT, WIDTH))
    return np.clip(cv2.resize(coarse, (WIDTH, HEIGHT)) + fine, 16, 235).astype(np.uint8)


def with_thing(picture: Picture) -> Picture:
    shown = picture.copy()
    shown[40:80, 100:120] = 24
    return shown


def lit(picture: Picture, gain: float) -> Picture:
    return np.round(16 + (picture - 16.0) * gain).astype(np.uint8)


def learned(blind: NDArray[np.bool_] = NOWHERE, *, frames: int = 40) -> Background:
    background = Background(blind=blind, settings=LearningSettings())
    for _ in range(frames):
        assert not background.moving(np.where(blind, np.uint8(16), place()), FRAME_SECONDS).any()
    return background


def test_a_thing_that_comes_is_where_it_is() -> None:
    moving = learned().moving(with_thing(place()), FRAME_SECONDS)
    assert moving[42:78, 102:118].mean() > 0.95
    assert moving[:36].sum() + moving[84:].sum() + moving[:, :96].sum() + moving[:, 124:].sum() == 0


def test_a_thing_that_stays_does_not_move_after_a_second_or_two() -> None:
    background = learned()
    shares = [background.moving(with_thing(place()), FRAME_SECONDS).mean() for _ in range(20)]
    assert shares[0] > 0
    assert shares[-1] == 0


def test_what_has_become_scenery_moves_when_it_goes() -> None:
    background = learned()
    for _ in range(600):
        background.moving(with_thing(place()), FRAME_SECONDS)
    assert background.moving(place(), FRAME_SECONDS)[42:78, 102:118].mean() > 0.9


def test_the_first_picture_has_nothing_to_be_compared_with() -> None:
    background = Background(blind=NOWHERE, settings=LearningSettings())
    assert not background.moving(place(), 0.0).any()
    assert background.age_seconds == 0


@pytest.mark.parametrize("gain", [0.6, 0.8, 1.2])
def test_no_pixel_moves_when_the_light_changes(gain: float) -> None:
    assert not learned().moving(lit(place(), gain), FRAME_SECONDS).any()


@pytest.mark.parametrize("gain", [0.6, 0.8, 1.2])
def test_no_pixel_moves_beside_a_mask_when_the_light_changes(gain: float) -> None:
    blind = NOWHERE.copy()
    blind[:, 50:110] = True
    painted = np.where(blind, np.uint8(16), lit(place(), gain))
    assert not learned(blind).moving(painted, FRAME_SECONDS).any()


def test_a_thing_that_comes_as_the_light_changes_is_seen_all_the_same() -> None:
    moving = learned().moving(lit(with_thing(place()), 0.7), FRAME_SECONDS)
    assert moving[42:78, 102:118].mean() > 0.9
    assert moving[:, :90].sum() == 0


def test_nothing_moves_behind_a_mask_or_on_its_rim() -> None:
    blind = NOWHERE.copy()
    blind[30:70, 90:130] = True
    moving = learned(blind).moving(with_thing(place()), FRAME_SECONDS)
    assert not moving[28:72, 88:132].any()
    assert moving[73:78, 104:116].all()


def test_a_pixel_that_flickers_must_differ_by_more() -> None:
    steady, flickering = learned(), learned()
    for frame in range(100):
        steady.moving(place(), FRAME_SECONDS)
        flicker = place()
        flicker[40:80, 100:120] = flicker[40:80, 100:120] // (1 + frame % 2)
        flickering.moving(flicker, FRAME_SECONDS)
    shown = place()
    shown[40:80, 100:120] = shown[40:80, 100:120] // 2
    assert steady.moving(shown, FRAME_SECONDS).sum() > 2 * flickering.moving(shown, FRAME_SECONDS).sum()


def test_another_place_is_learned_anew_and_nothing_moves() -> None:
    background = learned()
    assert background.age_seconds > 1
    assert not background.moving(place(seed=7), FRAME_SECONDS).any()
    assert background.age_seconds == 0
    assert background.moving(with_thing(place(seed=7)), FRAME_SECONDS)[42:78, 102:118].mean() > 0.9
