"""Who looked at what at this desk: a log of one line an opening, each bound to the one before, written before it.

It has the form of a node's audit log, so `stolpe check audit` judges it.
"""

import fcntl
import os
from pathlib import Path
from typing import Final

from node.clock import Clock, rfc3339
from node.errors import Refused
from node.formats import audit
from node.formats.audit import AuditEntry, BadEntry, Head
from node.mandate.ids import new_ulid

FILE_NAME: Final = "desk-log.jsonl"
MAX_TEXT: Final = 400


def note(path: Path, *, clock: Clock, action: str, subject: str, reason: str) -> None:
    """Append and sync one entry; `Refused` if the log was altered, and then nothing is opened."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        head = Head()
        try:
            while line := file.readline(audit.MAX_LINE_BYTES):
                _, head = audit.follow(head, line)
        except BadEntry as bad:
            raise Refused(f"{path}: {bad}: put it aside before anything is opened") from bad
        now = clock.now()
        entry = AuditEntry(
            previous=head.digest.hex(),
            index=head.size,
            time=rfc3339(now.utc_ns),
            time_trust=now.trust,
            by="unknown",
            action=action,
            subject=subject[:MAX_TEXT],
            reason=reason[:MAX_TEXT],
            id=new_ulid(now.utc_ns),
        )
        file.write(audit.encode(entry))
        file.flush()
        os.fsync(descriptor)
