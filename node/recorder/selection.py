"""What of the ring an order asks for: the segments, the mandates that they were taken under, and what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from node.errors import Damaged, Refused
from node.formats import bundle
from node.formats import segment as fmt
from node.formats.bundle import Missing, MissingReason
from node.formats.interval import Around, Interval, missing, overlapping
from node.formats.segment import SegmentHeader
from node.mandate.documents import Mandate, decode
from node.mandate.signatures import parse
from node.mandate.store import DocumentStore
from node.recorder.epochs import EpochKeys
from node.recorder.ring import FIRST_BYTES, HOUR_NS, KeptSegment, Ring

MOST_SEGMENTS = 4500
"""Of one order: three days of minutes, whose starts are read before anything else is done."""
GONE = KeptSegment(Path(), 0, None)
"""Stands for a segment that was erased."""
REST_BYTES = 16 + fmt.MAX_HEADER_BYTES + fmt.MAX_WRAPS_BYTES - FIRST_BYTES


@dataclass(frozen=True, slots=True)
class Selected:
    """One segment that the order asks for, and until when its epoch's key is there."""

    path: Path
    header: SegmentHeader
    epoch: int
    destroy_at_ns: int


@dataclass(frozen=True, slots=True)
class Selection:
    """What there is of an interval. `mandates`: the signed bytes of those that the segments name."""

    segments: tuple[Selected, ...]
    missing: tuple[Missing, ...]
    mandates: tuple[bytes, ...]

    @property
    def documents(self) -> tuple[Mandate, ...]:
        """The mandates, read."""
        return tuple(decode(parse(raw).payload, Mandate) for raw in self.mandates)


def select(
    interval: Interval,
    *,
    ring: Ring,
    keys: EpochKeys,
    store: DocumentStore,
    now_ns: int,
    retention_hours: int,
    erased: Sequence[int] = (),
) -> Selection:
    """What the ring has of the interval at `now_ns`. `Refused` if nobody could say who may release it.

    `retention_hours`: the mandate's in force, for what is said of footage that is not there. `erased`: when segments
    began that were erased before their time.
    """
    named = [(start, one) for one in ring.segments if (start := one.start_ns) is not None]
    named += [(start, GONE) for start in erased]
    named.sort(key=lambda pair: pair[0])
    starts = [start for start, _ in named]
    asked = overlapping(starts, interval)
    if len(asked) > MOST_SEGMENTS:
        raise Refused(f"release order: it asks for {len(asked)} segments, at most {MOST_SEGMENTS} at once")
    wanted: dict[int, Selected | MissingReason] = {
        index: _selected(named[index][1], keys, now_ns) for index in asked
    }
    segments = tuple(found for found in wanted.values() if isinstance(found, Selected))
    lost: list[MissingReason | None] = [_lost(wanted.get(index)) for index in range(len(named))]
    retention_ns = retention_hours * HOUR_NS
    around = Around(
        destroyed_ns=now_ns - retention_ns + keys.length_ns(retention_ns),
        evicted=True if ring.evicted or ring.is_full else None,
        now_ns=now_ns,
        writing_ns=ring.open_start_ns,
    )
    mandates = mandates_of([one.header for one in segments], store, what="release order")
    return Selection(segments, missing(starts, lost, interval, around), mandates)


def _lost(found: Selected | MissingReason | None) -> MissingReason | None:
    return None if isinstance(found, Selected) else found


def _selected(kept: KeptSegment, keys: EpochKeys, now_ns: int) -> Selected | MissingReason:
    """The segment, if its epoch's key is there and its time has not come; or why it is as good as missing."""
    if kept is GONE:
        return "destroyed"
    if kept.epoch is None:
        return "unknown"
    entry = keys.entry(kept.epoch)
    if entry is None or entry.destroy_at_ns <= now_ns:
        return "destroyed"
    try:
        header = header_of(kept.path)
    except (Damaged, OSError):
        return "unknown"
    return Selected(kept.path, header, entry.epoch, entry.destroy_at_ns)


def header_of(path: Path) -> SegmentHeader:
    """A segment's; `Damaged` if it cannot be read.

    Nearly every start is within the first bytes; the rest is read if it is not.
    """
    with path.open("rb") as file:
        start = file.read(FIRST_BYTES)
        try:
            return fmt.read_start(start)[0]
        except Damaged:
            return fmt.read_start(start + file.read(REST_BYTES))[0]


def mandates_of(headers: Sequence[SegmentHeader], store: DocumentStore, *, what: str) -> tuple[bytes, ...]:
    """The signed mandates that these name; `Refused` where nobody could say any more who has a say in them."""
    digests = list(dict.fromkeys(header.mandate for header in headers))
    if len(digests) > bundle.MAX_MANDATES:
        raise Refused(f"{what}: its footage was taken under {len(digests)} mandates: ask in parts")
    found = []
    for digest in digests:
        raw = store.archived_mandate(bytes.fromhex(digest.removeprefix("sha256:")))
        if raw is None or fmt.digest_text(parse(raw).digest) != digest:
            raise Refused(f"{what}: the mandate {digest[:19]} of its footage is not on this node any more")
        found.append(raw)
    return tuple(found)
