"""Recorded videos for tests, made on the spot with PyAV: any codec and container, any times, with sound or without."""

from collections.abc import Collection, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from node.camera.planes import plane_rows
from node.camera.source import Plane

SAMPLE_RATE = 8000


def write_video(
    path: Path,
    pictures: Sequence[Plane],
    *,
    codec: str = "ffv1",
    pix_fmt: str = "yuv420p",
    frame_rate: int = 10,
    times_s: Sequence[float] | None = None,
    color_range: ColorRange = ColorRange.UNSPECIFIED,
    sound: bool = False,
    muxer: dict[str, str] | None = None,
) -> Path:
    """`pictures` are luma planes of one size; without `times_s` they follow each other at `frame_rate`."""
    with av.open(str(path), "w", options=muxer or {}) as container:
        options = {"bf": "0"} if codec == "libx264" else {}  # AVI has no place for pictures out of order
        stream = container.add_stream(codec, rate=frame_rate, options=options)
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = pictures[0].shape
        stream.pix_fmt = pix_fmt
        time_base = Fraction(1, frame_rate) if times_s is None else Fraction(1, 1000)
        stream.codec_context.time_base = time_base
        stream.codec_context.color_range = color_range
        voice = container.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono") if sound else None
        for number, luma in enumerate(pictures):
            frame = grey(luma, pix_fmt)
            frame.pts = number if times_s is None else round(times_s[number] * 1000)
            frame.time_base, frame.color_range = time_base, color_range
            container.mux(stream.encode(frame))
            if isinstance(voice, AudioStream):
                container.mux(voice.encode(_silence(number, SAMPLE_RATE // frame_rate)))
        container.mux(stream.encode(None))
    return path


def write_jpegs(
    path: Path, pictures: Sequence[Plane], *, durations_ms: Sequence[int], broken: Collection[int] = ()
) -> Path:
    """Motion JPEG of which every picture may have its own size and is shown for its own time; some are `broken`.

    The file announces the first picture's size.
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = pictures[0].shape
        stream.pix_fmt = "yuvj420p"
        stream.time_base = Fraction(1, 1000)
        at_ms = 0
        for number, (luma, duration_ms) in enumerate(zip(pictures, durations_ms, strict=True)):
            packet = av.Packet(bytes(500) if number in broken else _jpeg(luma))
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 1000), True
            packet.pts = packet.dts = at_ms
            packet.duration = duration_ms
            container.mux(packet)
            at_ms += duration_ms
    return path


def write_sound(path: Path) -> Path:
    """A second of silence, and no video."""
    with av.open(str(path), "w") as container:
        voice = container.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono")
        assert isinstance(voice, AudioStream)
        container.mux(voice.encode(_silence(0, SAMPLE_RATE)))
        container.mux(voice.encode(None))
    return path


def grey(luma: Plane, pix_fmt: str) -> av.VideoFrame:
    """A frame without colour in a planar format; the samples of `luma` as they are."""
    height, width = luma.shape
    frame = av.VideoFrame(width, height, pix_fmt)
    for plane in frame.planes:
        plane_rows(plane)[:] = 128
    plane_rows(frame.planes[0])[:height, :width] = luma
    return frame


def _jpeg(luma: Plane) -> bytes:
    coder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(coder, av.VideoCodecContext)
    coder.height, coder.width = luma.shape
    coder.pix_fmt, coder.time_base = "yuvj420p", Fraction(1, 10)
    return b"".join(bytes(packet) for packet in [*coder.encode(grey(luma, "yuvj420p")), *coder.encode(None)])


def _silence(number: int, samples: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.zeros((1, samples), np.int16), format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, number * samples, Fraction(1, SAMPLE_RATE)
    return frame
