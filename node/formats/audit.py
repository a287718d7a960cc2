"""The audit log as bytes (FORMAT.md, "Audit log"): JSON lines, each bound to the one before by its SHA-256.

No files and no clock here. An entry is written before what it tells of has its effect; a signed checkpoint of size
and head leaves the node, so that a log that was cut or written anew does not match what was said of it.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from node.clock import TimeTrust
from node.errors import Damaged
from node.messages import AuditCheckpoint, Count, Daemon, Line
from node.names import Ulid
from node.sealing.keys import SigningKey, VerifyingKey, verifies

MAX_LINE_BYTES = 8 * 1024
"""More than an entry can have: 864 characters of at most 6 bytes, and about 750 bytes around them."""
ROLLED_OVER: Final = "log_rolled_over"
CONTINUES: Final = "log_continues"
DROPPED: Final = "log_dropped"
"""Actions: of the last entry of a file, of the first one of the next, and of one that says which file goes."""

Digest = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Moment = Annotated[str, Meta(pattern=r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")]
Signature = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{86}\Z")]
Author = Daemon | Literal["unknown"]
"""Who asked for the entry; `unknown` where one process may speak as several daemons."""


class Before(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a file's first entry says of all that went before; it stays true when that was dropped.

    `file`: the index of the first entry of the file before. `first`, `last`: the times of the log's first entry and of
    the one before this. `heads`: SHA-256 of the heads behind each entry of the file before, one after the other. How
    many entries there were, and the last one's head, are this entry's `index` and `previous`.
    """

    file: Count
    first: Moment
    last: Moment
    heads: Digest
    signature: Signature


class AuditEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One line: who did, or was refused, what, and why. `time` is RFC 3339 UTC; `previous` binds the line before.

    `before` is there in the first entry of every file but the log's first.
    """

    previous: Digest
    index: Count
    time: Moment
    time_trust: TimeTrust
    by: Author
    action: Annotated[str, Meta(min_length=1, max_length=64)]
    subject: Line
    reason: Line
    id: Ulid
    before: Before | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """A log so far: how many entries, and SHA-256 of the last line; 32 zero bytes if there is none."""

    size: int = 0
    digest: bytes = bytes(32)

    def after(self, line: bytes) -> "Head":
        """The head when `line` has been appended."""
        return Head(self.size + 1, sha256(line).digest())


class BadEntry(Damaged):
    """The first entry that is not as it must be: `index`, and the number of the invariant."""

    def __init__(self, number: str, index: int, what: str) -> None:
        super().__init__(f"entry {index}: {what}")
        self.number = number
        self.index = index
        self.what = what


def encode(entry: AuditEntry) -> bytes:
    """The entry's line, with its newline: the only spelling that a reader takes."""
    return msgspec.json.encode(entry) + b"\n"


def parse(line: bytes, *, index: int) -> AuditEntry:
    """The entry of a line, or `BadEntry` (A1) if it is not one, whole and in its one spelling."""
    if not line.endswith(b"\n"):
        raise BadEntry("A1", index, "it has no end: it was cut")
    try:
        entry = msgspec.json.decode(line, type=AuditEntry)
        spelled = encode(entry)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadEntry("A1", index, f"not an entry ({error})") from error
    if spelled != line:
        raise BadEntry("A1", index, "not spelled as an entry is")
    return entry


def follow(head: Head, line: bytes) -> tuple[AuditEntry, Head]:
    """The next entry and the head behind it, or `BadEntry` that names the first entry that cannot be believed."""
    entry = parse(line, index=head.size)
    if entry.index != head.size:
        what = f"it says that it is entry {entry.index}: entries are missing, or in another order"
        raise BadEntry("A2", head.size, what)
    if entry.previous != head.digest.hex():
        if head.size == 0:
            raise BadEntry("A3", 0, "it is not the first one of a log")
        what = f"it, or what entry {head.size} says of it, was altered"
        raise BadEntry("A3", head.size - 1, what)
    return entry, head.after(line)


def read(lines: Iterable[bytes]) -> Iterator[tuple[AuditEntry, Head]]:
    """Every entry with the head behind it, up to the first bad one (`BadEntry`)."""
    head = Head()
    for line in lines:
        entry, head = follow(head, line)
        yield entry, head


def begins_with(line: bytes, *, index: int) -> tuple[AuditEntry, Head]:
    """The first entry of a file of which nothing else is known, and the head that it says was before it.

    `index` is what a `BadEntry` (A1) is named by. Whether the head may be believed `is_opening` says.
    """
    entry = parse(line, index=index)
    return entry, Head() if entry.before is None else Head(entry.index, bytes.fromhex(entry.previous))


def before_message(head: Head, before: Before) -> bytes:
    """What the signature in a file's first entry signs; the one in `before` is not looked at."""
    fields = head.size.to_bytes(8, "big") + head.digest + before.file.to_bytes(8, "big")
    times = before.first.encode() + before.last.encode()
    return b"stolpe audit roll-over v1\x00" + fields + bytes.fromhex(before.heads) + times


def signed_before(
    head: Head, *, file: int, first: str, last: str, heads: bytes, signing: SigningKey
) -> Before:
    """The statement that a new file begins with."""
    unsigned = Before(file, first, last, heads.hex(), "")
    signature = urlsafe_b64encode(signing.sign(before_message(head, unsigned))).rstrip(b"=").decode()
    return msgspec.structs.replace(unsigned, signature=signature)


def is_opening(entry: AuditEntry, node: VerifyingKey) -> bool:
    """Whether the node signed what this entry says of all that went before it."""
    if entry.before is None:
        return False
    head = Head(entry.index, bytes.fromhex(entry.previous))
    return _signed(entry.before.signature, before_message(head, entry.before), node)


def checkpoint_message(head: Head, time_ns: int) -> bytes:
    """What a checkpoint's signature signs."""
    fields = head.size.to_bytes(8, "big") + head.digest + time_ns.to_bytes(8, "big")
    return b"stolpe audit checkpoint v1\x00" + fields


def checkpoint(head: Head, *, time_ns: int, signing: SigningKey) -> AuditCheckpoint:
    """Size and head of the log, signed by the node."""
    signature = urlsafe_b64encode(signing.sign(checkpoint_message(head, time_ns))).rstrip(b"=").decode()
    return AuditCheckpoint(head.size, head.digest.hex(), time_ns, signature)


def head_of(said: AuditCheckpoint) -> Head:
    """The head that a checkpoint names, or `Damaged`."""
    try:
        digest = bytes.fromhex(said.head)
    except ValueError as error:
        raise Damaged("the checkpoint's head is not hexadecimal") from error
    if digest.hex() != said.head or len(digest) != sha256().digest_size:
        raise Damaged("the checkpoint's head is not a SHA-256 in hexadecimal")
    return Head(said.size, digest)


def is_signed_by(said: AuditCheckpoint, node: VerifyingKey) -> bool:
    """Whether the node signed this checkpoint, its signature being in its one spelling."""
    return _signed(said.signature, checkpoint_message(head_of(said), said.time_ns), node)


def _signed(text: str, message: bytes, node: VerifyingKey) -> bool:
    try:
        signature = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return False
    if urlsafe_b64encode(signature).rstrip(b"=").decode() != text:
        return False
    return verifies(node, signature, message)
