"""What a start finds of the audit log: the newest two files, the ids of entries, and what is wrong with them.

Reads alone; what is to be said of it, and done about it, is `audit_log`'s.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from node.errors import Refused
from node.formats import audit
from node.formats.audit import AuditEntry, Author, BadEntry, Head
from node.messages import AuditCheckpoint
from node.recorder.audit_check import CHECKPOINT_NAME, read_checkpoint
from node.recorder.audit_files import FILE_NAME, FileState, closed_name, follow, numbered
from node.sealing.keys import VerifyingKey
from node.volume import Volume

Told = tuple[Author, str, str, str]
"""By whom, action, subject, reason."""


@dataclass(frozen=True, slots=True)
class Repair:
    """An entry that the log must have on what was wrong with it."""

    action: str
    subject: str
    reason: str


@dataclass(slots=True)
class Found:
    """The newest file, and the one before it: what a start needs to go on.

    `set_aside`: files that were altered, by their names. `contradicts`: why this cannot be the log that the
    checkpoint beside it was signed for.
    """

    newest: FileState = field(default_factory=FileState)
    before: FileState = field(default_factory=FileState)
    ids: dict[str, tuple[int, Told]] = field(default_factory=dict)
    set_aside: dict[str, BadEntry] = field(default_factory=dict)
    left: dict[str, BadEntry] = field(default_factory=dict)
    contradicts: str = ""


def find(directory: Path, most_ids: int, volume: Volume, node: VerifyingKey) -> Found:
    """Read the newest file, and the one before it, bounded line by line."""
    found, said = Found(), None
    try:
        said = _kept_checkpoint(directory / CHECKPOINT_NAME, volume)
    except Refused as refusal:
        found.contradicts = f"{refusal}"
    names = volume.names(directory)
    reading = _Reading(directory, most_ids, said)
    if FILE_NAME in names:
        found.newest = reading.read(FILE_NAME)
        newest, closed = found.newest, numbered(names, ".jsonl")
        bad = newest.bad or _stands_alone(newest, closed, node)
        if bad is not None:
            found.set_aside[FILE_NAME] = bad
            found.newest, reading.ids = FileState(), {}
    _find_before(found, reading, numbered(names, ".jsonl"))
    found.ids = reading.ids
    if said is not None and not reading.agrees and said.size >= reading.oldest:
        have = (found.newest if found.newest.whole else found.before).head.size
        found.contradicts = f"a checkpoint was signed at {said.size} entries, this log has {have}"
    return found


def _stands_alone(newest: FileState, closed: list[int], node: VerifyingKey) -> BadEntry | None:
    """Why the newest file cannot be believed, whatever is before it."""
    if newest.opening is None:
        what = "it does not say what was before it"
        return BadEntry("A6", 0, what) if closed and newest.whole else None
    if audit.is_opening(newest.opening, node):
        return None
    return BadEntry("A6", newest.before.size, "what it says of those before is not signed by this node")


def _find_before(found: Found, reading: "_Reading", closed: list[int]) -> None:
    """The file that the newest one follows. Where there is no newest, one that was altered is set aside, too."""
    for n, first in reversed(list(enumerate(closed))):
        before = reading.read(closed_name(first))
        follows = found.newest.whole == 0 or found.newest.before == before.head
        if before.sound and follows:
            found.before = before
            reading.remember_ids_of(reversed(closed[:n]))
            return
        bad = before.bad or BadEntry("A7", before.head.size, "it is not the one that the newest file follows")
        if found.newest.whole:
            found.left[closed_name(first)] = bad
            return
        found.set_aside[closed_name(first)] = bad
    if found.newest.opening is not None and found.newest.opening.before is not None:
        name = closed_name(found.newest.opening.before.file)
        found.left[name] = BadEntry("A7", found.newest.before.size - 1, "its file is missing")


class _Reading:
    """Files read one after the other, the newest first: ids, and whether the checkpoint's head was met."""

    def __init__(self, directory: Path, most_ids: int, said: AuditCheckpoint | None) -> None:
        self._directory = directory
        self._most_ids = most_ids
        self._said = audit.head_of(said) if said is not None else None
        self.agrees = self._said == Head()
        self.oldest = 0
        """The index of the first entry that was read."""
        self.ids: dict[str, tuple[int, Told]] = {}

    def remember_ids_of(self, closed: Iterable[int]) -> None:
        """Of so many files that the promise to write no id again is kept."""
        for first in closed:
            if len(self.ids) >= self._most_ids or self.read(closed_name(first)).bad is not None:
                return

    def read(self, name: str) -> FileState:
        state, ids = FileState(), dict[str, tuple[int, Told]]()
        try:
            for entry in follow(self._directory / name, state):
                remember(ids, entry, self._most_ids)
                self.agrees = self.agrees or self._said in {state.before, state.head}
        except OSError as error:
            state.bad = BadEntry("A1", state.head.size, f"it cannot be read ({error.strerror})")
        self.oldest = state.before.size
        if state.bad is None:
            for id, told in (*ids.items(), *self.ids.items()):
                ids[id] = told
            self.ids = dict(list(ids.items())[-self._most_ids :])
        return state


def _kept_checkpoint(path: Path, volume: Volume) -> AuditCheckpoint | None:
    return read_checkpoint(path) if volume.exists(path) else None


def repairs_of(found: Found, set_aside: dict[str, str]) -> Iterator[Repair]:
    """What the log must say of that; `set_aside` has the names that altered files get."""
    if found.newest.torn:
        yield Repair("log_cut", FILE_NAME, f"{found.newest.torn} bytes of an unfinished entry")
    if found.contradicts:
        yield Repair("log_contradicts_checkpoint", FILE_NAME, found.contradicts)
    for name, bad in found.set_aside.items():
        yield Repair("log_altered", set_aside[name], f"{bad}: set aside, and the log goes on without it")
    for name, bad in found.left.items():
        yield Repair("log_altered", name, f"{bad}: it stays as it is")


def remember(ids: dict[str, tuple[int, Told]], entry: AuditEntry, most: int) -> None:
    """Of so many entries the ids are known."""
    ids[entry.id] = entry.index, (entry.by, entry.action, entry.subject, entry.reason)
    if len(ids) > most:
        del ids[next(iter(ids))]
