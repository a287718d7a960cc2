"""What was sent and must be answered: kept, and sent again, until it is. Bounded; what falls out is counted."""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from node.clock import NS, Clock

K = TypeVar("K")
M = TypeVar("M")

RESEND_NS = NS


class Unanswered(Generic[K, M]):
    """Messages by what their answer names. `worth` says what is given up first when there are too many.

    `resend_ns`: how long an answer may take; what is large is not sent again each second.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        most: int,
        worth: Callable[[M], int] = lambda _: 0,
        resend_ns: int = RESEND_NS,
    ) -> None:
        self._resend_ns = resend_ns
        self._clock = clock
        self._most = most
        self._worth = worth
        self._kept: dict[K, M] = {}
        self._due_ns: dict[K, int] = {}
        self.dropped = 0
        """How many were given up unanswered."""

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, key: K, message: M) -> None:
        """Keep it, in place of what had its key; it is due at once. Of equal worth, the oldest is given up first."""
        if key not in self._kept and len(self._kept) >= self._most:
            least = min(self._kept, key=lambda other: self._worth(self._kept[other]))
            if self._worth(self._kept[least]) > self._worth(message):
                self.dropped += 1
                return
            self.settle(least)
            self.dropped += 1
        self._kept[key] = message
        self._due_ns[key] = self._clock.boottime_ns()

    def settle(self, key: K) -> M | None:
        """It was answered: what it was, or None if nothing waits for that answer."""
        self._due_ns.pop(key, None)
        return self._kept.pop(key, None)

    def soon(self) -> None:
        """All of it is due now: whoever answers has begun anew."""
        self._due_ns = dict.fromkeys(self._kept, self._clock.boottime_ns())

    def due(self) -> Iterator[M]:
        """What must be sent now, in the order it came: new, or unanswered for a second (or `resend_ns`).

        Answers may be settled while it is iterated; what the iteration does not come to stays due.
        """
        now_ns = self._clock.boottime_ns()
        for key in [key for key, due_ns in self._due_ns.items() if due_ns <= now_ns]:
            if key in self._kept:
                self._due_ns[key] = now_ns + self._resend_ns
                yield self._kept[key]
