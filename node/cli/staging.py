"""Results that appear whole or not at all: made in a hidden folder beside their place, then moved there."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from node.errors import Refused

MAX_BYTES = 1 << 20
"""Of a file that shows who made the others."""


def is_json_of(kind: type[msgspec.Struct], path: Path) -> bool:
    """Whether that file is what an earlier run has left; a stranger's may have the same name."""
    try:
        with path.open("rb") as file:
            msgspec.json.decode(file.read(MAX_BYTES), type=kind)
    except (OSError, msgspec.DecodeError):
        return False
    return True


@contextmanager
def staged(
    directory: Path,
    names: Sequence[str],
    *,
    overwrite: bool,
    marker: str | None = None,
    is_ours: Callable[[Path], bool] = Path.is_file,
) -> Iterator[Path]:
    """A folder to fill with `names`; they are moved to `directory` if all goes well, and else nothing is left.

    Refuses a directory that has one of the names already. `overwrite` allows that, and where a `marker` is
    named only if it is there, and `is_ours`, to show that an earlier run made them: nothing of a stranger's is
    removed.
    """
    _check_room(directory, names, marker=marker, is_ours=is_ours, overwrite=overwrite)
    missing = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".stolpe-", dir=directory))
    done = False
    try:
        yield work
        _check_room(
            directory, names, marker=marker, is_ours=is_ours, overwrite=overwrite
        )  # somebody may have been faster
        for name in names:
            _remove(directory / name)
            if (work / name).exists():
                (work / name).rename(directory / name)
        done = True
    finally:
        shutil.rmtree(work)
        if not done:
            with suppress(OSError):  # somebody else has put something there meanwhile
                for folder in missing:
                    folder.rmdir()


def _check_room(
    directory: Path,
    names: Sequence[str],
    *,
    marker: str | None,
    is_ours: Callable[[Path], bool],
    overwrite: bool,
) -> None:
    there = [name for name in names if (directory / name).exists()]
    if there and not overwrite:
        raise Refused(f"{directory} already has {there[0]}: name another directory, or add --overwrite")
    if there and marker is not None and not (marker in there and is_ours(directory / marker)):
        raise Refused(f"{directory} has a {there[0]} that is not from an earlier run: name another directory")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
