"""From packets to CMAF: one init section for a run of the encoder, then one fragment (moof+mdat) for each GOP."""

import io
from dataclasses import dataclass
from fractions import Fraction

import av
from av.container import OutputContainer
from av.video.stream import VideoStream

from node.camera.encoder import TIMESCALE, Packet

# skip_trailer: no index at the end, which a stream that is cut has not; bitexact: no version strings, no dates.
_OPTIONS = {
    "movflags": "empty_moov+default_base_moof+frag_keyframe+skip_trailer",
    "fflags": "+bitexact",
    "video_track_timescale": str(TIMESCALE),
}


@dataclass(frozen=True, slots=True)
class Fragment:
    """One GOP as moof+mdat, with the `init` it needs; any run of fragments behind their init plays."""

    init: bytes
    data: bytes
    sensor_ns: int
    frames: int
    last_ns: int
    """When its last picture was taken; `sensor_ns` is when its first one was."""


class Fragmenter:
    """Cuts one run of an encoder into fragments. A fragment is whole when the next key packet comes, or at the end.

    FFmpeg's MP4 muxer does the cutting, behind a sink of our own. Its stream is described by the first key
    packet, which carries the parameter sets: so a hardware encoder's packets and x264's take the same way.
    """

    def __init__(self) -> None:
        self._sink = _Sink()
        self._muxer: tuple[OutputContainer, VideoStream] | None = None
        self._init = b""
        self._first_ns = self._last_ns = 0
        self._frames = 0

    def add(self, packet: Packet) -> Fragment | None:
        """Take a packet; the fragment before it, if this is a key packet."""
        if self._muxer is None:
            if not packet.key:
                return None  # what comes before the first key packet cannot be shown
            self._muxer = self._start(packet)
        container, stream = self._muxer
        muxed = av.Packet(packet.data)
        muxed.stream = stream
        muxed.time_base = Fraction(1, TIMESCALE)
        muxed.pts = muxed.dts = packet.pts
        muxed.is_keyframe = packet.key
        container.mux(muxed)
        whole = self._take() if packet.key else None
        if self._frames == 0:
            self._first_ns = packet.sensor_ns
        self._last_ns = packet.sensor_ns
        self._frames += 1
        return whole

    def finish(self) -> Fragment | None:
        """The last fragment, if there is one; nothing can be added afterwards."""
        if self._muxer is None:
            return None
        self._muxer[0].close()
        return self._take()

    def _take(self) -> Fragment | None:
        frames, self._frames = self._frames, 0
        data = self._sink.take()
        return Fragment(self._init, data, self._first_ns, frames, self._last_ns) if frames else None

    def _start(self, packet: Packet) -> tuple[OutputContainer, VideoStream]:
        container = av.open(self._sink, "w", format="mp4", options=_OPTIONS)
        with av.open(io.BytesIO(packet.data), format="h264") as probe:
            stream = container.add_stream_from_template(probe.streams.video[0])
        stream.time_base = Fraction(1, TIMESCALE)
        container.start_encoding()
        self._init = self._sink.take()
        return container, stream


class _Sink:
    """What the muxer writes to: it can only append, so the muxer cannot go back and change what was sealed."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)
