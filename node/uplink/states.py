"""The node's state as payloads, from what the daemons report. Pure."""

from dataclasses import dataclass
from typing import Final

from node.clock import TimeTrust, rfc3339
from node.formats.payloads import (
    Event,
    MandateState,
    MasksState,
    RecordingState,
    Stamp,
    Status,
    StatusState,
    TimeState,
    WhyDark,
    WhyNotRecording,
    WhyOffline,
    common,
)
from node.messages import CameraReport, RecorderReport, Recording
from node.uplink.outbox import Waiting

_NOTHING_KEPT: Final[dict[Recording, WhyNotRecording]] = {
    "waiting": "waiting_for_alarm",
    "none": "no_detector",
}
"""Of a camera that films; one whose mandate names no alarm that can come keeps nothing ever."""


@dataclass(frozen=True, slots=True)
class View:
    """What the uplink knows of the others. A report of a silent daemon is not in it."""

    camera: CameraReport | None
    recorder: RecorderReport | None
    camera_silent: bool
    recorder_silent: bool
    trust: TimeTrust

    @property
    def dark(self) -> WhyDark | None:
        """Why nothing is filmed; None: it is."""
        if self.camera is not None:
            return self.camera.dark
        return "camera_silent" if self.camera_silent else "starting"


def status(view: View, stamp: Stamp, *, session: int, series: str) -> Status:
    """Online, dark or ended."""
    dark = view.dark
    state: StatusState = "online" if dark is None else "ended" if dark == "ended" else "dark"
    return Status(**common(stamp), state=state, reason=dark, session=session, series=series)


def offline(why: WhyOffline, stamp: Stamp, *, session: int, series: str) -> Status:
    """What stays when the node has gone."""
    return Status(**common(stamp), state="offline", reason=why, session=session, series=series)


def mandate_state(view: View, stamp: Stamp) -> MandateState:
    """Which mandate is in force."""
    camera = view.camera
    return MandateState(
        **common(stamp),
        in_force=camera is not None and camera.mandate is not None,
        version=camera.mandate_version if camera else None,
    )


def masks_state(view: View, stamp: Stamp) -> MasksState:
    """Which masks are in force."""
    camera = view.camera
    return MasksState(
        **common(stamp),
        in_force=camera is not None and camera.masks is not None,
        version=camera.masks_version if camera else None,
    )


def recording_state(view: View, stamp: Stamp) -> RecordingState:
    """Whether, how, and why not."""
    why_not = _why_not_recording(view)
    change_ns = view.camera.next_change_ns if view.camera else None
    return RecordingState(
        **common(stamp),
        recording=why_not is None,
        reason=why_not,
        mode=view.camera.mode if view.camera else None,
        next_change=None if change_ns is None else rfc3339(change_ns),
        storage=view.recorder.storage if view.recorder else None,
        deletion=view.recorder.deletion if view.recorder else None,
    )


def _why_not_recording(view: View) -> WhyNotRecording | None:
    if view.camera is None or view.dark is not None:
        return view.dark
    return _NOTHING_KEPT.get(view.camera.recording)


def time_state(view: View, stamp: Stamp) -> TimeState:
    """Who believes its clock."""
    return TimeState(
        **common(stamp),
        uplink=view.trust,
        camera=view.camera.time_trust if view.camera else None,
        recorder=view.recorder.time_trust if view.recorder else None,
    )


def event(waiting: Waiting, *, node: str, series: str) -> Event:
    """An event as it goes out: the same bytes however often."""
    happened = waiting.event
    return Event(
        id=happened.id,
        node=node,
        boot=waiting.boot,
        seq=waiting.seq,
        time=rfc3339(waiting.taken_ns),
        time_trusted=happened.time_trust != "untrusted",
        mandate=happened.mandate,
        masks=happened.masks,
        series=series,
        dropped=waiting.dropped,
        stage=happened.stage,
        kind=happened.kind,
        start=rfc3339(happened.start_ns),
        end=None if happened.end_ns is None else rfc3339(happened.end_ns),
        score=happened.score,
        zone=happened.zone,
        alarm=happened.alarm,
        detail=happened.detail,
    )
