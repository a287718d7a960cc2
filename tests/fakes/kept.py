"""A recorder that keeps messages in a list, and what two releasers find in them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from node.formats import framing
from node.formats import segment as fmt
from node.formats.segment import Record, RecordOpener, RecordType, SegmentHeader
from node.messages import CloseSegment, OpenSegment, SealedRecord, SegmentMessage
from node.sealing.keys import PrivateKeys
from node.sealing.recipients import unwrap


@dataclass(slots=True)
class OpenedSegment:
    """One segment's header and its records as they were before sealing."""

    header: SegmentHeader
    records: list[Record] = field(default_factory=list)
    closed: bool = False

    @property
    def kinds(self) -> list[str]:
        """The records' types in order."""
        return [record.type.name for record in self.records]

    def of_type(self, kind: RecordType) -> list[Record]:
        """The records of one type in order."""
        return [record for record in self.records if record.type is kind]

    @property
    def video(self) -> bytes:
        """Init and fragments: an MP4."""
        parts = self.of_type(RecordType.INIT) + self.of_type(RecordType.FRAGMENT)
        return b"".join(record.payload for record in parts)


class MessageList:
    """Takes what a camera sends, and holds it to the order in which a recorder must get it."""

    def __init__(self) -> None:
        self.messages: list[SegmentMessage] = []
        self._open: str | None = None
        self._count = 0

    def __call__(self, message: SegmentMessage) -> None:
        """Keep it."""
        self.messages.append(message)
        match message:
            case OpenSegment():
                assert self._open is None, "a segment begins before the last has ended"
                self._open, self._count = message.segment, 0
            case SealedRecord():
                assert (message.segment, message.index) == (self._open, self._count), "a record out of order"
                self._count += 1
            case CloseSegment():
                assert (message.segment, message.count) == (self._open, self._count), "an end out of order"
                self._open = None

    @property
    def shape(self) -> list[tuple[str, int]]:
        """What can be seen of the messages without any key: their kinds and lengths."""
        return [(type(message).__name__, _length(message)) for message in self.messages]

    def opened(self, keys: Mapping[str, PrivateKeys]) -> list[OpenedSegment]:
        """Every segment, opened with the keys of its first subset of releasers."""
        return opened_messages(self.messages, keys)


_EPOCH_KEY = bytes(range(32))


def opened_messages(
    messages: Iterable[SegmentMessage], keys: Mapping[str, PrivateKeys]
) -> list[OpenedSegment]:
    """Every segment that these messages make, opened with the keys of its first subset of releasers."""
    found: list[OpenedSegment] = []
    for starts, sealed, closed in _by_segment(messages):
        data = _file(starts, sealed)
        segment = fmt.read(data)
        subset = segment.header.subsets[0]
        wrapped = fmt.open_wraps(segment, _EPOCH_KEY)[0]
        recipients = {person: keys[person].recipient for person in subset}
        key = unwrap(wrapped, subset, recipients, context=fmt.wrap_context(segment.header_bytes))
        opener = RecordOpener(segment, data, key)
        records = [opener.open(span) for span in segment.records]
        found.append(OpenedSegment(segment.header, records, closed))
    return found


def _length(message: SegmentMessage) -> int:
    match message:
        case OpenSegment():
            return len(message.header) + len(message.wraps)
        case SealedRecord():
            return len(message.ciphertext)
        case CloseSegment():
            return message.count


def _by_segment(messages: Iterable[SegmentMessage]) -> list[tuple[OpenSegment, list[SealedRecord], bool]]:
    found: list[tuple[OpenSegment, list[SealedRecord], bool]] = []
    for message in messages:
        match message:
            case OpenSegment():
                found.append((message, [], False))
            case SealedRecord():
                found[-1][1].append(message)
            case CloseSegment():
                found[-1] = (*found[-1][:2], True)
    return found


def _file(start: OpenSegment, sealed: list[SealedRecord]) -> bytes:
    """As the ring would have written it, but for the trailer."""
    wraps = fmt.seal_wraps(
        start.wraps,
        header=start.header,
        aead=msgspec.json.decode(start.header, type=SegmentHeader).aead,
        segment=start.segment,
        epoch=1,
        epoch_key=_EPOCH_KEY,
    )
    records = b"".join(framing.frame(record.ciphertext) for record in sealed)
    return fmt.start_of_file(start.header, wraps) + records + framing.end_of_records()
