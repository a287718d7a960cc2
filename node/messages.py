"""What the daemons say to each other: frozen, typed, bounded. A message type is a name in the design's words.

`node.bus` says who may send which of them to whom. A message that must not be lost is repeated until it is
answered, so every receiver takes the same one twice without harm: records by index, events by id and stage,
requests by id.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from node.clock import TimeTrust
from node.names import Digest, Ulid

Daemon = Literal["camera", "recorder", "uplink", "commissioning"]

MAX_TOLD_SEGMENTS = 8
MAX_DOCUMENT_MESSAGE_BYTES = 768 * 1024
MAX_CHUNK_BYTES = 512 * 1024
Short = Annotated[str, Meta(max_length=64)]
Hex = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
Line = Annotated[str, Meta(max_length=400)]
Count = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Nanoseconds = Count
Document = Annotated[bytes, Meta(max_length=MAX_DOCUMENT_MESSAGE_BYTES)]

DocumentKind = Literal["root", "mandate", "masks", "grant", "release", "erase"]
Severity = Literal["low", "medium", "high", "critical"]
Stage = Literal["start", "update", "end"]
DarkReason = Literal[
    "time_untrusted", "no_mandate", "ended", "outside_hours", "no_masks", "mask_fault", "pose_lost"
]
RecordingMode = Literal["continuous", "on_alarm"]
Recording = Literal["none", "continuous", "waiting", "alarm"]
"""What is kept of what is filmed: nothing, everything, nothing until an alarm comes, or what lies around one."""


class _Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True):
    """A frozen value in which unknown fields are refused; its tag is its type's name."""


# Footage: from the camera to the recorder, and what the recorder says of it.


class OpenSegment(_Message, frozen=True):
    """A segment begins. `header` is its JSON, `wraps` the wraps without their epoch layer.

    `turn` is the recorder's last one: what was on its way when the recorder gave out another is not taken.
    """

    segment: Ulid
    header: bytes
    wraps: bytes
    retention_hours: Annotated[int, Meta(ge=1, le=24 * 366)]
    turn: Short = ""


class SealedRecord(_Message, frozen=True):
    """The segment's next record, `index` counting from 0."""

    segment: Ulid
    index: Count
    ciphertext: bytes


class CloseSegment(_Message, frozen=True):
    """No record of this segment follows; `count` is how many there were."""

    segment: Ulid
    count: Count


class RecordsStored(_Message, frozen=True):
    """The first `count` records of the segment are on the disk to stay."""

    segment: Ulid
    count: Count


class StoredSegment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many records of a segment are on the disk to stay."""

    segment: Ulid
    count: Count


class SegmentRefused(_Message, frozen=True):
    """Nothing is taken any more that is on its way: begin another segment, under this new turn.

    `stored` says what is on the disk, as in `RecorderAlive`.
    """

    segment: Ulid
    stored: Annotated[tuple[StoredSegment, ...], Meta(max_length=MAX_TOLD_SEGMENTS)]
    turn: Short
    reason: Line


# Who is there.


class CameraAlive(_Message, frozen=True):
    """Once a second. `instance` is new with every start: a segment that an earlier one began will not go on.

    `said_ns` is when, since boot: the recorder says which sign of life it heard last.
    """

    instance: Ulid
    said_ns: Nanoseconds


class VersionFloors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The lowest versions that still count: what was in force is never followed by something older.

    `approved`: of the mask set that two persons signed, which a widened one is held against.
    """

    root: Count = 0
    mandate: Count = 0
    masks: Count = 0
    approved: Count = 0


class RecorderAlive(_Message, frozen=True):
    """Once a second, and whenever documents changed.

    `stored` tells again of the segments written last, by this instance or found by its recovery, the newest last;
    segments begin under `turn`, which is new with every instance and every refusal. `heard_ns` is the `said_ns` of the
    camera's sign of life that it took last (0: none): what was sent before that and is not stored, is lost.
    The documents on the disk count for those who have verified them against these floors; `generation` grows with
    every commit.
    """

    instance: Ulid
    turn: Short
    stored: Annotated[tuple[StoredSegment, ...], Meta(max_length=MAX_TOLD_SEGMENTS)]
    heard_ns: Nanoseconds
    generation: Count
    floors: VersionFloors
    time_floor_ns: Nanoseconds


class UplinkAlive(_Message, frozen=True):
    """Once a second."""

    instance: Ulid


# Events: until the uplink has them on its disk, whoever saw them keeps them.


class EventHappened(_Message, frozen=True):
    """Something began, went on or ended. `alarm` is its severity if the mandate wants a person to look."""

    id: Ulid
    stage: Stage
    kind: Short
    start_ns: Nanoseconds
    end_ns: Nanoseconds | None
    score: Annotated[float, Meta(ge=0, le=1)]
    time_trust: TimeTrust
    zone: Short | None = None
    alarm: Severity | None = None
    detail: Line = ""
    mandate: Digest | None = None
    masks: Digest | None = None


class EventTaken(_Message, frozen=True):
    """That stage of the event is on the uplink's disk."""

    id: Ulid
    stage: Stage


# The audit log: commit before effect.


class AuditRequest(_Message, frozen=True):
    """Write this down, and only then may it take effect. The same id is written once."""

    id: Ulid
    action: Short
    subject: Line
    reason: Line = ""


class AuditCommitted(_Message, frozen=True):
    """The request's entry is on the disk, at this index of the log."""

    id: Ulid
    index: Count


class AuditCheckpoint(_Message, frozen=True):
    """Signed size and head (SHA-256, hex) of the log; leaves the node so that a truncated log shows."""

    size: Count
    head: Hex
    time_ns: Nanoseconds
    signature: Annotated[str, Meta(max_length=128)]


# Documents.


class DocumentArrived(_Message, frozen=True):
    """A signed document as it came, sealed to the node; only the recorder can open and commit it."""

    id: Ulid
    sealed: Document


class DocumentAnswered(_Message, frozen=True):
    """What became of it. `kind` is None if it could not be read."""

    id: Ulid
    accepted: bool
    kind: DocumentKind | None
    reason: Line


# A release on its way out: by pieces that only those who signed its order can read.


class ReleaseChunk(_Message, frozen=True):
    """The next piece of a release, `number` counting from 0, sealed. Nobody may keep it beyond `expires_ns` (UTC)."""

    order: Ulid
    number: Count
    data: Annotated[bytes, Meta(max_length=MAX_CHUNK_BYTES)]
    expires_ns: Nanoseconds


class ReleaseEnded(_Message, frozen=True):
    """No piece follows; `number` is how many there were. `stopped`: it is not whole, and why."""

    order: Ulid
    number: Count
    outcome: Literal["finished", "stopped"]
    reason: Line


class ReleaseTaken(_Message, frozen=True):
    """The broker has that piece, or the word that it was the last; or it refuses it, and why."""

    order: Ulid
    number: Count
    refused: Line = ""


# What each daemon tells of itself, for state and health. Nothing here depends on what masks hide.


class CameraReport(_Message, frozen=True):
    """The camera's state: why it is dark (None: it films), and its counters since its start."""

    instance: Ulid
    dark: DarkReason | None
    detail: Line
    mandate: Digest | None
    mandate_version: Count | None
    masks: Digest | None
    masks_version: Count | None
    time_trust: TimeTrust
    geometry: Annotated[bytes, Meta(max_length=1024)]
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
    next_change_ns: Nanoseconds | None = None
    first_fragment_ms: Count | None = None
    recording: Recording = "none"
    mode: RecordingMode | None = None
    """Of the mandate in force."""
    pose: Literal["none", "learning", "session", "reference"] = "none"
    """What the camera compares its pose with: nothing, nothing yet (since its start it has seen too little), what it
    saw since its start, or its masks' reference."""


class RecorderReport(_Message, frozen=True):
    """The recorder's state: its ring against its bounds, its keys, its log."""

    instance: Ulid
    time_trust: TimeTrust
    ring_bytes: Count
    ring_capacity_bytes: Count
    ring_segments: Count
    oldest_ns: Nanoseconds | None
    epochs: Count
    deletion: Literal["proven", "unlink"]
    audit_size: Count
    records: Count
    record_bytes: Count
    evicted: Count
    recovered: Count
    storage: Literal["good", "full", "failing"]
    storage_detail: Line
    documents_accepted: Count
    documents_refused: Count
    messages_refused: Count
    events_waiting: Count
    slot_wear: Literal["good", "worn"] = "good"


SegmentMessage = OpenSegment | SealedRecord | CloseSegment
Message = (
    SegmentMessage
    | RecordsStored
    | SegmentRefused
    | CameraAlive
    | RecorderAlive
    | UplinkAlive
    | EventHappened
    | EventTaken
    | AuditRequest
    | AuditCommitted
    | AuditCheckpoint
    | DocumentArrived
    | DocumentAnswered
    | ReleaseChunk
    | ReleaseEnded
    | ReleaseTaken
    | CameraReport
    | RecorderReport
)
