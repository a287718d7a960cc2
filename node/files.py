"""Files that are there whole or not at all, also after a power cut or on a full disk."""

import os
import tempfile
from pathlib import Path

from node.errors import Refused


def replace_whole(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Put `data` in the place of whatever stands at `path`: afterwards there is the old file or the new one."""
    temporary = _written(path, data, mode)
    try:
        temporary.rename(path)
    except OSError:
        temporary.unlink()
        raise
    sync_directory(path.parent)


def create_whole(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a file that does not exist yet; `Refused` if it does, and then it stays as it is."""
    temporary = _written(path, data, mode)
    try:
        os.link(temporary, path)
    except FileExistsError as error:
        what = "is a directory" if path.is_dir() else "is not written over"
        raise Refused(f"{path} exists and {what}: name another file") from error
    finally:
        temporary.unlink()
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory last."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _written(path: Path, data: bytes, mode: int) -> Path:
    """A synced file with `data` beside `path`, or nothing."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(file.fileno())
    except OSError:
        temporary.unlink()
        raise
    return temporary
