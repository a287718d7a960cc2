"""One segment file while it is being written: preallocated, synced record by record, finished with a trailer."""

import os
from hashlib import sha256
from pathlib import Path

from node.files import sync_directory
from node.formats import framing
from node.formats import segment as fmt
from node.formats.segment import TrailerState
from node.sealing.keys import SigningKey


class SegmentFile:
    """Appends to one file, in order. After a cut at any point every synced record is whole and readable."""

    def __init__(self, path: Path, *, start: bytes, preallocate_bytes: int) -> None:
        self._path = path
        self._position = 0
        self._digest = sha256()
        self._records = 0
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        try:
            # Zeros to the end: "length 0" follows whatever was written last, and the size need not be synced.
            os.posix_fallocate(self._file, 0, max(preallocate_bytes, len(start) + framing.END_BYTES))
            self._append(start)
            os.fsync(self._file)
            sync_directory(path.parent)
        except OSError:
            os.close(self._file)
            path.unlink()
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
        before = self._position, self._digest.copy()
        try:
            self._append(framing.frame(ciphertext))
            os.fdatasync(self._file)
        except OSError:
            self._position, self._digest = before
            raise
        self._records += 1

    def finish(self, signing: SigningKey) -> None:
        """End of records, signed trailer, and the file cut to its length."""
        self._append(framing.end_of_records() + fmt.start_of_trailer(TrailerState.CLOSED))
        self._append(signing.sign(fmt.trailer_message(self._digest.digest())))
        os.ftruncate(self._file, self._position)
        os.fsync(self._file)
        os.close(self._file)

    def abandon(self) -> None:
        """Leave the file as it is, without a trailer; recovery will find and sign what was written."""
        os.close(self._file)

    def _append(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self._file, view, self._position)
            self._digest.update(view[:written])
            self._position += written
            view = view[written:]
