"""One segment file while it is being written: preallocated, synced record by record, finished with a trailer.

Under its name there is never a file whose start is not whole: it is written as `<name>.new`, and then named.
"""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from node.formats import framing
from node.formats import segment as fmt
from node.formats.segment import TrailerState
from node.sealing.keys import SigningKey
from node.volume import DISK, OpenFile, Volume, write_all

NEW = ".new"
CHUNK_BYTES = 1 << 20


class SyncFailed(OSError):  # noqa: N818 — told apart from a write that found no room, which may be tried again
    """The disk did not keep what was written. Asked again it would say that it had: the file ends here."""


class SegmentFile:
    """Appends to one file, in order. After a cut at any point every synced record is whole and readable."""

    def __init__(self, path: Path, *, start: bytes, preallocate_bytes: int, volume: Volume = DISK) -> None:
        self._path = path
        self._position = 0
        self._digest = sha256()
        self._records = 0
        self._start_bytes = len(start)
        new, named = path.with_name(path.name + NEW), False
        self._has_failed = False
        self._file = volume.create(new, mode=0o640)
        try:
            # Zeros to the end: "length 0" follows whatever was written last, and the size need not be synced.
            self._file.preallocate(max(preallocate_bytes, len(start) + framing.END_BYTES))
            write_all(self._file, start, 0)
            self._digest.update(start)
            self._position = len(start)
            self._file.fsync()
            volume.link(new, path)
            named = True
            volume.unlink(new)
            volume.sync_directory(path.parent)
        except OSError:
            self._file.close()
            volume.unlink(new)
            if named:
                volume.unlink(path)
            raise

    @property
    def path(self) -> Path:
        """Where it stands."""
        return self._path

    @property
    def records(self) -> int:
        """Records written so far."""
        return self._records

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._position

    @property
    def has_failed(self) -> bool:
        """Whether the disk has not kept something of it: then nothing is written to it any more."""
        return self._has_failed

    def lost(self) -> int:
        """How many of the records that were synced the disk does not have: one that fails may have lied before that."""
        self._file.forget()
        digest = sha256()
        for at in range(0, self._position, CHUNK_BYTES):
            digest.update(self._file.pread(min(CHUNK_BYTES, self._position - at), at))
        if digest.digest() == self._digest.digest():
            return 0
        data = memoryview(self._file.pread(self._position, 0))
        spans = framing.find_records(data, self._start_bytes).spans
        whole = next((n for n, span in enumerate(spans) if span.index != n), len(spans))
        return self._records - whole

    def append(self, ciphertext: bytes) -> None:
        """Write and sync the next record. When this returns, it survives a power cut; `OSError`: it is not there."""
        frame = framing.frame(ciphertext)
        write_all(self._file, frame, self._position)
        self._unless_it_fails(lambda: _synced(self._file.fdatasync))
        self._digest.update(frame)
        self._position += len(frame)
        self._records += 1

    def finish(self, signing: SigningKey, state: TrailerState = TrailerState.CLOSED) -> None:
        """End of records, signed trailer, and the file cut to its length; `OSError`: it is as it was."""
        ending = framing.end_of_records() + fmt.start_of_trailer(state)
        digest = self._digest.copy()
        digest.update(ending)
        ending += signing.sign(fmt.trailer_message(digest.digest()))
        self._unless_it_fails(lambda: write_ending(self._file, ending, self._position))
        self._position += len(ending)
        self._file.close()

    def _unless_it_fails(self, sync: Callable[[], None]) -> None:
        try:
            sync()
        except SyncFailed:
            self._has_failed = True
            raise

    def abandon(self) -> None:
        """Leave the file as it is, without a trailer; recovery will find and sign what was written."""
        self._file.close()


def write_ending(file: OpenFile, ending: bytes, at: int) -> None:
    """End of records and trailer, made to last, and the file cut behind them.

    Something stands behind them until then: at the end of a file a trailer that was torn passes for a whole one.
    """
    end = at + len(ending)
    if file.size() <= end:
        file.preallocate(end + 1)
        _synced(file.fsync)
    write_all(file, ending, at)
    _synced(file.fdatasync)
    file.truncate(end)
    _synced(file.fsync)


def _synced(sync: Callable[[], None]) -> None:
    try:
        sync()
    except OSError as error:
        raise SyncFailed(error.errno, error.strerror) from error
