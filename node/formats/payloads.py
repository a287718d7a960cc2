"""What a node publishes over MQTT, as frozen structs (TOPICS.md). JSON; unknown fields are refused.

No field holds a picture, an exposure value or a person's name. Numbers are counters since the daemon's start
unless their name says otherwise.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from node.clock import TimeTrust
from node.messages import Count, DarkReason, DocumentKind, Line, RecordingMode, Severity, Short, Stage
from node.names import Digest, Name, Ulid

MAX_REASONS = 32

Time = Annotated[str, Meta(pattern=r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")]
Ratio = Annotated[float, Meta(ge=0)]
Level = Literal["good", "warning", "bad"]
StatusState = Literal["online", "dark", "ended", "offline"]
WhyDark = DarkReason | Literal["starting", "camera_silent"]
WhyNotRecording = WhyDark | Literal["waiting_for_alarm", "no_detector"]
WhyOffline = Literal["stopped", "vanished"]


class Stamp(msgspec.Struct, frozen=True):
    """What every payload carries.

    `seq` is an event's own number, and else that of the newest event that was numbered before; so whoever sees any
    payload knows up to which number there must be events. `mandate` and `masks` are digests, null for none.
    """

    id: Ulid
    node: Name
    boot: Short
    seq: Count
    time: Time
    time_trusted: bool
    mandate: Digest | None
    masks: Digest | None


class _Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="schema"):
    id: Ulid
    node: Name
    boot: Short
    seq: Count
    time: Time
    time_trusted: bool
    mandate: Digest | None
    masks: Digest | None


class Status(_Payload, frozen=True, kw_only=True, tag="stolpe/status/1"):
    """`online`: it films. `dark`: it does not, and `reason` says why. `ended`: the mandate has. `offline`: gone.

    `session` grows with every MQTT session; with `series` it tells which one a will belongs to.
    """

    state: StatusState
    reason: WhyDark | WhyOffline | None
    session: Count
    series: Ulid


class Birth(_Payload, frozen=True, kw_only=True, tag="stolpe/birth/1"):
    """What runs here: `program` is the SHA-256 of the node's own code, `versions` of what it stands on."""

    session: Count
    series: Ulid
    instance: Ulid
    program: Digest
    versions: Annotated[dict[Short, Short], Meta(max_length=16)]
    capabilities: Annotated[tuple[Short, ...], Meta(max_length=16)]


class MandateState(_Payload, frozen=True, kw_only=True, tag="stolpe/state-mandate/1"):
    """The mandate in force; its digest is the common field."""

    in_force: bool
    version: Count | None


class MasksState(_Payload, frozen=True, kw_only=True, tag="stolpe/state-masks/1"):
    """The mask set in force; its digest is the common field."""

    in_force: bool
    version: Count | None


class RecordingState(_Payload, frozen=True, kw_only=True, tag="stolpe/state-recording/1"):
    """Whether what the camera films is kept; if not, why. `next_change`: when hours or an end date will change that.

    `mode` is the mandate's. With `on_alarm` a node that is well films, and says `waiting_for_alarm` until it records;
    `no_detector`: none of the alarms that the mandate names can come, so that it never will.
    """

    recording: bool
    reason: WhyNotRecording | None
    mode: RecordingMode | None
    next_change: Time | None
    storage: Literal["good", "full", "failing"] | None
    deletion: Literal["proven", "unlink"] | None


class TimeState(_Payload, frozen=True, kw_only=True, tag="stolpe/state-time/1"):
    """Why each daemon believes its clock; null: it has not said so yet."""

    uplink: TimeTrust
    camera: TimeTrust | None
    recorder: TimeTrust | None


class Reason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why health is not good: a word for programs and a line for people."""

    name: Short
    level: Level
    detail: Line


class CameraNumbers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of the camera's report."""

    sensor_opened: Count
    frames: Count
    black_frames: Count
    fragments: Count
    frame_age_s: Count | None
    unacknowledged: Count
    dropped_fragments: Count
    events_waiting: Count
    events_dropped: Count
    messages_refused: Count
    first_fragment_ms: Count | None


class RecorderNumbers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of the recorder's report."""

    ring_bytes: Count
    ring_capacity_bytes: Count
    ring_segments: Count
    oldest_ns: Count | None
    epochs: Count
    audit_size: Count
    records: Count
    record_bytes: Count
    evicted: Count
    recovered: Count
    documents_accepted: Count
    documents_refused: Count
    events_waiting: Count
    messages_refused: Count


class UplinkNumbers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of the uplink itself, and how often it saw others start anew. `dropped` counts for the outbox' whole life."""

    sessions: Count
    waiting: Count
    waiting_bytes: Count
    dropped: Count
    published: Count
    publish_refused: Count
    documents: Count
    documents_refused: Count
    messages_refused: Count
    camera_restarts: Count
    recorder_restarts: Count
    pss_bytes: Count
    cpu_percent: Ratio


class MachineNumbers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of the machine; null where it cannot tell."""

    load_1min: Ratio
    memory_available_bytes: Count
    memory_bytes: Count
    disk_free_bytes: Count
    disk_bytes: Count
    temperature_c: float | None
    throttled: bool | None


class Health(_Payload, frozen=True, kw_only=True, tag="stolpe/health/1"):
    """The worst level of its reasons, and numbers of each daemon as it last gave them (null: never)."""

    level: Level
    reasons: Annotated[tuple[Reason, ...], Meta(max_length=MAX_REASONS)]
    camera: CameraNumbers | None
    recorder: RecorderNumbers | None
    uplink: UplinkNumbers
    machine: MachineNumbers


class Event(_Payload, frozen=True, kw_only=True, tag="stolpe/event/1"):
    """Something began, went on or ended; the same on `event/` and `alarm/`. A moment has only its `end`.

    The same `id` and `stage` may come more than once, with the same `seq`. Numbers have no gaps within a `series`;
    `dropped` is how many events a full outbox had given up, unnumbered, before this one got its number.
    """

    series: Ulid
    dropped: Count
    stage: Stage
    kind: Short
    start: Time
    end: Time | None
    score: Annotated[float, Meta(ge=0, le=1)]
    zone: Short | None
    alarm: Severity | None
    detail: Line


class Checkpoint(_Payload, frozen=True, kw_only=True, tag="stolpe/audit-checkpoint/1"):
    """Signed size and head of the audit log; `made` is part of what is signed."""

    size: Count
    head: Short
    made_ns: Count
    signature: Annotated[str, Meta(max_length=128)]


class DocumentReply(_Payload, frozen=True, kw_only=True, tag="stolpe/document-reply/1"):
    """What became of a document that was sent here. `kind` is null if it could not be read."""

    accepted: bool
    kind: DocumentKind | None
    reason: Line


class ReleaseEnd(_Payload, frozen=True, kw_only=True, tag="stolpe/release-end/1"):
    """No piece of that order's release follows. `pieces` is how many there were; `stopped`: it is not whole."""

    order: Ulid
    outcome: Literal["finished", "stopped"]
    pieces: Count
    reason: Line


Payload = (
    Status
    | Birth
    | MandateState
    | MasksState
    | RecordingState
    | TimeState
    | Health
    | Event
    | Checkpoint
    | DocumentReply
    | ReleaseEnd
)


def common(stamp: Stamp) -> dict[str, Any]:
    """The stamp as keyword arguments of any payload."""
    return msgspec.structs.asdict(stamp)


def restamped(payload: Payload, stamp: Stamp) -> Payload:
    """The same content, told again: another id, number and time."""
    return msgspec.structs.replace(
        payload, id=stamp.id, seq=stamp.seq, time=stamp.time, time_trusted=stamp.time_trusted
    )


def encode(payload: Payload) -> bytes:
    """As it goes out."""
    return msgspec.json.encode(payload)


def decode(data: bytes) -> Payload:
    """As whoever watches reads it; a `msgspec.DecodeError` if it is not one of ours."""
    payload: Payload = msgspec.json.decode(data, type=Payload)
    return payload
