"""Pose references good and broken. The bytes are packed here, from FORMAT.md, not by the code under test."""

import struct
from collections.abc import Iterator

from vectors.make_keys import seed
from vectors.shelf import ExpectedPose

Made = tuple[str, bytes, ExpectedPose]
Mark = tuple[int, int, int]


def marks(count: int) -> list[Mark]:
    """Landmarks in order; where they are follows from their number."""
    step = 65_536 // count
    return [(n * step, int.from_bytes(seed("pose", str(n))[:2], "big"), n % 64) for n in range(count)]


def packed(landmarks: list[Mark], *, magic: bytes = b"STLPPOS1", count: int | None = None) -> bytes:
    """As FORMAT.md says."""
    head = magic + struct.pack(">H", len(landmarks) if count is None else count)
    return head + b"".join(struct.pack(">HHB", *mark) for mark in landmarks)


def poses() -> Iterator[Made]:
    """Every vector of this kind."""
    few, some, most = marks(24), marks(100), marks(512)
    row = [(7, 65 * n, 63) for n in range(40)]
    for name, about, landmarks in (
        ("fewest", "as few landmarks as there may be", few),
        ("some", "a hundred", some),
        ("most", "as many as there may be", most),
        ("one_row", "all in one row, in the order of x", row),
    ):
        yield name, packed(landmarks), ExpectedPose(about, False, tuple(landmarks))
    for name, about, data in (
        ("too_few", "23 landmarks", packed(few[:-1])),
        ("too_many", "513 landmarks", packed(marks(513))),
        ("magic", "another version", packed(some, magic=b"STLPPOS2")),
        ("cut", "its last byte is missing", packed(some)[:-1]),
        ("cut_landmark", "its last landmark is missing", packed(some[:-1], count=100)),
        ("trailing", "a byte behind it", packed(some) + b"\0"),
        ("count_less", "it counts one less than there are", packed(some, count=99)),
        ("out_of_order", "two landmarks changed places", packed([some[1], some[0], *some[2:]])),
        ("one_place", "two landmarks at one place", packed([*few, few[-1]])),
        ("direction_64", "a direction that does not exist", packed([*few[:-1], (*few[-1][:2], 64)])),
        ("head_only", "no landmarks", packed([])),
        ("empty", "no bytes", b""),
    ):
        yield name, data, ExpectedPose(about, True)
