"""Which daemons are there, by what they say once a second. Pure: times come with what is told."""

from dataclasses import dataclass
from typing import Final, Literal

from node.clock import NS

Watched = Literal["camera", "recorder"]

SILENT_NS: Final = 5 * NS  # a card may keep a write, and whoever waits for it, for seconds
STARTING_NS: Final = 20 * NS
"""A daemon that was never heard is given so long: it may be starting."""
GONE_NS: Final = 60 * NS


@dataclass(frozen=True, slots=True)
class Silent:
    """Nothing was heard of it for longer than `SILENT_NS`."""

    daemon: Watched


@dataclass(frozen=True, slots=True)
class Gone:
    """It has been silent for longer than `GONE_NS`: what it had begun, it will not end."""

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


Change = Silent | Gone | Back | Restarted


class Liveness:
    """One daemon. It counts as heard at `now_ns`, when the watching begins. Nanoseconds since boot."""

    def __init__(self, daemon: Watched, *, now_ns: int) -> None:
        self.daemon: Final = daemon
        self.instance: str | None = None
        self.restarts = 0
        self.silent = False
        self._gone = False
        self._heard_ns = now_ns

    def heard(self, instance: str, *, now_ns: int) -> list[Change]:
        """It says that it lives."""
        changes: list[Change] = []
        if self.silent:
            changes.append(Back(self.daemon, (now_ns - self._heard_ns) / NS))
        if self.instance not in (None, instance):
            self.restarts += 1
            changes.append(Restarted(self.daemon, instance))
        self.instance, self.silent, self._gone, self._heard_ns = instance, False, False, now_ns
        return changes

    def look(self, *, now_ns: int) -> list[Change]:
        """Whether it has fallen silent by now, or has been for long."""
        changes: list[Change] = []
        silent_ns = now_ns - self._heard_ns
        if not self.silent and silent_ns > (STARTING_NS if self.instance is None else SILENT_NS):
            self.silent = True
            changes.append(Silent(self.daemon))
        if not self._gone and silent_ns > GONE_NS:
            self._gone = True
            changes.append(Gone(self.daemon))
        return changes
