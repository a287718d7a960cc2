"""A camera's pipeline put together as its daemon does it, around a scripted source; all else is the real thing."""

from collections.abc import Callable, Mapping, Sequence

from node.analysis.events import Event
from node.camera.encoder import X264Encoder
from node.camera.gate import Gate
from node.camera.on_alarm import OnAlarm
from node.camera.painter import MaskedFrame, Painter
from node.camera.pipeline import Pipeline
from node.camera.segments import SealedUnder, SegmentSealer
from node.camera.stages import Stages
from node.clock import NS, SimulatedClock, TimeTrust, parse_rfc3339
from node.mandate.example import NODE
from node.masks.geometry import Geometry, full_view
from node.masks.raster import MaskRaster, rasterise
from node.messages import SegmentMessage
from tests.fakes.kept import MessageList
from tests.fakes.office import Papers
from tests.fakes.scripted import Pictures, ScriptedSource, plain

HERE = full_view(sensor="s", main=(64, 48), lores=(32, 24))
EVENING = parse_rfc3339("2026-11-05T20:00:00+01:00")


class Watcher:
    """An analyser that remembers what it was shown."""

    def __init__(self) -> None:
        self.times_ns: list[int] = []
        self.seen: list[bytes] = []
        self.finished = 0

    def observe(self, frame: MaskedFrame) -> None:
        """Remember the frame's time and every sample of its lores picture."""
        self.times_ns.append(frame.sensor_ns)
        planes = (frame.lores.luma, *frame.lores.chroma)
        self.seen.append(b"".join(plane.tobytes() for plane in planes))

    def finish(self) -> None:
        """Count it."""
        self.finished += 1


class Alarms(Watcher):
    """An analyser that tells of what it was told to, when it sees the frame of that time (ns since boot)."""

    def __init__(self, told: Mapping[int, Sequence[Event]]) -> None:
        super().__init__()
        self._told = told
        self.on_event: Callable[[Event], None] = lambda _: None

    def observe(self, frame: MaskedFrame) -> None:
        """Tell of it."""
        super().observe(frame)
        for event in self._told.get(frame.sensor_ns, ()):
            self.on_event(event)


class Rig:
    """A pipeline under these papers, and everything around it that a test looks at; two frames a second."""

    def __init__(
        self,
        papers: Papers,
        *,
        times_ns: Sequence[int],
        geometry: Geometry = HERE,
        start_ns: int = EVENING,
        film: Callable[[int], Pictures] | None = None,
        gate: Gate | None = None,
        trust: TimeTrust = "simulated",
        clock: SimulatedClock | None = None,
        watcher: Watcher | None = None,
        send: Callable[[SegmentMessage], None] | None = None,
        record: bool = True,
    ) -> None:
        self.clock = clock or SimulatedClock(start_utc_ns=start_ns, trust=trust)
        self.source = ScriptedSource(
            clock=self.clock, geometry=geometry, times_ns=times_ns, film=film or plain(geometry), frame_rate=2
        )
        self.messages = MessageList()
        self.watcher = watcher or Watcher()
        under = SealedUnder(
            node=NODE,
            boot="0" * 32,
            mandate=papers.mandate,
            masks=papers.masks,
            size=geometry.main,
            aead="AES-256-GCM",
        )
        sealer = SegmentSealer(under=under, send=send or self.messages)
        self.on_alarm: OnAlarm | None = None
        if papers.mandate.document.recording.mode == "on_alarm":
            self.on_alarm = OnAlarm(mandate=papers.mandate.document, footage=sealer, clock=self.clock)
            if isinstance(self.watcher, Alarms):
                self.watcher.on_event = self.on_alarm.event
        self.pipeline = Pipeline(
            source=self.source,
            clock=self.clock,
            gate=gate or Gate(mandate=papers.mandate, masks=papers.masks),
            painter=Painter(_raster(papers, geometry)),
            new_encoder=(lambda: _encoder(geometry)) if record else None,
            footage=self.on_alarm or sealer,
            analyser=self.watcher,
            stages=Stages(),
            preroll=self.on_alarm,
        )

    def run(self) -> None:
        """Until the scene is over or the sensor stays closed."""
        while self.pipeline.step():
            pass

    def run_until_closed(self) -> None:
        """Until the sensor was opened and is closed again."""
        while not self.source.closed_ns:
            assert self.pipeline.step(), "it stopped before the sensor was closed"


def every_half_second(seconds: float, *, start: float = 0.0) -> list[int]:
    """Times since boot of two frames a second."""
    return [int(start * NS) + n * NS // 2 for n in range(int(2 * seconds))]


def _raster(papers: Papers, geometry: Geometry) -> MaskRaster:
    if papers.masks is None:
        return rasterise((), geometry, guard_px=0)
    masks = papers.masks.document
    return rasterise(masks.outlines, geometry, guard_px=masks.guard_band_px)


def _encoder(geometry: Geometry) -> X264Encoder:
    return X264Encoder(size=geometry.main, frame_rate=2, bits_per_second=500_000)
