"""Events: what happened from when to when, made of what the detectors say of each frame.

Owns the life of an event of one kind, and which settings motion has. An event's id, wall time, segments
and way to a person are the camera daemon's business.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from node.analysis.background import Luma
from node.analysis.hysteresis import Hysteresis, HysteresisSettings, Started, Transition
from node.analysis.motion import MOVING_SCORE, MotionDetector, MotionObservation
from node.masks.geometry import Size

MOTION: Final = "motion"
MOTION_HYSTERESIS: Final = HysteresisSettings(on=MOVING_SCORE, off=0.45, hold_seconds=1.0, most_seconds=30.0)


@dataclass(frozen=True, slots=True)
class Event:
    """Something of one kind that happened. Seconds are on the scale of the frames."""

    kind: str
    start_seconds: float
    end_seconds: float | None
    """None while it is going on."""
    peak: float
    """Highest score so far, 0..1."""
    zone: str | None = None
    """Where; None: anywhere in the picture."""

    @property
    def ended(self) -> bool:
        """Whether nothing will be added to it."""
        return self.end_seconds is not None


class EventLife:
    """Events of one kind: one at a time, each told of when it starts and when it has ended."""

    def __init__(self, *, kind: str, settings: HysteresisSettings) -> None:
        self._kind = kind
        self._hysteresis = Hysteresis(settings=settings)

    def observe(self, score: float, seconds: float) -> list[Event]:
        """Events that the frame at `seconds` starts or ends, in order; mostly none."""
        return self._told(self._hysteresis.observe(seconds, score))

    def finish(self, seconds: float) -> list[Event]:
        """The recording ends at `seconds`: the event that is going on, ended."""
        return self._told(self._hysteresis.finish(seconds))

    def _told(self, transitions: Sequence[Transition]) -> list[Event]:
        return [
            Event(self._kind, change.at_seconds, None, self._hysteresis.peak)
            if isinstance(change, Started)
            else Event(self._kind, change.start_seconds, change.end_seconds, change.peak)
            for change in transitions
        ]


class MotionEvents:
    """Motion of one camera, from masked luma pictures to events.

    `size` and `blind` are as `MotionDetector` takes them. What is made of two recordings that differ only
    in the blind part is the same.
    """

    def __init__(
        self,
        *,
        size: Size,
        blind: NDArray[np.bool_],
        settings: HysteresisSettings = MOTION_HYSTERESIS,
    ) -> None:
        self._detector = MotionDetector(size=size, blind=blind)
        self._life = EventLife(kind=MOTION, settings=settings)
        self._observation = MotionObservation(0.0, False, ())

    @property
    def observation(self) -> MotionObservation:
        """What the last frame said: where something moves."""
        return self._observation

    def observe(self, luma: Luma, seconds: float) -> tuple[float, list[Event]]:
        """The score 0..1 of the frame at `seconds`, and the events that it starts or ends, in order.

        `luma` is uint8 (height, width). Raises ValueError for a picture of another size.
        """
        self._observation = self._detector.observe(luma, seconds)
        score = self._observation.score
        return score, self._life.observe(score, seconds)

    def finish(self, seconds: float) -> list[Event]:
        """The recording ends at `seconds`: the event that is going on, ended."""
        return self._life.finish(seconds)
