"""The measures of `stolpe bench`. A ratio is to the reference of the same run; a goal without one is absolute."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from node.analysis.events import MotionEvents
from node.camera.encoder import X264Encoder
from node.camera.fragments import Fragment, Fragmenter
from node.camera.painter import MaskedFrame, Painter
from node.camera.pose.lock import PoseLock
from node.camera.segments import SegmentSealer
from node.camera.source import Picture, new_picture, scale_into
from node.camera.synthetic import SyntheticStreet
from node.cli.bench_pose import states_ms
from node.cli.bench_scene import (
    START_NS,
    example_keys,
    irregular_polygons,
    reopened_ring,
    ring_in,
    sealed_under,
)
from node.clock import NS, Instant, SimulatedClock
from node.errors import Refused
from node.formats.measured import RUNS, Measured, absolute, against
from node.masks.geometry import Size, full_view
from node.masks.raster import MaskRaster, StreamMask, rasterise
from node.recorder.ring import Ring, segment_paths
from node.sealing.aead import Aead, fastest_aead, new_key

FULL_HD, LORES = (1920, 1080), (320, 180)
FRAME_RATE = 15.0
GUARD_PX = 16
BITS_PER_SECOND = 4_000_000
FRAGMENT_BYTES = BITS_PER_SECOND // 8
SEGMENTS = 20_000
SECONDS = 60


def _median_ms(work: Callable[[], object], *, repeat: int) -> float:
    """Median over the runs of each run's median call, in milliseconds of wall time."""
    return median(median(_timed_ms(work) for _ in range(repeat)) for _ in range(RUNS))


def _timed_ms(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3


def mask(cover: float, name: str) -> Measured:
    """Painting a 1080p picture in place, against a hot memset of as many bytes as become black in it."""
    raster = _raster(cover)
    ms = _painting_ms(raster)
    if not cover:
        return absolute(name, ms, "ms", 0.05, "absolute: nothing to paint")
    nothing = StreamMask(np.zeros_like(raster.lores.luma), np.zeros_like(raster.lores.chroma))
    alone_ms = _painting_ms(replace(raster, lores=nothing))
    black = int(raster.main.luma.sum()) + 2 * int(raster.main.chroma.sum())
    memset_ms = _median_ms(partial(np.empty(black, np.uint8).fill, 16), repeat=50)
    what = f"memset of {black} bytes; with its lores picture {ms:.4f} ms"
    return against(name, alone_ms, "ms", (memset_ms, what), 9.0)


def _painting_ms(raster: MaskRaster) -> float:
    return _median_ms(partial(Painter(raster).paint, _StillRequest(FULL_HD)), repeat=50)


def raster(name: str) -> Measured:
    """From six polygons to a painter that is ready, at 1080p, in processor time: a busy machine is not the raster's."""
    ms = median(_cpu_ms(lambda: Painter(_raster(0.3))) for _ in range(3 * RUNS))
    return absolute(name, ms, "ms", 50.0, "absolute, 1080p, 30 % cover, of one core")


def pose_check(name: str) -> Measured:
    """A frame of the pose lock at full HD in its slowest state: the street, half of it covered, and another view."""
    raster = _raster(0.3)
    painter = Painter(raster)
    place, covered, turned = (
        [_painted(painter, picture, other) for picture in _street_frames(FULL_HD, count=15)]
        for other in (slice(0, 0), slice(FULL_HD[0] // 2, None), slice(None))
    )
    new_lock = partial(PoseLock, size=FULL_HD, blind=raster.main.luma, guard_px=GUARD_PX, reference=None)
    states = states_ms(new_lock, place=place, covered=covered, turned=turned)
    if "lost" not in states:
        raise Refused("the pose lock took another view for the street: there is nothing to measure")
    each = ", ".join(f"{state} {ms:.1f}" for state, ms in sorted(states.items(), key=lambda item: -item[1]))
    return absolute(
        name,
        max(states.values()),
        "ms",
        3.0,
        f"absolute, processor time, 1080p, 30 % cover, slowest of: {each}",
    )


def _painted(painter: Painter, picture: Picture, other: slice) -> MaskedFrame:
    """The picture, masked; in these columns it shows something else: itself upside down, or turned about wholly."""
    whole = other == slice(None)
    picture.luma[:, other] = picture.luma[::-1, :: -1 if whole else 1][:, other].copy()
    return painter.paint(_StillRequest(FULL_HD, picture))


def seal_write(name: str) -> Measured:
    """Processor time of sealing and writing a minute at 4 Mbit/s, against encrypting as many bytes in memory."""
    data = bytes(FRAGMENT_BYTES)
    cipher = Aead(fastest_aead(), new_key())

    def encrypt() -> None:
        for index in range(SECONDS):
            cipher.seal(index, data, b"")

    ours, raw = [], []
    for _ in range(RUNS):
        with _ring() as (ring, sealer, _):
            ours.append(_cpu_ms(partial(_write_minute, ring, sealer, data)))
        raw.append(_cpu_ms(encrypt))
    share = median(ours) / (SECONDS * 1e3)
    what = f"{fastest_aead()} alone, {median(raw) / (SECONDS * 1e3):.5f} of a core"
    return against(name, share, "of a core", (median(raw) / (SECONDS * 1e3), what), None)


def ring_amplification(name: str) -> Measured:
    """Bytes of finished files for each byte of video in them, at 2 Mbit/s."""
    fragment = bytes(FRAGMENT_BYTES // 2)
    with _ring() as (ring, sealer, _):
        _write_minute(ring, sealer, fragment)
        size = ring.size
    what = "bytes of video; sizes of files, not of blocks"
    return against(name, size / 1e6, "MB", (SECONDS * len(fragment) / 1e6, what), 1.10)


def ring_recovery(name: str) -> Measured:
    """Building a ring's index from 20,000 segment files."""
    with _ring() as (ring, sealer, folder):
        _write_minute(ring, sealer, b"\0" * 100, seconds=1)
        (first,) = segment_paths(folder / "ring")
        data = first.read_bytes()
        for n in range(SEGMENTS - 1):
            (folder / "ring" / f"{n:05d}_{first.name}").write_bytes(data)
        reopen = partial(reopened_ring, folder)
        seconds = median(_timed_ms(reopen) for _ in range(RUNS)) / 1e3
    return absolute(name, seconds, "s", 5.0, f"absolute, {SEGMENTS} segments, warm")


def analysis(name: str) -> Measured:
    """All detectors on one lores picture of the synthetic street, processor time of one thread."""
    frames = _street_frames(LORES, count=150)
    events = MotionEvents(size=LORES, blind=np.zeros(LORES[::-1], np.bool_))
    times = []
    for n in range(RUNS * len(frames)):
        luma = frames[n % len(frames)].luma.copy()
        times.append(_cpu_ms(partial(events.observe, luma, n / FRAME_RATE)))
    return absolute(name, median(times), "ms", 3.0, "absolute, 320x180, motion only")


def pipeline(name: str) -> Measured:
    """A frame's way at 1080p from masking to the disk, against x264 alone on the same masked pictures."""
    frames = _street_frames(FULL_HD, count=45)
    ratios = [_pipeline_once(frames) for _ in range(RUNS)]
    whole, alone = median(w for w, _ in ratios), median(a for _, a in ratios)
    return against(name, whole, "ms a frame", (alone, "libx264 ultrafast zerolatency 4 Mbit/s alone"), 1.8)


def _pipeline_once(frames: list[Picture]) -> tuple[float, float]:
    """Processor milliseconds a frame: the whole way, and x264 alone."""
    painter = Painter(_raster(0.3))
    events = MotionEvents(size=LORES, blind=np.zeros(LORES[::-1], np.bool_))
    encoder, fragmenter = _encoder(), Fragmenter()
    whole = 0.0
    with _ring() as (_, sealer, _folder):
        for n, picture in enumerate(frames):
            request = _StillRequest(FULL_HD, picture, sensor_ns=int(n * NS / FRAME_RATE))
            whole += _cpu_ms(partial(_way, request, painter, events, encoder, fragmenter, sealer))
    encoder, alone = _encoder(), 0.0
    for n, picture in enumerate(frames):
        frame = painter.paint(_StillRequest(FULL_HD, picture, sensor_ns=int(n * NS / FRAME_RATE)))
        alone += _cpu_ms(partial(encoder.encode, frame))
    return whole / len(frames), alone / len(frames)


def _way(  # noqa: PLR0917 — the parts of a frame's way
    request: "_StillRequest",
    painter: Painter,
    events: MotionEvents,
    encoder: X264Encoder,
    fragmenter: Fragmenter,
    sealer: SegmentSealer,
) -> None:
    frame: MaskedFrame = painter.paint(request)
    events.observe(frame.lores.luma, frame.sensor_ns / NS)
    for packet in encoder.encode(frame):
        fragment = fragmenter.add(packet)
        if fragment is not None:
            sealer.add(fragment, Instant(START_NS + fragment.sensor_ns, "simulated"))


MEASURES: dict[str, Callable[[str], Measured]] = {
    "mask_0": partial(mask, 0.0),
    "mask_10": partial(mask, 0.1),
    "mask_30": partial(mask, 0.3),
    "mask_60": partial(mask, 0.6),
    "raster": raster,
    "pose_check": pose_check,
    "seal_write": seal_write,
    "ring_amplification": ring_amplification,
    "ring_recovery": ring_recovery,
    "analysis": analysis,
    "pipeline": pipeline,
}


class _StillRequest:
    """One moment of a camera that always delivers the same picture."""

    def __init__(self, size: Size, picture: Picture | None = None, sensor_ns: int = 0) -> None:
        self.main = picture or new_picture(size)
        self.lores = new_picture(LORES)
        scale_into(self.main, self.lores)
        self.sensor_ns = sensor_ns

    def release(self) -> None:
        """Nothing to give back."""


def _raster(cover: float) -> MaskRaster:
    geometry = full_view(sensor="bench", main=FULL_HD, lores=LORES)
    return rasterise(irregular_polygons(cover), geometry, guard_px=GUARD_PX)


def _encoder() -> X264Encoder:
    return X264Encoder(size=FULL_HD, frame_rate=FRAME_RATE, bits_per_second=BITS_PER_SECOND)


def _cpu_ms(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1e3


@contextmanager
def _ring() -> Iterator[tuple[Ring, SegmentSealer, Path]]:
    """A fresh ring, and a sealer that writes into it."""
    with tempfile.TemporaryDirectory(prefix="stolpe-bench-") as name:
        folder = Path(name)
        keys = example_keys(folder)
        under = sealed_under(keys, full_view(sensor="bench", main=FULL_HD, lores=LORES))
        clock = SimulatedClock(start_utc_ns=START_NS)
        ring = ring_in(folder, keys, clock, preallocate_bytes=2 * SECONDS * FRAGMENT_BYTES)
        yield ring, SegmentSealer(under=under, send=ring.accept), folder
        ring.close()


def _write_minute(ring: Ring, sealer: SegmentSealer, data: bytes, seconds: int = SECONDS) -> None:
    for second in range(seconds):
        at = START_NS + second * NS
        sealer.add(Fragment(b"init", data, second * NS, 15, second * NS), Instant(at, "simulated"))
    sealer.finish(START_NS + seconds * NS)
    assert ring.segments  # noqa: S101 — a measure of nothing would be worth nothing


def _street_frames(size: Size, *, count: int) -> list[Picture]:
    """Raw pictures of the synthetic street, copied."""
    street = SyntheticStreet(clock=SimulatedClock(start_utc_ns=START_NS), size=size, frame_rate=FRAME_RATE)
    street.open()
    frames = []
    for _ in range(count):
        request = street.next_request()
        if request is None:
            break
        frames.append(Picture(request.main.luma.copy(), tuple(plane.copy() for plane in request.main.chroma)))
        request.release()
    street.close()
    return frames
