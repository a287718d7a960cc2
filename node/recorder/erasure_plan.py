"""What an erasure that was ordered still has to do, and what earlier ones took: one file, whole at any time.

It is the only truth of that. Which keys are there the key slot says, and which segments the ring; while a plan stands
here the erasure goes on at the next start, and where none does, none is under way.
"""

from contextlib import closing
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from node.errors import Refused
from node.files import replace_whole
from node.messages import Nanoseconds
from node.names import Ulid
from node.volume import DISK, Volume

FILE_NAME: Final = "erasures.json"
MAX_SEGMENTS: Final = 4500
"""Of one order: three days of minutes."""
MAX_REMEMBERED: Final = 20_000
"""Segments whose erasure is remembered, so that nobody is told that nothing was filmed then; the newest of them."""
MAX_FILE_BYTES: Final = 2 << 20

SegmentName = Annotated[str, Meta(max_length=128)]


class ErasurePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The segments that go, by their files' names and starts, and the epochs whose keys go with them.

    Until `over_ns` they might have been kept.
    """

    order: Ulid
    expires_ns: Nanoseconds
    over_ns: Nanoseconds
    epochs: Annotated[tuple[int, ...], Meta(max_length=1000)]
    segments: Annotated[tuple[SegmentName, ...], Meta(max_length=MAX_SEGMENTS)]
    starts_ns: Annotated[tuple[Nanoseconds, ...], Meta(max_length=MAX_SEGMENTS)]


class Erased(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A segment that was erased, by its start, until it would have been destroyed anyhow."""

    start_ns: Nanoseconds
    over_ns: Nanoseconds


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    current: ErasurePlan | None = None
    erased: Annotated[tuple[Erased, ...], Meta(max_length=MAX_REMEMBERED)] = ()


class PlanFile:
    """`erasures.json` beside the documents. While it cannot be read no release is begun: it may be of what must go."""

    def __init__(self, directory: Path, *, volume: Volume = DISK) -> None:
        self._path = directory / FILE_NAME
        self._volume = volume
        self._file = _File()
        self.unreadable = ""
        """Why nobody knows what is under way; empty if they do."""
        try:
            self._file = _read(self._path, volume)
        except Refused as refusal:
            self.unreadable = f"{refusal}"

    @property
    def current(self) -> ErasurePlan | None:
        """What is under way."""
        return self._file.current

    def erased(self, now_ns: int) -> tuple[int, ...]:
        """When the segments began that were erased and would still be there."""
        return tuple(one.start_ns for one in self._file.erased if one.over_ns > now_ns)

    def begin(self, plan: ErasurePlan) -> None:
        """From here on it will be done, whatever happens; `OSError` if the disk does not take it."""
        self._write(msgspec.structs.replace(self._file, current=plan))
        self.unreadable = ""

    def end(self, now_ns: int) -> None:
        """It was done."""
        plan = self._file.current
        if plan is None:
            return
        gone = tuple(Erased(start_ns, plan.over_ns) for start_ns in plan.starts_ns)
        there = tuple(one for one in self._file.erased if one.over_ns > now_ns)
        self._write(_File(None, (*there, *gone)[-MAX_REMEMBERED:]))

    def _write(self, file: _File) -> None:
        replace_whole(self._path, msgspec.json.encode(file) + b"\n", mode=0o640, volume=self._volume)
        self._file = file


def _read(path: Path, volume: Volume) -> _File:
    try:
        with closing(volume.open(path)) as file:
            data = file.pread(MAX_FILE_BYTES + 1, 0)
        return msgspec.json.decode(data, type=_File)
    except FileNotFoundError:
        return _File()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(f"{path}: what is to be erased cannot be read ({error})") from error
