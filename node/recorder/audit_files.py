"""The audit log's files: their names, what stands in one of them, and what stays of one that was dropped.

The newest file is `audit.jsonl`; the ones before are named by the index of their first entry. Reads, and writes heads;
what goes into the log is `audit_log`'s.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final

from node.errors import Damaged
from node.files import replace_whole
from node.formats import audit
from node.formats.audit import AuditEntry, BadEntry, Head
from node.volume import Volume

FILE_NAME: Final = "audit.jsonl"
HEAD_BYTES: Final = 32
MAX_HEADS_BYTES: Final = 16 << 20
"""Of one dropped file; more than the shortest entries of a file of 64 MiB have."""
_DIGITS = 12


def closed_name(first: int) -> str:
    """Of a file that is followed by another."""
    return f"audit-{first:0{_DIGITS}}.jsonl"


def heads_name(first: int) -> str:
    """Of what stays of it when it was dropped."""
    return f"audit-{first:0{_DIGITS}}.heads"


def numbered(names: list[str], suffix: str) -> list[int]:
    """The indices that these names say, of the names with that suffix; the lowest first."""
    found = []
    for name in names:
        number = name.removeprefix("audit-").removesuffix(suffix)
        if (
            name == f"audit-{number}{suffix}"
            and len(number) == _DIGITS
            and number.isascii()
            and number.isdigit()
        ):
            found.append(int(number))
    return sorted(found)


def lines(file: BinaryIO) -> Iterator[bytes]:
    """A log's lines; one that is longer than any entry comes in pieces, of which none is an entry."""
    while line := file.readline(audit.MAX_LINE_BYTES):
        yield line


@dataclass(slots=True)
class FileState:
    """One file so far. `whole` bytes of good entries; what follows them is `torn`, or was altered (`bad`)."""

    before: Head = field(default_factory=Head)
    head: Head = field(default_factory=Head)
    first_time: str = ""
    """Of the log's first entry, wherever that is."""
    last_time: str = ""
    heads: bytearray = field(default_factory=bytearray)
    """Behind each of its entries, one after the other."""
    whole: int = 0
    torn: int = 0
    bad: BadEntry | None = None
    closed: bool = False
    opening: AuditEntry | None = None
    """The first entry, where it says what was before."""

    @property
    def heads_digest(self) -> bytes:
        """What the next file's first entry says of them."""
        return sha256(self.heads).digest()

    @property
    def sound(self) -> bool:
        """Whether it is a file that another one follows."""
        return self.closed and not self.torn and self.bad is None

    def take(self, line: bytes) -> AuditEntry:
        """The next entry, or `BadEntry`."""
        if self.whole == 0:
            entry, behind = self._begin(line)
        else:
            entry, behind = audit.follow(self.head, line)
            self._must_go_on(entry)
        self.head, self.last_time = behind, entry.time
        self.heads += behind.digest
        self.whole += len(line)
        self.closed = (entry.by, entry.action) == ("recorder", audit.ROLLED_OVER)
        return entry

    def _begin(self, line: bytes) -> tuple[AuditEntry, Head]:
        """`head` is what is known to be before it, if anything is; an opening says it, too."""
        entry, told = audit.begins_with(line, index=self.head.size)
        head = self.head if entry.before is None else told
        _, behind = audit.follow(head, line)
        if (entry.before is None) != (entry.index == 0):
            raise BadEntry("A6", entry.index, "a file's first entry, and it alone, says what was before it")
        self.before = head
        self.first_time = entry.before.first if entry.before else entry.time
        self.opening = entry if entry.before else None
        return entry, behind

    def _must_go_on(self, entry: AuditEntry) -> None:
        if entry.before is not None:
            raise BadEntry("A6", entry.index, "it begins a file, and stands within one")
        if self.closed:
            raise BadEntry("A7", entry.index, "it stands behind the entry that ended its file")


def follow(path: Path, found: FileState) -> Iterator[AuditEntry]:
    """The good entries of a file; `found` says how far it got, and what comes then. Only its last line can be torn."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        for line in lines(file):
            try:
                entry = found.take(line)
            except BadEntry as bad:
                if bad.number == "A1" and found.whole + len(line) == size:
                    found.torn = len(line)
                else:
                    found.bad = bad
                return
            yield entry


@dataclass(frozen=True, slots=True)
class Heads:
    """What stays of a file that was dropped: the heads behind each of its entries, and the entry that signs them."""

    first: int
    statement: AuditEntry
    digests: bytes

    @property
    def end(self) -> int:
        """The index behind its last entry."""
        return self.first + len(self.digests) // HEAD_BYTES

    @property
    def is_whole(self) -> bool:
        """Whether these are the heads that the statement speaks of; who signed it is another question."""
        before = self.statement.before
        return (
            before is not None
            and (before.file, self.statement.index) == (self.first, self.end)
            and len(self.digests) % HEAD_BYTES == 0
            and sha256(self.digests).hexdigest() == before.heads
        )

    def at(self, size: int) -> bytes | None:
        """The head of the log when it had so many entries, if this is where it is."""
        at = (size - self.first - 1) * HEAD_BYTES
        return self.digests[at : at + HEAD_BYTES] if self.first < size <= self.end else None


def read_heads(path: Path, *, first: int) -> Heads:
    """What stays of a dropped file; `Damaged` if it cannot be read as such."""
    try:
        with path.open("rb") as file:
            line = file.readline(audit.MAX_LINE_BYTES)
            digests = file.read(MAX_HEADS_BYTES)
    except OSError as error:
        raise Damaged(f"it cannot be read ({error.strerror})") from error
    return Heads(first, audit.parse(line, index=first), digests)


def keep_heads(directory: Path, *, first: int, following: str, volume: Volume) -> None:
    """Write what stays of that file, so that it may go; `following` is the name of the file behind it."""
    with (directory / closed_name(first)).open("rb") as file:
        digests = b"".join(sha256(line).digest() for line in lines(file))
    with (directory / following).open("rb") as file:
        statement = file.readline(audit.MAX_LINE_BYTES)
    replace_whole(directory / heads_name(first), statement + digests, mode=0o640, volume=volume)
