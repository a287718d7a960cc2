"""A small part behind a path, as the kernel shows an EEPROM: pages of 32 bytes, nothing to sync, and wear."""

import errno
from collections import Counter
from pathlib import Path

from node.formats.slot import PAGE_BYTES
from node.volume import Bytes, Disk, OpenFile


class PowerCut(BaseException):
    """In the middle of a page."""


class Part(Disk):
    """`cut_after`: so many pages are written, and the power goes while the next one is: it holds `garbage` then."""

    def __init__(self, *, cut_after: int | None = None, garbage: bytes = b"\xa5" * PAGE_BYTES) -> None:
        self.writes: Counter[int] = Counter()
        self.cut_after = cut_after
        self.garbage = garbage

    def open(self, path: Path, *, writing: bool = False) -> OpenFile:
        return _Pages(super().open(path, writing=writing), self)


class _Pages:
    def __init__(self, file: OpenFile, part: Part) -> None:
        self._file = file
        self._part = part
        self.size, self.pread, self.close = file.size, file.pread, file.close
        self.forget = file.forget

    def pwrite(self, data: Bytes, offset: int) -> int:
        taken = min(len(data), PAGE_BYTES - offset % PAGE_BYTES)
        if self._part.cut_after is not None and self._part.writes.total() >= self._part.cut_after:
            self._file.pwrite(self._part.garbage[:taken], offset)
            raise PowerCut
        self._part.writes[offset // PAGE_BYTES] += 1
        return self._file.pwrite(bytes(data[:taken]), offset)

    def fsync(self) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    def fdatasync(self) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    def preallocate(self, size: int) -> None:
        raise OSError(errno.EFBIG, "File too large")

    def truncate(self, size: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")
