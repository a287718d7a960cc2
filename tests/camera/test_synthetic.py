"""The made-up street: what it promises to whoever films it and to whoever tests a detector with it."""

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from node.camera.source import FrameSource, Plane
from node.camera.street.scene import (
    DAY,
    DUSK_LIGHT,
    EMPTY,
    EMPTY_NIGHT,
    NIGHTFALL,
    RAIN,
    SWEEPS,
    WIND,
)
from node.camera.synthetic import BALCONIES, BUFFERS, SCENES, StreetScene, SyntheticStreet
from node.clock import NS, SimulatedClock
from node.errors import Refused
from node.masks.geometry import Size, full_view

SIZE, LORES = (320, 180), (80, 45)


def _street(
    scene: StreetScene = DAY,
    *,
    clock: SimulatedClock | None = None,
    size: Size = SIZE,
    lores: Size = LORES,
    frame_rate: float = 15.0,
    seed: int = 1,
    seconds: float | None = None,
) -> SyntheticStreet:
    return SyntheticStreet(
        clock=clock or SimulatedClock(start_utc_ns=0),
        size=size,
        lores=lores,
        frame_rate=frame_rate,
        seed=seed,
        seconds=seconds,
        scene=scene,
    )


def _frames(street: FrameSource, count: int) -> Iterator[list[Plane]]:
    """Copies of all planes of the next frames: main's luma first, lores' last."""
    for _ in range(count):
        request = street.next_request()
        assert request is not None
        planes = [request.main.luma, *request.main.chroma, request.lores.luma, *request.lores.chroma]
        yield [plane.copy() for plane in planes]
        request.release()


def _bytes(street: FrameSource, count: int) -> bytes:
    street.open()
    return b"".join(plane.tobytes() for planes in _frames(street, count) for plane in planes)


def _lumas(street: SyntheticStreet, indices: range, size: Size = SIZE) -> NDArray[np.int16]:
    """Luma of chosen frames of a street that is still closed, shape (frames, height, width)."""
    street.open()
    chosen = [planes[0] for index, planes in enumerate(_frames(street, indices[-1] + 1)) if index in indices]
    street.close()
    assert chosen[0].shape == (size[1], size[0])
    return np.array(chosen, np.int16)


def _box_mask(boxes: list[tuple[float, float, float, float]], size: Size, grow: int) -> NDArray[np.bool_]:
    mask = np.zeros((size[1], size[0]), bool)
    for left, top, right, bottom in boxes:
        rows = slice(max(0, int(top * size[1]) - grow), int(np.ceil(bottom * size[1])) + grow)
        columns = slice(max(0, int(left * size[0]) - grow), int(np.ceil(right * size[0])) + grow)
        mask[rows, columns] = True
    return mask


@pytest.mark.parametrize("name", ["demo", "night"])
def test_the_same_arguments_give_the_same_bytes(name: str) -> None:
    assert _bytes(_street(SCENES[name]), 12) == _bytes(_street(SCENES[name]), 12)


def test_another_seed_gives_other_frames() -> None:
    assert _bytes(_street(seed=1), 2) != _bytes(_street(seed=2), 2)


def test_opening_again_begins_the_same_film_again() -> None:
    street = _street()
    first = _bytes(street, 5)
    street.close()
    assert _bytes(street, 5) == first


@pytest.mark.parametrize(
    ("size", "lores"),
    [((640, 360), (320, 180)), ((321, 181), (107, 61)), ((98, 130), (33, 41)), ((16, 16), (16, 16))],
)
def test_pictures_have_the_sizes_that_were_asked_for(size: Size, lores: Size) -> None:
    street = _street(SCENES["night"], size=size, lores=lores)
    street.open()
    request = street.next_request()
    assert request is not None
    for picture, (width, height) in ((request.main, size), (request.lores, lores)):
        assert picture.luma.shape == (height, width)
        halves = [((height + 1) // 2, (width + 1) // 2)] * 2
        assert [plane.shape for plane in picture.chroma] == halves
    assert street.geometry == full_view(sensor="synthetic", main=size, lores=lores)


@pytest.mark.parametrize("name", sorted(SCENES))
def test_every_named_scene_stays_in_limited_range(name: str) -> None:
    street = _street(replace(SCENES[name], noise=4.0))
    street.open()
    for luma, *chroma, small, small_u, small_v in _frames(street, 3):
        assert luma.min() >= 16
        assert luma.max() <= 235
        assert luma.std() > 5.0
        for plane in (*chroma, small_u, small_v):
            assert plane.min() >= 16
            assert plane.max() <= 240
        assert small.min() >= 16
        assert small.max() <= 235


def test_lores_is_the_raw_main_picture_made_smaller() -> None:
    street = _street()
    street.open()
    main, _, second, small, _, small_second = next(_frames(street, 1))
    assert np.array_equal(small, cv2.resize(main, LORES, interpolation=cv2.INTER_AREA))
    half = ((LORES[0] + 1) // 2, (LORES[1] + 1) // 2)
    assert np.array_equal(small_second, cv2.resize(second, half, interpolation=cv2.INTER_AREA))


def test_an_empty_scene_without_noise_stands_still() -> None:
    frames = _lumas(_street(replace(EMPTY, noise=0.0)), range(0, 60, 20))
    assert np.array_equal(frames[0], frames[1])
    assert np.array_equal(frames[0], frames[2])


@pytest.mark.parametrize(("scene", "sigma"), [(EMPTY, 1.3), (EMPTY_NIGHT, 3.4)])
def test_an_empty_scene_differs_by_noise_alone(scene: StreetScene, sigma: float) -> None:
    still = _lumas(_street(replace(scene, noise=0.0)), range(1))[0]
    inner = (still > 40) & (still < 200)  # where nothing is cut at the ends of the range
    for frame in _lumas(_street(scene), range(0, 40, 10)):
        noise = (frame - still).astype(np.float32)
        assert noise[inner].std() == pytest.approx(sigma, rel=0.15)
        assert np.abs(cv2.blur(noise, (25, 25))[20:-20, 20:-20]).max() < sigma


def test_noise_is_never_the_same_twice() -> None:
    frames = _lumas(_street(EMPTY), range(6))
    assert len({frame.tobytes() for frame in frames}) == len(frames)


def test_night_is_darker_than_day_and_dusk_lies_between() -> None:
    day, dusk, night = (
        _lumas(_street(replace(EMPTY, daylight=light)), range(1)).mean() for light in (1.0, DUSK_LIGHT, 0.0)
    )
    assert day > dusk + 20 > night + 30


def test_nightfall_darkens_step_by_step() -> None:
    frames = _lumas(_street(NIGHTFALL, frame_rate=2.0), range(4, 17))
    means = frames.mean(axis=(1, 2))
    assert np.all(np.diff(means) < 0.5)
    assert means[0] - means[-1] > 40
    assert np.abs(np.diff(means)).max() < 20


def test_rain_alone_moves_pixels_but_shows_nobody() -> None:
    street = _street(replace(RAIN, noise=0.0))
    assert street.truth(30) == ()
    before, after = _lumas(street, range(2))
    assert np.mean(np.abs(after - before) > 8) > 0.01


def test_wind_moves_the_trees_and_nothing_else() -> None:
    frames = _lumas(_street(replace(WIND, noise=0.0)), range(0, 40, 8))
    moved = np.ptp(frames, axis=0) > 6
    assert moved.mean() > 0.005
    assert not moved[:, : SIZE[0] // 2].any()
    assert not moved[int(0.65 * SIZE[1]) :].any()


@pytest.mark.parametrize(("kind", "rates"), [("walker", (20.0, 0.0)), ("car", (0.0, 20.0))])
def test_pixels_change_where_the_truth_says(kind: str, rates: tuple[float, float]) -> None:
    size = (640, 360)
    quiet = replace(EMPTY, noise=0.0)
    busy = replace(quiet, walkers_per_minute=rates[0], cars_per_minute=rates[1])
    still = _lumas(_street(quiet, size=size), range(1), size)[0]
    street = _street(busy, size=size, frame_rate=1.0)
    seen = 0
    for index, frame in enumerate(_lumas(street, range(12), size)):
        changed = np.abs(frame - still) > 3
        for actor in street.truth(index):
            assert actor.kind == kind
            part = changed[_box_mask([actor.box], size, 0)].astype(float)
            assert part.mean() > 0.3 * actor.seen
            seen += 1
    assert seen > 12


def test_nothing_changes_outside_the_boxes_of_walkers_in_soft_light() -> None:
    size = (640, 360)
    quiet = replace(EMPTY, noise=0.0, daylight=DUSK_LIGHT)
    still = _lumas(_street(quiet, size=size), range(1), size)[0]
    street = _street(replace(quiet, walkers_per_minute=20.0), size=size, frame_rate=1.0)
    for index, frame in enumerate(_lumas(street, range(12), size)):
        boxes = [actor.box for actor in street.truth(index)]
        # Stronger than a faint shadow is somebody; the truth leaves out those of whom hardly anything shows.
        outside = (np.abs(frame - still) > 32) & ~_box_mask(boxes, size, 3)
        assert outside.sum() <= 6


def test_boxes_are_tight_round_a_walker() -> None:
    size = (640, 360)
    quiet = replace(EMPTY, noise=0.0, daylight=DUSK_LIGHT)
    still = _lumas(_street(quiet, size=size), range(1), size)[0]
    street = _street(replace(quiet, walkers_per_minute=4.0), size=size, frame_rate=1.0)
    checked = 0
    for index, frame in enumerate(_lumas(street, range(30), size)):
        for actor in street.truth(index):
            left, top, right, bottom = np.array(actor.box) * (*size, *size)
            inside = left > 2 and right < size[0] - 2 and bottom < size[1] - 2
            if not inside or actor.seen < 1.0 or bottom - top < 40:
                continue
            mask = _box_mask([actor.box], size, 2)
            rows, columns = np.nonzero((np.abs(frame - still) > 12) & mask)
            assert abs(columns.min() - left) <= 3
            assert abs(columns.max() + 1 - right) <= 3
            assert abs(rows.min() - top) <= 3
            checked += 1
    assert checked > 3


def test_actors_keep_their_number_from_frame_to_frame() -> None:
    street = _street()
    for index in range(0, 60, 5):
        now = {(actor.kind, actor.number): actor.box for actor in street.truth(index)}
        soon = {(actor.kind, actor.number): actor.box for actor in street.truth(index + 1)}
        for key in now.keys() & soon.keys():
            assert np.abs(np.subtract(now[key], soon[key])).max() < 0.12


def test_the_truth_does_not_depend_on_what_was_filmed() -> None:
    street = _street()
    before = street.truth(40)
    _bytes(street, 10)
    assert street.truth(40) == before
    assert _street().truth(40) == before


def test_sweeping_headlights_are_light_and_nobody() -> None:
    street = _street(replace(SWEEPS, noise=0.0))
    index = next(i for i in range(300) if street.truth(i))
    while street.truth(index + 8):
        index += 1
    assert {actor.kind for actor in street.truth(index)} == {"sweep"}
    frames = _lumas(street, range(index + 1))
    box = _box_mask([actor.box for actor in street.truth(index)], SIZE, 2)
    brighter = frames[index] - frames[0]
    assert brighter[box].max() > 15
    assert np.abs(brighter[~box]).max() <= 2


def test_what_moves_on_the_balconies_lies_where_the_constant_says() -> None:
    street = _street(replace(EMPTY, noise=0.0, residents=True))
    assert {actor.kind for actor in street.truth(0)} == {"resident", "television"}
    frames = _lumas(street, range(0, 90, 10))
    moved = np.ptp(frames, axis=0) > 0
    mask = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    outline = np.rint(np.array(BALCONIES) * SIZE).astype(np.int32)
    cv2.fillPoly(mask, [outline], 1)
    assert moved.sum() > 40
    assert not moved[mask == 0].any()


def test_nobody_walks_or_drives_behind_the_balconies_mask() -> None:
    street = _street(replace(DAY, walkers_per_minute=20.0, cars_per_minute=20.0))
    mask = np.zeros((1000, 1000), np.uint8)
    cv2.fillPoly(mask, [np.rint(np.array(BALCONIES) * 1000).astype(np.int32)], 1)
    for index in range(0, 900, 15):
        for actor in street.truth(index):
            if actor.kind in ("walker", "car"):
                assert not mask[_box_mask([actor.box], (1000, 1000), 0)].any()


def test_frames_come_when_they_are_due() -> None:
    clock = SimulatedClock(start_utc_ns=0)
    clock.wait_until(7 * NS)
    street = _street(clock=clock, frame_rate=8.0)
    street.open()
    times = []
    for _ in range(3):
        request = street.next_request()
        assert request is not None
        times.append(request.sensor_ns)
        request.release()
    assert times == [7 * NS, 7 * NS + NS // 8, 7 * NS + NS // 4]


def test_a_film_of_some_seconds_ends_and_stays_over() -> None:
    street = _street(seconds=0.2)
    street.open()
    assert len(list(_frames(street, 3))) == 3
    assert [street.next_request(), street.next_request()] == [None, None]


def test_without_a_length_the_film_does_not_end() -> None:
    street = _street(EMPTY, size=(32, 32), lores=(16, 16), frame_rate=1.0)
    street.open()
    assert len(list(_frames(street, 90))) == 90


def test_a_street_that_was_never_opened_films_nothing() -> None:
    with pytest.raises(Refused, match="closed"):
        _street().next_request()


def test_a_closed_street_films_nothing() -> None:
    street = _street()
    street.open()
    street.close()
    street.close()
    with pytest.raises(Refused, match="closed"):
        street.next_request()


def test_opening_twice_is_refused() -> None:
    street = _street()
    street.open()
    with pytest.raises(Refused, match="open already"):
        street.open()


def test_released_buffers_are_used_again() -> None:
    street = _street()
    street.open()
    memory = set()
    for _ in range(3 * BUFFERS):
        request = street.next_request()
        assert request is not None
        memory.add(request.main.luma.ctypes.data)
        request.release()
    assert len(memory) <= BUFFERS


def test_a_request_that_is_out_is_not_drawn_over() -> None:
    street = _street()
    street.open()
    held = street.next_request()
    assert held is not None
    before = held.main.luma.copy()
    list(_frames(street, 2 * BUFFERS))
    assert np.array_equal(held.main.luma, before)


def test_without_a_free_buffer_the_next_request_is_refused_until_one_is_released() -> None:
    street = _street()
    street.open()
    out = [street.next_request() for _ in range(BUFFERS)]
    with pytest.raises(Refused, match="buffers"):
        street.next_request()
    assert out[0] is not None
    out[0].release()
    assert street.next_request() is not None


def test_a_released_request_cannot_be_touched() -> None:
    street = _street()
    street.open()
    request = street.next_request()
    assert request is not None
    request.release()
    with pytest.raises(Refused, match="released"):
        _ = request.main
    with pytest.raises(Refused, match="released"):
        request.release()


@pytest.mark.parametrize(
    "change",
    [
        {"size": (8, 8)},
        {"lores": (640, 45)},
        {"frame_rate": 0.0},
        {"frame_rate": float("nan")},
        {"seed": -1},
        {"seconds": -1.0},
    ],
)
def test_arguments_that_make_no_sense_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(Refused):
        _street(**change)  # type: ignore[arg-type]  # what is wrong is the point
