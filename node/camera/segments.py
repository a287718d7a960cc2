"""From fragments to sealed segments: a random key for each, wrapped to the releasers, held in memory only."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from node.camera.encoder import TIMESCALE
from node.camera.fragments import Fragment
from node.clock import NS, Instant
from node.formats import segment as fmt
from node.formats.segment import Gap, Record, RecordSealer, RecordType, SegmentHeader
from node.mandate.documents import Mandate, MaskSet
from node.mandate.ids import new_ulid
from node.mandate.trust import Believed
from node.masks.geometry import Size
from node.messages import CloseSegment, OpenSegment, SealedRecord, SegmentMessage
from node.sealing.aead import AeadName, new_key
from node.sealing.recipients import wrap

SEGMENT_NS = 60 * NS
SET_NS = 2 * NS
"""A clock that differs more than this from what has passed was set, and not only disciplined."""


@dataclass(frozen=True, slots=True)
class SealedUnder:
    """What every segment of one run stands under: never two mandates or mask sets in one segment."""

    node: str
    boot: str
    mandate: Believed[Mandate]
    masks: Believed[MaskSet] | None
    size: Size
    aead: AeadName


class SegmentSealer:
    """Seals fragments one by one and sends them on.

    A new segment begins every minute, for every new init, and when the clock was set: what it says of its own time is
    then true of all of it. `gaps`: what another sealer had no segment for.
    """

    def __init__(
        self, *, under: SealedUnder, send: Callable[[SegmentMessage], None], gaps: Sequence[Record] = ()
    ) -> None:
        self._under = under
        self._send = send
        self._open: _OpenSegment | None = None
        self._gaps = list(gaps)

    @property
    def gaps(self) -> tuple[Record, ...]:
        """Those that wait for a segment to begin."""
        return tuple(self._gaps)

    def add(self, fragment: Fragment, start: Instant) -> None:
        """Seal a fragment whose first picture was taken at `start`."""
        current = self._open
        if current is not None and current.is_over(fragment, start):
            self.finish(start.utc_ns)
            current = None
        if current is None:
            current = self._open = self._begin(fragment, start)
        self._seal(current, Record(RecordType.FRAGMENT, start.utc_ns, fragment.data))

    def gap(self, start_ns: int, until_ns: int, reason: str) -> None:
        """Note in the open segment, or else in the next, that nothing was recorded in between."""
        record = Record(RecordType.GAP, start_ns, msgspec.json.encode(Gap(until_ns, reason)))
        if self._open is None:
            self._gaps.append(record)  # the first fragment is still being filmed
        else:
            self._seal(self._open, record)

    def finish(self, now_ns: int) -> None:
        """End the open segment, if there is one; its key is forgotten."""
        if self._open is None:
            return
        current, self._open = self._open, None
        self._seal(current, fmt.end_record(current.sealer.count, now_ns))
        self._send(CloseSegment(current.segment, current.sealer.count))

    def _begin(self, fragment: Fragment, start: Instant) -> "_OpenSegment":
        under, mandate = self._under, self._under.mandate.document
        header = SegmentHeader(
            node=under.node,
            boot=under.boot,
            segment=new_ulid(start.utc_ns),
            start_ns=start.utc_ns,
            time_trust=start.trust,
            mandate=fmt.digest_text(under.mandate.digest),
            masks=fmt.digest_text(under.masks.digest) if under.masks else None,
            codec="h264",
            size=under.size,
            timescale=TIMESCALE,
            aead=under.aead,
            subsets=mandate.release_subsets,
        )
        encoded, key = fmt.encode_header(header), new_key()
        keys, context = mandate.release_keys, fmt.wrap_context(encoded)
        wraps = [wrap(key, subset, keys, context=context) for subset in header.subsets]
        self._send(
            OpenSegment(header.segment, encoded, fmt.pack_wraps(wraps), mandate.recording.retention_hours)
        )
        sealer = RecordSealer(aead=under.aead, key=key, header=encoded)
        current = _OpenSegment(header.segment, start.utc_ns, fragment.sensor_ns, fragment.init, sealer)
        self._seal(current, Record(RecordType.INIT, start.utc_ns, fragment.init))
        while self._gaps:
            self._seal(current, self._gaps.pop(0))
        return current

    def _seal(self, current: "_OpenSegment", record: Record) -> None:
        index = current.sealer.count
        self._send(SealedRecord(current.segment, index, current.sealer.seal(record)))


@dataclass(frozen=True, slots=True)
class _OpenSegment:
    segment: str
    start_ns: int
    sensor_ns: int
    init: bytes
    sealer: RecordSealer

    def is_over(self, fragment: Fragment, start: Instant) -> bool:
        """Whether this fragment, taken at `start`, belongs into the next segment."""
        lasted_ns = fragment.sensor_ns - self.sensor_ns
        clock_was_set = abs(start.utc_ns - self.start_ns - lasted_ns) > SET_NS
        return lasted_ns >= SEGMENT_NS or clock_was_set or fragment.init != self.init
