"""Which daemons are there, by what they say once a second. Pure: times come with what is told."""

from dataclasses import dataclass
from typing import Final, Literal

from node.clock import NS

Watched = Literal["camera", "recorder"]

SILENT_NS: Final = 3 * NS


@dataclass(frozen=True, slots=True)
class Silent:
    """Nothing was heard of it for longer than `SILENT_NS`."""

    daemon: Watched


@dataclass(frozen=True, slots=True)
class Back:
    """It was silent, for so long in all."""

    daemon: Watched
    after_s: float


@dataclass(frozen=True, slots=True)
class Restarted:
    """Another process speaks for it than before."""

    daemon: Watched
    instance: str


Change = Silent | Back | Restarted


class Liveness:
    """One daemon. It counts as heard at `now_ns`, when the watching begins. Nanoseconds since boot."""

    def __init__(self, daemon: Watched, *, now_ns: int) -> None:
        self.daemon: Final = daemon
        self.instance: str | None = None
        self.restarts = 0
        self.silent = False
        self._heard_ns = now_ns

    def heard(self, instance: str, *, now_ns: int) -> list[Change]:
        """It says that it lives."""
        changes: list[Change] = []
        if self.silent:
            changes.append(Back(self.daemon, (now_ns - self._heard_ns) / NS))
        if self.instance not in (None, instance):
            self.restarts += 1
            changes.append(Restarted(self.daemon, instance))
        self.instance, self.silent, self._heard_ns = instance, False, now_ns
        return changes

    def look(self, *, now_ns: int) -> list[Change]:
        """Whether it has fallen silent by now."""
        if self.silent or now_ns - self._heard_ns <= SILENT_NS:
            return []
        self.silent = True
        return [Silent(self.daemon)]
