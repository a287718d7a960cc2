"""The ring of sealed segments: within a byte budget and the retention time, oldest first.

Takes what the camera sends, adds the epoch layer, writes, evicts. It cannot open what it keeps.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from node.clock import NS, Clock, rfc3339
from node.errors import Damaged, Refused
from node.formats import framing
from node.formats import segment as fmt
from node.formats.segment import SegmentHeader
from node.messages import CloseSegment, OpenSegment, SealedRecord, SegmentMessage
from node.recorder.epochs import EpochKeys
from node.recorder.segment_file import SegmentFile
from node.sealing.keys import SigningKey

HOUR_NS = 3600 * NS


@dataclass(frozen=True, slots=True)
class KeptSegment:
    """A finished segment. `epoch` is None where the file's start cannot be read: then nobody can open it."""

    path: Path
    size: int
    epoch: int | None


class Ring:
    """All segments of one directory, which is the only truth: the index is rebuilt from the files alone."""

    def __init__(
        self,
        *,
        directory: Path,
        keys: EpochKeys,
        signing: SigningKey,
        clock: Clock,
        capacity_bytes: int,
        preallocate_bytes: int,
    ) -> None:
        self._directory = directory
        self._keys = keys
        self._signing = signing
        self._clock = clock
        self._capacity_bytes = capacity_bytes
        self._preallocate_bytes = preallocate_bytes
        self._kept = [_kept(path) for path in segment_paths(directory)]
        self._open: tuple[str, int, SegmentFile] | None = None

    @property
    def segments(self) -> tuple[KeptSegment, ...]:
        """The finished segments, oldest first."""
        return tuple(self._kept)

    @property
    def size(self) -> int:
        """Bytes of all finished segments."""
        return sum(kept.size for kept in self._kept)

    def accept(self, message: SegmentMessage) -> None:
        """Do what the camera says. When this returns, it is on the disk to stay."""
        self.expire()
        match message:
            case OpenSegment():
                self._begin(message)
            case SealedRecord():
                if not framing.MIN_RECORD_BYTES <= len(message.ciphertext) <= framing.MAX_RECORD_BYTES:
                    raise Refused(f"a record of {len(message.ciphertext)} bytes cannot be")
                self._file_of(message.segment, message.index).append(message.ciphertext)
            case CloseSegment():
                self._finish(message)

    def expire(self) -> tuple[int, ...]:
        """Destroy the epoch keys whose time has come, then unlink what nobody can open any more."""
        now_ns = max(
            self._clock.now().utc_ns, self._keys.header.time_floor_ns
        )  # a clock set back extends nothing
        destroyed = self._keys.destroy_due(now_ns)
        live = self._keys.live
        for kept in [k for k in self._kept if k.epoch is not None and k.epoch not in live]:
            self._unlink(kept)
        return destroyed

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
        while self._kept and self.size + self._preallocate_bytes > self._capacity_bytes:
            self._unlink(self._kept[0])
        epoch, key = self._keys.for_capture(
            header.start_ns,
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
        file = SegmentFile(
            self._directory / file_name(header),
            start=fmt.start_of_file(message.header, wraps),
            preallocate_bytes=self._preallocate_bytes,
        )
        self._open = header.segment, epoch, file

    def _file_of(self, segment: str, index: int) -> SegmentFile:
        if self._open is None or self._open[0] != segment:
            raise Refused(f"no segment {segment} is open")
        file = self._open[2]
        if index != file.records:
            raise Refused(f"record {index} of {segment} came where record {file.records} was due")
        return file

    def _finish(self, message: CloseSegment) -> None:
        file = self._file_of(message.segment, message.count)
        assert self._open is not None  # noqa: S101 — _file_of has looked
        file.finish(self._signing)
        self._kept.append(KeptSegment(file.path, file.size, self._open[1]))
        self._open = None

    def _unlink(self, kept: KeptSegment) -> None:
        kept.path.unlink()
        self._kept.remove(kept)


def segment_paths(directory: Path) -> list[Path]:
    """The segment files of a ring, oldest first: their names begin with their time."""
    return sorted(path for path in directory.iterdir() if path.suffix == ".seg")


def file_name(header: SegmentHeader) -> str:
    """`<start-utc>_<id>.seg`."""
    start = rfc3339(header.start_ns).replace("-", "").replace(":", "")
    return f"{start}_{header.segment}.seg"


def _header(data: bytes) -> SegmentHeader:
    try:
        return msgspec.json.decode(data, type=SegmentHeader)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(f"a segment's header is not as it must be ({error})") from error


def _kept(path: Path) -> KeptSegment:
    with path.open("rb") as file:
        start = file.read(16 + fmt.MAX_HEADER_BYTES + fmt.MAX_WRAPS_BYTES)
    try:
        epoch = fmt.epoch_of(fmt.read_start(start)[2])
    except Damaged:
        epoch = None
    return KeptSegment(path, path.stat().st_size, epoch)
