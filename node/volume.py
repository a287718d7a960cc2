"""The disk, as whatever must survive a power cut sees it: a few calls, and what makes each of them last.

Bytes last once their file is synced; names (made, changed, taken away) once their directory is. Until then a power
cut may lose any of them, in any order, or tear a write. Knows no file of ours, and keeps no rule but this one.

A sync that fails is the last word on what it should have made last: Linux says so once, takes the pages for written,
and answers the next sync with success (thin and failing devices do that). So nobody asks the same file again.
"""

import os
from pathlib import Path
from typing import Protocol

Bytes = bytes | memoryview


class OpenFile(Protocol):
    """One open file. Every call raises `OSError` if the disk does not do it."""

    def size(self) -> int:
        """Bytes."""
        ...

    def pread(self, size: int, offset: int) -> bytes:
        """At most `size` bytes from `offset` on; fewer only at the end of the file."""
        ...

    def pwrite(self, data: Bytes, offset: int) -> int:
        """Write there, and say how many bytes were taken: it may be fewer than all."""
        ...

    def preallocate(self, size: int) -> None:
        """Make the file at least so long, with zeros that have their place on the disk."""
        ...

    def truncate(self, size: int) -> None:
        """Cut the file; that it is cut lasts after `fsync`."""
        ...

    def fdatasync(self) -> None:
        """Make all bytes that were written last, and the length that it takes to read them."""
        ...

    def fsync(self) -> None:
        """Make the bytes and everything about the file last, but not its name."""
        ...

    def forget(self) -> None:
        """What was synced, or should have been, is read from the disk from here on, and not from memory."""
        ...

    def close(self) -> None:
        """Let go of it; nothing is made to last."""
        ...


class Volume(Protocol):
    """Files by their paths. `Disk` is the real one; tests have one that loses what was not made to last."""

    def open(self, path: Path, *, writing: bool = False) -> OpenFile:
        """A file that exists; what is in it stays."""
        ...

    def create(self, path: Path, *, mode: int) -> OpenFile:
        """A new file, to read and write; `FileExistsError` if the name is taken."""
        ...

    def link(self, path: Path, name: Path) -> None:
        """Another name for a file; `FileExistsError` if it is taken."""
        ...

    def rename(self, path: Path, name: Path) -> None:
        """Another name instead, also in the place of another file."""
        ...

    def unlink(self, path: Path) -> None:
        """Take a name away; one that is not there is taken away already."""
        ...

    def make_directory(self, path: Path, *, mode: int) -> None:
        """A new directory; `FileExistsError` if the name is taken."""
        ...

    def sync_directory(self, directory: Path) -> None:
        """Make the names in a directory last."""
        ...

    def names(self, directory: Path) -> list[str]:
        """The names in a directory, in no order."""
        ...

    def exists(self, path: Path) -> bool:
        """Whether that name is there."""
        ...

    def free_bytes(self, directory: Path) -> int:
        """What the disk has left for this process there."""
        ...


class DiskFile:
    """An open file of this machine."""

    __slots__ = ("_file",)

    def __init__(self, file: int) -> None:
        self._file = file

    def size(self) -> int:
        """Bytes."""
        return os.fstat(self._file).st_size

    def pread(self, size: int, offset: int) -> bytes:
        """At most `size` bytes from `offset` on."""
        return os.pread(self._file, size, offset)

    def pwrite(self, data: Bytes, offset: int) -> int:
        """Write there; how many bytes were taken."""
        return os.pwrite(self._file, data, offset)

    def preallocate(self, size: int) -> None:
        """Make the file at least so long."""
        os.posix_fallocate(self._file, 0, size)

    def truncate(self, size: int) -> None:
        """Cut the file."""
        os.ftruncate(self._file, size)

    def fdatasync(self) -> None:
        """Make the bytes last."""
        os.fdatasync(self._file)

    def fsync(self) -> None:
        """Make the bytes and everything about the file last."""
        os.fsync(self._file)

    def forget(self) -> None:
        """Read from the disk from here on."""
        os.posix_fadvise(self._file, 0, 0, os.POSIX_FADV_DONTNEED)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._file)


class Disk:
    """The file systems of this machine."""

    def open(self, path: Path, *, writing: bool = False) -> OpenFile:
        """A file that exists."""
        return DiskFile(os.open(path, (os.O_RDWR if writing else os.O_RDONLY) | os.O_CLOEXEC))

    def create(self, path: Path, *, mode: int) -> OpenFile:
        """A new file of exactly that mode."""
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(file, mode)
        except OSError:
            os.close(file)
            path.unlink()
            raise
        return DiskFile(file)

    def link(self, path: Path, name: Path) -> None:
        """Another name for a file."""
        os.link(path, name)

    def rename(self, path: Path, name: Path) -> None:
        """Another name instead."""
        path.rename(name)

    def unlink(self, path: Path) -> None:
        """Take a name away, if it is there."""
        path.unlink(missing_ok=True)

    def make_directory(self, path: Path, *, mode: int) -> None:
        """A new directory."""
        path.mkdir(mode=mode)

    def sync_directory(self, directory: Path) -> None:
        """Make the names in a directory last."""
        file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(file)
        finally:
            os.close(file)

    def names(self, directory: Path) -> list[str]:
        """The names in a directory."""
        return os.listdir(directory)  # noqa: PTH208 — 20,000 names, and no more is asked of them

    def exists(self, path: Path) -> bool:
        """Whether that name is there."""
        return path.exists()

    def free_bytes(self, directory: Path) -> int:
        """What the disk has left for this process there."""
        found = os.statvfs(directory)
        return found.f_bavail * found.f_frsize


DISK: Volume = Disk()


def write_all(file: OpenFile, data: Bytes, offset: int) -> None:
    """All of it, however many calls it takes; not synced."""
    view = memoryview(data)
    while view:
        written = file.pwrite(view, offset)
        view, offset = view[written:], offset + written
