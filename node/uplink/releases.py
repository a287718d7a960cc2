"""Releases on their way out: sealed pieces from the recorder to the broker, and the broker's word back.

A piece is held in memory until the broker has it, never on a disk, and thrown away when its time is over. What it is,
only those who signed the order can tell.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from node.bus import Bus
from node.clock import NS, Clock
from node.formats.payloads import ReleaseEnd, Stamp, common, encode
from node.formats.topics import Topics
from node.messages import ReleaseChunk, ReleaseEnded, ReleaseTaken
from node.uplink.link import Letter
from node.uplink.publisher import Post

MOST_HELD: Final = 8
MOST_REMEMBERED: Final = 32
END_EXPIRY_S: Final = 3600

_Name = tuple[str, int]


class Releases:
    """`post` takes a topic and what is to go out on it."""

    def __init__(
        self,
        *,
        bus: Bus,
        topics: Topics,
        clock: Clock,
        stamp: Callable[[], Stamp],
        post: Callable[[str, Post], None],
    ) -> None:
        self._bus = bus
        self._topics = topics
        self._clock = clock
        self._stamp = stamp
        self._post = post
        self._held: set[_Name] = set()
        self._answered: dict[_Name, str] = {}

    def take(self, message: ReleaseChunk | ReleaseEnded) -> None:
        """A piece, or the word that none follows. The recorder says it again until it is answered."""
        name = (message.order, message.number)
        if name in self._answered:
            self._answer(name, self._answered[name])
        elif name not in self._held and len(self._held) < MOST_HELD:
            self._take(name, message)

    def _take(self, name: _Name, message: ReleaseChunk | ReleaseEnded) -> None:
        self._held.add(name)
        post = Post(letter=partial(self._letter, message), settle=partial(self._settled, name))
        self._post(self._topic(message), post)

    def _topic(self, message: ReleaseChunk | ReleaseEnded) -> str:
        return self._topics.release(
            message.order, message.number if isinstance(message, ReleaseChunk) else "end"
        )

    def _letter(self, message: ReleaseChunk | ReleaseEnded) -> Letter | None:
        if isinstance(message, ReleaseEnded):
            payload = ReleaseEnd(
                **common(self._stamp()),
                order=message.order,
                outcome=message.outcome,
                pieces=message.number,
                reason=message.reason,
            )
            return Letter(self._topic(message), encode(payload), expiry_s=END_EXPIRY_S)
        left_s = (message.expires_ns - self._clock.now().utc_ns) // NS
        if left_s < 1:
            return None
        return Letter(self._topic(message), message.data, expiry_s=left_s, is_json=False)

    def _settled(self, name: _Name, refused: str | None) -> None:
        self._held.discard(name)
        self._answered[name] = (refused or "")[:400]
        while len(self._answered) > MOST_REMEMBERED:
            del self._answered[next(iter(self._answered))]
        self._answer(name, self._answered[name])

    def _answer(self, name: _Name, refused: str) -> None:
        self._bus.send(ReleaseTaken(*name, refused=refused), to="recorder")
