"""Segments in which a reader loses its way from one record to the next, broken on purpose."""

import struct
from collections.abc import Iterator
from dataclasses import replace

from vectors.segment_found import NO_TRAILER, Made, found
from vectors.segment_parts import PICTURES, WHOLE, Parts


def lengths(base: Parts) -> Iterator[Made]:
    """A wrong length each, or more, or what is no record between records."""
    frame = base.frames[2]
    lost = skipped(len(frame), "2")
    for name, about, length in (
        ("record_length_over", "a length above 33 554 432", 33_554_433),
        ("record_length_under", "a length below 25", 24),
        ("record_length_flipped", "a length that is one too small", len(frame) - 9),
        ("record_length_zero", "a length of 0 with no trailer behind it", 0),
    ):
        broken = base.with_frame(2, _with_length(frame, length))
        yield name, broken.file(), found(about, left_out=[2], damage=[lost])
    yield from _one_end(base)
    yield from _several(base)
    broken = base.with_frame(2, _with_length(frame, 1 << 31))
    unfinished = replace(broken, frames=broken.frames[:5], state=None, end=b"").file() + bytes(300)
    yield (
        "length_over_and_cut",
        unfinished,
        found(
            "a power cut, and a wrong length in what was written",
            PICTURES,
            left_out=[2],
            ending="cut",
            signature="missing",
            damage=[lost, NO_TRAILER],
        ),
    )


def skipped(count: int, due: str) -> str:
    """How a reader names what it skipped."""
    return f"{count} bytes where record {due} was due are no record: skipped"


def _one_end(base: Parts) -> Iterator[Made]:
    first, last = base.frames[0], base.frames[5]
    yield (
        "first_length_over",
        base.with_frame(0, _with_length(first, 1 << 31)).file(),
        found("the init's length", left_out=[0], damage=[skipped(len(first), "0")]),
    )
    yield (
        "last_length_over",
        base.with_frame(5, _with_length(last, 1 << 31)).file(),
        found(
            "the end record's length: nobody knows that it was one",
            PICTURES,
            ending="cut",
            damage=[skipped(len(last), "5")],
        ),
    )


def _several(base: Parts) -> Iterator[Made]:
    one, two, three = base.frames[1:4]
    wrong = _with_length(one, 1 << 31)
    lost = skipped(len(one), "1")
    apart = base.with_frame(1, wrong).with_frame(3, _with_length(three, 1 << 31))
    again = skipped(len(three), "2 or later")
    yield (
        "two_lengths_over",
        apart.file(),
        found("two wrong lengths with a record between them", left_out=[1, 3], damage=[lost, again]),
    )
    flipped = two[:-1] + bytes([two[-1] ^ 1])
    both = skipped(len(one) + len(two), "1")
    yield (
        "length_over_then_flipped",
        base.with_frame(1, wrong).with_frame(2, flipped).file(),
        found("a wrong length, and a bit of the record behind it", left_out=[1, 2], damage=[both]),
    )
    flipped = three[:-1] + bytes([three[-1] ^ 1])
    yield (
        "length_over_later_flipped",
        base.with_frame(1, wrong).with_frame(3, flipped).file(),
        found(
            "a wrong length, and a bit of the record behind the next",
            left_out=[1, 3],
            damage=[lost, "record 2 or later is damaged"],
        ),
    )
    yield (
        "bytes_between_records",
        base.with_frame(1, one + b"\0\0\1 no record").file(),
        found("bytes between two records: none is lost", damage=[skipped(13, "2")]),
    )
    yield (
        "length_over_then_swapped",
        base.with_frame(1, wrong).with_frame(2, three).with_frame(3, two).file(),
        found(
            "a wrong length, and the two records behind it in each other's place: the second comes too late",
            [*WHOLE, WHOLE[5]],
            left_out=[1, 2, 4, 5, 6],
            ending="cut",
            damage=[lost],
        ),
    )


def _with_length(frame: bytes, length: int) -> bytes:
    return struct.pack(">I", length) + frame[4:]
