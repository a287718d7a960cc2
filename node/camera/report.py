"""What the camera tells of itself: counters and reasons, nothing that a picture decides."""

import msgspec

from node.camera.delivery import Delivery
from node.camera.events import EventReports
from node.camera.filming import Filming
from node.camera.frame_watch import FrameWatch
from node.clock import NS, Clock
from node.formats.segment import digest_text
from node.mandate.in_force import InForce
from node.messages import CameraReport

MAX_DETAIL = 400


class Reporter:
    """Writes reports of one camera. `begun_ns`: when this process began, since boot."""

    def __init__(
        self,
        *,
        instance: str,
        clock: Clock,
        filming: Filming,
        delivery: Delivery,
        events: EventReports,
        watch: FrameWatch,
    ) -> None:
        self._instance = instance
        self._clock = clock
        self._filming = filming
        self._delivery = delivery
        self._events = events
        self._watch = watch
        self._begun_ns = clock.boottime_ns()

    def report(self, documents: InForce | None, *, detail: str, messages_refused: int) -> CameraReport:
        """The state of this moment."""
        mandate = documents.mandate if documents else None
        masks = documents.masks if documents else None
        counts, age_ns = self._filming.counts, self._watch.age_ns
        lock = self._filming.poses.lock
        first_ns = self._delivery.first_stored_ns
        return CameraReport(
            instance=self._instance,
            dark=self._filming.dark,
            detail=detail[:MAX_DETAIL],
            mandate=digest_text(mandate.digest) if mandate else None,
            mandate_version=mandate.document.version if mandate else None,
            masks=digest_text(masks.digest) if masks else None,
            masks_version=masks.document.version if masks else None,
            time_trust=self._clock.now().trust,
            geometry=msgspec.json.encode(self._filming.geometry),
            sensor_opened=counts.sensor_opened,
            frames=counts.frames,
            black_frames=counts.black_frames,
            fragments=counts.fragments,
            frame_age_s=None if age_ns is None else age_ns // NS,
            unacknowledged=self._delivery.waiting,
            dropped_fragments=self._delivery.dropped,
            events_waiting=self._events.waiting,
            events_dropped=self._events.dropped,
            messages_refused=messages_refused,
            next_change_ns=self._filming.next_change(),
            recording=self._filming.recording,
            mode=mandate.document.recording.mode if mandate else None,
            pose=lock.compares_with if lock is not None else "none",
            first_fragment_ms=None if first_ns is None else (first_ns - self._begun_ns) // 1_000_000,
        )
