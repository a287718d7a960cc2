"""What the daemons say to each other: frozen, typed, bounded. A message type is a name in the design's words."""

import msgspec


class OpenSegment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True):
    """From the camera: a segment begins. `header` is its JSON, `wraps` the wraps without their epoch layer."""

    segment: str
    header: bytes
    wraps: bytes
    retention_hours: int


class SealedRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True):
    """From the camera: the segment's next record, `index` counting from 0."""

    segment: str
    index: int
    ciphertext: bytes


class CloseSegment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True):
    """From the camera: no record of this segment follows; `count` is how many there were."""

    segment: str
    count: int


RecorderMessage = OpenSegment | SealedRecord | CloseSegment
