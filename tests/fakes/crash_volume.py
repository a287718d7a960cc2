"""A disk that remembers every operation, and every state in which a power cut could have left it.

What was not synced may be lost, torn or reordered: a later write survives and an earlier one does not, a file is as
long as it was to become and holds zeros, a name is there or not, independently of what it names.
"""

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Literal

from node.volume import Bytes, Disk, OpenFile

SECTOR = 512
ALL_SUBSETS_UP_TO = 5
"""Of so many unsynced operations every subset is tried."""

Kind = Literal["write", "cut", "grow", "names", "sync", "sync names"]
Image = Mapping[str, bytes | None]
"""What stands at which path below the root; None is a directory."""


@dataclass(frozen=True)
class Op:
    """One operation on one inode: bytes at an offset, a length, or names of a directory (None takes one away)."""

    kind: Kind
    inode: int
    what: str
    offset: int = 0
    data: bytes = b""
    names: tuple[tuple[str, int | None], ...] = ()
    at_s: int = 0


@dataclass(frozen=True)
class CrashPoint:
    """After `ops` operations, with those unsynced ones surviving as said: operation → how ("whole", "first 12", …)."""

    ops: int
    survived: tuple[tuple[int, str], ...]


class Killed(BaseException):
    """The process ends before its next operation; what the kernel has taken stays, synced or not."""


class CrashVolume(Disk):
    """The real disk below `root`, with a journal. `byte_granular`: the file whose writes are torn at every byte."""

    def __init__(self, root: Path, *, byte_granular: str = "epochs.slot") -> None:
        self.root = root
        self.ops: list[Op] = []
        self.full = False
        self.kill_before: int | None = None
        self.seconds: Callable[[], int] = lambda: 0
        """What time it is, for whoever wants to know it of an operation."""
        self.byte_granular = byte_granular
        self.directories = {0}
        self._inodes: dict[Path, int] = {root: 0}
        self.first: Image = image_of(root)
        for number, path in enumerate(sorted(root.rglob("*")), 1):
            self._inodes[path] = number

    @property
    def inodes(self) -> dict[Path, int]:
        """Of everything that has a name now."""
        return dict(self._inodes)

    def open(self, path: Path, *, writing: bool = False) -> OpenFile:
        return _Noted(super().open(path, writing=writing), self, path, self._inodes[path])

    def create(self, path: Path, *, mode: int) -> OpenFile:
        self.begin()
        self._refuse_if_full()
        file = super().create(path, mode=mode)
        self._name(path, self._new_inode(path))
        return _Noted(file, self, path, self._inodes[path])

    def link(self, path: Path, name: Path) -> None:
        self.begin()
        super().link(path, name)
        self._inodes[name] = self._inodes[path]
        self._name(name, self._inodes[path])

    def rename(self, path: Path, name: Path) -> None:
        self.begin()
        super().rename(path, name)
        inode = self._inodes[name] = self._inodes.pop(path)
        self.note(
            Op("names", self._inodes[path.parent], f"rename to {name.name}",
               names=((path.name, None), (name.name, inode)))
        )  # fmt: skip

    def unlink(self, path: Path) -> None:
        self.begin()
        super().unlink(path)
        if self._inodes.pop(path, None) is not None:
            self._name(path, None)

    def make_directory(self, path: Path, *, mode: int) -> None:
        self.begin()
        super().make_directory(path, mode=mode)
        self.directories.add(1_000 + len(self.ops))
        self._name(path, self._new_inode(path))

    def sync_directory(self, directory: Path) -> None:
        self.begin()
        super().sync_directory(directory)
        if directory in self._inodes:
            self.note(Op("sync names", self._inodes[directory], f"sync {directory.name}"))

    def free_bytes(self, directory: Path) -> int:
        return 0 if self.full else 1 << 40

    def note(self, op: Op) -> None:
        self.ops.append(replace(op, at_s=self.seconds()))

    def begin(self) -> None:
        """An operation is about to be done."""
        if self.kill_before is not None and len(self.ops) >= self.kill_before:
            raise Killed

    def _refuse_if_full(self) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _new_inode(self, path: Path) -> int:
        self._inodes[path] = 1_000 + len(self.ops)
        return self._inodes[path]

    def _name(self, path: Path, inode: int | None) -> None:
        what = "unlink" if inode is None else "name"
        self.note(Op("names", self._inodes[path.parent], f"{what} {path.name}", names=((path.name, inode),)))


class _Noted:
    """An open file whose changes are noted before they are done."""

    def __init__(self, file: OpenFile, volume: CrashVolume, path: Path, inode: int) -> None:
        self._file = file
        self._volume = volume
        self._path = path
        self._inode = inode
        self.size, self.pread, self.close = file.size, file.pread, file.close
        self.forget = file.forget

    def pwrite(self, data: Bytes, offset: int) -> int:
        if self._volume.full and offset + len(data) > self._file.size():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._note("write", offset=offset, data=bytes(data))
        return self._file.pwrite(data, offset)

    def preallocate(self, size: int) -> None:
        if self._volume.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._note("grow", offset=size)
        self._file.preallocate(size)

    def truncate(self, size: int) -> None:
        self._note("cut", offset=size)
        self._file.truncate(size)

    def fdatasync(self) -> None:
        self._volume.begin()
        self._file.fdatasync()
        self._note("sync")

    def fsync(self) -> None:
        self._volume.begin()
        self._file.fsync()
        self._note("sync")

    def _note(self, kind: Kind, *, offset: int = 0, data: bytes = b"") -> None:
        self._volume.begin()
        self._volume.note(Op(kind, self._inode, f"{kind} {self._path.name}", offset, data))


@dataclass
class Surviving:
    """What has been made to last after some operations, and what has not."""

    volume: CrashVolume
    files: dict[int, bytes] = field(default_factory=dict)
    directories: dict[int, dict[str, int]] = field(default_factory=lambda: {0: {}})
    pending: list[tuple[int, Op]] = field(default_factory=list)
    ops: int = 0

    def __post_init__(self) -> None:
        for number, (path, data) in enumerate(sorted(self.volume.first.items()), 1):
            parent, _, name = path.rpartition("/")
            assert not parent, "a crash volume begins with files alone"
            self.directories[0][name] = number
            self.files[number] = data or b""

    def advance(self) -> Op:
        """One operation more has been issued."""
        number, op = self.ops, self.volume.ops[self.ops]
        self.ops += 1
        if op.kind in {"sync", "sync names"}:
            wanted = {"names"} if op.kind == "sync names" else {"write", "cut", "grow"}
            for pending in [p for p in self.pending if p[1].inode == op.inode and p[1].kind in wanted]:
                self._apply(self.files, self.directories, pending[1], "whole")
                self.pending.remove(pending)
        else:
            self.pending.append((number, op))
        return op

    def points(self) -> Iterator[CrashPoint]:
        """Every way in which the power may go now."""
        numbers = [number for number, _ in self.pending]
        for kept in _subsets(numbers):
            yield CrashPoint(self.ops, tuple((number, "whole") for number in kept))
        for number, op in self.pending:
            others = [(n, "whole") for n in numbers if n != number]
            for tear in self._tears(op):
                yield CrashPoint(self.ops, ((number, tear),))
                if others:
                    yield CrashPoint(self.ops, tuple(sorted([*others, (number, tear)])))

    def image(self, point: CrashPoint) -> Image:
        """What is on the disk when the power comes back."""
        survived = dict(point.survived)
        files = dict(self.files)
        directories = {inode: dict(names) for inode, names in self.directories.items()}
        for number, op in self.pending:
            if number in survived:
                self._apply(files, directories, op, survived[number])
        found: dict[str, bytes | None] = {}
        self._walk(0, "", files, directories, found)
        return found

    def _tears(self, op: Op) -> Iterator[str]:
        if op.kind != "write":
            return
        length = len(op.data)
        if op.what.endswith(self.volume.byte_granular):
            yield from (f"first {n}" for n in range(1, length))
            yield from (f"zeros behind {n}" for n in (0, length - 1))
            return
        sectors = range(SECTOR - op.offset % SECTOR, length, SECTOR)
        yield from (f"first {n}" for n in sorted({1, length - 1, *sectors}) if 0 < n < length)
        yield from (f"behind {n}" for n in sectors)
        yield from (f"zeros behind {n}" for n in (0, *sectors, length - 1))

    def _walk(
        self,
        inode: int,
        path: str,
        files: dict[int, bytes],
        directories: dict[int, dict[str, int]],
        found: dict[str, bytes | None],
    ) -> None:
        for name, below in directories.get(inode, {}).items():
            if below in self.volume.directories:
                found[f"{path}{name}"] = None
                self._walk(below, f"{path}{name}/", files, directories, found)
            else:
                found[f"{path}{name}"] = files.get(below, b"")

    @staticmethod
    def _apply(files: dict[int, bytes], directories: dict[int, dict[str, int]], op: Op, how: str) -> None:
        if op.kind == "names":
            names = directories.setdefault(op.inode, {})
            for name, inode in op.names:
                if inode is None:
                    names.pop(name, None)
                else:
                    names[name] = inode
            return
        before = files.get(op.inode, b"")
        if op.kind == "cut":
            files[op.inode] = before[: op.offset].ljust(op.offset, b"\0")
        elif op.kind == "grow":
            files[op.inode] = before.ljust(op.offset, b"\0")
        else:
            files[op.inode] = _written(before, op, how)


def _written(before: bytes, op: Op, how: str) -> bytes:
    end = op.offset + len(op.data)
    first, last = 0, len(op.data)
    word, _, number = how.rpartition(" ")
    if word == "first":
        last = int(number)
        end = op.offset + last
    elif word == "behind":
        first = int(number)
    elif word == "zeros behind":
        last = int(number)
    grown = bytearray(before.ljust(end, b"\0"))
    grown[op.offset + first : op.offset + last] = op.data[first:last]
    return bytes(grown)


def _subsets(numbers: list[int]) -> Iterator[tuple[int, ...]]:
    """All of them, or of many: none, all, each left out, each alone, the first so many."""
    if len(numbers) <= ALL_SUBSETS_UP_TO:
        for kept in product((False, True), repeat=len(numbers)):
            yield tuple(n for n, is_kept in zip(numbers, kept, strict=True) if is_kept)
        return
    some = {(), tuple(numbers)}
    for at, number in enumerate(numbers):
        some |= {(number,), tuple(n for n in numbers if n != number), tuple(numbers[:at])}
    yield from sorted(some)


def image_of(root: Path) -> Image:
    """What stands below a directory."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in sorted(root.rglob("*"))
    }


def put(image: Image, root: Path) -> None:
    """Make it stand below a directory that has nothing, or what an earlier image left."""
    for path in sorted(root.rglob("*"), reverse=True):
        relative = str(path.relative_to(root))
        if path.is_dir():
            if relative not in image:
                path.rmdir()
        elif image.get(relative) is None:
            path.unlink()
    for relative, data in image.items():
        path = root / relative
        if data is None:
            path.mkdir(exist_ok=True)
        else:
            path.write_bytes(data)
            path.chmod(0o600)
