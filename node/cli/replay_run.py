"""A whole node's way from frame to ring in one process, put together from the daemons' own parts."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Protocol

from node.analysis.events import Event
from node.camera.analyser import KINDS, MotionAnalyser
from node.camera.encoder import X264Encoder
from node.camera.filming import may_record, raster_of
from node.camera.gate import Gate
from node.camera.on_alarm import OnAlarm
from node.camera.painter import Painter
from node.camera.pipeline import Pipeline
from node.camera.replay import Position, ReplaySource
from node.camera.segments import SealedUnder, SegmentSealer
from node.camera.source import FrameSource, Request
from node.camera.stages import Stages
from node.camera.synthetic import SyntheticStreet
from node.cli.replay_inputs import Authority, GivenDocuments, example_authority, given_authority
from node.cli.replay_outputs import ByteCounts, ReplayLog, StageLine, Summary
from node.cli.replay_progress import ReplayProgress
from node.clock import NS, Clock, PacedClock, SimulatedClock, rfc3339
from node.errors import Refused
from node.formats.segment import digest_text
from node.mandate.documents import Fractions
from node.masks.geometry import Size
from node.messages import CloseSegment, SealedRecord, SegmentMessage
from node.recorder.epochs import EpochKeys
from node.recorder.ring import Ring
from node.sealing.aead import AeadName, fastest_aead

CAPACITY_BYTES = 64 << 30
PREALLOCATE_SECONDS = 75  # a minute, and what rate control overshoots
FULL_HD = 1920 * 1080


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """What the user asked for, parsed."""

    videos: tuple[Path, ...]
    synthetic_seconds: float | None
    seed: int
    polygons: tuple[Fractions, ...]
    given: GivenDocuments | None
    start_ns: int
    paced: bool
    record: bool
    bits_per_second: int | None


class RecordedSource(FrameSource, Protocol):
    """A source whose frames have a place in recorded material."""

    @property
    def position(self) -> Position:
        """Of the frame delivered last."""
        ...

    @property
    def expected_frames(self) -> int | None:
        """How many frames there will be, if that is known."""
        ...

    @property
    def passed_over(self) -> int:
        """Frames that went by while the sensor was closed."""
        ...

    @property
    def undecodable(self) -> int:
        """Parts of the material that gave no picture."""
        ...


class ReplayRun:
    """One replay into `folder`, which is empty. Built once, run once."""

    def __init__(self, settings: ReplaySettings, *, folder: Path, progress: ReplayProgress) -> None:
        self._settings = settings
        self._folder = folder
        self._progress = progress
        clock_type = PacedClock if settings.paced else SimulatedClock
        self._clock = clock_type(start_utc_ns=settings.start_ns)
        self._source = _source(settings, self._clock)
        self._authority = self._believe()
        self._raster = raster_of(self._authority.masks, self._source.geometry)
        self._bits = settings.bits_per_second or default_bits_per_second(self._source.geometry.main)
        self._aead: AeadName = fastest_aead()
        self._stages = Stages()
        self._log = ReplayLog(start_ns=settings.start_ns, mandate=self._authority.mandate.document)
        self._keys = EpochKeys.create(folder / "epochs.slot")
        self._ring = self._make_ring()
        self._sent = _Sent(self._ring.accept, progress)
        self._on_alarm: OnAlarm | None = None
        self._pipeline = self._make_pipeline()

    def run(self) -> Summary:
        """From the first frame to the last; writes events, scores and summary."""
        started, cpu = time.perf_counter(), time.process_time()
        self._progress.expect(self._source.expected_frames)
        while self._pipeline.step():
            self._progress.frames(self._pipeline.counts.frames)
        self._pipeline.close()
        self._keys.close()
        if self._pipeline.counts.frames == 0:
            why = next(iter(self._pipeline.counts.dark), "no frames came")
            raise Refused(f"nothing was filmed, the sensor stayed closed: {why}")
        summary = self._summary(time.perf_counter() - started, time.process_time() - cpu)
        self._log.write(self._folder, summary)
        return summary

    def _believe(self) -> Authority:
        settings, geometry = self._settings, self._source.geometry
        if settings.given is not None:
            authority = given_authority(
                self._folder, settings.given, geometry=geometry, say=self._progress.say
            )
        else:
            authority = example_authority(
                self._folder, start_ns=settings.start_ns, geometry=geometry, polygons=settings.polygons
            )
            self._progress.say(f"made an example mandate, and keys in {self._progress.out / 'keys'}")
        return authority

    def _make_ring(self) -> Ring:
        (self._folder / "ring").mkdir()
        return Ring(
            directory=self._folder / "ring",
            keys=self._keys,
            signing=self._authority.node_keys.signing,
            clock=self._clock,
            capacity_bytes=CAPACITY_BYTES,
            preallocate_bytes=self._bits // 8 * PREALLOCATE_SECONDS,
        )

    def _make_pipeline(self) -> Pipeline:
        authority, geometry = self._authority, self._source.geometry
        under = SealedUnder(
            node=authority.node,
            boot=secrets.token_hex(16),
            mandate=authority.mandate,
            masks=authority.masks,
            size=geometry.main,
            aead=self._aead,
        )
        mandate, sealer = authority.mandate.document, SegmentSealer(under=under, send=self._sent)
        if mandate.recording.mode == "on_alarm":
            self._on_alarm = OnAlarm(mandate=mandate, footage=sealer, clock=self._clock)
        return Pipeline(
            source=self._source,
            clock=self._clock,
            gate=Gate(mandate=authority.mandate, masks=authority.masks),
            painter=Painter(self._raster),
            new_encoder=self._new_encoder if self._settings.record and may_record(mandate) else None,
            footage=self._on_alarm or sealer,
            analyser=MotionAnalyser(
                size=geometry.lores,
                blind=self._raster.lores.luma,
                on_scores=lambda scores: self._log.frame(self._source.position, scores),
                on_event=self._seen,
            ),
            stages=self._stages,
            preroll=self._on_alarm,
        )

    def _seen(self, event: Event) -> None:
        if self._on_alarm is not None:
            self._on_alarm.event(event)
        if event.ended:
            self._progress.event(self._log.event(event))

    def _new_encoder(self) -> X264Encoder:
        return X264Encoder(
            size=self._source.geometry.main, frame_rate=self._source.frame_rate, bits_per_second=self._bits
        )

    def _summary(self, wall_s: float, cpu_s: float) -> Summary:
        authority, counts, geometry = self._authority, self._pipeline.counts, self._source.geometry
        costs = self._stages.costs.items()
        return Summary(
            videos=tuple(path.name for path in self._settings.videos) or ("synthetic",),
            start=rfc3339(self._settings.start_ns),
            frames=counts.frames,
            frames_dark=self._source.passed_over,
            frames_black=counts.black_frames,
            undecodable_packets=self._source.undecodable,
            seconds=round(self._clock.boottime_ns() / NS, 3),
            fragments=counts.fragments,
            segments=len(self._ring.segments),
            events=len(self._log.events),
            sensor_opened=counts.sensor_opened,
            detectors=tuple(sorted(KINDS)),
            mandate=digest_text(authority.mandate.digest),
            masks=digest_text(authority.masks.digest) if authority.masks else None,
            aead=self._aead,
            geometry=geometry,
            wall_s=round(wall_s, 3),
            cpu_s=round(cpu_s, 3),
            stages={name: StageLine(round(cost.wall_s, 3), round(cost.cpu_s, 3)) for name, cost in costs},
            bytes=ByteCounts(records=self._sent.bytes, ring=self._ring.size),
        )


def default_bits_per_second(size: Size) -> int:
    """4 Mbit/s from full HD on, 2 Mbit/s below."""
    return 4_000_000 if size[0] * size[1] >= FULL_HD else 2_000_000


class _Sent:
    """What goes to the recorder passes through here, to be counted and told."""

    def __init__(self, accept: Callable[[SegmentMessage], None], progress: ReplayProgress) -> None:
        self._accept = accept
        self._progress = progress
        self.bytes = 0

    def __call__(self, message: SegmentMessage) -> None:
        self._accept(message)
        match message:
            case SealedRecord():
                self.bytes += len(message.ciphertext)
            case CloseSegment():
                self._progress.say(f"segment {message.segment} sealed and signed, {message.count} records")
            case _:
                pass


class _StreetVideo:
    """The synthetic street as if it had been recorded: its frames are numbered from 0."""

    def __init__(self, street: SyntheticStreet, *, seconds: float) -> None:
        self._street = street
        self.geometry = street.geometry
        self.frame_rate = street.frame_rate
        self.expected_frames = ceil(seconds * street.frame_rate)
        self.position = Position("synthetic", 0, 0.0, 0)
        self.passed_over = 0
        self.undecodable = 0
        self._count = 0

    def open(self) -> None:
        self._street.open()

    def close(self) -> None:
        self._street.close()

    def next_request(self) -> Request | None:
        request = self._street.next_request()
        if request is not None:
            self.position = Position("synthetic", self._count, request.sensor_ns / NS, 0)
            self._count += 1
        return request


def _source(settings: ReplaySettings, clock: Clock) -> RecordedSource:
    if settings.synthetic_seconds is None:
        return ReplaySource(settings.videos, clock=clock)
    street = SyntheticStreet(clock=clock, seed=settings.seed, seconds=settings.synthetic_seconds)
    return _StreetVideo(street, seconds=settings.synthetic_seconds)
