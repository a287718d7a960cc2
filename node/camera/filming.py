"""Films under the documents in force: builds the pipeline that they allow, anew whenever they change."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from node.camera.analyser import KINDS, MotionAnalyser
from node.camera.delivery import Delivery
from node.camera.encoder import X264Encoder
from node.camera.events import EventReports
from node.camera.frame_watch import FrameWatch
from node.camera.gate import Gate
from node.camera.on_alarm import OnAlarm
from node.camera.painter import Painter
from node.camera.pipeline import Pipeline, PipelineCounts, Taken
from node.camera.pose.lock import PoseLock
from node.camera.poses import Poses
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
    from node.analysis.events import Event
    from node.messages import DarkReason, Recording


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
        poses: Poses,
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
        self._poses = poses
        self._told_lost = ""
        self._node = node
        self._boot = boot
        self._aead: AeadName = aead
        self._documents: InForce | None = None
        self._gate = Gate(mandate=None, masks=None)
        self._pipeline: Pipeline | None = None
        self._records = False
        self._on_alarm: OnAlarm | None = None
        self.counts = PipelineCounts()
        self.dark: DarkReason | None = "no_mandate"
        """Why nothing is shown; None while it films."""

    @property
    def is_open(self) -> bool:
        """Whether the sensor is: it also is while a camera that was turned looks for its place."""
        return self._pipeline is not None and self._pipeline.is_open

    @property
    def recording(self) -> "Recording":
        """What is kept of what is filmed now."""
        if self.dark is not None or not self._records:
            return "none"
        if self._on_alarm is None:
            return "continuous"
        return "alarm" if self._on_alarm.recording else "waiting"

    @property
    def poses(self) -> Poses:
        """Whether the camera looks where its masks were drawn."""
        return self._poses

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
        self._pipeline, self._records, self._on_alarm = None, False, None
        raster, pose = None, None
        if documents and mandate and not refused and (masks or mandate.document.masks.nothing_to_mask):
            raster = raster_of(masks, self.geometry)
            pose = self._poses.under(documents, raster)
        pose_refused = raster is not None and pose is None
        self._gate = Gate(mandate=mandate, masks=masks, masks_refused=refused, pose_refused=pose_refused)
        if mandate is not None:
            self._events.begin(mandate=mandate, masks=masks)
            if raster is not None and pose is not None:
                self._pipeline = self._new_pipeline(mandate, masks, raster=raster, pose=pose)
        self._tell_of_pose()

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
        self._tell_of_pose()
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

    def _tell_of_pose(self) -> None:
        """Being lost is an alarm, once each time."""
        why = self._poses.refused or ("the camera was turned or slipped" if self._poses.is_lost else "")
        if why and why != self._told_lost:
            self._events.fault(
                "pose_lost", f"{why}: nothing is shown until it is back in place or commissioned anew"
            )
        self._told_lost = why

    def _start_over(self) -> None:
        """A recorded scene is over: the same again."""
        self._source = self._new_source()
        self.under(self._documents)

    def _new_pipeline(
        self,
        mandate: Believed[Mandate],
        masks: Believed[MaskSet] | None,
        *,
        raster: MaskRaster,
        pose: PoseLock,
    ) -> Pipeline:
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
        document = mandate.document
        self._records = may_record(document)
        if document.recording.mode == "on_alarm":
            self._on_alarm = OnAlarm(mandate=document, footage=self._delivery, clock=self._clock)
        return Pipeline(
            source=self._source,
            clock=self._clock,
            gate=self._gate,
            painter=Painter(raster),
            new_encoder=self._new_encoder if self._records else None,
            footage=self._on_alarm or self._delivery,
            analyser=MotionAnalyser(
                size=self.geometry.lores,
                blind=raster.lores.luma,
                on_scores=lambda _: None,  # scores are for tuning; a node tells of events
                on_event=self._detected,
            ),
            stages=Stages(),
            pose=pose,
            preroll=self._on_alarm,
            counts=self.counts,
        )

    def _detected(self, event: "Event") -> None:
        self._events.detected(event)
        if self._on_alarm is not None:
            self._on_alarm.event(event)

    def _new_encoder(self) -> X264Encoder:
        return X264Encoder(
            size=self.geometry.main,
            frame_rate=self._source.frame_rate,
            bits_per_second=self._bits_per_second,
        )


def may_record(mandate: Mandate) -> bool:
    """Whether anything can ever be recorded: on alarm, it takes an alarm that some detector can tell of."""
    return mandate.recording.mode == "continuous" or any(rule.kind in KINDS for rule in mandate.alarms)


def raster_of(masks: Believed[MaskSet] | None, geometry: Geometry) -> MaskRaster:
    """What a mask set makes black; nothing, where the mandate says that there is nothing to mask."""
    if masks is None:
        return rasterise((), geometry, guard_px=0)
    return rasterise(masks.document.outlines, geometry, guard_px=masks.document.guard_band_px)
