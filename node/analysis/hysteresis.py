"""A score per frame becomes something that started, lasts and ended.

Owns when that is: two thresholds so that a score between them changes nothing, a least length so that a
spark is nothing, a hold so that a pause does not cut one thing in two, a greatest length so that what goes
on and on is told of. Knows no pictures and no kinds; every detector uses it with its own settings.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HysteresisSettings:
    """Thresholds are scores, 0..1."""

    on: float
    """It starts when the score has been this high ..."""
    off: float
    """It goes on while the score is this high; at most `on`."""
    least_seconds: float = 0.0
    """... for so long without falling below `off`."""
    hold_seconds: float = 1.0
    """It ends when the score has been lower for longer than this."""
    most_seconds: float = 30.0
    """After so long it ends anyway, and starts anew if it still goes on."""

    def __post_init__(self) -> None:
        if not 0 < self.off <= self.on <= 1:
            raise ValueError(f"thresholds must be 0 < off <= on <= 1: off {self.off}, on {self.on}")
        if self.least_seconds < 0 or self.hold_seconds < 0 or self.most_seconds <= self.hold_seconds:
            raise ValueError("least and hold must not be negative, and hold must be shorter than most")


@dataclass(frozen=True, slots=True)
class Started:
    """It goes on since `at_seconds`."""

    at_seconds: float


@dataclass(frozen=True, slots=True)
class Ended:
    """It went on from `start_seconds` to `end_seconds`, with `peak` as its highest score."""

    start_seconds: float
    end_seconds: float
    peak: float


Transition = Started | Ended


class Hysteresis:
    """One thing that may be going on. Seconds are on any scale that never goes back."""

    def __init__(self, *, settings: HysteresisSettings) -> None:
        self._settings = settings
        self._since: float | None = None  # since when the score has been high enough to count
        self._started: float | None = None
        self._last = 0.0  # when it last was
        self._peak = 0.0

    @property
    def started(self) -> float | None:
        """When what is going on started; None if nothing is."""
        return self._started

    @property
    def peak(self) -> float:
        """The highest score of what is going on."""
        return self._peak

    def observe(self, seconds: float, score: float) -> list[Transition]:
        """What the score of the frame at `seconds` changes; in order, mostly nothing."""
        if self._started is None:
            return self._wait(seconds, score)
        settings = self._settings
        if seconds - self._last > settings.hold_seconds:
            return [*self._end(self._last), *self._wait(seconds, score)]
        if score >= settings.off:
            self._last = seconds
            self._peak = max(self._peak, score)
        if seconds - self._started >= settings.most_seconds:
            return [*self._end(self._last), *self._wait(seconds, score)]
        return []

    def finish(self, seconds: float) -> list[Transition]:
        """The recording ends at `seconds`: so does what is going on, if it has not ended before."""
        paused = seconds - self._last > self._settings.hold_seconds
        return self._end(self._last if paused else max(self._last, seconds))

    def _wait(self, seconds: float, score: float) -> list[Transition]:
        settings = self._settings
        if score < (settings.on if self._since is None else settings.off):
            self._since = None
            return []
        if self._since is None:
            self._since, self._peak = seconds, 0.0
        self._peak = max(self._peak, score)
        if seconds - self._since < settings.least_seconds:
            return []
        self._started, self._last = self._since, seconds
        return [Started(self._since)]

    def _end(self, seconds: float) -> list[Transition]:
        started, self._started, self._since = self._started, None, None
        return [] if started is None else [Ended(started, seconds, self._peak)]
