"""The audit log on the disk: one file, one writer. An entry is synced before its index is given to anybody.

Must never lose or change an entry that was answered. A last line that a power cut tore was never answered: it is
cut off, and that is noted. A log that was altered is set aside whole, and the next one begins with saying so.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import msgspec

from node.clock import Clock, rfc3339
from node.errors import Damaged, Refused
from node.files import replace_whole
from node.formats import audit
from node.formats.audit import AuditEntry, Author, BadEntry, Head
from node.mandate.ids import new_ulid
from node.messages import AuditCheckpoint
from node.recorder.recovery import Violation
from node.sealing.keys import SigningKey, VerifyingKey
from node.volume import DISK, OpenFile, Volume, write_all

FILE_NAME = "audit.jsonl"
CHECKPOINT_NAME = "checkpoint.json"
MAX_LOG_BYTES = 64 << 20
REQUESTS_BYTES = MAX_LOG_BYTES - (8 << 20)
"""What others ask to have written down leaves room for documents, whatever they ask."""
NOTES_BYTES = 1 << 20
"""Beyond the bound, for what the recorder says of itself when the log is full."""
REMEMBERED_IDS = 10_000
MAX_CHECKPOINT_BYTES = 4 * 1024
MAX_TEXT = 400

Told = tuple[Author, str, str, str]
"""By whom, action, subject, reason."""


class LogFull(Refused):
    """The log has reached its bound: nothing that needs an entry can happen until a person has rolled it over."""


@dataclass(frozen=True, slots=True)
class Repair:
    """An entry that the log must have on what was wrong with it."""

    action: str
    subject: str
    reason: str


@dataclass(slots=True)
class _Found:
    """What stands in the file: `whole` bytes of good entries; what follows them is `torn`, or was altered.

    `contradicts`: why this cannot be the log that the checkpoint beside it was signed for.
    """

    head: Head = field(default_factory=Head)
    whole: int = 0
    torn: int = 0
    altered: BadEntry | None = None
    ids: dict[str, tuple[int, Told]] = field(default_factory=dict)
    contradicts: str = ""


class AuditLog:
    """`audit.jsonl` in a directory that exists."""

    def __init__(
        self,
        directory: Path,
        *,
        clock: Clock,
        signing: SigningKey,
        most_bytes: int = MAX_LOG_BYTES,
        most_ids: int = REMEMBERED_IDS,
        volume: Volume = DISK,
    ) -> None:
        self._path = directory / FILE_NAME
        self._volume = volume
        self._clock = clock
        self._signing = signing
        self._most_bytes = most_bytes
        self._most_ids = most_ids
        found = _find(self._path, directory / CHECKPOINT_NAME, most_ids, volume)
        self._set_aside = self._another_name() if found.altered else None
        self.repairs = tuple(_repairs(found, self._set_aside))
        """What was wrong with the log that was found; its opener notes it, when the log can be written."""
        if found.altered:
            found = _Found()
        self._head, self._ids, self._bytes = found.head, found.ids, found.whole
        self._file: OpenFile | None = None  # opened when it is needed: the disk may not be ready for it yet
        self._torn = True  # behind the last good entry there may be anything
        self._kept: Head | None = None
        self._last_line = b""

    @property
    def size(self) -> int:
        """How many entries there are."""
        return self._head.size

    @property
    def full(self) -> bool:
        """Whether it has reached its bound."""
        return self._bytes + audit.MAX_LINE_BYTES > self._most_bytes

    @property
    def head(self) -> Head:
        """Where the log stands."""
        return self._head

    @property
    def last_line(self) -> bytes:
        """The entry that this instance committed last, with its newline; empty if it has committed none."""
        return self._last_line

    def close(self) -> None:
        """Let go of the file; every entry in it is synced."""
        if self._file is not None:
            self._file.close()

    def commit(
        self, *, by: Author, action: str, subject: str, reason: str = "", id: str | None = None
    ) -> int:
        """Write and sync an entry, then return its index. An `id` that was written answers what it was given.

        Raises `LogFull`, `Refused` if the id was used for something else, `OSError` if it cannot be kept: then
        nothing was committed, and what asked for it must not happen.
        """
        most = self._most_bytes if by == "recorder" else min(self._most_bytes, REQUESTS_BYTES)
        return self._commit((by, action, _cut(subject), _cut(reason)), id, most=most)

    def note(self, action: str, subject: str, reason: str = "") -> int:
        """An entry on what happened to the recorder itself; for that there is room when the log is full."""
        told: Told = ("recorder", action, _cut(subject), _cut(reason))
        return self._commit(told, None, most=self._most_bytes + NOTES_BYTES)

    def checkpoint(self) -> AuditCheckpoint:
        """Size and head, signed; `OSError` if what is there may not last."""
        self._opened()
        return audit.checkpoint(self._head, time_ns=self._clock.now().utc_ns, signing=self._signing)

    def keep(self, said: AuditCheckpoint) -> None:
        """Put a checkpoint beside the log, so that the next start notices a log that was cut."""
        if self._kept != audit.head_of(said):
            replace_whole(
                self._path.with_name(CHECKPOINT_NAME), msgspec.json.encode(said) + b"\n", volume=self._volume
            )
            self._kept = audit.head_of(said)

    def _commit(self, told: Told, id: str | None, *, most: int) -> int:
        self._opened()
        if id is not None and id in self._ids:
            index, before = self._ids[id]
            if before != told:
                raise Refused(f"audit id {id} was used for another entry")
            return index
        now = self._clock.now()
        by, action, subject, reason = told
        entry = AuditEntry(
            previous=self._head.digest.hex(),
            index=self._head.size,
            time=rfc3339(now.utc_ns),
            time_trust=now.trust,
            by=by,
            action=action,
            subject=subject,
            reason=reason,
            id=id or new_ulid(now.utc_ns),
        )
        line = audit.encode(entry)
        if self._bytes + len(line) > most:
            raise LogFull(
                f"the audit log has {self._bytes >> 20} MiB and takes no more: it must be rolled over"
            )
        self._write(line)
        self._head, self._last_line = self._head.after(line), line
        _remember(self._ids, entry, self._most_ids)
        return entry.index

    def _write(self, line: bytes) -> None:
        """All of it, synced; or `OSError`, and what was written is cut off before anything else is."""
        file = self._opened()
        if self._torn:
            file.truncate(self._bytes)
        self._torn = True
        write_all(file, line, self._bytes)
        file.fdatasync()
        self._torn = False
        self._bytes += len(line)

    def _opened(self) -> OpenFile:
        """The file; an altered one has been given another name before."""
        if self._set_aside is not None:
            if self._volume.exists(self._path):  # it was not only the syncing that failed before
                self._volume.rename(self._path, self._path.with_name(self._set_aside))
            self._volume.sync_directory(self._path.parent)
            self._set_aside = None
        if self._file is None:
            if self._volume.exists(self._path):
                file = self._volume.open(self._path, writing=True)
            else:
                file = self._volume.create(self._path, mode=0o640)
            try:
                file.fdatasync()  # entries of a writer that was killed: whoever asks again is told of them
                self._volume.sync_directory(self._path.parent)
            except OSError:
                file.close()
                raise
            self._file = file
        return self._file

    def _another_name(self) -> str:
        """For an altered log; no other has it."""
        stamp = rfc3339(self._clock.now().utc_ns).replace(":", "").replace("-", "")
        return f"altered-{stamp}-{new_ulid(self._clock.now().utc_ns)}.jsonl"


def lines(file: BinaryIO) -> Iterator[bytes]:
    """A log's lines; one that is longer than any entry comes in pieces, of which none is an entry."""
    while line := file.readline(audit.MAX_LINE_BYTES):
        yield line


def check_audit(
    path: Path, *, said: AuditCheckpoint | None, node: VerifyingKey | None
) -> Iterator[Violation]:
    """Every violation of A1 to A5 in a log; only the first bad entry, for what follows it proves nothing."""
    head, head_then = Head(), Head()
    try:
        with path.open("rb") as file:
            for _, head in audit.read(lines(file)):
                if said is not None and head.size == said.size:
                    head_then = head
    except BadEntry as bad:
        yield Violation(bad.number, f"entry {bad.index}", bad.what)
        return
    if said is None:
        return
    if node is not None and not audit.is_signed_by(said, node):
        yield Violation("A4", "checkpoint", "it is not signed by this node over these values")
    if head.size < said.size:
        yield Violation("A5", f"entry {head.size}", f"it is missing: the checkpoint has {said.size} entries")
    elif head_then != audit.head_of(said):
        yield Violation("A5", f"entry {said.size - 1}", "it is not the last one that the checkpoint signed")


def read_checkpoint(path: Path) -> AuditCheckpoint:
    """A checkpoint's file, or `Refused`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CHECKPOINT_BYTES + 1)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from error
    if len(data) > MAX_CHECKPOINT_BYTES:
        raise Refused(f"{path}: too large for a checkpoint")
    try:
        said = msgspec.json.decode(data, type=AuditCheckpoint)
        audit.head_of(said)
    except (msgspec.DecodeError, UnicodeDecodeError, Damaged) as error:
        raise Refused(f"{path}: not a checkpoint ({error})") from error
    return said


def _find(path: Path, checkpoint: Path, most_ids: int, volume: Volume) -> _Found:
    """Read the whole file, bounded line by line. Only the last line can be torn: each is synced before the next."""
    found, said = _Found(), None
    try:
        said = read_checkpoint(checkpoint) if volume.exists(checkpoint) else None
    except Refused as refusal:
        found.contradicts = f"{refusal}"
    agrees = said is None or audit.head_of(said) == found.head
    try:
        for entry in _follow(path, found, volume):
            _remember(found.ids, entry, most_ids)
            agrees = agrees or (said is not None and audit.head_of(said) == found.head)
    except OSError as error:
        found.altered = BadEntry("A1", found.head.size, f"it cannot be read ({error.strerror})")
    if said is not None and not agrees:
        found.contradicts = f"a checkpoint was signed at {said.size} entries, this log has {found.head.size}"
    return found


def _follow(path: Path, found: _Found, volume: Volume) -> Iterator[AuditEntry]:
    """The good entries of the file, if there is one; `found` says how far it got, and what comes then."""
    if not volume.exists(path):
        return
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        for line in lines(file):
            try:
                entry, found.head = audit.follow(found.head, line)
            except BadEntry as bad:
                if bad.number == "A1" and found.whole + len(line) == size:
                    found.torn = len(line)
                else:
                    found.altered = bad
                return
            found.whole += len(line)
            yield entry


def _repairs(found: _Found, set_aside: str | None) -> Iterator[Repair]:
    if found.torn:
        yield Repair("log_cut", FILE_NAME, f"{found.torn} bytes of an unfinished entry")
    if found.contradicts:
        yield Repair("log_contradicts_checkpoint", FILE_NAME, found.contradicts)
    if set_aside:
        yield Repair("log_altered", set_aside, f"{found.altered}: set aside, and a new log begun")


def _remember(ids: dict[str, tuple[int, Told]], entry: AuditEntry, most: int) -> None:
    ids[entry.id] = entry.index, (entry.by, entry.action, entry.subject, entry.reason)
    if len(ids) > most:
        del ids[next(iter(ids))]


def _cut(text: str) -> str:
    """What an entry has room for; a file name that is no Unicode is spelled so that it is."""
    return text.encode(errors="backslashreplace").decode()[:MAX_TEXT]
