"""From opened fragments to an MP4 that any player shows: the same pictures, remuxed, never encoded again."""

import io
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from node.clock import NS
from node.errors import Damaged

# bitexact: no version strings and no dates of today, so that the same footage gives the same bytes.
_OPTIONS = {"movflags": "faststart", "fflags": "+bitexact"}


class ClipWriter:
    """Writes one MP4. Times are those of the capture: a gap in the footage is a gap in the clip."""

    def __init__(self, path: Path, init: bytes, timescale: int) -> None:
        self._init = init
        self._path = path
        self._timescale = timescale
        self._origin_ns: int | None = None
        self._last_dts = -1
        self._output: tuple[OutputContainer, VideoStream] | None = None
        self.frames = 0

    @property
    def last_ns(self) -> int:
        """When the last picture so far was taken, UTC."""
        return (self._origin_ns or 0) + max(self._last_dts, 0) * NS // self._timescale

    def add(self, utc_ns: int, fragment: bytes) -> None:
        """Append a fragment whose first picture was taken at `utc_ns`; `Damaged` if there are no pictures in it."""
        try:
            self._add(utc_ns, fragment)
        except (
            FFmpegError,
            IndexError,
            OverflowError,
        ) as error:  # it has no video, or a time that no clip has
            raise Damaged("no pictures in it can be read") from error

    def _add(self, utc_ns: int, fragment: bytes) -> None:
        if self._origin_ns is None:
            self._origin_ns = utc_ns
        offset = (utc_ns - self._origin_ns) * self._timescale // NS
        with av.open(io.BytesIO(self._init + fragment), "r") as source:
            video = source.streams.video[0]
            if self._output is None:
                self._output = self._start(video)
            output, stream = self._output
            first: int | None = None
            for packet in source.demux(video):
                if packet.dts is None or packet.pts is None:
                    continue  # the end of the fragment
                first = packet.dts if first is None else first
                packet.dts = max(packet.dts - first + offset, self._last_dts + 1)
                packet.pts = packet.dts  # no picture is shown out of order: the encoder makes no B frames
                self._last_dts = packet.dts
                packet.stream = stream
                output.mux(packet)
                self.frames += 1

    def close(self) -> None:
        """Finish the file."""
        if self._output is not None:
            self._output[0].close()

    def _start(self, template: VideoStream) -> tuple[OutputContainer, VideoStream]:
        output = av.open(str(self._path), "w", format="mp4", options=_OPTIONS)
        stream = output.add_stream_from_template(template)
        stream.time_base = Fraction(1, self._timescale)
        return output, stream
