"""Motion on the recorded scenes: every labelled interval hit, nothing told of where nothing moves.

A hit starts within [start of the interval - 0.5 s, its end]; one event hits one interval, unless the gap
to the next is shorter than 3 s. A false event overlaps nothing that is labelled, widened by 2 s. Clips
whose labels do not speak of motion (UCSD Ped2: walkers everywhere, only intruders labelled) have none.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import thread_time
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from node.analysis.events import Event, MotionEvents

SHARED = Path(os.environ.get("STOLPE_SHARED", Path(__file__).parents[2] / ".." / "shared")) / "data"
LORES_WIDTH = 320
NATIVE_UP_TO = 400

Span = tuple[float, float]

CLIPS = [
    "clips/bgs_video.avi",
    "clips/cdnet_highway.mp4",
    "clips/intel_car-detection.mp4",
    "clips/intel_one-by-one-person.mp4",
    "clips/mirafra_tamper1.mp4",
    "clips/navid_fire4.mp4",
    "clips/thaitin_input.mp4",
    "clips/vanni_nofire1.mp4",
    "clips/youngsoul_bicycle.mp4",
    "clips/youngsoul_walkers.mp4",
    "ped2/ucsdped2_test01.mp4",
    "ped2/ucsdped2_test03.mp4",
    "ped2/ucsdped2_test06.mp4",
    "ped2/ucsdped2_test10.mp4",
]

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SHARED.is_dir(), reason="the labelled scenes are not on this machine"),
]


@dataclass(frozen=True, slots=True)
class Watched:
    """One clip, as the detector saw it."""

    events: list[Event]
    times: list[float]
    milliseconds: float
    """Median CPU time of a frame."""


@dataclass(frozen=True, slots=True)
class Score:
    """How events compare with labels."""

    intervals: int
    hit: int
    false: list[Span]


def frames(path: Path) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Seconds and lores luma of each frame."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            luma = np.asarray(frame.reformat(format="yuv420p").to_ndarray(), np.uint8)
            luma = luma[: frame.height, : frame.width]
            assert frame.time is not None
            yield frame.time, luma if frame.width <= NATIVE_UP_TO else lores(luma)


def lores(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = luma.shape
    size = LORES_WIDTH, round(height * LORES_WIDTH / width / 2) * 2
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)


def watch(path: Path) -> Watched:
    events: MotionEvents | None = None
    told, times, costs = list[Event](), list[float](), list[float]()
    for seconds, luma in frames(path):
        if events is None:
            events = MotionEvents(size=luma.shape[::-1], blind=np.zeros(luma.shape, np.bool_))
        before = thread_time()
        told += events.observe(luma, seconds)[1]
        costs.append(1000 * (thread_time() - before))
        times.append(seconds)
    assert events is not None
    told += events.finish(times[-1])
    return Watched([event for event in told if event.ended], times, median(costs))


def spans(labels: dict[str, Any], kind: str, seconds_of: Callable[[int], float]) -> list[Span]:
    return [(seconds_of(first), seconds_of(last)) for first, last in labels.get(kind, [])]


def hits(events: list[Event], intervals: list[Span]) -> int:
    """Intervals in which an event starts, or that one reaches which hit the interval just before."""
    hit = [any(start - 0.5 <= e.start_seconds <= end for e in events) for start, end in intervals]
    for at in range(1, len(intervals)):
        (before, end), (start, _) = intervals[at - 1], intervals[at]
        hit[at] |= start - end < 3 and any(
            before - 0.5 <= e.start_seconds <= end and (e.end_seconds or 0) >= start for e in events
        )
    return sum(hit)


def score(events: list[Event], labels: dict[str, Any], seconds_of: Callable[[int], float]) -> Score:
    intervals = spans(labels, "move", seconds_of)
    kinds = ("move", "fire", "tamper", "anomaly", "unsure")
    labelled = [span for kind in kinds for span in spans(labels, kind, seconds_of)]
    found = [(event.start_seconds, event.end_seconds or 0.0) for event in events]
    false = [
        (start, end)
        for start, end in found
        if "move" in labels and not any(start <= b + 2 and end >= a - 2 for a, b in labelled)
    ]
    return Score(len(intervals), hits(events, intervals), false)


@pytest.mark.parametrize("clip", CLIPS)
def test_every_labelled_motion_is_hit_and_nothing_else_is_told_of(clip: str) -> None:
    labels = json.loads((SHARED / "labels.json").read_text())[clip]
    watched = watch(SHARED / clip)
    # The clips' own times and frame / rate differ where a clip was recorded unevenly: both must hold.
    by_time = score(watched.events, labels, lambda frame: watched.times[min(frame, len(watched.times) - 1)])
    by_rate = score(watched.events, labels, lambda frame: frame / labels["fps"])
    told = " ".join(f"{e.start_seconds:.1f}-{e.end_seconds:.1f}" for e in watched.events)
    print(  # noqa: T201 — the table that the test is run for (pytest -s)
        f"\n{clip:36} hit {by_time.hit}/{by_time.intervals} false {len(by_time.false)}"
        f" {watched.milliseconds:.2f} ms/frame  events {told}"
    )
    assert (by_time.hit, by_time.false) == (by_time.intervals, [])
    assert (by_rate.hit, by_rate.false) == (by_rate.intervals, [])
