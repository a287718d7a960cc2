"""Fetching a release: the order goes to its node, and its pieces come back into a bundle file. Opens no footage."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from central.office_session import Heard, OfficeSession
from node.clock import NS, Clock
from node.errors import Damaged, Refused, one_line
from node.formats import payloads
from node.formats.payloads import DocumentReply, ReleaseEnd
from node.formats.release_stream import StreamOpener
from node.formats.segment import digest_text
from node.formats.topics import Topics
from node.mandate.documents import ReleaseOrder, decode
from node.mandate.signatures import parse
from node.sealing.keys import Jwk, RecipientKey
from node.sealing.post import seal_to_node

P = TypeVar("P", DocumentReply, ReleaseEnd)
MOST_AHEAD: Final = 16
"""Pieces that came before one that is due: the node has fewer on their way."""
ANSWER_S: Final = 60


@dataclass(frozen=True, slots=True)
class Ordered:
    """A signed order, and who fetches: the key of one of its signers, and the node's to seal it to."""

    raw: bytes
    signer: RecipientKey
    node_key: Jwk

    @property
    def document(self) -> ReleaseOrder:
        """The order."""
        return decode(parse(self.raw).payload, ReleaseOrder)

    @property
    def digest(self) -> str:
        """Of its payload, to which every piece is bound."""
        return digest_text(parse(self.raw).digest)


class Fetch:
    """One release on its way in. `step` takes what has come; `done` says that the bundle is whole."""

    def __init__(
        self,
        ordered: Ordered,
        *,
        session: OfficeSession,
        organisation: str,
        part: Path,
        say: Callable[[str], None],
    ) -> None:
        order = ordered.document
        self._ordered = ordered
        self._session = session
        self._order = order.id
        self._topics = Topics(organisation, order.node)
        self._say = say
        self._opener: StreamOpener | None = None
        self._next = 0
        self._ahead: dict[int, bytes] = {}
        self._end: ReleaseEnd | None = None
        self._file = part.open("xb")
        self._correlation = b""
        self.answered = False
        self.done = False
        self.size = 0
        """Bytes of the bundle that are there."""

    def send(self) -> None:
        """Send the order, sealed to its node; `Refused` before it is used up if nobody here could open the answer."""
        order, signers = self._ordered.document, parse(self._ordered.raw).claimed
        if self._ordered.signer.owner not in signers:
            raise Refused(
                f"{self._ordered.signer.owner} has not signed the order: its pieces are sealed to its signers"
            )
        sealed = seal_to_node(self._ordered.raw, node=order.node, key=self._ordered.node_key)
        self._correlation = self._session.send_document(order.node, sealed)

    def step(self, *, timeout_s: float) -> bool:
        """Take what has come, waiting so long; whether anything did. `Refused` if the node refuses or stops."""
        came = False
        for heard in self._session.heard(timeout_s=timeout_s):
            came = self._take(heard) or came
        return came

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _take(self, heard: Heard) -> bool:
        if heard.correlation == self._correlation and heard.topic.startswith(f"{self._topics.root}/reply/"):
            return self._answer(heard.payload)
        if heard.topic == self._topics.release(self._order, "end"):
            self._end = _payload(heard.payload, ReleaseEnd)
            return self._finish()
        head, _, piece = heard.topic.rpartition("/")
        if f"{head}/0" != self._topics.release(self._order, 0) or not piece.isdecimal():
            return False
        return self._piece(int(piece), heard.payload)

    def _answer(self, data: bytes) -> bool:
        reply = _payload(data, DocumentReply)
        if not reply.accepted:
            raise Refused(f"the node refuses: {reply.reason}")
        self.answered = True
        self._say(one_line(reply.reason))
        return True

    def _piece(self, number: int, data: bytes) -> bool:
        if number < self._next or len(self._ahead) >= MOST_AHEAD:  # it comes again, or came before
            return False
        self._ahead[number] = data
        while self._next in self._ahead:
            self._write(self._ahead.pop(self._next))
            self._next += 1
        return self._finish() or True

    def _write(self, data: bytes) -> None:
        if self._opener is None:
            self._opener = StreamOpener(data, digest=self._ordered.digest, key=self._ordered.signer)
            return
        self.size += self._file.write(self._opener.open(self._next, data))

    def _finish(self) -> bool:
        if self._end is None:
            return False
        if self._end.outcome == "stopped":
            raise Refused(f"the node has stopped the release: {self._end.reason}")
        self.done = self._next == self._end.pieces
        if self.done:
            self._file.flush()
        return True


def fetch(fetching: Fetch, *, clock: Clock, patience_s: float, progress: Callable[[int], None]) -> None:
    """Send and take until the bundle is whole; `Refused` if nothing came for so long."""
    fetching.send()
    deadline_ns = clock.boottime_ns() + int(ANSWER_S * NS)
    while not fetching.done:
        if fetching.step(timeout_s=0.5):
            deadline_ns = clock.boottime_ns() + int(patience_s * NS)
            progress(fetching.size)
        elif clock.boottime_ns() > deadline_ns:
            raise Refused("nothing comes from the node: the order may be used up; ask the node's log")


def _payload(data: bytes, kind: type[P]) -> P:
    try:
        payload = payloads.decode(data)
    except msgspec.DecodeError as error:
        raise Damaged(f"the node's answer cannot be read ({error})") from error
    if not isinstance(payload, kind):
        raise Damaged(f"the node answers with a {type(payload).__name__}")
    return payload
