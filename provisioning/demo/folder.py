"""The folder that a demo fills: its own, or nobody's. Nothing that an earlier demo did not make is ever removed.

The marker in it is written before anything else is, into a folder that has nothing of what a demo makes: so whatever of
that is there beside a marker, a demo has made, or somebody put there to be a demo's.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from node.errors import Refused

MARKER: Final = ".stolpe-demo"
SUMMARY: Final = "summary.json"
NAMES: Final = (
    "node.toml", "root.jws.json", "documents", "keys", "tls", "broker", "logs",
    "ring", "epochs.slot", "audit", "outbox",
    "events.jsonl", "scores.csv", SUMMARY, "clip.mp4", "clip.report.json", "clip.report.txt", "still.png",
    "again.mp4", "again.report.json", "again.report.txt",
)  # fmt: skip

FURTHER_CLIPS: Final = "clip-[0-9].mp4"


@contextmanager
def demo_folder(directory: Path, *, overwrite: bool) -> Iterator[Path]:
    """An absolute path without anything of `NAMES` in it, for one demo at a time.

    Refuses a folder that has one of them; with `overwrite` they are removed, if an earlier demo has marked it.
    """
    there = [name for name in NAMES if (directory / name).exists()]
    there += [path.name for path in directory.glob(FURTHER_CLIPS)]
    if there and not overwrite:
        raise Refused(f"{directory} already has {there[0]}: name another directory, or add --overwrite")
    if there and not (directory / MARKER).exists():
        raise Refused(
            f"{directory} has a {there[0]} that is not from an earlier demo: name another directory"
        )
    directory.mkdir(parents=True, exist_ok=True)
    lock = os.open(directory / MARKER, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Refused(f"{directory}: another demo runs there") from error
        for name in there:
            _remove(directory / name)
        yield directory.resolve()
    finally:
        os.close(lock)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
