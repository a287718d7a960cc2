"""What each stage of a frame's way costs: wall and processor seconds, added up. Never leaves the node as such."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class StageCost:
    """Seconds spent in one stage so far; processor seconds are those of the calling thread."""

    wall_s: float = 0.0
    cpu_s: float = 0.0


class Stages:
    """A stopwatch for each named stage."""

    def __init__(self) -> None:
        self._costs: dict[str, StageCost] = {}

    @property
    def costs(self) -> dict[str, StageCost]:
        """Every stage entered so far, in the order of first use."""
        return self._costs

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what happens inside as `name`."""
        cost = self._costs.setdefault(name, StageCost())
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            cost.wall_s += time.perf_counter() - wall
            cost.cpu_s += time.thread_time() - cpu
