"""What the uplink knows of camera and recorder: who is there, what they last reported. Tells of changes as events."""

import logging
from typing import Final

from node.clock import Clock
from node.messages import CameraReport, RecorderReport
from node.uplink.liveness import Back, Change, Gone, Liveness, Restarted, Silent, Watched
from node.uplink.own_events import OwnEvents
from node.uplink.states import View

KIND: Final = "daemon"
_LOG = logging.getLogger(__name__)


class Watch:
    """Both, over time. `changed`: something was heard since it was last set back."""

    def __init__(self, *, clock: Clock, own_events: OwnEvents) -> None:
        self._clock = clock
        self._own_events = own_events
        now_ns = clock.boottime_ns()
        self._liveness: dict[Watched, Liveness] = {
            "camera": Liveness("camera", now_ns=now_ns),
            "recorder": Liveness("recorder", now_ns=now_ns),
        }
        self.camera: CameraReport | None = None
        self.recorder: RecorderReport | None = None
        self.changed = True

    @property
    def view(self) -> View:
        """As of now. What an earlier instance or a silent daemon has reported says nothing any more."""
        camera, recorder = self._liveness["camera"], self._liveness["recorder"]
        return View(
            camera=self.camera if self.camera and _speaks_for(camera, self.camera.instance) else None,
            recorder=self.recorder
            if self.recorder and _speaks_for(recorder, self.recorder.instance)
            else None,
            camera_silent=camera.silent,
            recorder_silent=recorder.silent,
            trust=self._clock.now().trust,
        )

    def instance(self, daemon: Watched) -> str | None:
        """Who speaks for it; None: it has not said so yet."""
        return self._liveness[daemon].instance

    def restarts(self, daemon: Watched) -> int:
        """How often somebody else began to."""
        return self._liveness[daemon].restarts

    def alive(self, daemon: Watched, instance: str) -> None:
        """It says that it lives."""
        before = self.instance(daemon)
        self._tell(self._liveness[daemon].heard(instance, now_ns=self._clock.boottime_ns()))
        if instance != before:
            self._own_events.interrupt(daemon, instance=instance)
            self.changed = True

    def reported(self, report: CameraReport | RecorderReport) -> None:
        """It says how it is."""
        if isinstance(report, CameraReport):
            self.camera = report
        else:
            self.recorder = report
        self.changed = True

    def look(self) -> None:
        """Whether one has fallen silent."""
        for liveness in self._liveness.values():
            self._tell(liveness.look(now_ns=self._clock.boottime_ns()))

    def _tell(self, changes: list[Change]) -> None:
        for change in changes:
            self.changed = True
            detail = _sentence(change)
            _LOG.warning("%s", detail)
            match change:
                case Silent():
                    self._own_events.begin(change.daemon, kind=KIND, detail=detail)
                case Gone():
                    self._own_events.interrupt(change.daemon, instance=None)
                case Back():
                    self._own_events.end(change.daemon, detail=detail)
                case Restarted():
                    self._own_events.moment(KIND, detail)


def _sentence(change: Change) -> str:
    match change:
        case Silent():
            return f"{change.daemon} is silent"
        case Gone():
            return f"{change.daemon} has been silent for a minute: what it had begun counts as over"
        case Back():
            return f"{change.daemon} is back after {change.after_s:.1f} s"
        case Restarted():
            return f"{change.daemon} has started anew"


def _speaks_for(liveness: Liveness, instance: str) -> bool:
    return not liveness.silent and liveness.instance in (None, instance)
