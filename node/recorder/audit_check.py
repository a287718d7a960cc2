"""Whether an audit log can be believed (A1 to A8): over all its files, and against a checkpoint that was signed.

Reads alone. What was dropped is judged by what stayed of it: the heads of its entries, and who signed them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from node.errors import Damaged, Refused
from node.files import read_bounded
from node.formats import audit
from node.formats.audit import AuditEntry, BadEntry, Head
from node.messages import AuditCheckpoint
from node.recorder.audit_files import (
    FILE_NAME,
    FileState,
    Heads,
    closed_name,
    follow,
    heads_name,
    numbered,
    read_heads,
)
from node.recorder.recovery import Violation
from node.sealing.keys import VerifyingKey

CHECKPOINT_NAME: Final = "checkpoint.json"
MAX_CHECKPOINT_BYTES = 4 * 1024


class AuditCheck:
    """One look at a log. `path` is its newest file, the ones before lie beside it; another file is a log by itself.

    `said` is a checkpoint, from here or from outside; without `node` no signature is checked.
    """

    def __init__(self, path: Path, *, said: AuditCheckpoint | None, node: VerifyingKey | None) -> None:
        self._directory = path.parent
        self._said = said
        self._node = node
        self._alone = path.name != FILE_NAME
        names = [] if self._alone else [one.name for one in path.parent.iterdir()]
        self._closed = numbered(names, ".jsonl")
        self._remembered = numbered(names, ".heads")
        self._files = [*map(closed_name, self._closed), path.name]
        if not self._alone and FILE_NAME not in names:
            self._files.pop()
        self.first = 0
        """The index of the first entry that is still there."""
        self.head = Head()
        """Of the log, as far as it could be followed."""
        self.compared = said is None
        """Whether the checkpoint could be held against a head; else it is older than what is remembered."""
        self._head_then: Head | None = None
        self._dropped: set[str] = set()
        self._first_before: AuditEntry | None = None

    @property
    def files(self) -> int:
        """Of how many files it is."""
        return len(self._files)

    def violations(self) -> Iterator[Violation]:
        """The first bad entry, for what follows it proves nothing; or what the checkpoint and the rest contradict."""
        try:
            self._follow_all()
        except BadEntry as bad:
            yield Violation(bad.number, f"entry {bad.index}", bad.what)
            return
        yield from self._what_was_dropped()
        if self._said is not None:
            yield from self._against(self._said)

    def _follow_all(self) -> None:
        before: FileState | None = None
        for n, name in enumerate(self._files):
            now = FileState(head=before.head if before else Head())
            for entry in follow(self._directory / name, now):
                if now.head.size == now.before.size + 1:
                    self._begins(entry, now, before, name)
                if entry.by == "recorder" and entry.action == audit.DROPPED:
                    self._dropped.add(entry.subject)
                for head in (now.before, now.head):
                    if self._said is not None and head.size == self._said.size:
                        self._head_then = head
            if now.whole:
                self.head = now.head
            if now.bad is not None:
                raise now.bad
            if now.torn:
                raise BadEntry("A1", self.head.size, "it has no end, or is not an entry: it was cut")
            newest = n == len(self._files) - 1
            if now.closed and newest and not self._alone:
                raise BadEntry("A7", now.head.size, f"the file behind {name} is missing")
            if not now.closed and not newest:
                raise BadEntry("A7", self.head.size, f"it is missing: {name} was cut before its end")
            before = now

    def _begins(self, entry: AuditEntry, now: FileState, before: FileState | None, name: str) -> None:
        """Whether a file's first entry follows what is before it, and says so truly."""
        if before is None:
            self.first, self._first_before = entry.index, entry if entry.before else None
            if self._closed and closed_name(entry.index) != name and name != FILE_NAME:
                raise BadEntry("A2", entry.index, f"it begins {name}, which has another's name")
        elif before.head != now.before:
            if entry.index != before.head.size:
                what = f"it is missing: the next file, {name}, begins with entry {entry.index}"
                raise BadEntry("A2", before.head.size, what)
            what = f"it, or what entry {entry.index} says of it, was altered"
            raise BadEntry("A3", entry.index - 1, what)
        if entry.before is None:
            return
        if self._node is not None and not audit.is_opening(entry, self._node):
            raise BadEntry("A6", entry.index, "what it says of those before is not signed by this node")
        told = (
            (before.before.size, before.first_time, before.last_time, before.heads_digest.hex())
            if before
            else None
        )
        if told not in {None, (entry.before.file, entry.before.first, entry.before.last, entry.before.heads)}:
            raise BadEntry("A6", entry.index, "what it says of the file before is not true of it")

    def _what_was_dropped(self) -> Iterator[Violation]:
        """Heads that are kept are those that were signed; and the newest file that is not there, was dropped."""
        if not self._alone and self._first_before is not None and self._first_before.before is not None:
            gone = closed_name(self._first_before.before.file)
            if gone not in self._dropped:
                yield Violation("A8", gone, "it is missing, and no entry says that it was dropped")
        for first in self._remembered:
            if first in self._closed:
                continue  # it was about to be dropped
            try:
                heads = read_heads(self._directory / heads_name(first), first=first)
            except (Damaged, BadEntry) as error:
                yield Violation("A8", heads_name(first), f"{error}")
                continue
            signed = self._node is None or audit.is_opening(heads.statement, self._node)
            if not heads.is_whole or not signed:
                yield Violation("A8", heads_name(first), "these are not the heads that this node signed")
                continue
            self._remember(heads)

    def _remember(self, heads: Heads) -> None:
        digest = heads.at(self._said.size) if self._said is not None else None
        if digest is not None and self._said is not None:
            self._head_then = Head(self._said.size, digest)

    def _against(self, said: AuditCheckpoint) -> Iterator[Violation]:
        if self._node is not None and not audit.is_signed_by(said, self._node):
            yield Violation("A4", "checkpoint", "it is not signed by this node over these values")
        if said.size == 0:
            self._head_then = Head()
        self.compared = self._head_then is not None
        if self.head.size < said.size:
            self.compared = True
            what = f"it is missing: the checkpoint has {said.size} entries"
            yield Violation("A5", f"entry {self.head.size}", what)
        elif self._head_then is not None and self._head_then != audit.head_of(said):
            what = "it is not the last one that the checkpoint signed"
            yield Violation("A5", f"entry {said.size - 1}", what)


def check_audit(
    path: Path, *, said: AuditCheckpoint | None, node: VerifyingKey | None
) -> Iterator[Violation]:
    """Every violation of A1 to A8 in a log; only the first bad entry, for what follows it proves nothing."""
    yield from AuditCheck(path, said=said, node=node).violations()


def read_checkpoint(path: Path) -> AuditCheckpoint:
    """A checkpoint's file, or `Refused`."""
    data = read_bounded(path, most=MAX_CHECKPOINT_BYTES, what="a checkpoint")
    try:
        said = msgspec.json.decode(data, type=AuditCheckpoint)
        audit.head_of(said)
    except (msgspec.DecodeError, UnicodeDecodeError, Damaged) as error:
        raise Refused(f"{path}: not a checkpoint ({error})") from error
    return said
