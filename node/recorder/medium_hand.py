"""The one thread that touches a medium which somebody has put in: a medium that hangs, hangs it, and nobody else.

Jobs are done one after the other. Who asked for one waits some milliseconds, which a medium in health needs at most,
and otherwise looks again at its next step.
"""

from collections.abc import Callable
from queue import SimpleQueue
from threading import Event, Thread
from typing import Final, Generic, TypeVar

from node.clock import NS, Clock
from node.errors import Refused

PATIENCE_S: Final = 0.02
STUCK_NS: Final = 30 * NS

T = TypeVar("T")


class Job(Generic[T]):
    """Something to do on the medium, and what came of it."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._over = Event()
        self._value: T | None = None
        self._error: OSError | Refused | None = None

    def do(self) -> None:
        """In the thread."""
        try:
            self._value = self._work()
        except (OSError, Refused) as error:
            self._error = error
        self._over.set()

    def is_over(self, *, wait_s: float = PATIENCE_S) -> bool:
        """Whether it is done, or has failed; waits so long for that."""
        return self._over.wait(wait_s)

    @property
    def error(self) -> OSError | Refused | None:
        """Why it has failed, if it is over and has."""
        return self._error

    @property
    def value(self) -> T | None:
        """What it came to, if it is over and has not failed."""
        return self._value


class MediumHand:
    """Does jobs. `is_stuck` says that the medium has not let one end for half a minute."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._jobs: SimpleQueue[Job[object]] = SimpleQueue()
        self._last: Job[object] | None = None
        self._asked_ns = 0
        self._thread: Thread | None = None

    @property
    def is_busy(self) -> bool:
        """Whether it has something to do still; after a short wait."""
        return self._last is not None and not self._last.is_over()

    @property
    def is_stuck(self) -> bool:
        """Whether it has had that for so long that something is wrong with the medium."""
        return self.is_busy and self._clock.boottime_ns() - self._asked_ns > STUCK_NS

    def ask(self, work: Callable[[], T]) -> Job[T]:
        """Do it as soon as what was asked before is over."""
        if self._thread is None:
            self._thread = Thread(target=self._work, name="release-medium", daemon=True)
            self._thread.start()
        job = Job(work)
        if not self.is_busy:
            self._asked_ns = self._clock.boottime_ns()
        self._last = job  # type: ignore[assignment]  # what comes of it, only its asker looks at
        self._jobs.put(job)  # type: ignore[arg-type]
        return job

    def _work(self) -> None:
        while True:
            self._jobs.get().do()
