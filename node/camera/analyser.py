"""What watches the masked lores pictures: hands them to the detectors, and what these find to whoever keeps it."""

from collections.abc import Callable, Iterable
from typing import Final

from node.analysis.events import MOTION, Event, MotionEvents
from node.camera.painter import MaskedFrame
from node.clock import NS
from node.masks.geometry import Size
from node.masks.raster import Mask

KINDS: Final = frozenset({MOTION})
"""What the detectors that run can tell of."""


class MotionAnalyser:
    """Motion for now. `blind` (height, width) is where the lores picture is masked.

    `on_event` hears of every event twice: when it begins, and when it has ended.
    """

    def __init__(
        self,
        *,
        size: Size,
        blind: Mask,
        on_scores: Callable[[dict[str, float]], None],
        on_event: Callable[[Event], None],
    ) -> None:
        self._motion = MotionEvents(size=size, blind=blind)
        self._on_scores = on_scores
        self._on_event = on_event
        self._last_s = 0.0

    def observe(self, frame: MaskedFrame) -> None:
        """Look at one frame: scores of every frame, and the events that it begins or ends."""
        self._last_s = frame.sensor_ns / NS
        score, events = self._motion.observe(frame.lores.luma, self._last_s)
        self._on_scores({"motion": score})
        self._tell(events)

    def finish(self) -> None:
        """The sensor closes: what is going on ends with the last frame."""
        self._tell(self._motion.finish(self._last_s))

    def _tell(self, events: Iterable[Event]) -> None:
        for event in events:
            self._on_event(event)
