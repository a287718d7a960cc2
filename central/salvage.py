"""A burned node: its card and its key slot give the same bundle, under the same order, without the node's key.

A releaser of its mandates signs it with their own key. That proves nothing of a segment: the node's own trailer does,
and one without it can be opened but not proven. Reads the card only.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final

from central.opening import MAX_SLOT_BYTES, START_BYTES
from node.clock import Instant, utc_ns
from node.errors import Damaged, Refused
from node.files import read_bounded
from node.formats import bundle, slot
from node.formats import segment as fmt
from node.formats.bundle import BundledSegment, BundleWriter, Manifest, MissingReason, SegmentState
from node.formats.interval import Around, Interval, missing, overlapping
from node.formats.segment import SegmentHeader, TrailerState
from node.formats.slot import EpochSlot
from node.mandate import orders
from node.mandate.documents import Mandate, ReleaseOrder, decode
from node.mandate.signatures import parse
from node.mandate.trust import Believed
from node.sealing.keys import PrivateKeys, fingerprint, verifying_key

CHUNK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Card:
    """What was taken out of a node. `mandates`: signed documents, from the card or from an office."""

    ring: Path
    slot: Path
    mandates: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    path: Path
    start_ns: int
    header: SegmentHeader
    epoch: EpochSlot | None


@dataclass(frozen=True, slots=True)
class _Unread:
    """A file that is no segment any more, and when it began by its name."""

    start_ns: int


def salvage(
    card: Card, raw: bytes, *, by: PrivateKeys, now: Instant, target: BinaryIO, say: Callable[[str], None]
) -> Manifest:
    """Write the bundle of an order; `Refused` for every reason for which the node would have refused it.

    A file that cannot be read is told to `say`, and its time is listed as `unknown`; the others go on.

    Whether the order was used before only the node knew: who salvages asks for one of their own.
    """
    order = decode(parse(raw).payload, ReleaseOrder)
    interval = Interval(utc_ns(order.from_), utc_ns(order.to))
    found = sorted(_segments(card, say), key=lambda one: one.start_ns)
    starts = [one.start_ns for one in found]
    lost: list[MissingReason | None] = [_lost(one, now.utc_ns) for one in found]
    read: dict[int, tuple[_Kept, BundledSegment]] = {}
    for index in overlapping(starts, interval):
        one = found[index]
        if isinstance(one, _Kept) and lost[index] is None:
            try:
                read[index] = one, _line(one)
            except OSError as error:
                say(f"{one.path.name}: it cannot be read ({error.strerror}): left out")
                lost[index] = "unknown"
    wanted = [one for one, _ in read.values()]
    lines = tuple(line for _, line in read.values())
    if not wanted:
        raise Refused("there is no footage of that interval on the card that anybody could open")
    mandates = _mandates(card, wanted)
    believed = _entitled(raw, card, mandates, order, by=by, now=now)
    retention_ns = max(_decoded(one).recording.retention_hours for one in mandates) * 3_600_000_000_000
    around = Around(
        destroyed_ns=now.utc_ns - retention_ns, evicted=None, now_ns=now.utc_ns, unfilmed="unknown"
    )
    manifest = Manifest(
        made_by="salvage",
        node=order.node,
        signer=by.owner,
        node_key=fingerprint(by.signing.private.public_key()),
        order=fmt.digest_text(believed.digest),
        from_ns=interval.from_ns,
        until_ns=interval.until_ns,
        made_ns=now.utc_ns,
        time_trust=now.trust,
        segments=lines,
        missing=missing(starts, lost, interval, around),
        audit=(),
        checkpoint=None,
    )
    writer = BundleWriter(by.signing.sign)
    target.write(writer.start(raw, mandates, manifest))
    for one, line in zip(wanted, lines, strict=True):
        _carry(writer, one, line, target, say)
    target.write(writer.end())
    return manifest


def _lost(one: _Kept | _Unread, now_ns: int) -> MissingReason | None:
    """Why nobody can open it; None if somebody can."""
    if isinstance(one, _Unread):
        return "unknown"
    return None if one.epoch is not None and one.epoch.destroy_at_ns > now_ns else "destroyed"


def _segments(card: Card, say: Callable[[str], None]) -> Iterator[_Kept | _Unread]:
    image = read_bounded(card.slot, most=MAX_SLOT_BYTES, what="a key slot")
    slot.read_header(image)
    epochs = {entry.epoch: entry for entry in slot.read_slots(image).values()}
    for path in sorted(card.ring.glob("*.seg")):
        try:
            with path.open("rb") as file:
                header, _, wraps, _ = fmt.read_start(file.read(START_BYTES))
        except (Damaged, OSError) as error:
            say(f"{path.name}: its start cannot be read ({error}): left out")
            start_ns = _named_start(path)
            if start_ns is not None:
                yield _Unread(start_ns)
            continue
        yield _Kept(path, header.start_ns, header, epochs.get(fmt.epoch_of(wraps)))


def _named_start(path: Path) -> int | None:
    """When a segment begins, as its file's name says, like `20261103T210000.000Z_…`; None if it says nothing."""
    try:
        return utc_ns(datetime.strptime(path.name.partition("_")[0], "%Y%m%dT%H%M%S.%f%z"))
    except ValueError:
        return None


def _mandates(card: Card, wanted: Sequence[_Kept]) -> tuple[bytes, ...]:
    by_digest = {fmt.digest_text(parse(raw).digest): raw for raw in card.mandates}
    named = list(dict.fromkeys(one.header.mandate for one in wanted))
    lacking = [digest for digest in named if digest not in by_digest]
    if lacking:
        raise Refused(f"the mandate {lacking[0]} of its footage is needed: name it with --mandate")
    if len(named) > bundle.MAX_MANDATES:
        raise Refused(f"its footage was taken under {len(named)} mandates: ask in parts")
    return tuple(by_digest[digest] for digest in named)


def _entitled(
    raw: bytes, card: Card, mandates: Sequence[bytes], order: ReleaseOrder, *, by: PrivateKeys, now: Instant
) -> Believed[ReleaseOrder]:
    under = [_decoded(one) for one in mandates]
    known = [_decoded(one) for one in card.mandates]
    if not any(order.node in mandate.nodes for mandate in under):
        raise Refused(f"release order: it is for node {order.node}, this card is of another")
    for mandate in under:
        person = mandate.with_role("releaser").get(by.owner)
        if person is None:
            raise Refused(
                f"{by.owner} is no releaser of the mandate (version {mandate.version}): releasers salvage"
            )
        if by.owner in orders.revoked_since(mandate, known):
            raise Refused(f"{by.owner} was revoked since: another releaser salvages")
        if verifying_key(person.sig) != by.signing.private.public_key():
            raise Refused(f"this is not the key that the mandate has of {by.owner}")
    return orders.entitled(raw, under=under, known=known, node=order.node, now_ns=now.utc_ns, used=())


def _decoded(raw: bytes) -> Mandate:
    return decode(parse(raw).payload, Mandate)


def _line(one: _Kept) -> BundledSegment:
    digest, size, tail = sha256(), 0, b""
    with one.path.open("rb") as file:
        while data := file.read(CHUNK_BYTES):
            digest.update(data)
            size += len(data)
            tail = (tail + data)[-fmt.TRAILER_BYTES :]
    if one.epoch is None:
        raise ValueError("only what can be opened is listed")
    return BundledSegment(
        segment=one.header.segment,
        start_ns=one.header.start_ns,
        mandate=one.header.mandate,
        epoch=one.epoch.epoch,
        size=size,
        sha256=fmt.digest_text(digest.digest()),
        state=_state(tail),
    )


def _state(tail: bytes) -> SegmentState:
    if not fmt.ends_in_trailer(tail):
        return "cut"
    return "recovered" if tail[-fmt.SIGNATURE_BYTES - 1] == TrailerState.RECOVERED else "closed"


def _carry(
    writer: BundleWriter, one: _Kept, line: BundledSegment, target: BinaryIO, say: Callable[[str], None]
) -> None:
    """Its bytes; zeros from where they cannot be read any more, which its digest in the manifest then shows."""
    if one.epoch is None:
        raise ValueError("only what can be opened is carried")
    layer_key = fmt.epoch_layer_key(one.epoch.key, one.header.segment)
    target.write(writer.there(line.size, layer_key))
    left = line.size
    try:
        with one.path.open("rb") as file:
            while left > 0 and (data := file.read(min(CHUNK_BYTES, left))):
                target.write(writer.content(data))
                left -= len(data)
    except OSError as error:
        say(
            f"{one.path.name}: its last {left} bytes cannot be read any more ({error.strerror}): zeros stand there"
        )
    while left > 0:
        size = min(CHUNK_BYTES, left)
        target.write(writer.content(bytes(size)))
        left -= size
