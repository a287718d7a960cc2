"""The ring of sealed segments: within a byte budget and the retention time, oldest first.

Takes what the camera sends, adds the epoch layer, writes, evicts. It cannot open what it keeps.
"""

import errno
import logging
import os
import stat
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from node.clock import NS, Clock, rfc3339, utc_ns
from node.errors import Damaged, Refused
from node.formats import framing
from node.formats import segment as fmt
from node.formats.segment import SegmentHeader, TrailerState
from node.messages import CloseSegment, OpenSegment, SealedRecord, SegmentMessage
from node.recorder.allowance import Allowance
from node.recorder.epochs import Destruction, EpochKeys
from node.recorder.ring_volume import RingMarker, is_there
from node.recorder.segment_file import SegmentFile, SyncFailed
from node.sealing.keys import SigningKey
from node.volume import DISK, Volume, write_all

HOUR_NS = 3600 * NS
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
SEGMENTS_AN_HOUR = 120  # a camera films 60
EVICTION_ROUNDS = 3  # where unlinking frees nothing, the ring is not given up for it
TRIAL_NAME, TRIAL_BYTES = "trial", 4096
FIRST_BYTES = 16 * 1024

T = TypeVar("T")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeptSegment:
    """A finished segment. `epoch` is None where the file's start cannot be read: then nobody can open it."""

    path: Path
    size: int
    epoch: int | None

    @property
    def start_ns(self) -> int | None:
        """When it begins, as its name says; None if the name says nothing."""
        try:
            return utc_ns(datetime.strptime(self.path.name.partition("_")[0], "%Y%m%dT%H%M%S.%f%z"))
        except ValueError:
            return None


class Ring:
    """All segments of one directory, which is the only truth: the index is rebuilt from the files alone.

    `marker`: whether this is the ring's volume at all (None: it is); where it is not, nothing is read or written.
    `latest_start`: from no later time on does a segment's key live, whatever its header says (None: as that says).
    """

    def __init__(
        self,
        *,
        directory: Path,
        keys: EpochKeys,
        signing: SigningKey,
        clock: Clock,
        capacity_bytes: int,
        preallocate_bytes: int,
        reserve_bytes: int = 0,
        latest_start: Callable[[], int] | None = None,
        marker: RingMarker | None = None,
        volume: Volume = DISK,
    ) -> None:
        self._directory = directory
        self._volume = volume
        self._keys = keys
        self._signing = signing
        self._clock = clock
        self._capacity_bytes = capacity_bytes
        self._preallocate_bytes = preallocate_bytes
        self._reserve_bytes = reserve_bytes
        self._latest_start = latest_start
        self._marker = marker
        self._found = is_there(marker)
        paths = segment_paths(directory, volume=volume) if self._found else []
        self._kept = [kept for path in paths if (kept := _kept(path, volume)) is not None]
        self._size = sum(kept.size for kept in self._kept)
        self._open: tuple[str, int, SegmentFile] | None = None
        self._swept: frozenset[int] | None = None
        self._room = Allowance(
            SEGMENTS_AN_HOUR * preallocate_bytes, clock=clock, at_once=reserve_bytes + 2 * preallocate_bytes
        )
        self.evicted_for_room = 0
        """How many of them because the disk was full, and not the ring."""
        self.evicted = 0
        """How many segments made room for others before their time."""

    @property
    def segments(self) -> tuple[KeptSegment, ...]:
        """The finished segments, oldest first."""
        return tuple(self._kept)

    @property
    def count(self) -> int:
        """How many they are."""
        return len(self._kept)

    @property
    def oldest(self) -> KeptSegment | None:
        """The first of them."""
        return self._kept[0] if self._kept else None

    @property
    def size(self) -> int:
        """Bytes of all finished segments."""
        return self._size

    @property
    def open_segment(self) -> str | None:
        """The segment that is being written."""
        return self._open[0] if self._open else None

    @property
    def open_records(self) -> int:
        """How many records of it are on the disk."""
        return self._open[2].records if self._open else 0

    @property
    def being_written(self) -> KeptSegment | None:
        """That segment as it is now."""
        return KeptSegment(self._open[2].path, self._open[2].size, self._open[1]) if self._open else None

    @property
    def open_start_ns(self) -> int | None:
        """When it begins, as its name says; None if none is being written."""
        return self.being_written.start_ns if self.being_written else None

    def lost_records(self) -> int:
        """How many of them the disk, which has failed at the segment that is being written, has never had.

        `OSError` if that cannot be read.
        """
        return self._open[2].lost() if self._open and self._open[2].has_failed else 0

    @property
    def is_full(self) -> bool:
        """Whether the next segment makes the oldest one go."""
        return self._size + self._preallocate_bytes > self._capacity_bytes

    def accept(self, message: SegmentMessage) -> None:
        """Let expire what is due, then `write`."""
        self.expire()
        self.write(message)

    def write(self, message: SegmentMessage) -> None:
        """Do what the camera says. When this returns, it is on the disk to stay; if it raises, nothing was done."""
        match message:
            case OpenSegment():
                self._begin(message)
            case SealedRecord():
                if not framing.MIN_RECORD_BYTES <= len(message.ciphertext) <= framing.MAX_RECORD_BYTES:
                    raise Refused(f"a record of {len(message.ciphertext)} bytes cannot be")
                file = self._file_of(message.segment, message.index)
                self._with_room(lambda: file.append(message.ciphertext))
            case CloseSegment():
                self._file_of(message.segment, message.count)
                self._finish(TrailerState.CLOSED)

    def cut(self) -> Path | None:
        """Finish the open segment as it is, for its camera will not: signed as recovered.

        If the disk does not let it, the file stays without a trailer and its path is returned, for recovery to finish.
        """
        if self._open is None:
            return None
        _, epoch, file = self._open
        try:
            if file.has_failed:
                raise SyncFailed(None, "it was not kept before")
            self._finish(TrailerState.RECOVERED)
        except OSError:
            file.abandon()
            self._open = None
            self._keep(KeptSegment(file.path, file.size, epoch))
            return file.path
        return None

    def expire(self) -> tuple[int, ...]:
        """Destroy the epoch keys whose time has come, then unlink what nobody can open any more.

        Raises `SlotFailed` if one of them is still there, when everything else is done.
        """
        destruction = self.destroy_due()
        self.sweep()
        if destruction.trouble is not None:
            raise destruction.trouble
        return destruction.epochs

    def destroy_due(self) -> Destruction:
        """Destroy the epoch keys whose time has come, and say which; a clock that was set back extends nothing."""
        return self._keys.destroy_due(max(self._clock.now().utc_ns, self._keys.header.time_floor_ns))

    def sweep(self) -> None:
        """Unlink the segments that nobody can open any more, if keys have gone since the last time."""
        live = self._keys.live
        if live == self._swept:
            return
        for kept in [k for k in self._kept if k.epoch is not None and k.epoch not in live]:
            self._unlink(kept)
        self._swept = live

    def moved(self, kept: KeptSegment, epoch: int) -> None:
        """Its wraps are under the key of that epoch now; nothing if it has made room for others meanwhile."""
        if kept in self._kept:
            self._kept[self._kept.index(kept)] = replace(kept, epoch=epoch)
            self._swept = None

    def make_room(self, need: int = 0) -> bool:
        """Evict until the disk has the reserve and `need` bytes free; False if it has not.

        Whoever else fills the disk takes what is freed, too: the film is not given up for that, but at twice the pace
        at which the camera films.
        """
        for _ in range(EVICTION_ROUNDS):
            short = self._reserve_bytes + need - self._free()
            if short <= 0:
                return True
            while short > 0 and self._kept and not self._room.used_up:
                freed = self._evict()
                self._room.use(freed)
                self.evicted_for_room += 1
                short -= freed
        return self._free() >= self._reserve_bytes + need

    def try_disk(self) -> None:
        """Make room for a segment, and write and sync a little file; `OSError` says what the disk says.

        `Refused` where the ring's volume has come since the start: whoever starts anew finds what is on it.
        """
        self.check_volume()
        if not self.make_room(self._preallocate_bytes):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._directory))
        trial = self._directory / TRIAL_NAME
        self._volume.unlink(trial)  # of one before, which a power cut ended
        try:
            with closing(self._volume.create(trial, mode=0o640)) as file:
                write_all(file, bytes(TRIAL_BYTES), 0)
                file.fsync()
        finally:
            self._volume.unlink(trial)

    def close(self) -> None:
        """Let go of the segment that is being written, if any; it stays without a trailer."""
        if self._open is not None:
            self._open[2].abandon()
            self._open = None

    def _begin(self, message: OpenSegment) -> None:
        if self._open is not None:
            raise Refused(f"segment {message.segment} begins before {self._open[0]} has ended")
        header = _header(message.header)
        if len(message.header) > fmt.MAX_HEADER_BYTES or len(message.wraps) + 20 > fmt.MAX_WRAPS_BYTES:
            raise Refused("a segment's start is too long")
        if header.segment != message.segment:
            raise Refused("a segment's header names another segment")
        self.check_volume()
        while self._kept and self._size + self._preallocate_bytes > self._capacity_bytes:
            self._evict()
        if not self.make_room(self._preallocate_bytes):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._directory))
        # A clock that has leapt ahead must not make a key live longer: it was filmed no later than now.
        latest_ns = self._latest_start() if self._latest_start else header.start_ns
        epoch, key = self._keys.for_capture(
            min(header.start_ns, latest_ns),
            mandate=bytes.fromhex(header.mandate.removeprefix("sha256:")),
            retention_ns=message.retention_hours * HOUR_NS,
        )
        wraps = fmt.seal_wraps(
            message.wraps,
            header=message.header,
            aead=header.aead,
            segment=header.segment,
            epoch=epoch,
            epoch_key=key,
        )
        path, start = self._directory / file_name(header), fmt.start_of_file(message.header, wraps)
        file = self._with_room(
            lambda: SegmentFile(
                path, start=start, preallocate_bytes=self._preallocate_bytes, volume=self._volume
            )
        )
        self._open = header.segment, epoch, file

    def check_volume(self) -> None:
        """`OSError` if the ring's volume is not there, `Refused` if it has come since the start."""
        if self._marker is not None:
            self._marker.check()
        if not self._found:
            raise Refused("the ring's volume has come: the recorder must start anew on it")

    def _file_of(self, segment: str, index: int) -> SegmentFile:
        if self._open is None or self._open[0] != segment:
            raise Refused(f"no segment {segment} is open")
        file = self._open[2]
        if index != file.records:
            raise Refused(f"record {index} of {segment} came where record {file.records} was due")
        return file

    def _finish(self, state: TrailerState) -> None:
        assert self._open is not None  # noqa: S101 — the callers have looked
        _, epoch, file = self._open
        self._with_room(lambda: file.finish(self._signing, state))
        self._open = None
        self._keep(KeptSegment(file.path, file.size, epoch))

    def _with_room(self, write: Callable[[], T]) -> T:
        """Write; while the disk is full, give the oldest segments for it, but no more than should suffice."""
        given = 0
        while True:
            try:
                return write()
            except OSError as error:
                tells_all = error.errno not in DISK_FULL or isinstance(error, SyncFailed)
                if tells_all or not self._kept or given > 2 * self._preallocate_bytes:
                    raise
                given += self._evict()

    def _free(self) -> int:
        return self._volume.free_bytes(self._directory)

    def _keep(self, kept: KeptSegment) -> None:
        self._kept.append(kept)
        self._size += kept.size
        self._swept = None  # its key may have gone while it was written

    def _evict(self) -> int:
        """Give up the oldest segment; its bytes."""
        oldest = self._kept[0]
        self._unlink(oldest)
        self.evicted += 1
        return oldest.size

    def _unlink(self, kept: KeptSegment) -> None:
        self._volume.unlink(kept.path)
        self._kept.remove(kept)
        self._size -= kept.size


def segment_paths(directory: Path, *, volume: Volume = DISK) -> list[Path]:
    """The segment files of a ring, oldest first: their names begin with their time."""
    return [directory / name for name in sorted(volume.names(directory)) if name.endswith(".seg")]


def file_name(header: SegmentHeader) -> str:
    """`<start-utc>_<id>.seg`."""
    start = rfc3339(header.start_ns).replace("-", "").replace(":", "")
    return f"{start}_{header.segment}.seg"


def _header(data: bytes) -> SegmentHeader:
    try:
        return msgspec.json.decode(data, type=SegmentHeader)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(f"a segment's header is not as it must be ({error})") from error


def _kept(path: Path, volume: Volume) -> KeptSegment | None:
    """What the index needs of a file; None if it is none. Nearly every start is within the first bytes."""
    found, epoch = path.stat(follow_symlinks=False), None
    if not stat.S_ISREG(found.st_mode):
        _LOG.warning("%s is no file: it is left where it is", path.name)
        return None
    try:
        with closing(volume.open(path)) as file:
            start = file.pread(FIRST_BYTES, 0)
            epoch = _epoch(start)
            if epoch is None and len(start) == FIRST_BYTES:
                epoch = _epoch(file.pread(16 + fmt.MAX_HEADER_BYTES + fmt.MAX_WRAPS_BYTES, 0))
    except OSError as error:  # a bad block: recovery has told of it, and eviction takes the file away
        _LOG.warning("%s cannot be read: %s", path.name, error.strerror)
    return KeptSegment(path, found.st_size, epoch)


def _epoch(start: bytes) -> int | None:
    try:
        return fmt.epoch_of(fmt.read_start(start)[2])
    except Damaged:
        return None
