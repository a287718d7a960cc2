"""When a score per frame becomes something that started and ended."""

import pytest

from node.analysis.hysteresis import Ended, Hysteresis, HysteresisSettings, Started, Transition

ORDINARY = HysteresisSettings(on=0.6, off=0.4, hold_seconds=1.0, most_seconds=10.0)


def told(
    scores: dict[float, float], *, settings: HysteresisSettings = ORDINARY, until: float | None = None
) -> list[Transition]:
    hysteresis = Hysteresis(settings=settings)
    transitions = [t for seconds, score in scores.items() for t in hysteresis.observe(seconds, score)]
    return transitions if until is None else transitions + hysteresis.finish(until)


def test_it_starts_with_the_first_score_at_the_upper_threshold() -> None:
    assert told({0.0: 0.0, 0.5: 0.59, 1.0: 0.6}) == [Started(1.0)]


def test_a_score_between_the_thresholds_starts_nothing() -> None:
    assert told({0.0: 0.5, 1.0: 0.59, 2.0: 0.5}, until=3.0) == []


def test_a_score_between_the_thresholds_ends_nothing() -> None:
    assert told({0.0: 0.9, 1.0: 0.4, 2.0: 0.4, 3.0: 0.4}) == [Started(0.0)]


def test_it_ends_where_the_score_was_last_high_enough_with_its_highest_score() -> None:
    scores = {0.0: 0.7, 0.5: 0.9, 1.0: 0.5, 1.5: 0.1, 2.0: 0.1, 2.5: 0.1}
    assert told(scores) == [Started(0.0), Ended(0.0, 1.0, 0.9)]


def test_a_pause_no_longer_than_the_hold_cuts_nothing() -> None:
    assert told({0.0: 0.9, 0.5: 0.0, 1.0: 0.9, 1.5: 0.0}, until=1.5) == [
        Started(0.0),
        Ended(0.0, 1.5, 0.9),
    ]


def test_a_pause_longer_than_the_hold_makes_two_of_it() -> None:
    assert told({0.0: 0.9, 1.0: 0.0, 1.1: 0.0, 2.0: 0.7}) == [
        Started(0.0),
        Ended(0.0, 0.0, 0.9),
        Started(2.0),
    ]


def test_frames_that_never_came_are_a_pause_too() -> None:
    assert told({0.0: 0.9, 60.0: 0.8}) == [Started(0.0), Ended(0.0, 0.0, 0.9), Started(60.0)]


def test_a_spark_shorter_than_the_least_length_is_nothing() -> None:
    settings = HysteresisSettings(on=0.6, off=0.4, least_seconds=1.0)
    assert told({0.0: 0.9, 0.5: 0.9, 0.9: 0.0, 1.0: 0.9, 1.5: 0.9}, settings=settings) == []


def test_what_lasts_for_the_least_length_started_when_it_began() -> None:
    settings = HysteresisSettings(on=0.6, off=0.4, least_seconds=1.0)
    assert told({0.0: 0.9, 0.5: 0.5, 1.0: 0.5}, settings=settings, until=1.0) == [
        Started(0.0),
        Ended(0.0, 1.0, 0.9),
    ]


def test_what_goes_on_for_too_long_is_told_of_and_starts_anew() -> None:
    scores = {float(second): 0.9 for second in range(13)}
    assert told(scores) == [Started(0.0), Ended(0.0, 10.0, 0.9), Started(10.0)]


def test_what_has_nearly_died_down_does_not_start_anew_after_too_long() -> None:
    scores = {float(second): 0.9 if second < 5 else 0.5 for second in range(13)}
    assert told(scores) == [Started(0.0), Ended(0.0, 10.0, 0.9)]


def test_the_end_of_the_recording_ends_it_there() -> None:
    assert told({0.0: 0.9, 1.0: 0.9}, until=1.5) == [Started(0.0), Ended(0.0, 1.5, 0.9)]


def test_the_end_of_the_recording_ends_it_where_it_paused_before() -> None:
    assert told({0.0: 0.9, 1.0: 0.9}, until=9.0) == [Started(0.0), Ended(0.0, 1.0, 0.9)]


def test_the_end_of_a_quiet_recording_ends_nothing() -> None:
    assert told({0.0: 0.1}, until=1.0) == []


@pytest.mark.parametrize(
    ("on", "off", "hold", "most"),
    [
        (0.4, 0.5, 1.0, 30.0),
        (1.1, 0.5, 1.0, 30.0),
        (0.5, 0.0, 1.0, 30.0),
        (0.5, 0.4, -1.0, 30.0),
        (0.5, 0.4, 30.0, 1.0),
    ],
)
def test_settings_that_make_no_sense_are_refused(on: float, off: float, hold: float, most: float) -> None:
    with pytest.raises(ValueError, match="must"):
        HysteresisSettings(on=on, off=off, hold_seconds=hold, most_seconds=most)
