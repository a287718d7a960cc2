"""How the disk and the key slot do, part by part; and the alarm that a person gets while they do not."""

from typing import Literal

import msgspec

from node.clock import Clock
from node.mandate.ids import new_ulid
from node.messages import EventHappened, Stage
from node.recorder.ring import DISK_FULL
from node.unanswered import Unanswered

State = Literal["good", "full", "failing"]
Part = Literal["ring", "reserve", "audit log", "checkpoint", "key slot", "documents"]
Events = Unanswered[tuple[str, Stage], EventHappened]
"""Events that the uplink has not taken yet."""

KIND: str = "storage"
MAX_DETAIL = 400


def sentence(error: OSError) -> str:
    """What the disk said, in words for whoever sent what it would not take."""
    if error.errno in DISK_FULL:
        return "the disk is full"
    return f"the disk is failing: {error.strerror or error}"


class Storage:
    """Which parts are in trouble. An alarm starts with the first one, and ends when none is left."""

    def __init__(self, *, clock: Clock, events: Events) -> None:
        self._clock = clock
        self._events = events
        self._troubles: dict[Part, OSError] = {}
        self._alarm: EventHappened | None = None
        self.changed = False
        """Whether somebody should be told at once; whoever tells them sets it back."""

    @property
    def state(self) -> State:
        """The worst of all parts."""
        if not self._troubles:
            return "good"
        full = all(error.errno in DISK_FULL for error in self._troubles.values())
        return "full" if full else "failing"

    @property
    def detail(self) -> str:
        """Which parts, and what the system said; empty if all is good."""
        return "; ".join(f"{part}: {os_words(error)}" for part, error in self._troubles.items())[:MAX_DETAIL]

    def in_trouble(self, part: Part) -> bool:
        """Whether that part failed the last time it was used."""
        return part in self._troubles

    def failed(self, part: Part, error: OSError) -> None:
        """Something could not be written or read there."""
        before = self.detail
        self._troubles[part] = error
        if self.detail == before:
            return
        self.changed = True
        if self._alarm is None:
            self._alarm = self._begun()
            self._tell(self._alarm)

    def works(self, part: Part) -> None:
        """It was used, and did what it should."""
        if self._troubles.pop(part, None) is None:
            return
        self.changed = True
        if self._troubles or self._alarm is None:
            return
        end_ns = max(self._clock.now().utc_ns, self._alarm.start_ns)
        self._tell(msgspec.structs.replace(self._alarm, stage="end", end_ns=end_ns, detail="good again"))
        self._alarm = None

    def _begun(self) -> EventHappened:
        now = self._clock.now()
        return EventHappened(
            id=new_ulid(now.utc_ns),
            stage="start",
            kind=KIND,
            start_ns=now.utc_ns,
            end_ns=None,
            score=1.0,
            time_trust=now.trust,
            alarm="high",
            detail=self.detail,
        )

    def _tell(self, event: EventHappened) -> None:
        self._events.add((event.id, event.stage), event)


def os_words(error: OSError) -> str:
    """The system's own words, short."""
    return error.strerror or f"{error}"
