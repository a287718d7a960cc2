"""Which segments an interval asks for, and what of it there is none of. Pure: times and sizes in, decisions out.

Whoever keeps segments knows when each begins, not when it ends: that is sealed. So a segment is taken to last until
the next one begins, and no longer than a camera lets one be.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from node.clock import NS
from node.formats.bundle import Missing, MissingReason

LONGEST_NS: Final = 90 * NS
"""A camera ends a segment after a minute, at the next picture that one can begin with."""
SEAM_NS: Final = 2 * NS
"""No gap is told of between two segments that are closer than this."""


@dataclass(frozen=True, slots=True)
class Interval:
    """From (inclusive) until (exclusive), UTC nanoseconds."""

    from_ns: int
    until_ns: int


@dataclass(frozen=True, slots=True)
class Around:
    """What a keeper knows of footage that it does not have (any more).

    Before `destroyed_ns` every epoch's key is gone; `evicted` says whether anything had to make room for other
    footage; from `now_ns` on nothing was filmed yet; `writing_ns` is when the segment began that is being written.
    `unfilmed`: what is said of a time before that of which nothing is known.
    """

    destroyed_ns: int
    evicted: bool | None
    now_ns: int
    writing_ns: int | None = None
    unfilmed: MissingReason = "not_filmed"


def overlapping(starts_ns: Sequence[int], interval: Interval) -> tuple[int, ...]:
    """The indices of the segments, sorted by their starts, that may have something of the interval."""
    return tuple(
        index
        for index, (start_ns, end_ns) in enumerate(_spans(starts_ns))
        if start_ns < interval.until_ns and end_ns > interval.from_ns
    )


def missing(
    starts_ns: Sequence[int], lost: Sequence[MissingReason | None], interval: Interval, around: Around
) -> tuple[Missing, ...]:
    """What of the interval there is no segment of, or one that is `lost` for a reason; in order."""
    found: list[Missing] = []
    position = interval.from_ns
    for (start_ns, end_ns), why in zip(_spans(starts_ns), lost, strict=True):
        if end_ns <= position or start_ns >= interval.until_ns:
            continue
        if start_ns - position > SEAM_NS:
            found += _unfilmed(position, start_ns, starts_ns, around)
        if why is not None:
            found.append(Missing(max(start_ns, position), min(end_ns, interval.until_ns), why))
        position = max(position, end_ns)
    if interval.until_ns - position > SEAM_NS:
        found += _unfilmed(position, interval.until_ns, starts_ns, around)
    return tuple(_merged(found))


def _spans(starts_ns: Sequence[int]) -> Iterator[tuple[int, int]]:
    following = [*starts_ns[1:], None]
    for start_ns, next_ns in zip(starts_ns, following, strict=False):
        longest = start_ns + LONGEST_NS
        yield start_ns, longest if next_ns is None or next_ns - start_ns > LONGEST_NS else next_ns


def _unfilmed(from_ns: int, until_ns: int, starts_ns: Sequence[int], around: Around) -> Iterator[Missing]:
    """A stretch without any segment, taken apart by what is known of it."""
    bounds: list[tuple[int, MissingReason]] = [(around.destroyed_ns, "destroyed")]
    first = starts_ns[0] if starts_ns else around.now_ns
    if around.evicted is not False:
        bounds.append((first, "evicted" if around.evicted else "unknown"))
    written = around.now_ns if around.writing_ns is None else around.writing_ns
    bounds.append((min(written, around.now_ns), around.unfilmed))
    if around.writing_ns is not None:
        bounds.append((around.now_ns, "being_written"))
    bounds.append((until_ns, "not_filmed"))
    for end_ns, reason in bounds:
        if from_ns < min(end_ns, until_ns):
            yield Missing(from_ns, min(end_ns, until_ns), reason)
            from_ns = min(end_ns, until_ns)


def _merged(parts: Sequence[Missing]) -> Iterator[Missing]:
    """Neighbours of one reason as one."""
    last: Missing | None = None
    for part in parts:
        if last is not None and last.reason == part.reason and part.from_ns - last.until_ns <= SEAM_NS:
            last = Missing(last.from_ns, part.until_ns, last.reason)
            continue
        if last is not None:
            yield last
        last = part
    if last is not None:
        yield last
