"""The audit log as bytes (FORMAT.md, "Audit log"): JSON lines, each bound to the one before by its SHA-256.

No files and no clock here. An entry is written before what it tells of has its effect; a signed checkpoint of size
and head leaves the node, so that a log that was cut or written anew does not match what was said of it.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from node.clock import TimeTrust
from node.errors import Damaged
from node.messages import AuditCheckpoint, Count, Daemon, Line
from node.names import Ulid
from node.sealing.keys import SigningKey, VerifyingKey, verifies

MAX_LINE_BYTES = 8 * 1024
"""More than an entry can have: 864 characters of at most 6 bytes, and about 350 bytes around them."""

Digest = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Moment = Annotated[str, Meta(pattern=r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")]
Author = Daemon | Literal["unknown"]
"""Who asked for the entry; `unknown` where one process may speak as several daemons."""


class AuditEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line: who did, or was refused, what, and why. `time` is RFC 3339 UTC; `previous` binds the line before."""

    previous: Digest
    index: Count
    time: Moment
    time_trust: TimeTrust
    by: Author
    action: Annotated[str, Meta(min_length=1, max_length=64)]
    subject: Line
    reason: Line
    id: Ulid


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
    try:
        signature = urlsafe_b64decode(said.signature + "=" * (-len(said.signature) % 4))
    except ValueError:
        return False
    if urlsafe_b64encode(signature).rstrip(b"=").decode() != said.signature:
        return False
    return verifies(node, signature, checkpoint_message(head_of(said), said.time_ns))
