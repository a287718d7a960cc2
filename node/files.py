"""Files that are there whole or not at all, also after a power cut or on a full disk."""

import errno
import secrets
from contextlib import closing
from pathlib import Path

from node.errors import Refused
from node.volume import DISK, Volume, write_all

UNFINISHED = ".unfinished"


def replace_whole(path: Path, data: bytes, *, mode: int = 0o644, volume: Volume = DISK) -> None:
    """Put `data` in the place of whatever stands at `path`: afterwards there is the old file or the new one."""
    temporary = _written(path, data, mode, volume)
    try:
        volume.rename(temporary, path)
    except OSError:
        volume.unlink(temporary)
        raise
    volume.sync_directory(path.parent)


def create_whole(path: Path, data: bytes, *, mode: int = 0o644, volume: Volume = DISK) -> None:
    """Write a file that does not exist yet; `Refused` if it does, and then it stays as it is."""
    temporary = _written(path, data, mode, volume)
    try:
        volume.link(temporary, path)
    except FileExistsError as error:
        what = "is a directory" if path.is_dir() else "is not written over"
        raise Refused(f"{path} exists and {what}: name another file") from error
    finally:
        volume.unlink(temporary)
    volume.sync_directory(path.parent)


def read_bounded(path: Path, *, most: int, what: str) -> bytes:
    """The bytes of a file that a person named, `what` it is to be; `Refused` if it cannot be read, or is longer."""
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from error
    if len(data) > most:
        raise Refused(f"{path}: too large for {what}")
    return data


def make_directory(path: Path, *, mode: int, volume: Volume = DISK) -> None:
    """A directory that lasts, with those above it that are missing; one that is there stays as it is."""
    if not volume.exists(path.parent):
        make_directory(path.parent, mode=mode, volume=volume)
    if not volume.exists(path):
        volume.make_directory(path, mode=mode)
    volume.sync_directory(path.parent)  # also of one that is there: whoever made it may have died before this


def sweep_unfinished(directory: Path, *, volume: Volume = DISK) -> None:
    """Take away what a power cut left of files that were never finished. For a directory's only writer."""
    for name in volume.names(directory):
        if name.startswith(".") and name.endswith(UNFINISHED):
            volume.unlink(directory / name)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory last."""
    DISK.sync_directory(directory)


def _written(path: Path, data: bytes, mode: int, volume: Volume) -> Path:
    """A synced file with `data` beside `path`, or nothing."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{UNFINISHED}")
    try:
        file = volume.create(temporary, mode=mode)
    except (
        FileNotFoundError
    ) as error:  # whoever reads of it named the folder, and never saw the temporary name
        what = "No such file or directory: make the folder first"
        raise FileNotFoundError(errno.ENOENT, what, str(path.parent)) from error
    try:
        with closing(file):
            write_all(file, data, 0)
            file.fsync()
    except OSError:
        volume.unlink(temporary)
        raise
    return temporary
