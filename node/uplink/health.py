"""How the node is: what the daemons and the machine say becomes a level and its reasons. Pure.

A reason is raised when it is seen and stays until it was not seen for a while, so that the level does not flutter.
Nothing here looks at exposure or at anything else that a picture's content decides.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from node.clock import NS
from node.formats.payloads import Level, MachineNumbers, Reason
from node.messages import CameraReport, DarkReason, RecorderReport

HOLD_NS: Final = 10 * NS
COUNTER_HOLD_NS: Final = 60 * NS
"""A counter is seen only at the moment it rises."""
LEARNING_NS: Final = 60 * NS
"""A view with something in it is learned within seconds."""
_RANK: Final[dict[Level, int]] = {"good": 0, "warning": 1, "bad": 2}
_WRONGLY_DARK: Final[frozenset[DarkReason]] = frozenset({"mask_fault", "pose_lost", "time_untrusted"})
_MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Reading:
    """All that health is judged from, at one moment."""

    machine: MachineNumbers
    camera_silent: bool = False
    recorder_silent: bool = False
    camera: CameraReport | None = None
    recorder: RecorderReport | None = None
    outbox_failures: int = 0
    outbox_filled: float = 0.0
    outbox_dropped: int = 0
    publish_refused: int = 0
    subscription_refused: str = ""
    messages_refused: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The worst level of the reasons; worst first."""

    level: Level
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class _Raised:
    reason: Reason
    seen_ns: int
    hold_ns: int


class Health:
    """The verdict over time."""

    def __init__(self) -> None:
        self._raised: dict[str, _Raised] = {}
        self._before: Reading | None = None
        self._learning_ns: int | None = None
        """Since when the camera has filmed without knowing where it looks."""

    def judge(self, reading: Reading, *, now_ns: int) -> Verdict:
        """The level now. Nanoseconds since boot."""
        for reason in (*_findings(reading, self._raised.keys()), *self._of_pose(reading, now_ns)):
            self._raised[reason.name] = _Raised(reason, now_ns, HOLD_NS)
        if self._before is not None:
            for reason in _rises(self._before, reading):
                self._raised[reason.name] = _Raised(reason, now_ns, COUNTER_HOLD_NS)
        self._before = reading
        self._raised = {n: r for n, r in self._raised.items() if now_ns - r.seen_ns < r.hold_ns}
        reasons = sorted((r.reason for r in self._raised.values()), key=lambda r: (-_RANK[r.level], r.name))
        return Verdict(reasons[0].level if reasons else "good", tuple(reasons))

    def _of_pose(self, reading: Reading, now_ns: int) -> Iterator[Reason]:
        camera = None if reading.camera_silent else reading.camera
        if camera is None or camera.dark is not None or camera.pose != "learning":
            self._learning_ns = None
            return
        if self._learning_ns is None:
            self._learning_ns = now_ns
        if now_ns - self._learning_ns >= LEARNING_NS:
            yield Reason(
                "pose_learning",
                "warning",
                "the camera sees too little to notice that it is turned: no reference",
            )


def _findings(now: Reading, raised: Collection[str]) -> Iterator[Reason]:
    """What is wrong at this moment. What is raised already is measured against a lower bar."""
    yield from _of_daemons(now, raised)
    yield from _of_outbox(now, raised)
    yield from _of_machine(now.machine, raised)


def _of_daemons(now: Reading, raised: Collection[str]) -> Iterator[Reason]:
    if now.camera_silent:
        yield Reason("camera_silent", "bad", "nothing is heard of the camera")
    elif now.camera is not None:
        if now.camera.dark in _WRONGLY_DARK:
            yield Reason(now.camera.dark, "bad", "the camera is dark where it should film")
        late_s = 2 if "frames_late" in raised else 5
        if now.camera.dark is None and (now.camera.frame_age_s or 0) >= late_s:
            yield Reason("frames_late", "bad", "the camera gives no pictures")
    if now.recorder_silent:
        yield Reason("recorder_silent", "bad", "nothing is heard of the recorder")
    elif now.recorder is not None and now.recorder.storage != "good":
        yield Reason("storage", "bad", f"the recorder's storage is {now.recorder.storage}")
    if now.recorder is not None and now.recorder.slot_wear == "worn":
        yield Reason("slot_worn", "warning", "the key slot's part has most of its life behind it")
    if now.subscription_refused:
        yield Reason("subscription_refused", "warning", now.subscription_refused)


def _of_outbox(now: Reading, raised: Collection[str]) -> Iterator[Reason]:
    if now.outbox_filled > (0.6 if "outbox_filling" in raised else 0.8):
        yield Reason("outbox_filling", "warning", "many events wait for the broker")


def _of_machine(machine: MachineNumbers, raised: Collection[str]) -> Iterator[Reason]:
    if machine.temperature_c is not None:
        if machine.temperature_c >= (85 if "heat_bad" in raised else 90):
            yield Reason("heat_bad", "bad", "the processor is too hot")
        elif machine.temperature_c >= (75 if "heat" in raised else 80):
            yield Reason("heat", "warning", "the processor is hot")
    if machine.throttled:
        yield Reason("throttled", "warning", "the processor is throttled: heat or a weak supply")
    if machine.disk_free_bytes < (24 if "disk_bad" in raised else 16) * _MIB:
        yield Reason("disk_bad", "bad", "the disk is full")
    elif machine.disk_free_bytes < (48 if "disk" in raised else 32) * _MIB:
        yield Reason("disk", "warning", "the disk is nearly full")
    if machine.memory_available_bytes < machine.memory_bytes * (0.08 if "memory" in raised else 0.05):
        yield Reason("memory", "warning", "memory is short")


def _rises(before: Reading, now: Reading) -> Iterator[Reason]:
    """What has happened since the reading before."""
    if now.outbox_failures > before.outbox_failures:
        yield Reason("outbox_failing", "bad", "the disk does not take events")
    if now.outbox_dropped > before.outbox_dropped:
        yield Reason(
            "outbox_dropped", "bad", f"{now.outbox_dropped} events were given up: the outbox is full"
        )
    if now.publish_refused > before.publish_refused:
        yield Reason("publish_refused", "warning", "the broker refuses what is published")
    refused = now.messages_refused - before.messages_refused
    camera, camera_before = now.camera, before.camera
    if camera and camera_before and camera.instance == camera_before.instance:
        refused += camera.messages_refused - camera_before.messages_refused
        if camera.black_frames > camera_before.black_frames:
            yield Reason("black_frames", "bad", "pictures could not be masked and are black")
        if camera.dropped_fragments > camera_before.dropped_fragments:
            yield Reason("dropped_fragments", "bad", "footage was lost on its way to the recorder")
        if camera.events_dropped > camera_before.events_dropped:
            yield Reason("events_dropped", "bad", "the camera had to give up events")
    recorder, recorder_before = now.recorder, before.recorder
    if recorder and recorder_before and recorder.instance == recorder_before.instance:
        refused += recorder.messages_refused - recorder_before.messages_refused
    if refused > 0:
        yield Reason("messages_refused", "warning", "a process said what it may not say")
