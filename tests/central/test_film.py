"""Holes between pictures: every one of more than two seconds is told, and nothing that is explained."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from fakes.burned_card import BurnedCard

from central.film import Film
from node.clock import NS, parse_rfc3339
from node.formats.interval import Interval


def filmed(*stretches: tuple[float, float]) -> Film:
    film = Film()
    for since, until in stretches:
        film.add(int(since * NS), int(until * NS))
    return film


def holes(
    film: Film, asked: tuple[float, float] | None, *explained: tuple[float, float]
) -> list[tuple[float, float]]:
    interval = None if asked is None else Interval(int(asked[0] * NS), int(asked[1] * NS))
    known = [Interval(int(a * NS), int(b * NS)) for a, b in explained]
    return [(one.from_ns / NS, one.until_ns / NS) for one in film.holes(interval, known)]


def test_a_hole_is_told_within_the_film_and_at_the_intervals_ends() -> None:
    film = filmed((10, 11), (11, 12), (13.9, 15), (20, 21))
    assert holes(film, None) == [(15, 20)]
    assert holes(film, (5, 30)) == [(5, 10), (15, 20), (21, 30)]
    assert holes(filmed(), (5, 30)) == [(5, 30)]


def test_what_is_explained_is_no_hole_and_what_is_left_of_it_is() -> None:
    film = filmed((0, 10), (20, 30))
    assert holes(film, None, (10, 20)) == []
    assert holes(film, None, (15, 18)) == [(10, 15)]


def test_film_that_comes_in_another_order_is_the_same_film() -> None:
    assert holes(filmed((20, 30), (0, 10), (10, 15)), None) == [(15, 20)]


def gaps_of(card: BurnedCard, bundle: Path, tmp_path: Path) -> list[tuple[float, float, str]]:
    done = card.open(bundle, tmp_path / "clip.mp4")
    assert done.code == 0, done.err
    report = json.loads((tmp_path / "clip.report.json").read_bytes())
    told = [*report["gaps"], *report["release"]["missing"]]
    return [
        (
            (parse_rfc3339(gap["start"]) - card.start_ns) / NS,
            (parse_rfc3339(gap["until"]) - card.start_ns) / NS,
            gap["reason"],
        )
        for gap in told
    ]


@pytest.mark.parametrize("first", [14, 60])
def test_a_segment_that_was_taken_away_leaves_a_hole_as_long_as_it_was(
    first: int, card: BurnedCard, tmp_path: Path
) -> None:
    card.film(0, *range(first))
    card.film(first, *range(first, first + 60)).unlink()
    card.film(first + 60, *range(first + 60, first + 70))
    bundle = card.released(card.order(0, first + 70))
    told = gaps_of(card, bundle, tmp_path)
    assert (told[0][0], told[-1][1], told[0][2]) == (first, first + 60, "unknown")
    assert all(one[1] == following[0] for one, following in pairwise(told))
    assert "unknown" in (tmp_path / "clip.report.txt").read_text()


def test_a_camera_that_was_killed_leaves_a_hole_and_one_that_tells_leaves_a_gap(
    card: BurnedCard, tmp_path: Path
) -> None:
    card.film(0, *range(4), *range(9, 12), *range(20, 24), gaps=[(12, 20)])
    bundle = card.released(card.order(0, 24))
    assert gaps_of(card, bundle, tmp_path) == [(12, 20, "no camera"), (4, 9, "unknown")]
