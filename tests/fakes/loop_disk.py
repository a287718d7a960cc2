"""A real ext4 on a loop device, where this machine lets one be made."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class CannotRun(Exception):  # noqa: N818 — not an error: a machine
    """This machine does not let a disk be made."""


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotRun(f"{' '.join(command)}: {done.stderr.strip() or 'failed'}")


def new_image(path: Path, size: int, *options: str) -> None:
    """A fresh ext4 in a sparse file."""
    if os.geteuid() != 0:
        raise CannotRun("only root can mount a loop device")
    if shutil.which("mkfs.ext4") is None:
        raise CannotRun("there is no mkfs.ext4")
    with path.open("wb") as file:
        file.truncate(size)
    run("mkfs.ext4", "-q", *options, str(path))


@contextmanager
def mounted(image: Path, place: Path, *options: str) -> Iterator[None]:
    """An image as a file system, by a loop device."""
    place.mkdir(exist_ok=True)
    run("mount", "-o", ",".join(("loop", *options)), str(image), str(place))
    try:
        yield
    finally:
        run("umount", str(place))
