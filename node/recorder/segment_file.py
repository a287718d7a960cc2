"""One segment file while it is being written: preallocated, synced record by record, finished with a trailer.

Under its name there is never a file whose start is not whole: it is written as `<name>.new`, and then named.
"""

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from node.files import sync_directory
from node.formats import framing
from node.formats import segment as fmt
from node.formats.segment import TrailerState
from node.sealing.keys import SigningKey

NEW = ".new"


class SegmentFile:
    """Appends to one file, in order. After a cut at any point every synced record is whole and readable."""

    def __init__(self, path: Path, *, start: bytes, preallocate_bytes: int) -> None:
        self._path = path
        self._position = 0
        self._digest = sha256()
        self._records = 0
        new, named = path.with_name(path.name + NEW), False
        self._file = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
        try:
            # Zeros to the end: "length 0" follows whatever was written last, and the size need not be synced.
            os.posix_fallocate(self._file, 0, max(preallocate_bytes, len(start) + framing.END_BYTES))
            self._append(start)
            os.fsync(self._file)
            os.link(new, path)
            named = True
            new.unlink()
            sync_directory(path.parent)
        except OSError:
            os.close(self._file)
            new.unlink(missing_ok=True)
            if named:
                path.unlink(missing_ok=True)
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

    def append(self, ciphertext: bytes) -> None:
        """Write and sync the next record. When this returns, it survives a power cut."""
        self._write_whole(framing.frame(ciphertext), os.fdatasync)
        self._records += 1

    def finish(self, signing: SigningKey, state: TrailerState = TrailerState.CLOSED) -> None:
        """End of records, signed trailer, and the file cut to its length; `OSError`: it is as it was."""
        ending = framing.end_of_records() + fmt.start_of_trailer(state)
        digest = self._digest.copy()
        digest.update(ending)

        def cut_and_sync(file: int) -> None:
            os.ftruncate(file, self._position)
            os.fsync(file)

        self._write_whole(ending + signing.sign(fmt.trailer_message(digest.digest())), cut_and_sync)
        os.close(self._file)

    def abandon(self) -> None:
        """Leave the file as it is, without a trailer; recovery will find and sign what was written."""
        os.close(self._file)

    def _write_whole(self, data: bytes, sync: Callable[[int], None]) -> None:
        before = self._position, self._digest.copy()
        try:
            self._append(data)
            sync(self._file)
        except OSError:
            self._position, self._digest = before
            raise

    def _append(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self._file, view, self._position)
            self._digest.update(view[:written])
            self._position += written
            view = view[written:]
