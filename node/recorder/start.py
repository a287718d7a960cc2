"""What a start finds: directories, key slot, cut segments, an altered log; and what of it is written down."""

import errno
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from node.config import NodeConfig, PathsSection
from node.errors import Refused
from node.files import make_directory, sweep_unfinished
from node.mandate.store import read_document
from node.messages import StoredSegment
from node.recorder.consumed import ConsumedOrders
from node.recorder.epochs import Destruction, EpochKeys, Medium
from node.recorder.lived_time import LivedTime
from node.recorder.recovery import Recovered, last_written, recover
from node.recorder.ring import Ring
from node.recorder.ring_volume import RingMarker, is_there
from node.recorder.storage import Storage, sentence
from node.sealing.keys import SigningKey
from node.volume import Volume

PREALLOCATE_SECONDS = 75  # a minute, and what rate control overshoots
MOST_EPOCH = 1 << 31
LOOKED_AT = 3
"""Segments whose records a start counts for the camera: the last that it was answered on, and two that were hardly
begun when the recorder died, twice."""

Deletion = Literal["proven", "unlink"]


@dataclass(frozen=True, slots=True)
class Slot:
    """The key slot, and whether it had to be made."""

    keys: EpochKeys
    created: bool


@dataclass(frozen=True, slots=True)
class RecoveredRing:
    """What recovery did in the ring's directory, and which segments were written last."""

    recovered: tuple[Recovered, ...]
    last: tuple[StoredSegment, ...]

    @property
    def count(self) -> int:
        """How many segments it finished."""
        return sum(one.records is not None for one in self.recovered)

    @property
    def unfinished(self) -> tuple[Path, ...]:
        """The segments that the disk did not let be finished."""
        return tuple(one.path for one in self.recovered if one.trouble and one.path.suffix == ".seg")

    @property
    def trouble(self) -> OSError | None:
        """What the disk said last, if it did not let something be done."""
        return next((one.trouble for one in reversed(self.recovered) if one.trouble), None)


def make_directories(paths: PathsSection, *, volume: Volume) -> None:
    """Those that a new node does not have yet; and none of them keeps what a power cut left half made."""
    for path, mode in ((paths.ring, 0o750), (paths.documents, 0o755), (paths.audit, 0o750)):
        make_directory(Path(path), mode=mode, volume=volume)
    for kept in (paths.ring, paths.documents, paths.audit):
        sweep_unfinished(Path(kept), volume=volume)


def open_slot(path: Path, *, volume: Volume) -> Slot:
    """The key slot; made only where there is nothing. One that cannot be read is refused, and never made anew."""
    medium = medium_at(path)
    if medium == "file":
        make_directory(path.parent, mode=0o750, volume=volume)
        volume.sync_directory(path.parent)  # whoever made the slot may have died before its name lasted
        sweep_unfinished(path.parent, volume=volume)
    if volume.exists(path):
        return Slot(EpochKeys(path, medium=medium, volume=volume), created=False)
    return Slot(EpochKeys.create(path, volume=volume), created=True)


def medium_at(path: Path) -> Medium:
    """A part of its own, or a file in a file system."""
    real = path.resolve()
    return "part" if real.is_relative_to("/sys") or real.is_char_device() else "file"


def destroy_overdue(slot: Slot, time: LivedTime, storage: Storage) -> Destruction:
    """Before anything that a bad disk could stop: the keys whose time came while the node was off."""
    overdue = slot.keys.destroy_due(max(time.now().utc_ns, slot.keys.header.time_floor_ns))
    if overdue.trouble is not None:
        storage.failed("key slot", overdue.trouble)
    return overdue


def deletion_at(path: Path) -> Deletion:
    """Whether overwriting a key there leaves nothing of it: on a part of its own, and not in a file system."""
    return "proven" if medium_at(path) == "part" else "unlink"


def ring_marker(paths: PathsSection, storage: Storage, *, volume: Volume) -> RingMarker:
    """The marker of the ring's volume; a wrong or missing one is told, and the ring stays shut until it is there."""
    marker = RingMarker(Path(paths.ring), Path(paths.audit), volume=volume)
    try:
        marker.check()
    except OSError as error:
        storage.failed("ring", error)
    return marker


def recovered_ring(
    directory: Path, signing: SigningKey, *, marker: RingMarker, volume: Volume
) -> RecoveredRing:
    """Finish what was cut, and find what was written last."""
    if not is_there(marker):
        return RecoveredRing((), ())
    recovered = recover(directory, signing, volume=volume)
    return RecoveredRing(recovered, last_written(directory, most=LOOKED_AT, volume=volume))


def preallocate_bytes(config: NodeConfig) -> int:
    """What a segment may take; a small ring holds some of them all the same."""
    return min(config.sensor.bits_per_second // 8 * PREALLOCATE_SECONDS, config.ring.capacity_bytes // 4)


def first_root(path: Path) -> bytes:
    """The first root's bytes; none if it cannot be read. Keys are destroyed on time on such a node, too."""
    try:
        return read_document(path)
    except Refused:
        return b""


def number_on(slot: Slot, ring: Ring) -> None:
    """A new slot beside an old ring does not give its epochs' numbers again: those segments can never be opened."""
    if not slot.created:
        return
    numbers = [kept.epoch for kept in ring.segments if kept.epoch is not None and kept.epoch < MOST_EPOCH]
    header = slot.keys.header
    if numbers:
        slot.keys.commit_header(header.next(floors=replace(header.floors, epoch=max(numbers))))


def make_first_room(ring: Ring, storage: Storage, found: RecoveredRing) -> None:
    """On a full disk not even the log could be written; upkeep makes room from then on."""
    if found.trouble is not None:
        storage.failed("ring", found.trouble)
    try:
        if not ring.make_room():
            storage.failed("ring", OSError(errno.ENOSPC, "no room, and nothing to evict"))
    except OSError as error:
        storage.failed("ring", error)


def entries(
    slot: Slot, ring: Ring, found: RecoveredRing, overdue: Destruction, consumed: ConsumedOrders
) -> Iterator[tuple[str, str, str]]:
    """What the audit log must have of this start: action, subject, reason."""
    if slot.created:
        lost = f"{ring.count} segments are here that nobody can open any more" if ring.count else "a new node"
        yield "key_slot_created", "key slot", lost
    if consumed.was_put_back:
        yield "orders_put_back", "used orders", "their list is not the one that the key slot knows of"
    for epoch in overdue.epochs:
        yield "epoch_destroyed", f"epoch {epoch}", "its retention was over while the node was off"
    for one in found.recovered:
        if one.trouble is not None:
            yield "segment_unreadable", one.path.name, sentence(one.trouble)
        elif one.records is None:
            yield "segment_recovered", one.path.name, "its start cannot be read"
        else:
            yield "segment_recovered", one.path.name, f"{one.records} records were whole"
    kept = f"{ring.count} segments, {len(slot.keys.live)} epochs, {found.count} recovered"
    yield "recorder_started", "recorder", kept
