"""What a camera sends, made by hand: sealed segments whose keys a test keeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from formats.opened import Opened, records_of

from node.clock import NS
from node.formats import framing
from node.formats import segment as fmt
from node.formats.segment import Record, RecordSealer, RecordType, SegmentHeader
from node.messages import CloseSegment, OpenSegment, SealedRecord, SegmentMessage

START_NS = 1_793_739_600 * NS
"""2026-11-03T21:00:00Z."""

MANDATE = sha256(b"mandate").digest()
OTHER_MANDATE = sha256(b"another mandate").digest()


@dataclass(frozen=True)
class Footage:
    """One segment: what was filmed, the key it was sealed under, and the messages in their order."""

    header: SegmentHeader
    plain: tuple[Record, ...]
    key: bytes
    opening: OpenSegment
    sealed: tuple[SealedRecord, ...]

    @property
    def closing(self) -> CloseSegment:
        """No record follows."""
        return CloseSegment(self.header.segment, len(self.sealed))

    @property
    def messages(self) -> tuple[SegmentMessage, ...]:
        """From its beginning to its end."""
        return (self.opening, *self.sealed, self.closing)

    @property
    def frames(self) -> tuple[bytes, ...]:
        """The records as they stand in the file."""
        return tuple(framing.frame(record.ciphertext) for record in self.sealed)

    def opened(self, data: bytes) -> Opened:
        """What its key opens in that file."""
        return records_of(fmt.read(data), data, self.key)


def footage(
    number: int = 1,
    *,
    start_ns: int = START_NS,
    payloads: Sequence[bytes] = (b"one", b"two", b"three"),
    mandate: bytes = MANDATE,
    retention_hours: int = 72,
) -> Footage:
    """Segment `number`: an init, a fragment a second with these payloads, an end record."""
    header = _header(number, start_ns, mandate)
    encoded, key = fmt.encode_header(header), sha256(b"segment key %d" % number).digest()
    fragments = [Record(RecordType.FRAGMENT, start_ns + n * NS, data) for n, data in enumerate(payloads)]
    pictures = [Record(RecordType.INIT, start_ns, b"init"), *fragments]
    plain = (*pictures, fmt.end_record(len(pictures), start_ns + len(payloads) * NS))
    sealer = RecordSealer(aead=header.aead, key=key, header=encoded)
    sealed = tuple(SealedRecord(header.segment, n, sealer.seal(record)) for n, record in enumerate(plain))
    # The recorder cannot look into a wrap: any bytes do.
    opening = OpenSegment(header.segment, encoded, fmt.pack_wraps([b"a wrap"]), retention_hours)
    return Footage(header, plain, key, opening, sealed)


def _header(number: int, start_ns: int, mandate: bytes) -> SegmentHeader:
    return SegmentHeader(
        node="test-node",
        boot="test-boot",
        segment=f"01RECRDERTEST{number:013d}",
        start_ns=start_ns,
        time_trust="simulated",
        mandate=fmt.digest_text(mandate),
        masks=None,
        codec="h264",
        size=(1280, 720),
        timescale=90_000,
        aead="ChaCha20-Poly1305",
        subsets=(("anna",),),
    )
