"""What the demo's office hears over MQTT, and nothing else: it counts what arrived, and says it in lines.

It knows no daemon and no file of the node, so what it counted has come the whole way.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec

from central.office_session import Heard, OfficeSession
from node.clock import NS, parse_rfc3339
from node.formats import payloads
from node.formats.payloads import (
    DocumentReply,
    Event,
    Health,
    MandateState,
    MasksState,
    RecordingState,
    Status,
)


class Subscriber:
    """Counts since `start`. `events_file` gets every event that ended, once, a JSON line each."""

    def __init__(self, session: OfficeSession, *, events_file: Path, say: Callable[[str], None]) -> None:
        self._session = session
        self._events_file = events_file
        self._say = say
        self._said: dict[str, str] = {}
        self._numbers: set[tuple[str, int]] = set()
        self._last_number = 0
        self._frames = _Lives()
        self._fragments = _Lives()
        self._sealed = _Lives()
        self.seen: set[str] = set()
        """Ids of events that it heard of in any stage."""
        self.ended: set[str] = set()
        """Ids of events whose end it heard of."""
        self.health: Health | None = None
        """What the node said last about itself."""
        self.healths = 0
        self.unreadable = 0
        self.replies: dict[bytes, DocumentReply] = {}
        """Answers to documents by what they were correlated with."""

    @property
    def frames(self) -> int:
        """Filmed, as the node says, over all starts of its camera."""
        return self._frames.total

    @property
    def fragments(self) -> int:
        """Made, as the node says, over all starts of its camera."""
        return self._fragments.total

    @property
    def sealed_bytes(self) -> int:
        """Stored, as the node says, over all starts of its recorder."""
        return self._sealed.total

    @property
    def missing(self) -> int:
        """How many numbers up to the newest have not been heard: 0 if nothing was lost on the way."""
        return max(0, self._last_number - len(self._numbers))

    def take(self, *, timeout_s: float = 0.0) -> None:
        """Count everything that came since the last call; waits that long for something to come."""
        for heard in self._session.heard(timeout_s=timeout_s):
            try:
                payload = payloads.decode(heard.payload)
            except msgspec.DecodeError:
                others = heard.topic.endswith("/document") or "/release/" in heard.topic
                self.unreadable += not others  # what is sealed, to the node or to those who signed an order
                continue
            self._take(payload, heard)

    def _take(self, payload: payloads.Payload, heard: Heard) -> None:
        self._last_number = max(self._last_number, payload.seq)
        match payload:
            case Event():
                self._event(payload, heard)
            case Health():
                self._health(payload)
            case Status():
                self._once("status", f"node {payload.node} is {_with(payload.state, payload.reason)}")
            case RecordingState() if payload.storage not in {None, "good"}:
                self._once("storage", f"storage is {payload.storage}")
            case MandateState() if payload.in_force:
                self._once("mandate", f"mandate version {payload.version} is in force")
            case MasksState() if payload.in_force:
                self._once("masks", f"mask set version {payload.version} is in force")
            case DocumentReply():
                self._reply(payload, heard)
            case _:
                pass

    def _event(self, event: Event, heard: Heard) -> None:
        self._numbers.add((event.series, event.seq))
        if "/event/" not in heard.topic:  # the same again as an alarm
            return
        if event.id not in self.seen:
            self.seen.add(event.id)
            self._say(f"event {event.kind} began at {event.start[11:19]} UTC")
        if event.stage == "end" and event.id not in self.ended:
            self.ended.add(event.id)
            lasted = (parse_rfc3339(event.end or event.start) - parse_rfc3339(event.start)) / NS
            self._say(f"event {event.kind} ended after {lasted:.1f} s, score {event.score:.2f}")
            with self._events_file.open("ab") as file:
                file.write(heard.payload + b"\n")

    def _health(self, health: Health) -> None:
        self.health = health
        self.healths += 1
        if health.camera is not None:
            self._frames.take(health.camera.frames)
            self._fragments.take(health.camera.fragments)
        if health.recorder is not None:
            self._sealed.take(health.recorder.record_bytes)
        why = ", ".join(reason.detail or reason.name for reason in health.reasons)
        self._once("health", f"health is {_with(health.level, why)}")

    def _reply(self, reply: DocumentReply, heard: Heard) -> None:
        if heard.correlation is not None:
            self.replies[heard.correlation] = reply
        kind = reply.kind or "document"
        self._say(f"{kind} accepted" if reply.accepted else f"{kind} refused: {reply.reason}")

    def _once(self, what: str, line: str) -> None:
        """Say it when it changed."""
        if self._said.get(what) != line:
            self._said[what] = line
            self._say(line)


class _Lives:
    """A counter that begins at 0 again with every start of whoever counts."""

    def __init__(self) -> None:
        self._before = 0
        self._now = 0

    @property
    def total(self) -> int:
        return self._before + self._now

    def take(self, count: int) -> None:
        if count < self._now:
            self._before += self._now
        self._now = count


def _with(word: str, why: str | None) -> str:
    return f"{word} ({why})" if why else word
