"""Which blobs prove, over time, that something moves."""

from collections.abc import Callable
from itertools import count
from math import pi, sin

import pytest

from node.analysis.tracks import MAX_TRACKS, Blob, Tracks, TravelSettings

FRAME_SECONDS = 0.08


def highest_score(
    blob_at: Callable[[float], Blob | None], *, seconds: float = 4.0, frame_seconds: float = FRAME_SECONDS
) -> float:
    tracks = Tracks(settings=TravelSettings())
    scores = [0.0]
    for frame in count():
        now = frame * frame_seconds
        if now > seconds:
            return max(scores)
        blob = blob_at(now)
        tracks.follow([] if blob is None else [blob], now, frame_seconds)
        scores += [score for score, _ in tracks.proven(now)]
    raise AssertionError


def person(x: float, y: float = 0.3, *, area: float = 0.005) -> Blob:
    return Blob(x, y, 0.05, 0.1, area)


def test_what_walks_straight_on_is_proven() -> None:
    assert highest_score(lambda s: person(0.1 + 0.1 * s)) > 0.7


@pytest.mark.parametrize("frame_seconds", [1 / 30, 1 / 10, 1 / 5, 1 / 2])
def test_the_frame_rate_does_not_decide(frame_seconds: float) -> None:
    score = highest_score(lambda s: person(0.1 + 0.06 * s), seconds=8.0, frame_seconds=frame_seconds)
    assert score > 0.7


def test_the_larger_scores_the_higher() -> None:
    small = highest_score(lambda s: person(0.1 + 0.1 * s, area=0.001))
    assert 0 < small < highest_score(lambda s: person(0.1 + 0.1 * s, area=0.01))


def test_what_stands_is_not_proven() -> None:
    assert highest_score(lambda _: person(0.5)) == 0


def test_what_creeps_like_a_shadow_is_not_proven() -> None:
    assert highest_score(lambda s: person(0.1 + 0.003 * s), seconds=40.0) < 0.1


def test_what_sways_about_its_place_is_not_proven() -> None:
    assert highest_score(lambda s: person(0.5 + 0.03 * sin(2 * pi * 0.7 * s)), seconds=20) < 0.1


def test_what_is_seen_in_few_frames_is_not_proven() -> None:
    assert highest_score(lambda s: person(0.1 + 0.5 * s) if s < 0.5 else None) == 0


def test_what_is_seen_in_every_other_frame_only_is_not_proven() -> None:
    def flickering(seconds: float) -> Blob | None:
        return person(0.1 + 0.1 * seconds) if round(seconds / FRAME_SECONDS) % 2 else None

    assert highest_score(flickering) == 0


def test_a_flake_that_is_fast_for_its_size_is_not_followed() -> None:
    assert highest_score(lambda s: Blob(0.1, (0.25 * s) % 0.6, 0.01, 0.01, 0.005)) == 0


def test_pieces_of_quite_different_sizes_are_not_one_thing() -> None:
    def changing(seconds: float) -> Blob:
        side = 0.03 if round(seconds / FRAME_SECONDS) % 2 else 0.09
        return Blob(0.1 + 0.1 * seconds, 0.3, side, side, 0.005)

    assert highest_score(changing) == 0


def test_what_has_stopped_is_soon_not_proven_any_more() -> None:
    tracks = Tracks(settings=TravelSettings())
    last = [0.0]
    for frame in range(100):
        now = frame * FRAME_SECONDS
        tracks.follow([person(0.1 + 0.1 * min(now, 3.0))], now, FRAME_SECONDS)
        last = [score for score, _ in tracks.proven(now)]
        if now < 3.0 and now > 2.0:
            assert max(last) > 0.5
    assert max(last, default=0.0) < 0.1


def test_two_that_walk_side_by_side_are_both_proven() -> None:
    tracks = Tracks(settings=TravelSettings())
    for frame in range(40):
        now = frame * FRAME_SECONDS
        tracks.follow([person(0.1 + 0.1 * now, 0.1), person(0.1 + 0.1 * now, 0.4)], now, FRAME_SECONDS)
    assert {blob.y for score, blob in tracks.proven(39 * FRAME_SECONDS) if score > 0.5} == {0.1, 0.4}


def test_the_number_of_tracks_is_bounded() -> None:
    tracks = Tracks(settings=TravelSettings())
    crowd = [
        Blob(0.01 * column, 0.05 * row, 0.004, 0.004, 0.01) for column in range(100) for row in range(10)
    ]
    for frame in range(60):
        now = frame * FRAME_SECONDS
        moved = [Blob(b.x + 0.03 * now, b.y, b.width, b.height, b.area) for b in crowd]
        tracks.follow(moved, now, FRAME_SECONDS)
    assert 0 < len(tracks.proven(59 * FRAME_SECONDS)) <= MAX_TRACKS
