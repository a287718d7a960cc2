"""Events on their way to the uplink: named, dated, weighed by the mandate, and kept until they are on its disk."""

from collections.abc import Callable

from node.analysis.events import Event
from node.clock import NS, Clock, Instant
from node.formats.segment import digest_text
from node.mandate.documents import Mandate, MaskSet
from node.mandate.ids import new_ulid
from node.mandate.trust import Believed
from node.messages import EventHappened, Severity, Stage
from node.unanswered import Unanswered

MOST_EVENTS = 1000
_WORTH: dict[Severity | None, int] = {None: 0, "low": 1, "medium": 2, "high": 3, "critical": 4}


class EventReports:
    """All events of one camera. `send` hands a message over, or says that it could not."""

    def __init__(self, *, clock: Clock, send: Callable[[EventHappened], bool]) -> None:
        self._clock = clock
        self._send = send
        self._waiting: Unanswered[tuple[str, Stage], EventHappened] = Unanswered(
            clock=clock, most=MOST_EVENTS, worth=lambda event: _WORTH[event.alarm]
        )
        self._going_on: dict[str, EventHappened] = {}
        self._alarms: dict[str, Severity] = {}
        self._mandate: str | None = None
        self._masks: str | None = None

    @property
    def waiting(self) -> int:
        """Events that the uplink has not taken yet."""
        return len(self._waiting)

    @property
    def dropped(self) -> int:
        """Events that were given up because there were too many."""
        return self._waiting.dropped

    def begin(self, *, mandate: Believed[Mandate], masks: Believed[MaskSet] | None) -> None:
        """What happens from now on happens under these documents."""
        self._alarms = {rule.kind: rule.severity for rule in mandate.document.alarms}
        self._mandate = digest_text(mandate.digest)
        self._masks = None if masks is None else digest_text(masks.digest)

    def detected(self, event: Event) -> None:
        """An event that a detector has begun or ended; its seconds are those of the sensor's clock."""
        begun = self._going_on.pop(event.kind, None)
        start = self._utc(event.start_seconds)
        end_ns = None if event.end_seconds is None else self._utc(event.end_seconds).utc_ns
        told = EventHappened(
            id=begun.id if begun is not None else new_ulid(start.utc_ns),
            stage="start" if end_ns is None else "end",
            kind=event.kind,
            start_ns=begun.start_ns if begun is not None else start.utc_ns,
            end_ns=end_ns,
            score=event.peak,
            time_trust=start.trust,
            zone=event.zone,
            alarm=self._alarms.get(event.kind),
            mandate=self._mandate,
            masks=self._masks,
        )
        if end_ns is None:
            self._going_on[event.kind] = told
        self._tell(told)

    def fault(self, kind: str, detail: str) -> None:
        """Something is wrong with this camera, now: an alarm of its own, whatever the mandate lists."""
        now = self._clock.now()
        self._tell(
            EventHappened(
                id=new_ulid(now.utc_ns),
                stage="end",
                kind=kind,
                start_ns=now.utc_ns,
                end_ns=now.utc_ns,
                score=1.0,
                time_trust=now.trust,
                alarm="high",
                detail=detail,
                mandate=self._mandate,
                masks=self._masks,
            )
        )

    def taken(self, event: str, stage: Stage) -> None:
        """That stage of the event is on the uplink's disk."""
        self._waiting.settle((event, stage))

    def pump(self) -> None:
        """Hand over what is new, and again what was not taken."""
        for event in self._waiting.due():
            self._send(event)

    def _tell(self, event: EventHappened) -> None:
        self._waiting.add((event.id, event.stage), event)
        self.pump()

    def _utc(self, sensor_seconds: float) -> Instant:
        now = self._clock.now()
        age_ns = self._clock.boottime_ns() - round(sensor_seconds * NS)
        return Instant(max(0, now.utc_ns - age_ns), now.trust)
