"""The proof itself: several runs over one video, frame by frame side by side, and what their comparison says.

Claimed is exactly this. Take the raw main pictures in 4:2:0 as the source delivers them. Change every sample that the
masks hide (polygons and guard band, to the last pixel; a colour sample if any of its four pixels is hidden), into
whatever one likes, and let the source's own scaling make lores of the changed picture. Then all that the camera makes
is the same, sample by sample and byte by byte. What happens before the raw picture, in lens, sensor and image
processor (stray light, colour interpolation, metering), is not in a video: against the first two stands the guard band.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from node.camera.painter import MaskedFrame
from node.camera.replay import ReplaySource
from node.camera.source import Request
from node.cli.prove_blackness import Blackness
from node.cli.prove_content import (
    Hidden,
    beside,
    hidden_samples,
    inverted,
    moving,
    noise,
    one_sample,
    unchanged,
)
from node.cli.prove_documents import GivenMasks, masked_and_unmasked
from node.cli.prove_report import NAMES, Black, ControlLine, MadeLine, Proof, RunLine
from node.cli.prove_trial import PARTS, Camera, Trial, Under
from node.cli.replay_progress import ReplayProgress
from node.cli.replay_run import default_bits_per_second
from node.clock import NS, SimulatedClock
from node.errors import Refused
from node.mandate.documents import MaskSet
from node.masks.geometry import sensor_to_stream
from node.masks.raster import MaskRaster

CONTROL_S = 3.0
"""The controls need to show a difference only: so much of the footage is enough for them."""

Look = Callable[[int, MaskedFrame], None]
"""Sees each frame, by its number, as the first run has masked it."""


@dataclass(frozen=True, slots=True)
class ProofSettings:
    """What the user asked for, parsed; `seconds` None: to the end of the video."""

    video: Path
    masks: GivenMasks
    seconds: float | None
    start_ns: int


@dataclass(frozen=True, slots=True)
class _Control:
    """A change that must be seen, at least in some parts of what is made."""

    change: str
    trial: Trial
    must: tuple[str, ...]

    @property
    def line(self) -> ControlLine:
        return ControlLine(self.change, self.trial.different, self.must)


class ProofRun:
    """Built once, run once."""

    def __init__(self, settings: ProofSettings, *, progress: ReplayProgress) -> None:
        self._settings = settings
        self._progress = progress
        clock = SimulatedClock(start_utc_ns=settings.start_ns)
        self._source = ReplaySource([settings.video], clock=clock)
        geometry = self._source.geometry
        self.masks, under, bare = masked_and_unmasked(settings.masks, geometry, start_ns=settings.start_ns)
        self.hidden = _hidden(self.masks, under.raster)
        self._raster = under.raster
        self._blackness = Blackness(under.raster, self.hidden)
        camera = Camera(geometry, self._source.frame_rate, default_bits_per_second(geometry.main), clock)
        self._filmed = Trial(camera=camera, under=under, alter=unchanged)
        contents = {
            "noise": noise(self.hidden),
            "the negative": inverted(self.hidden),
            "marching stripes": moving(self.hidden),
        }
        self._runs = {
            name: Trial(camera=camera, under=under, alter=alter, against=self._filmed)
            for name, alter in contents.items()
        }
        self._short = Trial(camera=camera, under=under, alter=unchanged)
        self._bare = Trial(camera=camera, under=bare, alter=unchanged)
        self._controls = list(self._all_controls(camera, under, bare))

    @property
    def expected_frames(self) -> int | None:
        """How many frames there will be, if the file says so."""
        every, seconds = self._source.expected_frames, self._settings.seconds
        if every is None or seconds is None:
            return every
        return min(every, int(seconds * self._source.frame_rate) + 1)

    def run(self, look: Look) -> Proof:
        """From the first frame to the last."""
        started, seconds = time.perf_counter(), 0.0
        self._progress.expect(self.expected_frames)
        for number, request in enumerate(self._requests()):
            seconds = request.sensor_ns / NS
            self._take(request)
            if self._filmed.frame is not None:
                look(number, self._filmed.frame)
            self._progress.frames(number + 1)
        for trial in (self._filmed, *self._runs.values(), *self._control_trials):
            trial.finish()
        return self._proof(seconds, time.perf_counter() - started)

    @property
    def _control_trials(self) -> list[Trial]:
        return [self._short, self._bare, *(control.trial for control in self._controls)]

    def _all_controls(self, camera: Camera, under: Under, bare: Under) -> Iterator[_Control]:
        pixel, colour = beside(self.hidden.luma), beside(self.hidden.chroma)
        if pixel is not None:
            trial = Trial(camera=camera, under=under, alter=one_sample(0, pixel), against=self._short)
            yield _Control("one pixel beside a mask", trial, ("pictures",))
        if colour is not None:
            trial = Trial(camera=camera, under=under, alter=one_sample(1, colour), against=self._short)
            yield _Control("one colour sample beside a mask", trial, ("pictures",))
        trial = Trial(camera=camera, under=bare, alter=moving(self.hidden), against=self._bare)
        yield _Control("marching stripes, without the masks", trial, ("pictures", "fragments"))

    def _requests(self) -> Iterator[Request]:
        limit_s = self._settings.seconds
        self._source.open()
        while (request := self._source.next_request()) is not None:
            try:
                if limit_s is not None and request.sensor_ns > limit_s * NS:
                    return
                yield request
            finally:
                request.release()

    def _take(self, request: Request) -> None:
        trials = [self._filmed, *self._runs.values()]
        if request.sensor_ns <= CONTROL_S * NS:
            trials += self._control_trials
        for trial in trials:
            trial.film(request.main, request.sensor_ns)
        for trial in (self._filmed, *self._runs.values()):
            self._blackness.check(trial.frame)

    def _proof(self, seconds: float, wall_s: float) -> Proof:
        made, blackness = self._filmed.made, self._blackness
        if made.frames == 0:
            raise Refused(f"{self._settings.video}: nothing was filmed")
        runs = tuple(RunLine(name, trial.different) for name, trial in self._runs.items())
        controls = tuple(control.line for control in self._controls)
        why_not = _why_not(runs, controls, not_black=blackness.wrong, not_painted=made.counts.black_frames)
        kinds = [kind for kind, _ in made.sealed]
        return Proof(
            video=self._settings.video.name,
            masks=len(self.masks.polygons),
            guard_band_px=self.masks.guard_band_px,
            main=self._raster.geometry.main,
            lores=self._raster.geometry.lores,
            frames=made.frames,
            seconds=round(seconds, 3),
            wall_s=round(wall_s, 3),
            black={
                name: Black(round(float(stream.luma.mean()), 6), round(float(stream.chroma.mean()), 6))
                for name, stream in (("main", self._raster.main), ("lores", self._raster.lores))
            },
            samples_checked=blackness.checked,
            samples_not_black=blackness.wrong,
            made=MadeLine(
                fragments=len(made.fragments),
                fragment_bytes=sum(length for length, *_ in made.fragments),
                segments=kinds.count("OpenSegment"),
                records=kinds.count("SealedRecord"),
                sealed_bytes=sum(length for kind, length in made.sealed if kind == "SealedRecord"),
                scores=len(made.scores),
                events=len(made.events),
            ),
            runs=runs,
            controls=controls,
            verdict="not proven" if why_not else "proven",
            why_not=why_not,
        )


def _hidden(masks: MaskSet, raster: MaskRaster) -> Hidden:
    outlines = [sensor_to_stream(p, raster.geometry, raster.geometry.main) for p in masks.outlines]
    return hidden_samples(outlines, raster, guard_px=masks.guard_band_px)


def _why_not(
    runs: Sequence[RunLine], controls: Sequence[ControlLine], *, not_black: int, not_painted: int
) -> tuple[str, ...]:
    """All that speaks against it."""
    leaking = [run for run in runs if run.different]
    parts = [NAMES.get(part, part) for part in PARTS if any(part in run.different for run in leaking)]
    leak = f"{', '.join(run.content for run in leaking)} behind the masks made other {', '.join(parts)}"
    return (
        *([leak] if leaking else []),
        *(
            f"the comparison is blind: {control.change} is not seen in {part}"
            for control in controls
            for part in control.must
            if part not in control.different
        ),
        *([f"{not_black} samples behind masks are not black"] if not_black else []),
        *([f"{not_painted} frames could not be painted"] if not_painted else []),
    )
