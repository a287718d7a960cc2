"""From opened fragments to an MP4 that any player shows: the same pictures, remuxed, never encoded again."""

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.error import FFmpegError
from av.subtitles.stream import SubtitleStream  # noqa: TC002 — like the others of this library
from av.video.stream import VideoStream

from node.clock import NS
from node.errors import Damaged

# bitexact: no version strings and no dates of today, so that the same footage gives the same bytes.
_OPTIONS = {"movflags": "faststart", "fflags": "+bitexact"}


_STYLE = (
    b"[Script Info]\r\nScriptType: v4.00+\r\n\r\n[V4+ Styles]\r\nFormat: Name, Fontname, Fontsize, PrimaryColour, "
    b"SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, "
    b"BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding\r\nStyle: Default,Arial,16,&Hffffff,"
    b"&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,0\r\n\r\n[Events]\r\n"
    b"Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\r\n"
)
"""The encoder of mov_text asks for a style as SubStation Alpha spells it."""
_CAPTIONS = Fraction(1, 1000)
LONGEST_PICTURE_NS = NS
"""A picture is believed to show no more than that, whatever a file says of it."""


class ClipWriter:
    """Writes one MP4. Times are those of the capture: a gap in the footage is a gap in the clip.

    `caption` says what the subtitle track shows at a moment (UTC nanoseconds): once a second of footage.
    """

    def __init__(
        self, path: Path, init: bytes, timescale: int, *, caption: Callable[[int], str] | None = None
    ) -> None:
        self._caption = caption
        self._subtitles: SubtitleStream | None = None
        self._captioned_ms = -1
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

    def add(self, utc_ns: int, fragment: bytes) -> tuple[tuple[int, int], ...]:
        """Append a fragment whose first picture was taken at `utc_ns`; `Damaged` if there are no pictures in it.

        From when until when each of its pictures is shown, UTC nanoseconds.
        """
        try:
            return self._add(utc_ns, fragment)
        except (
            FFmpegError,
            IndexError,
            OverflowError,
        ) as error:  # it has no video, or a time that no clip has
            raise Damaged("no pictures in it can be read") from error

    def _add(self, utc_ns: int, fragment: bytes) -> tuple[tuple[int, int], ...]:
        if self._origin_ns is None:
            self._origin_ns = utc_ns
        offset = (utc_ns - self._origin_ns) * self._timescale // NS
        with av.open(io.BytesIO(self._init + fragment), "r") as source:
            video = source.streams.video[0]
            if self._output is None:
                self._output = self._start(video)
            output, stream = self._output
            first: int | None = None
            shown: list[tuple[int, int]] = []
            for packet in source.demux(video):
                if packet.dts is None or packet.pts is None:
                    continue  # the end of the fragment
                first = packet.dts if first is None else first
                at_ns = utc_ns + (packet.dts - first) * NS // self._timescale
                shown.append(
                    (at_ns, at_ns + min((packet.duration or 0) * NS // self._timescale, LONGEST_PICTURE_NS))
                )
                packet.dts = max(packet.dts - first + offset, self._last_dts + 1)
                packet.pts = packet.dts  # no picture is shown out of order: the encoder makes no B frames
                self._last_dts = packet.dts
                packet.stream = stream
                output.mux(packet)
                self.frames += 1
            if first is not None:
                self._show(output, utc_ns)
        return tuple(shown)

    def _show(self, output: OutputContainer, utc_ns: int) -> None:
        """The caption of the second that a fragment begins in."""
        start_ms = (utc_ns - (self._origin_ns or 0)) // 1_000_000
        if self._subtitles is None or self._caption is None or start_ms <= self._captioned_ms:
            return
        text = self._caption(utc_ns).encode()
        packet = av.Packet(len(text).to_bytes(2, "big") + text)
        packet.stream = self._subtitles
        packet.time_base = _CAPTIONS
        packet.pts = packet.dts = start_ms
        packet.duration = 1000
        output.mux(packet)
        self._captioned_ms = start_ms

    def close(self) -> None:
        """Finish the file."""
        if self._output is not None:
            self._output[0].close()

    def _start(self, template: VideoStream) -> tuple[OutputContainer, VideoStream]:
        output = av.open(str(self._path), "w", format="mp4", options=_OPTIONS)
        stream = output.add_stream_from_template(template)
        stream.time_base = Fraction(1, self._timescale)
        if self._caption is not None:
            self._subtitles = output.add_stream("mov_text")
            self._subtitles.time_base = _CAPTIONS
            self._subtitles.codec_context.subtitle_header = _STYLE
            self._subtitles.codec_context.time_base = _CAPTIONS
            self._subtitles.codec_context.open()
        return output, stream
