"""Films under the documents in force: builds the pipeline that they allow, anew whenever they change."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from node.camera.analyser import MotionAnalyser
from node.camera.delivery import Delivery
from node.camera.encoder import X264Encoder
from node.camera.events import EventReports
from node.camera.frame_watch import FrameWatch
from node.camera.gate import Gate
from node.camera.painter import Painter
from node.camera.pipeline import Pipeline, PipelineCounts, Taken
from node.camera.segments import SealedUnder
from node.camera.source import FrameSource
from node.camera.stages import Stages
from node.clock import Clock
from node.mandate.documents import Mandate, MaskSet
from node.mandate.in_force import InForce
from node.mandate.trust import Believed
from node.masks.geometry import Geometry
from node.masks.raster import MaskRaster, rasterise
from node.sealing.aead import AeadName

if TYPE_CHECKING:
    from node.messages import DarkReason


class Filming:
    """One camera and what it is allowed. Nothing is filmed before `under` was called, or without a mandate."""

    def __init__(
        self,
        *,
        clock: Clock,
        new_source: Callable[[], FrameSource],
        bits_per_second: int,
        delivery: Delivery,
        events: EventReports,
        watch: FrameWatch,
        node: str,
        boot: str,
        aead: AeadName,
    ) -> None:
        self._clock = clock
        self._new_source = new_source
        self._source = new_source()
        self._bits_per_second = bits_per_second
        self._delivery = delivery
        self._events = events
        self._watch = watch
        self._node = node
        self._boot = boot
        self._aead: AeadName = aead
        self._documents: InForce | None = None
        self._gate = Gate(mandate=None, masks=None)
        self._pipeline: Pipeline | None = None
        self.counts = PipelineCounts()
        self.dark: DarkReason | None = "no_mandate"
        """Why the sensor is closed; None while it is open."""

    @property
    def geometry(self) -> Geometry:
        """How this camera looks at the world."""
        return self._source.geometry

    def under(self, documents: InForce | None) -> None:
        """Film under these from now on; under none if there are none. What was filmed until now ends its segment."""
        self.close()
        self._documents = documents
        mandate, masks = (documents.mandate, documents.masks) if documents is not None else (None, None)
        refused = documents is not None and bool(documents.masks_refused)
        self._gate = Gate(mandate=mandate, masks=masks, masks_refused=refused)
        self._pipeline = None
        if (
            mandate is not None
            and not refused
            and (masks is not None or mandate.document.masks.nothing_to_mask)
        ):
            self._pipeline = self._new_pipeline(mandate, masks)

    def advance(self) -> Taken:
        """One frame, or none while the sensor must be closed."""
        if self._pipeline is None:
            self.dark = self._gate.dark(self._clock.now(), self.geometry)
            return "dark"
        was = self.dark
        self._watch.expect()
        taken = self._pipeline.advance()
        self.dark = self._pipeline.dark
        if self.dark == "mask_fault" != was:
            self._events.fault("mask_fault", "masks could not be painted: the sensor is closed")
        if taken != "frame":
            self._watch.rest()
        if taken == "over":
            self._start_over()
        return taken

    def next_change(self) -> int | None:
        """The next instant (UTC ns) at which hours or validity may open or close the sensor."""
        return self._gate.next_change(self._clock.now())

    def close(self) -> None:
        """Close the sensor; what was filmed is handed on."""
        if self._pipeline is not None:
            self._pipeline.close()
        self._watch.rest()

    def _start_over(self) -> None:
        """A recorded scene is over: the same again."""
        self._source = self._new_source()
        self.under(self._documents)

    def _new_pipeline(self, mandate: Believed[Mandate], masks: Believed[MaskSet] | None) -> Pipeline:
        raster = raster_of(masks, self.geometry)
        self._delivery.begin(
            SealedUnder(
                node=self._node,
                boot=self._boot,
                mandate=mandate,
                masks=masks,
                size=self.geometry.main,
                aead=self._aead,
            )
        )
        self._events.begin(mandate=mandate, masks=masks)
        return Pipeline(
            source=self._source,
            clock=self._clock,
            gate=self._gate,
            painter=Painter(raster),
            # Recording on alarm only is not built yet: under such a mandate nothing is recorded.
            new_encoder=self._new_encoder if mandate.document.recording.mode == "continuous" else None,
            footage=self._delivery,
            analyser=MotionAnalyser(
                size=self.geometry.lores,
                blind=raster.lores.luma,
                on_scores=lambda _: None,  # scores are for tuning; a node tells of events
                on_event=self._events.detected,
            ),
            stages=Stages(),
            counts=self.counts,
        )

    def _new_encoder(self) -> X264Encoder:
        return X264Encoder(
            size=self.geometry.main,
            frame_rate=self._source.frame_rate,
            bits_per_second=self._bits_per_second,
        )


def raster_of(masks: Believed[MaskSet] | None, geometry: Geometry) -> MaskRaster:
    """What a mask set makes black; nothing, where the mandate says that there is nothing to mask."""
    if masks is None:
        return rasterise((), geometry, guard_px=0)
    return rasterise(masks.document.outlines, geometry, guard_px=masks.document.guard_band_px)
