"""Events of the uplink's own: daemons that fell silent, health that changed, a broker that was away.

What it cannot put on the disk at once it offers again, up to a bound.
"""

from collections import deque
from typing import Final

import msgspec

from node.clock import Clock, Instant
from node.mandate.ids import new_ulid
from node.messages import EventHappened
from node.uplink.outbox import Origin, Outbox

MAX_OFFERED: Final = 100


class OwnEvents:
    """Begun and ended by what they are about; a moment only ends."""

    def __init__(self, *, outbox: Outbox, clock: Clock, instance: str) -> None:
        self._outbox = outbox
        self._clock = clock
        self._instance = instance
        self._going_on: dict[str, EventHappened] = {}
        self._offered: deque[EventHappened] = deque(maxlen=MAX_OFFERED)

    def begin(self, about: str, *, kind: str, detail: str) -> None:
        """Something goes on from now; if something else did about the same, that ends."""
        self.end(about, detail="")
        event = self._event(kind, detail)
        self._going_on[about] = event
        self._offer(event)

    def end(self, about: str, *, detail: str) -> None:
        """It goes on no more. Nothing if it did not."""
        event = self._going_on.pop(about, None)
        if event is not None:
            self._offer(ended(event, detail, self._clock.now()))

    def moment(self, kind: str, detail: str) -> None:
        """Something has happened."""
        event = self._event(kind, detail)
        self._offer(msgspec.structs.replace(event, stage="end", end_ns=event.start_ns))

    def interrupt(self, origin: Origin, *, instance: str | None) -> None:
        """A daemon speaks as `instance` now, or not at all: what others began in its name, nobody will see end."""
        for going_on in self._outbox.open_events(origin):
            if instance is None or going_on.instance not in (None, instance):
                self._offer(ended(going_on.event, "interrupted", self._clock.now()), origin)
        if instance is not None:
            self._outbox.adopt(origin, instance)

    def offer_again(self) -> None:
        """What the disk did not take."""
        for event in list(self._offered):
            if not self._take(event, "uplink"):
                return
            self._offered.remove(event)

    def _offer(self, event: EventHappened, origin: Origin = "uplink") -> None:
        if not self._take(event, origin):
            self._offered.append(event)

    def _take(self, event: EventHappened, origin: Origin) -> bool:
        return self._outbox.take(event, origin=origin, instance=self._instance)

    def _event(self, kind: str, detail: str) -> EventHappened:
        now = self._clock.now()
        return EventHappened(
            id=new_ulid(now.utc_ns),
            stage="start",
            kind=kind,
            start_ns=now.utc_ns,
            end_ns=None,
            score=1.0,
            time_trust=now.trust,
            detail=detail[:400],
        )


def ended(event: EventHappened, detail: str, now: Instant) -> EventHappened:
    """The same event, over by now."""
    return msgspec.structs.replace(
        event,
        stage="end",
        end_ns=max(event.start_ns, now.utc_ns),
        time_trust=now.trust,
        detail=detail[:400],
    )
