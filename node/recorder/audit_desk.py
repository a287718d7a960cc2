"""Where things are written down: the requests of others, and what the recorder says of itself.

A request that cannot be written gets no answer, so that what it asks for does not happen. What the recorder has to
say waits, bounded, until the log takes it; of more than that the log says at least how much it was.
"""

from collections import deque
from collections.abc import Collection
from typing import TYPE_CHECKING, get_args

from node.clock import Clock
from node.errors import Refused
from node.messages import AuditRequest, Daemon
from node.recorder.allowance import Allowance
from node.recorder.audit_log import AuditLog
from node.recorder.storage import Storage

if TYPE_CHECKING:
    from node.formats.audit import Author

REQUESTS_AN_HOUR = 60
"""Of each daemon: what the camera must write down does not depend on how much an uplink that was taken over writes."""
MAX_WAITING = 100


class AuditDesk:
    """The log's only two doors; trouble with it is told to `storage`."""

    def __init__(self, *, log: AuditLog, storage: Storage, clock: Clock) -> None:
        self._log = log
        self._storage = storage
        self._requests = {
            name: Allowance(REQUESTS_AN_HOUR, clock=clock) for name in (*get_args(Daemon), "unknown")
        }
        self._waiting: deque[tuple[str, str, str]] = deque()
        self._unsaid = 0
        for repair in log.repairs:
            self._waiting.append((repair.action, repair.subject, repair.reason))

    def commit(self, request: AuditRequest, *, senders: Collection[Daemon]) -> int | None:
        """The entry's index, once it is synced; None: it is not written, and there is no answer.

        `senders`: who may have sent it. The entry names the daemon where that is one.
        """
        by: Author = next(iter(senders)) if len(senders) == 1 else "unknown"
        allowance = self._requests[by]
        if allowance.used_up:
            return None
        allowance.use()
        try:
            index = self._log.commit(
                by=by,
                action=request.action,
                subject=request.subject,
                reason=request.reason,
                id=request.id,
            )
        except Refused:  # an id of another entry: whoever makes them up gets no answer
            return None
        except OSError as error:
            self._storage.failed("audit log", error)
        else:
            self._storage.works("audit log")
            return index
        return None

    def note(self, action: str, subject: str, reason: str = "") -> None:
        """Write it down now, or as soon as the log takes it."""
        self._waiting.append((action, subject, reason))
        self.flush()
        if len(self._waiting) > MAX_WAITING:
            self._waiting.popleft()
            self._unsaid += 1

    def flush(self) -> None:
        """Write what waits; after trouble, at least that it is over."""
        if not self._waiting and self._storage.in_trouble("audit log"):
            self._waiting.append(("audit_log_works_again", "audit log", ""))
        try:
            while self._waiting:
                self._log.note(*self._waiting[0])
                self._waiting.popleft()
            if self._unsaid:
                self._log.note("entries_missing", "audit log", f"{self._unsaid} had no room while it failed")
                self._unsaid = 0
        except OSError as error:
            self._storage.failed("audit log", error)
        else:
            self._storage.works("audit log")
