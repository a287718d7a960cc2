"""What a look of the pose lock costs in each of its states: the one that counts is the slowest."""

from collections.abc import Callable, Sequence
from statistics import median, quantiles
from time import process_time

from node.camera.painter import MaskedFrame
from node.camera.pose.lock import PoseLock
from node.clock import NS

Film = Sequence[MaskedFrame]
"""Masked pictures of one view, shown again and again."""

CYCLES, FRAME_RATE = 4, 15.0
_LEAST_MS = 0.05
"""Below, a frame between looks had nothing to do."""


def states_ms(
    new_lock: Callable[[], PoseLock], *, place: Film, covered: Film, turned: Film
) -> dict[str, float]:
    """Processor milliseconds of a look in each state, the median; between looks, what 19 of 20 frames stay below."""
    times: dict[str, list[float]] = {}
    for _ in range(CYCLES):
        lock, number = new_lock(), 0
        for film, seconds in ((place, 20), (covered, 8), (place, 10), (turned, 20)):
            for _ in range(round(seconds * FRAME_RATE)):
                frame, number = film[number % len(film)], number + 1
                frame.sensor_ns = round(number * NS / FRAME_RATE)
                state, ms = _looked(lock, frame, in_place=film is place)
                times.setdefault(state, []).append(ms)
    between = [ms for ms in times.pop("between looks") if ms > _LEAST_MS]
    return {state: median(found) for state, found in times.items()} | {
        "between looks": quantiles(between, n=20)[-1]
    }


def _looked(lock: PoseLock, frame: MaskedFrame, *, in_place: bool) -> tuple[str, float]:
    """In which state the lock took the frame, and how long that took."""
    looks, learning, lost = lock.looks, lock.compares_with == "learning", lock.lost
    start = process_time()
    lock.observe(frame)
    ms = (process_time() - start) * 1e3
    if lock.looks == looks:
        return "between looks", ms
    return "learning" if learning else "lost" if lost else "in place" if in_place else "in doubt", ms
