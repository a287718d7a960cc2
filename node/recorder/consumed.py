"""Orders that were acted on: each takes effect once, over restarts and power cuts, and over a disk that was put back.

A file beside the documents, whole or not at all, synced before the effect. What has expired anyhow is forgotten, judged
at a time that never goes back. The key slot's header has a digest of what it must say: where the slot is a part of its
own, an older copy of the disk does not agree with it. Then no order counts that was written before that was noticed.
What the audit log says was done was done, whatever the file says.
"""

import mmap
import re
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from node.clock import rfc3339
from node.errors import Refused
from node.files import replace_whole
from node.formats.slot import USED_ORDERS_BYTES
from node.mandate.ids import ulid_ms
from node.messages import Nanoseconds
from node.names import Ulid
from node.recorder.audit_files import closed_name, numbered
from node.recorder.epochs import EpochKeys
from node.volume import DISK, Volume

FILE_NAME, NEXT_NAME = "consumed.json", "consumed-next.json"
MAX_CONSUMED = 1000
MAX_FILE_BYTES = 256 * 1024
NOT_BOUND = bytes(USED_ORDERS_BYTES)
_IN_LOG = re.compile(
    rb'"action":"(?:release_accepted|erasure_finished|erasure_tried)","subject":"(?:release|erasure) ([0-9A-Z]{26})'
)

State = Literal["running", "ended"]


class _Used(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: Ulid
    expires_ns: Nanoseconds
    state: State


_Uses = Annotated[tuple[_Used, ...], Meta(max_length=MAX_CONSUMED)]
"""All that the file was before the slot knew of it."""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`since_ms`: orders that were written before then do not count any more."""

    used: _Uses = ()
    since_ms: Annotated[int, Meta(ge=0, le=1 << 48)] = 0

    @property
    def digest(self) -> bytes:
        """What the key slot has of it (FORMAT.md, "Key slot")."""
        if not self.used and not self.since_ms:
            return NOT_BOUND
        digest = sha256(b"stolpe used orders v1\x00" + self.since_ms.to_bytes(8, "big"))
        for one in sorted(self.used, key=lambda used: used.id):
            digest.update(one.id.encode() + one.expires_ns.to_bytes(8, "big"))
        return digest.digest()[:USED_ORDERS_BYTES]


class ConsumedOrders:
    """What stands in the file. One that cannot be read refuses every order: nobody knows what was used.

    `log`: the audit log's newest file. `now_ns`: at this start; what is noticed is noticed then.
    """

    def __init__(
        self, directory: Path, *, keys: EpochKeys, log: Path, now_ns: int, volume: Volume = DISK
    ) -> None:
        self._path, self._next = directory / FILE_NAME, directory / NEXT_NAME
        self._keys = keys
        self._volume = volume
        self._file = _File()
        self._in_log = _named_in_all(log)
        self.unreadable = ""
        """Why no order can be taken; empty if they can."""
        self.was_put_back = False
        """Whether the file is not the one that the key slot knows."""
        try:
            self._file = self._found(now_ns)
        except Refused as refusal:
            self.unreadable = f"{refusal}"

    @property
    def ids(self) -> frozenset[str]:
        """All that were used and have not expired, and all that the audit log names."""
        return frozenset(one.id for one in self._file.used) | self._in_log

    @property
    def interrupted(self) -> tuple[str, ...]:
        """Those whose release was running when the recorder ended."""
        return tuple(one.id for one in self._file.used if one.state == "running")

    def refuse(self, id: str, *, now_ns: int) -> None:
        """`Refused` if that order cannot be used up now."""
        if self.unreadable:
            raise Refused(f"order: {self.unreadable}")
        if ulid_ms(id) < self._file.since_ms:
            since = rfc3339(self._file.since_ms * 1_000_000)
            raise Refused(
                f"order: this node's list of used orders was put back, and those written before {since} do not count"
            )
        if len(self._still_counting(now_ns)) >= MAX_CONSUMED:
            raise Refused(f"order: {MAX_CONSUMED} orders that have not expired were used: wait for one to")

    def consume(self, id: str, *, expires_ns: int, now_ns: int, state: State = "running") -> None:
        """From here on this order was used; `Refused` if it cannot be, `OSError` if disk or slot do not take it.

        First the new list beside the old one, then its digest into the slot, then the new one in the old one's place:
        after a cut the slot says which of them counts.
        """
        self.refuse(id, now_ns=now_ns)
        self._bind(_File((*self._still_counting(now_ns), _Used(id, expires_ns, state)), self._file.since_ms))

    def ended(self, id: str) -> None:
        """Its release has finished or stopped."""
        if id in {one.id for one in self._file.used}:
            used = tuple(
                msgspec.structs.replace(one, state="ended") if one.id == id else one
                for one in self._file.used
            )
            self._write(self._path, msgspec.structs.replace(self._file, used=used))
            self._file = msgspec.structs.replace(self._file, used=used)

    def _found(self, now_ns: int) -> _File:
        have, bound = _read(self._path, self._volume), self._keys.header.used_orders
        if have.digest == bound:
            return have
        if bound == NOT_BOUND:  # a slot that is older than this field, or a new one
            return self._bound_if_possible(have)
        following = _read(self._next, self._volume) if self._volume.exists(self._next) else have
        if following.digest == bound:
            self._take_over()
            return following
        self.was_put_back = True
        return self._bound_if_possible(msgspec.structs.replace(have, since_ms=now_ns // 1_000_000))

    def _bound_if_possible(self, file: _File) -> _File:
        """On a disk that does not take it, it counts all the same, and is bound with the next order."""
        with suppress(OSError):
            self._bind(file)
        return file

    def _bind(self, file: _File) -> _File:
        self._write(self._next, file)
        self._keys.commit_header(self._keys.header.next(used_orders=file.digest))
        self._take_over()
        self._file = file
        return file

    def _take_over(self) -> None:
        self._volume.rename(self._next, self._path)
        self._volume.sync_directory(self._path.parent)

    def _still_counting(self, now_ns: int) -> tuple[_Used, ...]:
        return tuple(one for one in self._file.used if one.expires_ns > now_ns or one.state == "running")

    def _write(self, path: Path, file: _File) -> None:
        replace_whole(path, msgspec.json.encode(file) + b"\n", mode=0o640, volume=self._volume)


def _read(path: Path, volume: Volume) -> _File:
    try:
        with closing(volume.open(path)) as file:
            data = file.pread(MAX_FILE_BYTES + 1, 0)
        found = msgspec.json.decode(data, type=_File | _Uses)
        return found if isinstance(found, _File) else _File(found)
    except FileNotFoundError:
        return _File()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(f"{path}: which orders were used before cannot be read ({error})") from error


def _named_in_all(log: Path) -> frozenset[str]:
    """The orders that the log says were done, in its newest file and in those that it has closed."""
    try:
        names = [path.name for path in log.parent.iterdir()]
    except OSError:  # as for a file
        names = []
    closed = [log.parent / closed_name(first) for first in numbered(names, log.suffix)]
    return frozenset[str]().union(*(_named_in(path) for path in (*closed, log)))


def _named_in(log: Path) -> frozenset[str]:
    """The orders that one of its files names. Its own spelling, with every quotation mark in a text escaped."""
    try:
        with log.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return frozenset(found.group(1).decode() for found in _IN_LOG.finditer(data))
    except (OSError, ValueError):  # none yet, or empty; one that cannot be read is told by whoever keeps it
        return frozenset()
