"""Erasure orders at an office: written from a mandate, told in words to whoever signs, sent, and waited for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from central.office_session import OfficeSession
from central.orders import must_be_of_use
from node.clock import NS, Clock, rfc3339, utc_moment, utc_ns
from node.errors import Damaged, Refused
from node.formats import payloads
from node.formats.payloads import DocumentReply, Payload, ReleaseEnd
from node.formats.topics import Topics
from node.mandate.documents import ErasureOrder, Mandate, decode
from node.mandate.ids import new_ulid
from node.mandate.signatures import parse
from node.sealing.keys import Jwk
from node.sealing.post import seal_to_node

ANSWER_S: Final = 60


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to be gone; times in UTC nanoseconds. `dry_run`: only to be told what would go."""

    node: str
    from_ns: int
    until_ns: int
    reason: str
    expires_ns: int
    dry_run: bool


def new_erasure(wish: Wish, mandate: Mandate, *, now_ns: int) -> ErasureOrder:
    """The unsigned order; `Refused` if no node would take it."""
    must_be_of_use(mandate, node=wish.node, expires_ns=wish.expires_ns, now_ns=now_ns)
    if wish.until_ns > now_ns:
        raise Refused("the interval is not over yet: nobody erases what is still to be filmed")
    return ErasureOrder(
        id=new_ulid(now_ns),
        node=wish.node,
        from_=utc_moment(wish.from_ns),
        to=utc_moment(wish.until_ns),
        reason=wish.reason,
        expires=utc_moment(wish.expires_ns),
        dry_run=wish.dry_run,
    )


def in_words(payload: bytes) -> Iterator[str]:
    """What a signature under the order says."""
    order = decode(payload, ErasureOrder)
    minutes = (utc_ns(order.to) - utc_ns(order.from_)) / 60e9
    does = "ask what would be erased" if order.dry_run else "have erased, for good,"
    yield f"You {does} of the footage of camera node {order.node}"
    yield f"  from  {rfc3339(utc_ns(order.from_), digits=0)}"
    yield f"  to    {rfc3339(utc_ns(order.to), digits=0)} ({minutes:.1f} minutes)"
    yield f"  for   {order.reason!r}."
    yield "Whole segments go, of about a minute: up to one more at either end of the interval."
    yield f"The node acts on it once, until {rfc3339(utc_ns(order.expires), digits=0)}. Order {order.id}."


class Sending:
    """One order on its way. `said` has the node's answers; `done` says that none follows."""

    def __init__(
        self,
        raw: bytes,
        *,
        node_key: Jwk,
        session: OfficeSession,
        organisation: str,
        say: Callable[[str], None],
    ) -> None:
        self._raw, self._order = raw, decode(parse(raw).payload, ErasureOrder)
        self._node_key = node_key
        self._session = session
        self._topics = Topics(organisation, self._order.node)
        self._say = say
        self._correlation = b""
        self.done = False

    def send(self) -> None:
        """Send it, sealed to its node."""
        sealed = seal_to_node(self._raw, node=self._order.node, key=self._node_key)
        self._correlation = self._session.send_document(self._order.node, sealed)

    def step(self, *, timeout_s: float) -> bool:
        """Take what has come, waiting so long; whether anything did. `Refused` if the node refuses."""
        came = False
        for heard in self._session.heard(timeout_s=timeout_s):
            if heard.correlation == self._correlation and heard.topic.startswith(
                f"{self._topics.root}/reply/"
            ):
                came = True
                self._answered(_payload(heard.payload))
            elif heard.topic == self._topics.release(self._order.id, "end"):
                came = True
                self._ended(_payload(heard.payload))
        return came

    def _answered(self, reply: Payload) -> None:
        if not isinstance(reply, DocumentReply):
            raise Damaged(f"the node answers with a {type(reply).__name__}")
        if not reply.accepted:
            raise Refused(f"the node refuses: {reply.reason}")
        self._say(reply.reason)
        self.done = self.done or self._order.dry_run

    def _ended(self, end: Payload) -> None:
        if not self.done and isinstance(end, ReleaseEnd):  # which is said until the broker has it
            self._say(end.reason)
            self.done = True


def send(sending: Sending, *, clock: Clock, patience_s: float) -> None:
    """Send, and wait until the node says that it is over; `Refused` if nothing came for so long."""
    sending.send()
    deadline_ns = clock.boottime_ns() + ANSWER_S * NS
    while not sending.done:
        if sending.step(timeout_s=0.5):
            deadline_ns = clock.boottime_ns() + int(patience_s * NS)
        elif clock.boottime_ns() > deadline_ns:
            raise Refused("nothing comes from the node: it may be at work still; ask the node's log")


def _payload(data: bytes) -> Payload:
    try:
        return payloads.decode(data)
    except msgspec.DecodeError as error:
        raise Damaged(f"the node's answer cannot be read ({error})") from error
