"""A pose reference (FORMAT.md, "Pose reference"): where a few hundred edges were when the masks were drawn.

Places and directions only: no brightness, no patch. Bytes in, a frozen value out; what is not exactly that is refused.
"""

import struct
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import NamedTuple

from node.errors import Damaged

MAGIC = b"STLPPOS1"
LEAST_LANDMARKS, MOST_LANDMARKS = 24, 512
DIRECTIONS = 64
_HEAD = struct.Struct(">8sH")
_LANDMARK = struct.Struct(">HHB")
MAX_REFERENCE_BYTES = _HEAD.size + MOST_LANDMARKS * _LANDMARK.size


class PoseLandmark(NamedTuple):
    """A piece of an edge: `y` and `x` in 65,536ths of the main picture's height and width, from its upper left corner;
    `direction` of its gradient without sign, in 64ths of half a turn from rightwards to downwards."""

    y: int
    x: int
    direction: int


@dataclass(frozen=True, slots=True)
class PoseReference:
    """The landmarks, in the order of `y` and then `x`, no two at one place."""

    landmarks: tuple[PoseLandmark, ...]

    def __post_init__(self) -> None:
        if not LEAST_LANDMARKS <= len(self.landmarks) <= MOST_LANDMARKS:
            raise Damaged(f"pose reference: {LEAST_LANDMARKS} to {MOST_LANDMARKS} landmarks are needed")
        if any(one[:2] >= other[:2] for one, other in pairwise(self.landmarks)):
            raise Damaged("pose reference: its landmarks are out of order")
        if any(landmark.direction >= DIRECTIONS for landmark in self.landmarks):
            raise Damaged("pose reference: a direction that does not exist")


def pack_pose(reference: PoseReference) -> bytes:
    """The one spelling of a reference."""
    marks = b"".join(_LANDMARK.pack(mark.y, mark.x, mark.direction) for mark in reference.landmarks)
    return _HEAD.pack(MAGIC, len(reference.landmarks)) + marks


def parse_pose(data: bytes) -> PoseReference:
    """The reference, or `Damaged`: another version, cut, out of bounds or out of order, or with bytes behind it."""
    if len(data) < _HEAD.size or data[: len(MAGIC)] != MAGIC:
        raise Damaged("not a pose reference of a known version")
    (count,) = struct.unpack_from(">H", data, len(MAGIC))
    if len(data) != _HEAD.size + count * _LANDMARK.size:
        raise Damaged("pose reference: its length is not that of its landmarks")
    return PoseReference(tuple(PoseLandmark(*mark) for mark in _LANDMARK.iter_unpack(data[_HEAD.size :])))


def pose_digest(data: bytes) -> bytes:
    """What a mask set names it by: SHA-256 of the packed bytes."""
    return sha256(data).digest()
