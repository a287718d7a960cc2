"""From masked frames to H.264 packets, one by one and by hand: no callback of a library stands in between."""

from dataclasses import dataclass
from fractions import Fraction

import av
from av.video.frame import PictureType

from node.camera.painter import MaskedFrame
from node.camera.planes import plane_rows
from node.camera.source import Picture
from node.clock import NS
from node.masks.geometry import Size

TIMESCALE = 90_000
GOP_NS = NS
_NEARLY = 0.99  # of a frame period: what rounding makes of times may not make a GOP of one frame more
_ANY_GOP = 1 << 20  # key frames come by time, not by count: the frame rate may vary


@dataclass(frozen=True, slots=True)
class Packet:
    """One picture in H.264, Annex B with its parameter sets before every key picture. `pts` counts 1/90000 s."""

    data: bytes
    key: bool
    pts: int
    sensor_ns: int


class X264Encoder:
    """Software H.264 through PyAV's libx264: one thread, no delay, a key picture at least every second.

    For the same pictures and settings its output is bit-identical, which non-interference relies on; that holds
    for one thread count, so the count is fixed.
    """

    def __init__(self, *, size: Size, frame_rate: float, bits_per_second: int) -> None:
        context = av.CodecContext.create("libx264", "w")
        assert isinstance(context, av.VideoCodecContext)  # noqa: S101 — tells the type checker
        context.width, context.height = size
        context.pix_fmt = "yuv420p"
        context.time_base = Fraction(1, TIMESCALE)
        context.framerate = Fraction(frame_rate).limit_denominator(1001)
        context.bit_rate = bits_per_second
        context.gop_size = _ANY_GOP
        context.thread_count = 1
        kbit = bits_per_second // 1000
        # aq-mode: flat blocks get finer quantisation, so that black stays black (16 or 17) at low bit rates.
        context.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "forced-idr": "1",
            "x264-params": (
                f"threads=1:annexb=1:repeat-headers=1:scenecut=0:aq-mode=1:vbv-maxrate={kbit}:vbv-bufsize={kbit}"
                ":colormatrix=bt709:fullrange=off"
            ),
        }
        self._context = context
        self._frame = av.VideoFrame(size[0], size[1], "yuv420p")
        self._frame.time_base = Fraction(1, TIMESCALE)
        self._origin_ns: int | None = None
        self._last_key_ns = 0
        self._period_ns = int(NS / frame_rate * _NEARLY)

    def encode(self, frame: MaskedFrame) -> list[Packet]:
        """The frame's main picture; normally one packet. Frames must come in the order of their `sensor_ns`."""
        if self._origin_ns is None:
            self._origin_ns = frame.sensor_ns
            self._last_key_ns = frame.sensor_ns - GOP_NS
        # A key picture now, if the next one would come too late to be it.
        key = frame.sensor_ns - self._last_key_ns + self._period_ns > GOP_NS
        if key:
            self._last_key_ns = frame.sensor_ns
        self._fill(frame.main)
        self._frame.pts = (frame.sensor_ns - self._origin_ns) * TIMESCALE // NS
        self._frame.pict_type = PictureType.I if key else PictureType.NONE
        return [
            Packet(bytes(packet), bool(packet.is_keyframe), int(packet.pts or 0), frame.sensor_ns)
            for packet in self._context.encode(self._frame)
        ]

    def _fill(self, picture: Picture) -> None:
        chroma = picture.chroma
        if len(chroma) == 1:  # NV12: both colours of a sample lie side by side
            chroma = chroma[0][:, :, 0], chroma[0][:, :, 1]
        planes = (picture.luma, *chroma)
        for plane, source in zip(self._frame.planes, planes, strict=True):
            rows = plane_rows(plane)
            rows[: source.shape[0], : source.shape[1]] = source
