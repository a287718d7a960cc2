"""What a reader gets out of a segment with the releasers' keys and the key slot's: all of it, or an error."""

from collections.abc import Mapping
from dataclasses import dataclass

from node.errors import CannotOpen
from node.formats import segment as fmt
from node.formats.segment import Record, RecordOpener, RecordType, Segment
from node.sealing.keys import PrivateKeys
from node.sealing.recipients import Subset, unwrap


@dataclass(frozen=True)
class Opened:
    """A segment with its records by index, and the indices of those that do not open or are damaged."""

    segment: Segment
    records: dict[int, Record]
    left_out: tuple[int, ...]

    @property
    def ending(self) -> str:
        """In one word."""
        complete = any(
            fmt.end_count(record) == index
            for index, record in self.records.items()
            if record.type is RecordType.END
        )
        return fmt.ending(self.segment, complete=complete)


def opened(
    data: bytes, *, epochs: Mapping[int, bytes], people: Mapping[str, PrivateKeys], subset: Subset
) -> Opened:
    """Open it as the persons of `subset`; `Damaged` or `CannotOpen` as the parts raise them."""
    segment = fmt.read(data)
    key = segment_key(segment, epochs=epochs, people=people, subset=subset)
    return records_of(segment, data, key)


def segment_key(
    segment: Segment, *, epochs: Mapping[int, bytes], people: Mapping[str, PrivateKeys], subset: Subset
) -> bytes:
    """The key that `subset` finds in its wrap."""
    if segment.epoch not in epochs:
        raise CannotOpen("the epoch's key is gone")
    wraps = fmt.open_wraps(segment, epochs[segment.epoch])
    number = segment.header.subsets.index(subset)
    recipients = {person: people[person].recipient for person in subset}
    return unwrap(wraps[number], subset, recipients, context=fmt.wrap_context(segment.header_bytes))


def records_of(segment: Segment, data: bytes, key: bytes) -> Opened:
    """All records that open with that key."""
    opener = RecordOpener(segment, data, key)
    records: dict[int, Record] = {}
    places = damaged_indices(segment)
    for span, record in opener.each():
        places.append(span.index)
        if record is not None:
            assert span.index not in records
            records[span.index] = record
    count = 1 + max(places, default=-1)
    return Opened(segment, records, tuple(index for index in range(count) if index not in records))


def damaged_indices(segment: Segment) -> list[int]:
    """The records that `damage` names."""
    words = [line.split() for line in segment.damage]
    return [int(line[1]) for line in words if line[0] == "record" and line[2:] == ["is", "damaged"]]
