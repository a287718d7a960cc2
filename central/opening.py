"""Opening sealed segments with the releasers' keys and the node's key slot. Reads only; what is damaged is told."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from node.errors import CannotOpen, Damaged, Refused
from node.files import read_bounded
from node.formats import segment as fmt
from node.formats import slot
from node.formats.bundle_reader import CarriedSegment
from node.formats.segment import Gap, Record, RecordOpener, RecordType, SegmentHeader
from node.sealing.keys import PrivateKeys, VerifyingKey, read_verifying_key, verifies
from node.sealing.recipients import Subset, unwrap

MAX_SEGMENT_BYTES = 1 << 30
MAX_SLOT_BYTES = 1 << 20
START_BYTES = 16 + fmt.MAX_HEADER_BYTES + fmt.MAX_WRAPS_BYTES
SignatureVerdict = Literal["good", "bad", "missing", "not checked"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a recording's parts are: segment files oldest first, key slot, the node's public key."""

    segments: tuple[Path, ...]
    slot: Path | None
    node: Path | None


@dataclass(slots=True)
class OpenedSegment:
    """One segment, opened. `fragments` yields (UTC ns, bytes); `notes`, `gaps` and `ending` are complete after it."""

    path: Path
    header: SegmentHeader
    opened_by: Subset
    init: bytes
    fragments: Iterator[tuple[int, bytes]]
    signature: SignatureVerdict
    notes: list[str] = field(default_factory=list)
    gaps: list[tuple[int, Gap]] = field(default_factory=list)
    ending: Literal["closed", "recovered", "cut"] = "cut"


def find(paths: Sequence[Path], *, slot_path: Path | None, node_path: Path | None) -> Place:
    """What the given rings, replay folders or segment files hold; key slot and node key are found beside the ring."""
    files: list[Path] = []
    beside: list[Path] = []
    for path in paths:
        if path.is_dir():
            ring = path / "ring" if (path / "ring").is_dir() else path
            files += [file for file in sorted(ring.iterdir()) if file.suffix == ".seg"]
            beside.append(ring.resolve().parent)
        elif path.exists():
            files.append(path)
            beside.append(path.resolve().parent.parent)
        else:
            raise Refused(f"{path}: there is no such file or folder")
    if not files:
        raise Refused(f"{paths[0]}: there is no segment in it")
    return Place(
        segments=tuple(sorted(files, key=_capture_order)),
        slot=slot_path or _first_existing(folder / "epochs.slot" for folder in beside),
        node=node_path or _first_existing(folder / "keys" / "node.pub.json" for folder in beside),
    )


def _capture_order(path: Path) -> tuple[int, str]:
    """By the header's start, which is sealed in, and not by a name that anybody can change; unreadable ones last."""
    try:
        with path.open("rb") as file:
            start = file.read(START_BYTES)
        return fmt.read_start(start)[0].start_ns, path.name
    except (Damaged, OSError):
        return 1 << 63, path.name


def epoch_keys(path: Path | None) -> dict[int, bytes]:
    """The epoch keys that a key slot still has, by epoch."""
    if path is None:
        raise Refused("no key slot beside the ring: name it with --slot")
    image = read_bounded(path, most=MAX_SLOT_BYTES, what="a key slot")
    slot.read_header(image)
    return {entry.epoch: entry.key for entry in slot.read_slots(image).values()}


def distinct_owners(keys: Sequence[PrivateKeys]) -> dict[str, PrivateKeys]:
    """The keys by owner; refuses two for one owner, because that is one person, not two."""
    owners: dict[str, PrivateKeys] = {}
    for key in keys:
        if key.owner in owners:
            raise Refused(f"two keys of {key.owner} are one person's: different releasers are needed")
        owners[key.owner] = key
    return owners


def opened(
    path: Path,
    *,
    epochs: Mapping[int, bytes],
    keys: Mapping[str, PrivateKeys],
    node: VerifyingKey | None,
) -> OpenedSegment:
    """One segment's content; `Refused` (also `CannotOpen`, `Damaged`) if these keys do not open it."""
    data = _bytes(path)
    segment = _taken_apart(data, path)
    epoch_key = epochs.get(segment.epoch)
    if epoch_key is None:
        raise CannotOpen(f"{path.name}: the key of its epoch was destroyed: nobody can open it any more")
    layer_key = fmt.epoch_layer_key(epoch_key, segment.header.segment)
    return _opened(segment, data, path, layer_key=layer_key, keys=keys, node=node)


def opened_from_bundle(
    carried: CarriedSegment, *, keys: Mapping[str, PrivateKeys], node: VerifyingKey | None
) -> OpenedSegment:
    """The same of a segment that a bundle carries."""
    name = carried.told.segment if carried.told else f"number {carried.number}"
    path = Path(f"segment {name}")
    segment = _taken_apart(carried.data, path)
    result = _opened(
        segment, carried.data, path, layer_key=carried.layer_key, keys=keys, node=node, from_bundle=True
    )
    if not carried.is_as_told:
        result.notes.append("it is not, byte for byte, the segment that the manifest names")
    return result


def _taken_apart(data: bytes, path: Path) -> fmt.Segment:
    try:
        return fmt.read(data)
    except Damaged as error:
        raise Damaged(f"{path.name}: {error}") from error


def _opened(
    segment: fmt.Segment,
    data: bytes,
    path: Path,
    *,
    layer_key: bytes,
    keys: Mapping[str, PrivateKeys],
    node: VerifyingKey | None,
    from_bundle: bool = False,
) -> OpenedSegment:
    key, subset = _segment_key(segment, layer_key, keys, path)
    result = OpenedSegment(
        path=path,
        header=segment.header,
        opened_by=subset,
        init=b"",
        fragments=iter(()),
        signature=_verdict(segment, node),
        notes=list(segment.damage),
    )
    if not from_bundle and segment.header.segment not in path.name:
        result.notes.append(f"the file was renamed: its header says segment {segment.header.segment}")
    records = _records(RecordOpener(segment, data, key), result)
    first = next((record for _, record in records if record is not None), None)
    if first is None or first.type is not RecordType.INIT:
        raise Damaged(f"{path.name}: its first record, which the pictures need, cannot be read")
    result.init = first.payload
    result.fragments = _fragments(records, result, segment)
    return result


def node_key(path: Path | None) -> VerifyingKey | None:
    """The key that a node signs its segments with; None if it is not at hand."""
    return None if path is None else read_verifying_key(path)


def _segment_key(
    segment: fmt.Segment, layer_key: bytes, keys: Mapping[str, PrivateKeys], path: Path
) -> tuple[bytes, Subset]:
    subsets = segment.header.subsets
    usable = [n for n, subset in enumerate(subsets) if keys.keys() >= set(subset)]
    if not usable:
        everyone = sorted({person for subset in subsets for person in subset})
        raise CannotOpen(
            f"{path.name}: it takes {len(subsets[0])} different keys of {', '.join(everyone)}; "
            f"given: {', '.join(sorted(keys)) or 'none'}"
        )
    wraps = fmt.lift(segment, layer_key)
    context = fmt.wrap_context(segment.header_bytes)
    recipients = {owner: key.recipient for owner, key in keys.items()}
    for number in usable:
        try:
            return unwrap(wraps[number], subsets[number], recipients, context=context), subsets[number]
        except CannotOpen:
            continue
    raise CannotOpen(f"{path.name}: it does not open with these keys")


def _records(opener: RecordOpener, result: OpenedSegment) -> Iterator[tuple[int, Record | None]]:
    """Every record with its index; None for one that does not open, which is noted, as is where some are lost."""
    due = skips = 0
    for span, record in opener.each():
        if record is None:
            result.notes.append(f"record {span.index} is not the one that was sealed here: left out")
        elif span.skips > skips and span.index > due:
            last = span.index - 1
            result.notes.append(
                f"record {due} is lost" if last == due else f"records {due} to {last} are lost"
            )
        if record is not None:
            due, skips = span.index + 1, span.skips
        yield span.index, record


def _fragments(
    records: Iterator[tuple[int, Record | None]], result: OpenedSegment, segment: fmt.Segment
) -> Iterator[tuple[int, bytes]]:
    complete = False
    count = 0
    for index, record in records:
        complete = False  # whatever follows an end record
        if record is None:
            continue
        match record.type:
            case RecordType.FRAGMENT:
                count += 1
                yield record.utc_ns, record.payload
            case RecordType.GAP | RecordType.END:
                try:
                    complete = _taken(record, index, result)
                except Damaged as error:
                    result.notes.append(f"record {index}: {error}: left out")
            case RecordType.INIT:
                result.notes.append("a second init record was left out")
    result.ending = fmt.ending(segment, complete=complete)
    if not complete:
        result.notes.append(f"cut after fragment {count}")


def _taken(record: Record, index: int, result: OpenedSegment) -> bool:
    """Take a gap, or an end record; whether this is the end, and all records are there by its count."""
    if record.type is RecordType.GAP:
        result.gaps.append((record.utc_ns, fmt.gap_of(record)))
        return False
    complete = fmt.end_count(record) == index
    if not complete:
        result.notes.append("its end record counts other records than are here")
    return complete


def _verdict(segment: fmt.Segment, node: VerifyingKey | None) -> SignatureVerdict:
    if segment.trailer is None:
        return "missing"
    if node is None:
        return "not checked"
    message = fmt.trailer_message(segment.trailer.signed)
    return "good" if verifies(node, segment.trailer.signature, message) else "bad"


def _first_existing(paths: Iterator[Path]) -> Path | None:
    return next((path for path in paths if path.exists()), None)


def _bytes(path: Path) -> bytes:
    """A whole segment: about a minute of video, and never more than a bound."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SEGMENT_BYTES + 1)
    except OSError as error:  # one bad sector does not keep the others shut
        raise Damaged(f"{path.name}: it cannot be read ({error.strerror})") from error
    if len(data) > MAX_SEGMENT_BYTES:
        raise Damaged(f"{path.name}: too large for a segment")
    return data
