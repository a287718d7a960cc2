"""What becomes of scores: events with a beginning, an end and a peak."""

import numpy as np

from node.analysis.events import Event, EventLife, MotionEvents
from node.analysis.hysteresis import HysteresisSettings

SIZE = (320, 180)
RATE = 10.0


def passing(come: float, go: float, seconds: float) -> np.ndarray:
    """A grey place through which something dark goes from left to right between two times."""
    picture = np.full(SIZE[::-1], 120, np.uint8)
    picture[::6] = 90
    picture[:, ::8] = 150
    if come <= seconds < go:
        left = round((seconds - come) / (go - come) * SIZE[0])
        picture[60:120, left : left + 30] = 30
    return picture


def test_an_event_is_told_of_when_it_starts_and_when_it_has_ended() -> None:
    life = EventLife(kind="fire", settings=HysteresisSettings(on=0.5, off=0.3, hold_seconds=1.0))
    scores = [0.0, 0.6, 0.9, 0.1, 0.1]
    told = [life.observe(score, float(second)) for second, score in enumerate(scores)]
    assert told == [[], [Event("fire", 1.0, None, 0.6)], [], [], [Event("fire", 1.0, 2.0, 0.9)]]


def test_an_event_without_an_end_has_not_ended() -> None:
    assert [Event("fire", 0.0, end, 0.5).ended for end in (None, 1.0)] == [False, True]


def test_each_passage_is_an_event_of_its_own() -> None:
    events = MotionEvents(size=SIZE, blind=np.zeros(SIZE[::-1], np.bool_))
    told = []
    for frame in range(180):
        now = frame / RATE
        score, changes = events.observe(passing(3, 7, now) if now < 9 else passing(10, 14, now), now)
        told += changes
        assert 0 <= score <= 1
    ended = [event for event in told if event.ended]
    assert [event.ended for event in told] == [False, True, False, True]
    assert [event.kind for event in ended] == ["motion", "motion"]
    assert [event.zone for event in ended] == [None, None]
    for event, (come, go) in zip(ended, [(3, 7), (10, 14)], strict=True):
        assert come < event.start_seconds < come + 2
        assert event.end_seconds is not None
        assert go - 1 < event.end_seconds <= go + 1
        assert 0.5 <= event.peak <= 1


def test_the_end_of_the_recording_ends_what_goes_on() -> None:
    events = MotionEvents(size=SIZE, blind=np.zeros(SIZE[::-1], np.bool_))
    started = [e for f in range(50) for e in events.observe(passing(2, 8, f / RATE), f / RATE)[1]]
    assert [event.ended for event in started] == [False]
    assert [event.end_seconds for event in events.finish(5.0)] == [5.0]
    assert events.finish(5.0) == []


def test_the_last_observation_says_where() -> None:
    events = MotionEvents(size=SIZE, blind=np.zeros(SIZE[::-1], np.bool_))
    for frame in range(50):
        events.observe(passing(2, 8, frame / RATE), frame / RATE)
    left, _, width, _ = events.observation.boxes[0]
    assert left <= (4.9 - 2) / 6 + 15 / 320 <= left + width
