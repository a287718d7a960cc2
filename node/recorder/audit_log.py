"""The audit log on the disk, one writer: an entry is synced before its index is given to anybody.

Must never lose or change an entry that was answered, but for the oldest: a file that has its size is closed, the next
one begins with a signed statement of all before it, and of the oldest ones only the heads of their entries are kept.
A last line that a power cut tore was never answered: it is cut off, and that is noted. A file that was altered is set
aside whole, and the log goes on from the file before it, or anew, and says so.
"""

from pathlib import Path

import msgspec

from node.clock import Clock, rfc3339
from node.errors import Refused
from node.files import replace_whole
from node.formats import audit
from node.formats.audit import AuditEntry, Author, Before, Head
from node.mandate.ids import new_ulid
from node.messages import AuditCheckpoint
from node.recorder.audit_check import CHECKPOINT_NAME
from node.recorder.audit_files import FILE_NAME, FileState, closed_name, heads_name, keep_heads, numbered
from node.recorder.audit_found import Told, find, remember, repairs_of
from node.sealing.keys import SigningKey
from node.volume import DISK, OpenFile, Volume, write_all

FILE_BYTES = 8 << 20
"""A file that has this is closed."""
MAX_LOG_BYTES = 64 << 20
"""Of all files together; the oldest are dropped for it."""
ROOM_BYTES = 4 * audit.MAX_LINE_BYTES
"""What a file may have beyond its size, and what is written while one is dropped."""
HEADS_BYTES = 8 << 20
"""Of it for heads of dropped files, some 250,000 entries; the oldest are forgotten for it."""
REMEMBERED_IDS = 10_000
MAX_TEXT = 400


class AuditLog:
    """The files of a log in a directory that exists."""

    def __init__(
        self,
        directory: Path,
        *,
        clock: Clock,
        signing: SigningKey,
        file_bytes: int = FILE_BYTES,
        most_bytes: int = MAX_LOG_BYTES,
        most_heads_bytes: int = HEADS_BYTES,
        most_ids: int = REMEMBERED_IDS,
        volume: Volume = DISK,
    ) -> None:
        self._directory = directory
        self._path = directory / FILE_NAME
        self._volume = volume
        self._clock = clock
        self._signing = signing
        self._file_bytes = file_bytes
        self._most_bytes = most_bytes
        self._most_heads_bytes = most_heads_bytes
        self._most_ids = most_ids
        found = find(directory, most_ids, volume, signing.private.public_key())
        self._set_aside = {name: self._another_name(name) for name in found.set_aside}
        self.repairs = tuple(repairs_of(found, self._set_aside))
        """What was wrong with the log that was found; its opener notes it, when the log can be written."""
        self._now, self._before, self._ids = found.newest, found.before, found.ids
        self._file: OpenFile | None = None  # opened when it is needed: the disk may not be ready for it yet
        self._torn = True  # behind the last good entry there may be anything
        self._named = False  # the closed file has its new name, which may not last yet
        self._tidy = False  # a start that was cut may have left what should have gone
        self._kept: Head | None = None
        self._last_line = b""

    @property
    def size(self) -> int:
        """How many entries there ever were."""
        return self.head.size

    @property
    def head(self) -> Head:
        """Where the log stands."""
        return self._now.head if self._now.whole else self._before.head

    @property
    def last_line(self) -> bytes:
        """The entry that this instance committed last, with its newline; empty if it has committed none."""
        return self._last_line

    def close(self) -> None:
        """Let go of the file; every entry in it is synced."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def commit(
        self, *, by: Author, action: str, subject: str, reason: str = "", id: str | None = None
    ) -> int:
        """Write and sync an entry, then return its index. An `id` that was written answers what it was given.

        Raises `Refused` if the id was used for something else, `OSError` if it cannot be kept: then nothing was
        committed, and what asked for it must not happen.
        """
        told: Told = by, action, _cut(subject), _cut(reason)
        self._go_on()
        if id is not None and id in self._ids:
            index, before = self._ids[id]
            if before != told:
                raise Refused(f"audit id {id} was used for another entry")
            return index
        if self._now.whole >= self._file_bytes:
            self._append(("recorder", audit.ROLLED_OVER, FILE_NAME, "it has its size: another file follows"))
            self._go_on()
        return self._append(told, id)

    def note(self, action: str, subject: str, reason: str = "") -> int:
        """An entry of the recorder's own."""
        return self.commit(by="recorder", action=action, subject=subject, reason=reason)

    def checkpoint(self) -> AuditCheckpoint:
        """Size and head, signed; `OSError` if what is there may not last."""
        self._opened()
        return audit.checkpoint(self.head, time_ns=self._clock.now().utc_ns, signing=self._signing)

    def keep(self, said: AuditCheckpoint) -> None:
        """Put a checkpoint beside the log, so that the next start notices a log that was cut."""
        if self._kept != audit.head_of(said):
            replace_whole(
                self._path.with_name(CHECKPOINT_NAME), msgspec.json.encode(said) + b"\n", volume=self._volume
            )
            self._kept = audit.head_of(said)

    def _go_on(self) -> None:
        """Finish whatever a roll-over needs: a file that is closed gets its name, the next one its first entry."""
        if self._now.closed:
            self._give_name()
        self._opened()
        if self._now.whole == 0 and self._before.head.size:
            self._append(("recorder", audit.CONTINUES, closed_name(self._before.before.size), ""))
            self._tidy = False
        if not self._tidy:
            self._drop_oldest()
            self._tidy = True

    def _give_name(self) -> None:
        """The closed file is the newest no more. Its new name lasts before another file has the old one."""
        if not self._named:
            self._opened()  # for what a process that was killed left in it
        self.close()
        name = self._directory / closed_name(self._now.before.size)
        if not self._named:  # or it was only the syncing that failed before
            if self._volume.exists(name):  # whatever that is, nobody loses it
                self._volume.rename(name, self._directory / self._another_name(name.name))
            self._volume.rename(self._path, name)
            self._named = True
        self._volume.sync_directory(self._directory)
        self._before, self._now, self._torn, self._named = self._now, FileState(), True, False

    def _append(self, told: Told, id: str | None = None) -> int:
        now, head = self._clock.now(), self.head
        by, action, subject, reason = told
        entry = AuditEntry(
            previous=head.digest.hex(),
            index=head.size,
            time=rfc3339(now.utc_ns),
            time_trust=now.trust,
            by=by,
            action=action,
            subject=subject,
            reason=reason,
            id=id or new_ulid(now.utc_ns),
            before=self._statement() if self._now.whole == 0 and head.size else None,
        )
        line = audit.encode(entry)
        self._write(line)
        self._now.take(line)
        self._last_line = line
        remember(self._ids, entry, self._most_ids)
        return entry.index

    def _statement(self) -> Before:
        before = self._before
        return audit.signed_before(
            before.head,
            file=before.before.size,
            first=before.first_time,
            last=before.last_time,
            heads=before.heads_digest,
            signing=self._signing,
        )

    def _write(self, line: bytes) -> None:
        """All of it, synced; or `OSError`, and what was written is cut off before anything else is."""
        file = self._opened()
        if self._torn:
            file.truncate(self._now.whole)
        self._torn = True
        write_all(file, line, self._now.whole)
        file.fdatasync()
        self._torn = False

    def _drop_oldest(self) -> None:
        """Keep within the bound: heads first, then an entry that says so, and only then the file goes."""
        names = self._volume.names(self._directory)
        closed, heads = numbered(names, ".jsonl"), numbered(names, ".heads")
        sizes = {name: self._size(name) for name in (*map(closed_name, closed), *map(heads_name, heads))}
        room = self._file_bytes + ROOM_BYTES
        while len(closed) > 1 and sum(sizes.values()) + room > self._most_bytes:
            first, following = closed.pop(0), closed[0]
            keep_heads(self._directory, first=first, following=closed_name(following), volume=self._volume)
            what = f"entries {first} to {following - 1}; {heads_name(first)} is kept"
            self._append(("recorder", audit.DROPPED, closed_name(first), what))
            self._volume.unlink(self._directory / closed_name(first))  # and once more, if that does not last
            heads = sorted({*heads, first})
            del sizes[closed_name(first)]
            sizes[heads_name(first)] = self._size(heads_name(first))
        while sum(sizes.get(heads_name(n), 0) for n in heads) > self._most_heads_bytes:
            del sizes[heads_name(heads[0])]
            self._volume.unlink(self._directory / heads_name(heads.pop(0)))

    def _size(self, name: str) -> int:
        file = self._volume.open(self._directory / name)
        try:
            return file.size()
        finally:
            file.close()

    def _opened(self) -> OpenFile:
        """The newest file; what was altered has been given another name before."""
        if self._set_aside:
            for name, other in self._set_aside.items():
                if self._volume.exists(
                    self._directory / name
                ):  # it was not only the syncing that failed before
                    self._volume.rename(self._directory / name, self._directory / other)
            self._volume.sync_directory(self._path.parent)
            self._set_aside = {}
        if self._named:  # before another file has the old name
            self._volume.sync_directory(self._directory)
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

    def _another_name(self, name: str) -> str:
        """For an altered file; no other has it."""
        stamp = rfc3339(self._clock.now().utc_ns).replace(":", "").replace("-", "")
        return f"altered-{stamp}-{new_ulid(self._clock.now().utc_ns)}-{name}"


def _cut(text: str) -> str:
    """What an entry has room for; a file name that is no Unicode is spelled so that it is."""
    return text.encode(errors="backslashreplace").decode()[:MAX_TEXT]
