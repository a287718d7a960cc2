"""A bundle made from the ring, piece by piece: first every segment is hashed, then all are read once more.

Each step reads one chunk at most, so that recording is never kept waiting. A segment whose file or key goes between
the manifest and its turn is named as gone. Nothing that it makes is kept.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from node.clock import Instant
from node.formats import segment as fmt
from node.formats.bundle import BundledSegment, BundleWriter, Kind, Manifest, Missing, SegmentState
from node.formats.interval import LONGEST_NS, Interval
from node.formats.segment import TrailerState
from node.messages import AuditCheckpoint
from node.recorder.epochs import EpochKeys
from node.recorder.selection import Selected
from node.sealing.keys import SigningKey, fingerprint

READ_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Piece:
    """What came of one step: bytes of the bundle that nobody may keep beyond `expires_ns`, or none yet.

    `read` bytes were read for it.
    """

    data: bytes
    expires_ns: int
    read: int


@dataclass(frozen=True, slots=True)
class Told:
    """What the manifest says besides its segments."""

    node: str
    order: str
    interval: Interval
    made: Instant
    missing: tuple[Missing, ...]
    audit_line: bytes
    checkpoint: AuditCheckpoint


def pieces(
    order: bytes,
    mandates: Sequence[bytes],
    selected: Sequence[Selected],
    told: Told,
    *,
    keys: EpochKeys,
    signing: SigningKey,
) -> Iterator[Piece]:
    """The whole bundle. An `OSError` ends it: a file that can be opened but not read to its end."""
    listed: list[tuple[Selected, BundledSegment]] = []
    unread: list[Missing] = []
    for one in selected:
        found: BundledSegment | None = None
        for outcome in _hashed(one):
            if isinstance(outcome, int):
                yield Piece(b"", one.destroy_at_ns, outcome)
            else:
                found = outcome
        if found is None:
            unread.append(Missing(one.header.start_ns, one.header.start_ns + LONGEST_NS, "unknown"))
        else:
            listed.append((one, found))
    expires_ns = min((one.destroy_at_ns for one in selected), default=0)
    writer = BundleWriter(signing.sign)
    manifest = _manifest(told, [line for _, line in listed], unread, signing)
    yield Piece(writer.start(order, mandates, manifest), expires_ns, 0)
    for one, line in listed:
        yield from _carried(writer, one, line, keys)
    yield Piece(writer.end(), expires_ns, 0)


def _manifest(
    told: Told, lines: Sequence[BundledSegment], unread: Sequence[Missing], signing: SigningKey
) -> Manifest:
    return Manifest(
        made_by="node",
        node=told.node,
        signer=signing.owner,
        node_key=fingerprint(signing.private.public_key()),
        order=told.order,
        from_ns=told.interval.from_ns,
        until_ns=told.interval.until_ns,
        made_ns=told.made.utc_ns,
        time_trust=told.made.trust,
        segments=tuple(lines),
        missing=tuple(sorted((*told.missing, *unread), key=lambda gap: gap.from_ns)),
        audit=(told.audit_line.decode(),),
        checkpoint=told.checkpoint,
    )


def _hashed(one: Selected) -> Iterator[int | BundledSegment]:
    """How much was read, each time; then the segment's line, unless its file is gone or cannot be read."""
    digest, size, tail = sha256(), 0, b""
    try:
        with one.path.open("rb") as file:
            while data := file.read(READ_BYTES):
                digest.update(data)
                size += len(data)
                tail = (tail + data)[-fmt.TRAILER_BYTES :]
                yield len(data)
    except OSError:
        return
    yield BundledSegment(
        segment=one.header.segment,
        start_ns=one.header.start_ns,
        mandate=one.header.mandate,
        epoch=one.epoch,
        size=size,
        sha256=fmt.digest_text(digest.digest()),
        state=state_of(tail),
    )


def state_of(tail: bytes) -> SegmentState:
    """What a trailer, the last bytes of a segment's file, says."""
    if not fmt.ends_in_trailer(tail):
        return "cut"
    recovered = tail[-fmt.SIGNATURE_BYTES - 1] == TrailerState.RECOVERED
    return "recovered" if recovered else "closed"


def _carried(writer: BundleWriter, one: Selected, line: BundledSegment, keys: EpochKeys) -> Iterator[Piece]:
    entry = keys.entry(one.epoch)
    if entry is None:
        yield Piece(writer.gone(Kind.DESTROYED), one.destroy_at_ns, 0)
        return
    try:
        file = one.path.open("rb")
    except FileNotFoundError:
        yield Piece(writer.gone(Kind.EVICTED), one.destroy_at_ns, 0)
        return
    with file:
        layer_key = fmt.epoch_layer_key(entry.key, one.header.segment)
        yield Piece(writer.there(line.size, layer_key), one.destroy_at_ns, 0)
        left = line.size
        while left > 0:
            data = file.read(min(READ_BYTES, left))
            if not data:
                raise OSError(None, "it has become shorter", str(one.path))
            left -= len(data)
            yield Piece(writer.content(data), one.destroy_at_ns, len(data))
