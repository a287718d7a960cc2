"""Is this the disk that the ring is on? A marker in the ring's folder, and its twin where the recorder keeps its log.

So an empty mount point whose disk is missing is never taken for an empty ring, nor another node's disk for this one.
"""

import errno
import secrets
from contextlib import closing
from pathlib import Path

from node.files import create_whole
from node.volume import DISK, Volume

MARKER_NAME = "volume.id"
TWIN_NAME = "ring-volume.id"
MAX_BYTES = 64


class WrongVolume(OSError):  # noqa: N818 — the ring's trouble, told apart from the disk's
    """The ring's disk is not there, or it is another one."""

    def __init__(self, what: str) -> None:
        super().__init__(errno.ENODEV, what)


class RingMarker:
    """Marker and twin. They are made where the twin is missing: on a new node, once."""

    def __init__(self, ring: Path, state: Path, *, volume: Volume = DISK) -> None:
        self._marker = ring / MARKER_NAME
        self._twin = state / TWIN_NAME
        self._volume = volume

    def check(self) -> None:
        """Nothing, or `WrongVolume`; another `OSError` if what is not there yet cannot be made."""
        self._make()
        marked = self._read(self._marker)
        if marked is None:
            raise WrongVolume("the ring's volume is missing: its marker is not there")
        if marked != self._read(self._twin):
            raise WrongVolume("another volume is where the ring's should be")

    def _make(self) -> None:
        if self._read(self._twin) is None:
            marked = self._read(self._marker)
            if marked is None:
                marked = secrets.token_hex(16).encode()
                create_whole(self._marker, marked, volume=self._volume)
            create_whole(self._twin, marked, volume=self._volume)

    def _read(self, path: Path) -> bytes | None:
        try:
            file = self._volume.open(path)
        except FileNotFoundError:
            return None
        with closing(file):
            return file.pread(MAX_BYTES, 0)


def is_there(marker: RingMarker | None) -> bool:
    """Whether the ring's volume is."""
    try:
        if marker is not None:
            marker.check()
    except OSError:
        return False
    return True
