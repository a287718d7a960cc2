"""One run of the camera's own way over footage: painter, analysis, encoder, fragments, sealing. Nothing is kept.

What comes out at each seam is noted, so that two runs can be compared: pictures sample by sample, scores and events
exactly, fragments byte by byte before sealing, what is sealed by kind and length, and the counters that are reported.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from node.analysis.events import Event
from node.camera.analyser import MotionAnalyser
from node.camera.encoder import X264Encoder
from node.camera.fragments import Fragment
from node.camera.gate import Gate
from node.camera.painter import MaskedFrame, Painter
from node.camera.pipeline import Pipeline, PipelineCounts
from node.camera.pose.lock import PoseLock
from node.camera.segments import SealedUnder, SegmentSealer
from node.camera.source import Picture, new_picture, scale_into
from node.camera.stages import Stages
from node.cli.prove_content import Alter
from node.clock import Clock, Instant
from node.mandate.documents import MIN_GUARD_BAND_PX, Mandate, MaskSet
from node.mandate.example import NODE
from node.mandate.trust import Believed
from node.masks.geometry import Geometry
from node.masks.raster import MaskRaster
from node.messages import CloseSegment, OpenSegment, SealedRecord, SegmentMessage
from node.sealing.aead import fastest_aead

PARTS = ("pictures", "pose", "scores", "events", "fragments", "sealed", "counts")
"""What is compared, in the order in which it comes about."""

PoseNote = tuple[bool, bool, int, str]
"""After a frame: whether the pose lock is shut and lost, how often it has looked, and what it compares with."""


@dataclass(frozen=True, slots=True)
class Camera:
    """What all runs have in common."""

    geometry: Geometry
    frame_rate: float
    bits_per_second: int
    clock: Clock


@dataclass(frozen=True, slots=True)
class Under:
    """The documents of a run, and what they make black."""

    mandate: Believed[Mandate]
    masks: Believed[MaskSet] | None
    raster: MaskRaster


@dataclass(slots=True)
class Made:
    """All that one run has made so far."""

    pose: list[PoseNote] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    fragments: list[tuple[int, bytes, int, int]] = field(default_factory=list)
    """Length, SHA-256 of init and data, start, frames of each."""
    sealed: list[tuple[str, int]] = field(default_factory=list)
    """What went to the recorder: type, and length or count."""
    counts: PipelineCounts = field(default_factory=PipelineCounts)
    """What a node tells of itself."""

    @property
    def frames(self) -> int:
        """Frames that came out."""
        return self.counts.frames


class Trial:
    """One run. `alter` changes its raw main pictures before they are masked; lores is scaled down from those.

    With `against`, what it makes is compared with what that run makes of the same frames.
    """

    def __init__(
        self,
        *,
        camera: Camera,
        under: Under,
        alter: Alter,
        against: "Trial | None" = None,
    ) -> None:
        self.made = Made()
        self.frame: MaskedFrame | None = None
        """The masked frame that was made last."""
        self._against = against
        self._alter = alter
        self._other_pictures = False
        self._source = _Handed(camera)
        self._pipeline = self._built(camera, under)

    @property
    def different(self) -> tuple[str, ...]:
        """In which of `PARTS` it differs from what it is compared with."""
        if self._against is None:
            return ()
        mine, theirs = self.made, self._against.made
        parts = (getattr(mine, part) != getattr(theirs, part) for part in PARTS[1:])
        return tuple(
            part for part, differs in zip(PARTS, (self._other_pictures, *parts), strict=True) if differs
        )

    def film(self, main: Picture, sensor_ns: int) -> None:
        """Take one frame, as the camera has seen it."""
        self.frame = None
        self._source.hand(main, self._alter, sensor_ns)
        self._pipeline.advance()
        other = self._against
        if other is not None:
            self._other_pictures |= not _same(self.frame, other.frame)

    def finish(self) -> None:
        """The footage is over: what is still open is ended."""
        self._pipeline.close()

    def _built(self, camera: Camera, under: Under) -> Pipeline:
        sealed_under = SealedUnder(
            node=NODE,
            boot=secrets.token_hex(16),
            mandate=under.mandate,
            masks=under.masks,
            size=camera.geometry.main,
            aead=fastest_aead(),
        )
        analyser = MotionAnalyser(
            size=camera.geometry.lores,
            blind=under.raster.lores.luma,
            on_scores=lambda scores: self.made.scores.extend(scores.values()),
            on_event=self.made.events.append,
        )
        return Pipeline(
            source=self._source,
            clock=camera.clock,
            gate=Gate(mandate=under.mandate, masks=under.masks),
            painter=Painter(under.raster),
            new_encoder=lambda: X264Encoder(
                size=camera.geometry.main,
                frame_rate=camera.frame_rate,
                bits_per_second=camera.bits_per_second,
            ),
            footage=_Noted(self.made, SegmentSealer(under=sealed_under, send=self._note)),
            analyser=_Seen(analyser, self._see),
            stages=Stages(),
            pose=_Noting(_pose_lock(under), self.made.pose),
            counts=self.made.counts,
        )

    def _see(self, frame: MaskedFrame) -> None:
        self.frame = frame

    def _note(self, message: SegmentMessage) -> None:
        self.made.sealed.append((type(message).__name__, _length(message)))


class _Handed:
    """A `FrameSource` that gives on what it was handed, in buffers of its own; a `Request` itself."""

    def __init__(self, camera: Camera) -> None:
        self.geometry = camera.geometry
        self.frame_rate = camera.frame_rate
        self.main = new_picture(camera.geometry.main)
        self.lores = new_picture(camera.geometry.lores)
        self.sensor_ns = 0
        self._number = 0

    def hand(self, main: Picture, alter: Alter, sensor_ns: int) -> None:
        for plane, target in zip((main.luma, *main.chroma), (self.main.luma, *self.main.chroma), strict=True):
            target[...] = plane
        alter(self.main, self._number)
        self._number += 1
        scale_into(self.main, self.lores)
        self.sensor_ns = sensor_ns

    def open(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        """Nothing to close."""

    def next_request(self) -> "_Handed":
        return self

    def release(self) -> None:
        """Its buffers are filled anew for the next frame."""


class _Noting:
    """A `PoseWatch` that notes what the lock says of each frame, and lets all of them pass: so that there is something
    to compare also where the camera is turned in the footage."""

    shut = False

    def __init__(self, lock: PoseLock, notes: list[PoseNote]) -> None:
        self._lock = lock
        self._notes = notes

    def reopened(self) -> None:
        self._lock.reopened()

    def observe(self, frame: MaskedFrame) -> None:
        lock = self._lock
        lock.observe(frame)
        self._notes.append((lock.shut, lock.lost, lock.looks, lock.compares_with))


class _Noted:
    """A `FootageSink` that notes every fragment before it hands it on to be sealed."""

    def __init__(self, made: Made, sealer: SegmentSealer) -> None:
        self._made = made
        self._sealer = sealer

    def add(self, fragment: Fragment, start: Instant) -> None:
        digest = hashlib.sha256(fragment.init + fragment.data).digest()
        length = len(fragment.init) + len(fragment.data)
        self._made.fragments.append((length, digest, start.utc_ns, fragment.frames))
        self._sealer.add(fragment, start)

    def gap(self, start_ns: int, until_ns: int, reason: str) -> None:
        self._sealer.gap(start_ns, until_ns, reason)

    def finish(self, now_ns: int) -> None:
        self._sealer.finish(now_ns)


class _Seen:
    """An `Analyser` that lets the proof see each masked frame before it hands it on."""

    def __init__(self, analyser: MotionAnalyser, see: Callable[[MaskedFrame], None]) -> None:
        self._analyser = analyser
        self._see = see

    def observe(self, frame: MaskedFrame) -> None:
        self._see(frame)
        self._analyser.observe(frame)

    def finish(self) -> None:
        self._analyser.finish()


def _pose_lock(under: Under) -> PoseLock:
    raster, masks = under.raster, under.masks
    guard_px = masks.document.guard_band_px if masks else MIN_GUARD_BAND_PX
    return PoseLock(size=raster.geometry.main, blind=raster.main.luma, guard_px=guard_px, reference=None)


def _length(message: SegmentMessage) -> int:
    match message:
        case OpenSegment():
            return len(message.header) + len(message.wraps)
        case SealedRecord():
            return len(message.ciphertext)
        case CloseSegment():
            return message.count


def _same(one: MaskedFrame | None, other: MaskedFrame | None) -> bool:
    """Whether both are there, and every sample of both streams is the same."""
    if one is None or other is None:
        return False
    pairs = ((one.main, other.main), (one.lores, other.lores))
    return all(
        np.array_equal(plane, twin)
        for mine, theirs in pairs
        for plane, twin in zip((mine.luma, *mine.chroma), (theirs.luma, *theirs.chroma), strict=True)
    )
