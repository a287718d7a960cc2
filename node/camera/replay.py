"""Recorded video as a camera: any file that PyAV reads, or several that follow each other. The clock goes with it.

While this camera is closed the world in the video goes on: what lies before the clock's time is passed over and
never becomes a picture.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.error import FFmpegError, InvalidDataError
from av.video.reformatter import ColorRange, Interpolation
from av.video.stream import VideoStream

from node.camera.announced import check_whole_file
from node.camera.planes import plane_rows
from node.camera.source import Picture, lores_size, new_picture, scale_into
from node.clock import NS, Clock
from node.errors import Refused
from node.masks.geometry import Geometry, Size

if TYPE_CHECKING:
    from av.stream import Stream  # generic in its stub alone

MIN_SIDE_PX = 32
MAX_SIDE_PX = 4096
MAX_FRAME_RATE = 120.0
_FALLBACK_FRAME_RATE = 25.0
_MIN_STEP_NS = NS // 1000
_COMPLETE = 0.97  # share of the announced length below which a file is called cut off
_NOT_FOOTAGE = {
    "tty",
    "concat",
    "hls",
    "dash",
    "image2",
    "lavfi",
}  # text art, and lists that name other files
_MAX_UNDECODABLE = 0.05


@dataclass(frozen=True, slots=True)
class VideoFile:
    """What a file's header says of its first video stream; sides are even (an odd last row or column is cut)."""

    path: Path
    size: Size
    coded: Size
    frame_rate: float
    seconds: float | None
    packets: int
    """Of video, as the header announces; 0 where it does not."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where in the recorded material a frame comes from: `seconds` from the start of its video, which itself
    began at `video_start_ns` since boot."""

    video: str
    frame: int
    seconds: float
    video_start_ns: int


@dataclass(slots=True)
class _Count:
    decoded: int = 0
    undecodable: int = 0
    packets: int = 0
    start_s: float | None = None
    end_s: float = 0.0

    def note(self, packet: "av.Packet[Stream]", video: VideoStream) -> None:
        """What the packet of any stream says about how far the file reaches."""
        self.packets += packet.stream is video and packet.size > 0
        if packet.pts is not None and packet.time_base is not None:
            at_s = float(packet.pts * packet.time_base)
            self.start_s = at_s if self.start_s is None else min(self.start_s, at_s)
            self.end_s = max(self.end_s, at_s + float((packet.duration or 0) * packet.time_base))


class RecordedRequest:
    """One frame of a video as a camera's request."""

    def __init__(
        self, *, main: Picture, lores: Picture, sensor_ns: int, give_back: Callable[[], None]
    ) -> None:
        self.main = main
        self.lores = lores
        self.sensor_ns = sensor_ns
        self._give_back = give_back

    def release(self) -> None:
        """The source has one buffer, and fills it anew for the next request."""
        self._give_back()


class ReplaySource:
    """Videos as one camera of one geometry. `next_request` waits on the clock for each frame's own time."""

    def __init__(self, paths: Sequence[Path], *, clock: Clock) -> None:
        self._files = [probe(path) for path in paths]
        first = self._files[0]
        for other in self._files[1:]:
            if other.size != first.size:
                raise Refused(
                    f"{other.path}: is {other.size[0]}x{other.size[1]}, but {first.path.name} is "
                    f"{first.size[0]}x{first.size[1]}: one camera has one geometry"
                )
        self._clock = clock
        self._origin_ns = clock.boottime_ns()
        self._frames = self._all_frames()
        self._main = new_picture(first.size)
        self._lores = new_picture(lores_size(first.size))
        self._open = False
        self._out = False
        self.position = Position(first.path.name, 0, 0.0, self._origin_ns)
        """Of the frame that was delivered last."""
        self.passed_over = 0
        """Frames that went by while this camera was closed."""
        self.undecodable = 0
        """Packets of the videos that gave no picture."""
        self.geometry = Geometry(
            sensor="replay",
            pixel_array=first.coded,
            mode=first.coded,
            crop=(0, 0, *first.size),
            transform="identity",
            main=first.size,
            lores=self._lores.size,
        )

    @property
    def frame_rate(self) -> float:
        """Of the first video."""
        return self._files[0].frame_rate

    @property
    def expected_frames(self) -> int | None:
        """How many frames there will be, if every file's header says how long it is."""
        if any(file.seconds is None for file in self._files):
            return None
        return sum(round((file.seconds or 0) * file.frame_rate) for file in self._files)

    def open(self) -> None:
        """Start delivering, from the clock's present on. Refuses if it is open already."""
        if self._open:
            raise Refused("the replayed camera is open already")
        self._open = True

    def close(self) -> None:
        """Deliver nothing until opened again."""
        self._open = False

    def next_request(self) -> RecordedRequest | None:
        """The next frame that is not over yet; None at the end of the last video. One may be out at a time."""
        if not self._open:
            raise Refused("the camera is closed")
        if self._out:
            raise Refused("the buffer of the replayed camera is out: release the request")
        for frame, at_ns, position in self._frames:
            if at_ns < self._clock.boottime_ns():
                self.passed_over += 1
                continue
            _copy(frame, self._main)
            scale_into(self._main, self._lores)
            self._clock.wait_until(at_ns)
            self.position = position
            self._out = True
            return RecordedRequest(
                main=self._main, lores=self._lores, sensor_ns=at_ns, give_back=self._taken_back
            )
        return None

    def _taken_back(self) -> None:
        self._out = False

    def _all_frames(self) -> Iterator[tuple[av.VideoFrame, int, Position]]:
        start_ns, last_ns = self._origin_ns, self._origin_ns - _MIN_STEP_NS
        for file in self._files:
            count = _Count()
            for index, (frame, seconds) in enumerate(_decode(file, count)):
                at_ns = max(start_ns + int(seconds * NS), last_ns + _MIN_STEP_NS)
                yield frame, at_ns, Position(file.path.name, index, float(seconds), start_ns)
                last_ns = at_ns
            self.undecodable += count.undecodable
            start_ns = last_ns + int(NS / file.frame_rate)


def probe(path: Path) -> VideoFile:
    """What a file says of itself, or `Refused` if it cannot be read as video."""
    check_whole_file(path)
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            if container.format.name in _NOT_FOOTAGE:
                raise Refused(f"{path}: is not video but {container.format.long_name}")
            if not container.streams.video:
                raise Refused(f"{path}: there is no video in it")
            stream = container.streams.video[0]
            rate = float(stream.average_rate or stream.guessed_rate or _FALLBACK_FRAME_RATE)
            coded = stream.codec_context.width, stream.codec_context.height
            seconds = None if container.duration is None else container.duration / av.time_base
            packets = (
                stream.frames if "mp4" in container.format.name else 0
            )  # others' counts cannot be relied on
    except (FFmpegError, OSError) as error:
        raise Refused(f"{path}: cannot be read as video ({error.strerror})") from error
    if not all(MIN_SIDE_PX <= side <= MAX_SIDE_PX for side in coded):
        raise Refused(
            f"{path}: pictures of {coded[0]}x{coded[1]}; {MIN_SIDE_PX} to {MAX_SIDE_PX} px a side are taken"
        )
    if not 0 < rate <= MAX_FRAME_RATE:
        rate = _FALLBACK_FRAME_RATE
    return VideoFile(path, (coded[0] & ~1, coded[1] & ~1), coded, rate, seconds, packets)


def _decode(file: VideoFile, count: _Count) -> Iterator[tuple[av.VideoFrame, Fraction]]:
    """All frames in 4:2:0 limited range with their seconds since the first, or `Refused` where the file is cut."""
    first: Fraction | None = None
    seconds = Fraction(0)
    try:
        with av.open(str(file.path), metadata_errors="replace") as container:
            video = container.streams.video[0]
            for packet in container.demux():
                count.note(packet, video)
                if packet.stream is not video:
                    continue
                for frame in _frames_of(packet, count):
                    if frame.pts is not None and frame.time_base is not None:
                        at = frame.pts * frame.time_base
                        first = at if first is None else first
                        seconds = at - first
                    elif count.decoded:
                        seconds += Fraction(1, round(file.frame_rate) or 1)
                    count.decoded += 1
                    yield _limited_420(frame, file), seconds
    except (FFmpegError, OSError) as error:
        raise Refused(f"{file.path}: damaged after frame {count.decoded} ({error.strerror})") from error
    _check_whole(file, count)


def _check_whole(file: VideoFile, count: _Count) -> None:
    """Refuse a file that ended before what its header announces, in packets or in seconds of any stream."""
    if count.decoded == 0:
        raise Refused(f"{file.path}: no picture in it can be decoded")
    if count.undecodable > 1 + _MAX_UNDECODABLE * count.decoded:
        raise Refused(f"{file.path}: damaged: {count.undecodable} parts of it cannot be decoded")
    if file.packets and count.packets < _COMPLETE * file.packets - 2:
        raise Refused(f"{file.path}: cut off: it announces {file.packets} frames, {count.packets} are there")
    # Some containers count their length from 0, others from the first picture: the milder reading counts.
    reached = count.end_s - min(count.start_s or 0.0, 0.0) + 2 / file.frame_rate
    if file.seconds is not None and reached < _COMPLETE * file.seconds:
        raise Refused(
            f"{file.path}: cut off: it announces {file.seconds:.1f} s and ends after {reached:.1f} s"
        )


def _frames_of(packet: "av.Packet[Stream]", count: _Count) -> list[av.VideoFrame]:
    try:
        return [frame for frame in packet.decode() if isinstance(frame, av.VideoFrame)]
    except InvalidDataError:
        count.undecodable += 1
        return []


def _limited_420(frame: av.VideoFrame, file: VideoFile) -> av.VideoFrame:
    if (frame.width, frame.height) != file.coded:
        raise Refused(
            f"{file.path}: changes its size to {frame.width}x{frame.height}: one camera has one geometry"
        )
    full_range = frame.format.name.startswith("yuvj") or frame.color_range == ColorRange.JPEG
    if frame.format.name == "yuv420p" and not full_range:
        return frame
    # AREA: each chroma sample is the mean of its own 2x2 block, so that nothing reaches over a mask's edge.
    return frame.reformat(
        format="yuv420p",
        interpolation=Interpolation.AREA,
        src_color_range=ColorRange.JPEG if full_range else None,
        dst_color_range=ColorRange.MPEG,
    )


def _copy(frame: av.VideoFrame, picture: Picture) -> None:
    for plane, target in zip(frame.planes, (picture.luma, *picture.chroma), strict=True):
        target[...] = plane_rows(plane)[: target.shape[0], : target.shape[1]]
