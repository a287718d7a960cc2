"""Waiting before the next attempt: quick at first, at most a minute, never all at once."""

import pytest

from node.uplink.backoff import Backoff


def test_the_first_attempts_are_quick_then_they_become_rare() -> None:
    backoff = Backoff(chance=lambda: 1.0)
    assert [backoff.after(0) for _ in range(13)] == [1, 1, 1, 1, 1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_broker_that_was_only_restarted_is_found_within_five_seconds() -> None:
    backoff = Backoff(chance=lambda: 1.0)
    assert sum(backoff.after(0) for _ in range(5)) <= 5


def test_a_session_that_lasted_makes_everything_quick_again() -> None:
    backoff = Backoff(chance=lambda: 1.0)
    for _ in range(20):
        backoff.after(1)
    assert backoff.after(3600) == 1
    assert backoff.after(0) == 1


def test_after_very_many_attempts_it_is_still_a_minute() -> None:
    backoff = Backoff(chance=lambda: 1.0)
    assert [backoff.after(0) for _ in range(5000)][-1] == 60


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 0.5), (0.5, 0.75), (1.0, 1.0)])
def test_chance_spreads_the_nodes(chance: float, seconds: float) -> None:
    assert Backoff(chance=lambda: chance).after(0) == seconds
