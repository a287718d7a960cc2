"""The documents in force, on disk: one file each, replaced whole or not at all.

Only the keeper writes here; everyone else reads, and verifies again what it reads (`node.mandate.trust`).
"""

from contextlib import closing
from pathlib import Path
from typing import Literal

import msgspec

from node.errors import Refused
from node.files import read_bounded, replace_whole
from node.mandate.signatures import MAX_DOCUMENT_BYTES, parse
from node.volume import DISK, Volume

Kind = Literal["root", "mandate", "masks", "approved_masks"]
"""`root` is the one that a replay or demo was given; `approved_masks` the last mask set that two persons signed,
which proves that a widened one in `masks` uncovers nothing."""

MAX_ROOTS = 1000
_SUFFIX = ".jws.json"
MAX_ARCHIVED = 64
"""Mandates that are kept for the footage that was taken under them."""


class Unreadable(Refused):
    """A document is there and the disk does not let it be read: it may yet."""


class _Versioned(msgspec.Struct, frozen=True):
    version: int


class DocumentStore:
    """A directory of `<kind>.jws.json`, each there or not, and of the roots that followed the first one."""

    def __init__(self, directory: Path, *, volume: Volume = DISK) -> None:
        self._directory = directory
        self._volume = volume

    def path(self, kind: Kind) -> Path:
        """Where that document is kept."""
        return self._directory / f"{kind}.jws.json"

    def read(self, kind: Kind) -> bytes | None:
        """The signed bytes, at most one more than a document may have; None if there is none. Raises `Unreadable`."""
        return self._read(self.path(kind))

    def read_root(self, version: int) -> bytes | None:
        """The signed bytes of a root that followed the first one; None if it is not there."""
        return self._read(self._root_path(version))

    def commit_root(self, version: int, data: bytes) -> None:
        """Add the root of that version, whole, to the chain."""
        replace_whole(self._root_path(version), data, volume=self._volume)

    def _root_path(self, version: int) -> Path:
        return self._directory / f"root-{version:04d}.jws.json"

    def archive_mandate(self, data: bytes) -> bool:
        """Keep a mandate under its digest, for footage outlives what it was taken under; False if it is there.

        Of more than `MAX_ARCHIVED` those of the lowest versions go.
        """
        path = self._archived(parse(data).digest)
        if self._volume.exists(path):
            return False
        replace_whole(path, data, volume=self._volume)
        kept = self._archive_paths()
        if len(kept) > MAX_ARCHIVED:
            for old in sorted(kept, key=self._version_of)[:-MAX_ARCHIVED]:
                self._volume.unlink(old)
        return True

    def archived_mandate(self, digest: bytes) -> bytes | None:
        """The signed bytes of the mandate with that digest; None if it is not there."""
        return self._read(self._archived(digest))

    def archived_mandates(self) -> tuple[bytes, ...]:
        """All that are kept."""
        found = (self._read(path) for path in self._archive_paths())
        return tuple(data for data in found if data is not None)

    def _archived(self, digest: bytes) -> Path:
        return self._directory / f"mandate-{digest.hex()}{_SUFFIX}"

    def _archive_paths(self) -> list[Path]:
        names = sorted(self._volume.names(self._directory))
        return [self._directory / n for n in names if n.startswith("mandate-") and n.endswith(_SUFFIX)]

    def _version_of(self, path: Path) -> int:
        data = self._read(path)
        return 0 if data is None else msgspec.json.decode(parse(data).payload, type=_Versioned).version

    def commit(self, kind: Kind, data: bytes) -> None:
        """Put a document in force. After a power cut at any point there is the old one or the new one, whole."""
        replace_whole(self.path(kind), data, volume=self._volume)

    def settle(self) -> None:
        """Make what can be read here last: whoever wrote it may have died before that."""
        self._volume.sync_directory(self._directory)

    def _read(self, path: Path) -> bytes | None:
        try:
            with closing(self._volume.open(path)) as file:
                return file.pread(MAX_DOCUMENT_BYTES + 1, 0)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unreadable(f"{path.name} cannot be read: {error.strerror}") from error


def read_document(path: Path) -> bytes:
    """The bytes of a document file that a person named, or `Refused`."""
    return read_bounded(path, most=MAX_DOCUMENT_BYTES, what="a document")
