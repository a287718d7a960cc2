"""Release orders that were acted on: each takes effect once, over restarts and power cuts.

A small file beside the documents, whole or not at all, synced before the effect. What has expired anyhow is forgotten,
judged at a time that never goes back.
"""

from contextlib import closing
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from node.errors import Refused
from node.files import replace_whole
from node.messages import Nanoseconds
from node.names import Ulid
from node.volume import DISK, Volume

FILE_NAME = "consumed.json"
MAX_CONSUMED = 1000
MAX_FILE_BYTES = 256 * 1024

State = Literal["running", "ended"]


class _Used(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: Ulid
    expires_ns: Nanoseconds
    state: State


_File = Annotated[tuple[_Used, ...], Meta(max_length=MAX_CONSUMED)]


class ConsumedOrders:
    """What stands in the file. One that cannot be read refuses every order: nobody knows what was used."""

    def __init__(self, directory: Path, *, volume: Volume = DISK) -> None:
        self._path = directory / FILE_NAME
        self._volume = volume
        self._used: dict[str, _Used] = {}
        self.unreadable = ""
        """Why no order can be taken; empty if they can."""
        try:
            self._used = {one.id: one for one in _read(self._path, volume)}
        except Refused as refusal:
            self.unreadable = f"{refusal}"

    @property
    def ids(self) -> frozenset[str]:
        """All that were used and have not expired."""
        return frozenset(self._used)

    @property
    def interrupted(self) -> tuple[str, ...]:
        """Those whose release was running when the recorder ended."""
        return tuple(one.id for one in self._used.values() if one.state == "running")

    def refuse_if_full(self, now_ns: int) -> None:
        """`Refused` if no order can be used up now."""
        if self.unreadable:
            raise Refused(f"order: {self.unreadable}")
        if len(self._still_counting(now_ns)) >= MAX_CONSUMED:
            raise Refused(f"order: {MAX_CONSUMED} orders that have not expired were used: wait for one to")

    def consume(self, id: str, *, expires_ns: int, now_ns: int, state: State = "running") -> None:
        """From here on this order was used; `Refused` if there is no room, `OSError` if the disk does not take it."""
        self.refuse_if_full(now_ns)
        self._write({**self._still_counting(now_ns), id: _Used(id, expires_ns, state)})

    def ended(self, id: str) -> None:
        """Its release has finished or stopped."""
        if id in self._used:
            self._write({**self._used, id: msgspec.structs.replace(self._used[id], state="ended")})

    def _still_counting(self, now_ns: int) -> dict[str, _Used]:
        used = self._used.values()
        return {one.id: one for one in used if one.expires_ns > now_ns or one.state == "running"}

    def _write(self, used: dict[str, _Used]) -> None:
        replace_whole(
            self._path, msgspec.json.encode(tuple(used.values())) + b"\n", mode=0o640, volume=self._volume
        )
        self._used = used


def _read(path: Path, volume: Volume) -> tuple[_Used, ...]:
    try:
        with closing(volume.open(path)) as file:
            data = file.pread(MAX_FILE_BYTES + 1, 0)
        return msgspec.json.decode(data, type=_File)
    except FileNotFoundError:
        return ()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(f"{path}: which orders were used before cannot be read ({error})") from error
