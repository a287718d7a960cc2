"""What goes out, in which order, and what of it the broker has: retained state, replies, events.

Keeps to the number of letters that may be on their way at once. What was not acknowledged goes again in the next
session: state is told anew, replies wait here, events in the outbox.
"""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from node.clock import NS, Clock
from node.formats.payloads import Payload, Stamp, encode, restamped
from node.formats.topics import Topics
from node.uplink.link import Acknowledged, Letter
from node.uplink.outbox import Key, Outbox, Waiting
from node.uplink.session import Session
from node.uplink.states import event as event_payload

MOST_ON_THE_WAY: Final = 20
MAX_REPLIES: Final = 32
REFUSED_AGAIN_NS: Final = 60 * NS
TOO_LATE: Final = "its time is over"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Kept:
    payload: Payload
    expiry_s: int | None


@dataclass(frozen=True, slots=True)
class Post:
    """What goes out once: `letter` makes it at that moment, None if it is too late. `settle` hears what became of it.

    It is told None, or why the broker does not have it.
    """

    letter: Callable[[], Letter | None]
    settle: Callable[[str | None], None]


class Publisher:
    """Everything that leaves. `stamp` gives each retained payload its id and time as it goes out."""

    def __init__(
        self, *, session: Session, outbox: Outbox, topics: Topics, clock: Clock, stamp: Callable[[], Stamp]
    ) -> None:
        self._session = session
        self._outbox = outbox
        self._topics = topics
        self._clock = clock
        self._stamp = stamp
        self._room = 0
        self._kept: dict[str, _Kept] = {}
        self._due: dict[str, None] = {}
        self._replies: deque[Letter] = deque()
        self._letters: deque[tuple[Key, Letter]] = deque()
        self._posts: deque[str] = deque()  # topics, of which each post has its own
        self._posted: dict[str, Post] = {}
        self._on_the_way: dict[int, tuple[Letter, Key | None]] = {}
        self._missing: dict[Key, set[str]] = {}  # topics on which the broker does not have it yet
        self._again_ns: dict[Key, int] = {}
        self._told: set[str] = set()  # topics of which a refusal was logged in this session
        self.published = 0
        """Events that the broker has taken."""
        self.refused = 0
        """Letters that the broker has not."""
        self.replies_dropped = 0

    @property
    def connected(self) -> bool:
        """Whether there is a session."""
        return self._room > 0

    def told(self, topic: str) -> bool:
        """Whether the broker has what is kept for that topic."""
        return topic not in self._due and all(
            topic != letter.topic for letter, _ in self._on_the_way.values()
        )

    def opened(self, receive_maximum: int) -> None:
        """A session is there: all state is told anew."""
        self._room = min(MOST_ON_THE_WAY, receive_maximum)
        self.tell_all()

    def lost(self) -> None:
        """It is not any more: what was on its way may or may not have arrived."""
        self._room = 0
        for letter, key in reversed(self._on_the_way.values()):
            self._put_back(letter, key)
        for kept in (self._letters, self._on_the_way, self._missing, self._again_ns, self._told):
            kept.clear()

    def keep(
        self, topic: str, payload: Payload, *, expiry_s: int | None = None, anyway: bool = False
    ) -> None:
        """The retained state of that topic; told if it says something new, or `anyway`."""
        before = self._kept.get(topic)
        if anyway or before is None or _content(before.payload) != _content(payload):
            self._due[topic] = None
        self._kept[topic] = _Kept(payload, expiry_s)

    def tell_all(self) -> None:
        """All retained state, again."""
        self._due = dict.fromkeys(self._kept)

    def farewell(self, topic: str, payload: Payload) -> None:
        """The last word: it goes next, and nothing else does."""
        self._letters.clear()
        self._replies.clear()
        self._kept[topic] = _Kept(payload, None)
        self._due = {topic: None}
        self._room += 1  # also when the window is full

    def reply(self, letter: Letter) -> None:
        """Once. Of too many that wait for a session the oldest is given up."""
        if len(self._replies) >= MAX_REPLIES:
            self._replies.popleft()
            self.replies_dropped += 1
        self._replies.append(letter)

    def post(self, topic: str, post: Post) -> None:
        """After everything else, once there is a session. Whoever posts bounds how many wait."""
        self._posts.append(topic)
        self._posted[topic] = post

    def acknowledged(self, answers: list[Acknowledged]) -> None:
        """What the broker says of what was sent."""
        done: list[Key] = []
        for answer in answers:
            sent = self._on_the_way.pop(answer.token, None)
            if sent is None:
                continue
            letter, key = sent
            post = self._posted.pop(letter.topic, None)
            if post is not None:
                post.settle(answer.refused)
            if answer.refused is not None:
                self._refused(letter, key, answer.refused)
            elif key in self._missing:
                self._missing[key].discard(letter.topic)
                if not self._missing[key]:
                    done.append(key)
        if done:
            self._outbox.published(done)
            self.published += len(done)
            for key in done:
                self._missing.pop(key, None)

    def pump(self) -> None:
        """Send what there is room for: state, replies, events in the order of their numbers, then posts."""
        if not self.connected:
            return
        self._gather()
        while len(self._on_the_way) < self._room:
            following = self._next()
            if following is None:
                return
            token = self._session.publish(following[0])
            if token is None:  # the session has just ended: `lost` follows
                self._put_back(*following)
                return
            self._on_the_way[token] = following

    def _next(self) -> tuple[Letter, Key | None] | None:
        if self._due:
            topic = next(iter(self._due))
            del self._due[topic]
            kept = self._kept[topic]
            payload = encode(restamped(kept.payload, self._stamp()))
            return Letter(topic, payload, retain=True, expiry_s=kept.expiry_s), None
        if self._replies:
            return self._replies.popleft(), None
        if self._letters:
            key, letter = self._letters.popleft()
            return letter, key
        while self._posts:
            topic = self._posts.popleft()
            posted = self._posted[topic].letter()
            if posted is not None:
                return posted, None
            self._posted.pop(topic).settle(TOO_LATE)
        return None

    def _gather(self) -> None:
        """Letters of the events that wait and are not on their way yet."""
        now_ns = self._clock.boottime_ns()
        self._again_ns = {key: at_ns for key, at_ns in self._again_ns.items() if at_ns > now_ns}
        for waiting in self._outbox.waiting:
            if waiting.key in self._missing or waiting.key in self._again_ns:
                continue
            letters = self._letters_of(waiting)
            self._missing[waiting.key] = {letter.topic for letter in letters}
            self._letters.extend((waiting.key, letter) for letter in letters)

    def _letters_of(self, waiting: Waiting) -> list[Letter]:
        happened = waiting.event
        payload = encode(event_payload(waiting, node=self._topics.node, series=self._outbox.series))
        topics = [self._topics.event(happened.kind)]
        if happened.alarm is not None:
            topics.insert(0, self._topics.alarm(happened.kind))
        return [Letter(topic, payload) for topic in topics]

    def _put_back(self, letter: Letter, key: Key | None) -> None:
        """State is told anew and events come from the outbox again; only replies and posts are nowhere else."""
        if letter.topic in self._posted:
            self._posts.appendleft(letter.topic)
        elif key is None and not letter.retain:
            self._replies.appendleft(letter)

    def _refused(self, letter: Letter, key: Key | None, reason: str) -> None:
        self.refused += 1
        if letter.topic not in self._told:
            self._told.add(letter.topic)
            _LOG.warning("the broker refuses %s: %s", letter.topic, reason)
        if key is not None:  # kept: all of it is tried again later
            self._missing.pop(key, None)
            self._again_ns[key] = self._clock.boottime_ns() + REFUSED_AGAIN_NS


def _content(payload: Payload) -> Payload:
    """Without what is new each time."""
    return msgspec.structs.replace(payload, id="", seq=0, time="", time_trusted=True)
