"""A frame's whole way: gate, request, mask, analyse, encode, fragment, seal. Fails closed at every step."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from node.camera.encoder import X264Encoder
from node.camera.fragments import Fragment, Fragmenter
from node.camera.gate import Gate
from node.camera.painter import MaskedFrame, Painter
from node.camera.source import FrameSource
from node.camera.stages import Stages
from node.clock import NS, Clock, Instant
from node.messages import DarkReason

Taken = Literal["frame", "dark", "over"]
"""What one unit of work came to: a frame was taken, the sensor is closed, or nothing will come any more."""

MAX_FAULTS_IN_A_ROW = 3
STALL_NS = 2 * NS


class Analyser(Protocol):
    """What looks at masked frames, and nothing else."""

    def observe(self, frame: MaskedFrame) -> None:
        """Look at the lores picture of a frame."""
        ...

    def finish(self) -> None:
        """The sensor closes: end what is going on."""
        ...


class PoseWatch(Protocol):
    """What says whether the camera still looks where its masks were drawn. It sees masked frames alone."""

    @property
    def shut(self) -> bool:
        """Whether nothing may be shown."""
        ...

    def reopened(self) -> None:
        """The sensor opens: nobody knows where the camera was turned meanwhile."""
        ...

    def observe(self, frame: MaskedFrame) -> None:
        """Look at a frame, if it is time to."""
        ...


class FootageSink(Protocol):
    """Where fragments go to be sealed and kept."""

    def add(self, fragment: Fragment, start: Instant) -> None:
        """Take a fragment whose first picture was taken at `start`."""
        ...

    def gap(self, start_ns: int, until_ns: int, reason: str) -> None:
        """Note that nothing was recorded in between (UTC ns)."""
        ...

    def finish(self, now_ns: int) -> None:
        """End the segment that is open, if there is one."""
        ...


class Preroll(Protocol):
    """Pictures that wait for an alarm, and that nothing may have been wrong with."""

    def forget(self, sensor_ns: int) -> None:
        """The picture of that moment could not be shown."""
        ...


@dataclass(slots=True)
class PipelineCounts:
    """What happened so far."""

    frames: int = 0
    black_frames: int = 0
    fragments: int = 0
    sensor_opened: int = 0
    dark: dict[DarkReason, int] = field(default_factory=dict)
    """How often the sensor was found closed, by reason, the first reason first."""


class Pipeline:
    """One camera at work. The unit of work is at most one frame: `advance`, or `step` for who need not wait itself."""

    def __init__(
        self,
        *,
        source: FrameSource,
        clock: Clock,
        gate: Gate,
        painter: Painter,
        new_encoder: Callable[[], X264Encoder] | None,
        footage: FootageSink,
        analyser: Analyser,
        stages: Stages,
        pose: PoseWatch | None = None,
        preroll: Preroll | None = None,
        counts: PipelineCounts | None = None,
    ) -> None:
        self._source = source
        self._clock = clock
        self._gate = gate
        self._painter = painter
        self._new_encoder = new_encoder
        self._footage = footage
        self._analyser = analyser
        self._stages = stages
        self._pose = pose
        self._preroll = preroll
        self._running: _Run | None = None
        self._faults_in_a_row = 0
        self._lost = False
        self._last_ns: int | None = None
        self.counts = counts or PipelineCounts()
        self.dark: DarkReason | None = None
        """Why nothing is shown: the sensor is closed or, with `pose_lost`, looks for its place; None while it films."""

    @property
    def is_open(self) -> bool:
        """Whether the sensor is."""
        return self._running is not None

    def advance(self) -> Taken:
        """Take one frame if the sensor may be open, and else see to it that it is closed. Waits for a frame alone."""
        self.dark = self._why_dark(self._clock.now())
        if self.dark is not None:
            self.counts.dark[self.dark] = self.counts.dark.get(self.dark, 0) + 1
            self.close()
            return "dark"
        if self._running is None:
            self._open()
        return self._take_frame()

    def step(self) -> bool:
        """Advance, and wait in the dark for the next chance of a frame; False when nothing will come any more."""
        taken = self.advance()
        return self._wait_in_the_dark(self._clock.now()) if taken == "dark" else taken == "frame"

    def close(self) -> None:
        """Close the sensor and bring to the recorder what was filmed until now. Closing twice is allowed."""
        if self._running is None:
            return
        run, self._running = self._running, None
        self._source.close()
        if run.fragmenter is not None:
            self._keep(run.fragmenter.finish())
        self._footage.finish(self._clock.now().utc_ns)
        self._analyser.finish()
        self._last_ns = None

    def _why_dark(self, now: Instant) -> DarkReason | None:
        if self._faults_in_a_row >= MAX_FAULTS_IN_A_ROW:
            return "mask_fault"
        return self._gate.dark(now, self._source.geometry)

    def _wait_in_the_dark(self, now: Instant) -> bool:
        # Only hours change by waiting; everything else by documents, which whoever runs this brings.
        change_ns = self._gate.next_change(now) if self.dark == "outside_hours" else None
        if change_ns is None:
            return False
        self._clock.wait_until(self._clock.boottime_ns() + change_ns - now.utc_ns)
        return True

    def _open(self) -> None:
        self._source.open()
        self.counts.sensor_opened += 1
        if self._pose is not None:
            self._pose.reopened()
        encoder = self._new_encoder() if self._new_encoder is not None else None
        self._running = _Run(encoder, Fragmenter() if encoder is not None else None)

    def _take_frame(self) -> Taken:
        with self._stages.stage("capture"):
            request = self._source.next_request()
        if request is None:
            self.close()
            return "over"
        try:
            # The time of the exposure decides, not of the waiting: the hours may have ended meanwhile.
            if self._why_dark(self._clock.now()) is None:
                with self._stages.stage("mask"):
                    frame = self._painter.paint(request)
                self._use(frame)
        finally:
            request.release()
        return "frame"

    def _in_place(self, frame: MaskedFrame) -> MaskedFrame:
        """The frame, or a black one while the camera does not look where its masks were drawn."""
        if self._pose is None:
            return frame
        with self._stages.stage("pose"):
            self._pose.observe(frame)
        if not self._pose.shut:
            return frame
        self.dark = "pose_lost"
        return self._painter.black(frame, "the camera does not look where its masks were drawn")

    def _use(self, frame: MaskedFrame) -> None:
        self._faults_in_a_row = self._faults_in_a_row + 1 if frame.fault is not None else 0
        frame = self._in_place(frame)
        self.counts.frames += 1
        self.counts.black_frames += frame.fault is not None
        if self._preroll is not None and frame.fault is not None:
            self._preroll.forget(frame.sensor_ns)
        if self._last_ns is not None and frame.sensor_ns - self._last_ns > STALL_NS:
            stalled, again = self._utc(self._last_ns), self._utc(frame.sensor_ns)
            self._footage.gap(stalled.utc_ns, again.utc_ns, "no frames came")
        self._last_ns = frame.sensor_ns
        self._analyse(frame)
        run = self._running
        if run is None or run.encoder is None or run.fragmenter is None:
            return
        with self._stages.stage("encode"):
            packets = run.encoder.encode(frame)
        for packet in packets:
            with self._stages.stage("fragment"):
                fragment = run.fragmenter.add(packet)
            self._keep(fragment)

    def _analyse(self, frame: MaskedFrame) -> None:
        """Black pictures of a camera that looks for its place say nothing: with the first, what went on has ended."""
        was_lost, self._lost = self._lost, self.dark == "pose_lost"
        if not self._lost:
            with self._stages.stage("analyse"):
                self._analyser.observe(frame)
        elif not was_lost:
            self._analyser.finish()

    def _keep(self, fragment: Fragment | None) -> None:
        if fragment is not None:
            self.counts.fragments += 1
            with self._stages.stage("seal and write"):
                self._footage.add(fragment, self._utc(fragment.sensor_ns))

    def _utc(self, sensor_ns: int) -> Instant:
        now = self._clock.now()
        return Instant(now.utc_ns - (self._clock.boottime_ns() - sensor_ns), now.trust)


@dataclass(frozen=True, slots=True)
class _Run:
    """The encoder of one time the sensor is open; neither where nothing is recorded."""

    encoder: X264Encoder | None
    fragmenter: Fragmenter | None
