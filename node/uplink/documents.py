"""Documents on their way in: from the broker to the recorder, and its answer back. Opens nothing.

A document stays with the broker until the recorder has answered (or was given up on), so that neither our death nor
the recorder's loses it. What is refused here, at the door, is audited before it is answered.
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from node.bus import Bus
from node.clock import NS, Clock
from node.formats.payloads import DocumentReply, Stamp, common, encode
from node.formats.topics import Topics
from node.mandate.ids import new_ulid
from node.messages import (
    MAX_DOCUMENT_MESSAGE_BYTES,
    AuditCommitted,
    AuditRequest,
    DocumentAnswered,
    DocumentArrived,
    DocumentKind,
)
from node.unanswered import Unanswered
from node.uplink.link import Arrived, Letter

MAX_PENDING: Final = 8
"""Half of it is for QoS 1 alone, of which a broker that keeps to our receive maximum sends no more at once."""
MAX_AUDITS: Final = 64
MAX_ANSWERED: Final = 16
ANSWERED_NS: Final = 60 * NS
"""So long an answer is given again without asking: to what the broker sends again, not to who asks later."""
MAX_CORRELATION_BYTES: Final = 256
GIVEN_UP_NS: Final = 60 * NS
REPLY_EXPIRY_S: Final = 3600
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sender:
    """Where an answer goes, if it goes anywhere."""

    topic: str | None
    correlation: bytes | None


@dataclass(frozen=True, slots=True)
class _Answer:
    accepted: bool
    kind: DocumentKind | None
    reason: str
    lasting: bool = True
    """The same document would get the same answer again."""


@dataclass(slots=True)
class _Pending:
    """A document that the recorder has, or an audit entry before an answer. `receipt`: it is still the broker's."""

    sender: Sender
    digest: bytes
    receipt: int | None
    since_ns: int
    answer: _Answer | None = None


class Documents:
    """The door. `reply` sends a letter, `take_over` tells the broker that a message is ours."""

    def __init__(
        self,
        *,
        bus: Bus,
        topics: Topics,
        clock: Clock,
        stamp: Callable[[], Stamp],
        reply: Callable[[Letter], None],
        take_over: Callable[[int], None],
    ) -> None:
        self._bus = bus
        self._topics = topics
        self._clock = clock
        self._stamp = stamp
        self._reply = reply
        self._take_over = take_over
        self._pending: dict[str, _Pending] = {}
        self._answered: dict[bytes, tuple[_Answer, int]] = {}
        self._arrivals: Unanswered[str, DocumentArrived] = Unanswered(clock=clock, most=MAX_PENDING)
        self._audits: Unanswered[str, AuditRequest] = Unanswered(clock=clock, most=MAX_AUDITS)
        self.arrived = 0
        self.refused = 0
        """At the door: too large, too many, or with an address that is not ours to answer to."""

    def take(self, arrived: Arrived) -> None:
        """A message from the broker. The same one may come again, also in another session."""
        self.arrived += 1
        digest = _digest(arrived)
        again = next((p for p in self._pending.values() if p.digest == digest), None)
        if again is not None:
            again.receipt = arrived.receipt if arrived.receipt is not None else again.receipt
            return
        pending = _Pending(self._sender(arrived), digest, arrived.receipt, self._clock.boottime_ns())
        before, until_ns = self._answered.get(digest, (None, 0))
        if before is not None and self._clock.boottime_ns() < until_ns:
            self._answer(pending, before)
        elif not 0 < len(arrived.payload) <= MAX_DOCUMENT_MESSAGE_BYTES:
            self._refuse(pending, f"a document of {len(arrived.payload)} bytes is not taken", lasting=True)
        elif len(self._arrivals) >= (MAX_PENDING if arrived.receipt is not None else MAX_PENDING // 2):
            self._refuse(pending, "too many documents at once: try again", lasting=False)
        else:
            name = new_ulid(self._clock.now().utc_ns)
            self._pending[name] = pending
            self._arrivals.add(name, DocumentArrived(name, arrived.payload))

    def answered(self, message: DocumentAnswered) -> None:
        """The recorder's answer. An answer to nothing is an answer that was repeated."""
        if self._arrivals.settle(message.id) is not None:
            # What was refused may be good later: when another document, the camera or the disk is there.
            answer = _Answer(message.accepted, message.kind, message.reason, lasting=message.accepted)
            self._answer(self._pending.pop(message.id), answer)

    def committed(self, message: AuditCommitted) -> None:
        """An entry is in the log: what waited for it may take effect."""
        self._audits.settle(message.id)
        pending = self._pending.pop(message.id, None)
        if pending is not None and pending.answer is not None:
            self._answer(pending, pending.answer)

    def lost(self) -> None:
        """The session ended: receipts are worth nothing, and what they stood for comes again."""
        for pending in self._pending.values():
            pending.receipt = None

    def tend(self) -> None:
        """Send what is due to the recorder, and give up what it has not answered for long."""
        for request in self._audits.due():
            self._bus.send(request, to="recorder")
        for arrival in self._arrivals.due():
            self._bus.send(arrival, to="recorder")
        deadline_ns = self._clock.boottime_ns() - GIVEN_UP_NS
        for name, pending in list(self._pending.items()):
            if pending.since_ns < deadline_ns:
                del self._pending[name]
                self._give_up(name, pending)

    def _sender(self, arrived: Arrived) -> Sender:
        """Where to answer; nowhere if that is not below our own root or its correlation is too long."""
        topic, correlation = arrived.response_topic, arrived.correlation
        if topic is None:
            return Sender(None, None)
        too_long = correlation is not None and len(correlation) > MAX_CORRELATION_BYTES
        if too_long or not self._topics.may_answer_on(topic):
            self.refused += 1
            why = (
                "its correlation data is too long" if too_long else "it is not below this node's reply topic"
            )
            self._audit("document_reply_refused", subject=topic, reason=why)
            return Sender(None, None)
        return Sender(topic, correlation)

    def _refuse(self, pending: _Pending, reason: str, *, lasting: bool) -> None:
        """Into the log first; the answer follows when it is there."""
        self.refused += 1
        pending.answer = _Answer(False, None, reason, lasting)
        name = self._audit("document_refused", subject="over MQTT", reason=reason)
        if len(self._pending) < MAX_AUDITS:
            self._pending[name] = pending
        else:
            self._let_go(pending)

    def _give_up(self, name: str, pending: _Pending) -> None:
        """The recorder does not answer. What would have to be in its log before it is said is not said at all."""
        self._arrivals.settle(name)
        if pending.answer is None:
            self._answer(
                pending, _Answer(False, None, "the recorder does not answer: try again", lasting=False)
            )
        else:
            self._let_go(pending)

    def _audit(self, action: str, *, subject: str, reason: str) -> str:
        _LOG.warning("%s: %s (%s)", action, reason, _printable(subject))
        name = new_ulid(self._clock.now().utc_ns)
        self._audits.add(name, AuditRequest(name, action, _printable(subject), reason))
        return name

    def _answer(self, pending: _Pending, answer: _Answer) -> None:
        self._let_go(pending)
        if pending.sender.topic is not None:
            payload = DocumentReply(
                **common(self._stamp()), accepted=answer.accepted, kind=answer.kind, reason=answer.reason
            )
            self._reply(
                Letter(
                    pending.sender.topic,
                    encode(payload),
                    expiry_s=REPLY_EXPIRY_S,
                    correlation=pending.sender.correlation,
                )
            )
        if answer.lasting:
            self._answered[pending.digest] = answer, self._clock.boottime_ns() + ANSWERED_NS
        while len(self._answered) > MAX_ANSWERED:
            del self._answered[next(iter(self._answered))]

    def _let_go(self, pending: _Pending) -> None:
        """The broker need not keep it any more."""
        if pending.receipt is not None:
            self._take_over(pending.receipt)


def _digest(arrived: Arrived) -> bytes:
    """The same for a message that the broker sends again."""
    digest = hashlib.sha256(arrived.payload)
    for part in ((arrived.response_topic or "").encode(), arrived.correlation or b""):
        digest.update(len(part).to_bytes(4) + part)
    return digest.digest()


def _printable(text: str) -> str:
    """Foreign text as a line of the log."""
    return "".join(c if c.isprintable() else "?" for c in text)[:200]
