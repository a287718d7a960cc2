"""What a start does with the files that it finds, and the numbered invariants of FORMAT.md that they must meet."""

import mmap
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from node.clock import rfc3339
from node.errors import Damaged
from node.formats import framing, slot
from node.formats import segment as fmt
from node.formats.segment import TrailerState
from node.messages import StoredSegment
from node.recorder.ring import TRIAL_NAME, file_name, segment_paths
from node.recorder.segment_file import NEW, write_ending
from node.sealing.keys import SigningKey, VerifyingKey, verifies
from node.volume import DISK, Volume

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Recovered:
    """A segment that was cut and is now signed as it was found; `records` is None if its start was unreadable.

    `trouble`: what the disk said when it did not let it be read or signed; it can be tried again.
    """

    path: Path
    records: int | None
    trouble: OSError | None = None


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold, by its number in FORMAT.md, and where."""

    number: str
    where: str
    what: str


def recover(directory: Path, signing: SigningKey, *, volume: Volume = DISK) -> tuple[Recovered, ...]:
    """Finish every segment without a trailer, and take away what never became one.

    One that the disk does not let be read or written does not keep the others.
    """
    found = []
    for name in volume.names(directory):
        if name.endswith(NEW) or name == TRIAL_NAME:
            try:
                volume.unlink(directory / name)
            except OSError as error:
                found.append(Recovered(directory / name, None, error))
    for path in segment_paths(directory, volume=volume):
        try:
            if not is_finished(path, volume):
                found.append(finish(path, signing, volume=volume))
        except OSError as error:
            found.append(Recovered(path, None, error))
    return tuple(found)


def finish(path: Path, signing: SigningKey, *, volume: Volume = DISK) -> Recovered:
    """Cut a segment behind its last whole record and sign what is there; one that is finished is left alone."""
    _read_through(path, volume)
    try:
        with mapped(path) as data:
            segment = fmt.read(data)
            finished = fmt.ends_in_trailer(data)
    except Damaged:
        return Recovered(path, None)
    if not finished:
        _sign(path, segment.end_of_records, signing, volume)
    return Recovered(path, len(segment.records))


def last_written(directory: Path, *, most: int, volume: Volume = DISK) -> tuple[StoredSegment, ...]:
    """The newest segments whose start can be read, the newest last, and how many of their first records are whole.

    They last: a writer syncs each before the next, and `finish` what one that was killed had not.
    """
    found = []
    for path in reversed(segment_paths(directory, volume=volume)[-most:]):
        try:
            _read_through(path, volume)
            with mapped(path) as data:
                segment = fmt.read(data)
        except (Damaged, OSError):
            continue
        whole = next((n for n, span in enumerate(segment.records) if span.index != n), len(segment.records))
        found.append(StoredSegment(segment.header.segment, whole))
    return tuple(reversed(found))


def is_finished(path: Path, volume: Volume) -> bool:
    """Whether a file has its trailer.

    Judged by the last bytes alone: a ring has many files, and at most a few that were cut.
    """
    with closing(volume.open(path)) as file:
        return fmt.ends_in_trailer(file.pread(fmt.TRAILER_BYTES, max(0, file.size() - fmt.TRAILER_BYTES)))


def _read_through(path: Path, volume: Volume) -> None:
    """From the disk, and not from memory: there stands also what a killed writer had not synced, or what no sync kept.

    The first lasts afterwards, the other is gone. A page that cannot be read ends the process that has mapped it
    (SIGBUS); `read` says so as an `OSError`.
    """
    with closing(volume.open(path)) as file:
        file.fdatasync()  # no trailer may last longer than what it signs
        file.forget()
    with path.open("rb") as file:
        while file.read(CHUNK_BYTES):
            pass


def _sign(path: Path, end: int, signing: SigningKey, volume: Volume) -> None:
    ending = framing.end_of_records() + fmt.start_of_trailer(TrailerState.RECOVERED)
    digest = sha256()
    with closing(volume.open(path, writing=True)) as file:
        for at in range(0, end, CHUNK_BYTES):
            digest.update(file.pread(min(CHUNK_BYTES, end - at), at))
        digest.update(ending)
        ending += signing.sign(fmt.trailer_message(digest.digest()))
        write_ending(file, ending, end)


def check_ring(
    directory: Path, *, slot_image: bytes | None, node: VerifyingKey | None
) -> Iterator[Violation]:
    """Every violation of the ring's invariants R1 to R6; those whose evidence is not given are left out."""
    epochs = None if slot_image is None else {s.epoch for s in slot.read_slots(slot_image).values()}
    last_start = -1
    for path in segment_paths(directory):
        try:
            with mapped(path) as data:
                segment = fmt.read(data)
        except (Damaged, OSError) as error:
            yield Violation("R1", path.name, str(error))
            continue
        header = segment.header
        if path.name != file_name(header):
            yield Violation("R2", path.name, f"its header says {file_name(header)}")
        for damage in segment.damage:
            yield Violation("R3", path.name, damage)
        if segment.trailer is not None and node is not None:
            message = fmt.trailer_message(segment.trailer.signed)
            if not verifies(node, segment.trailer.signature, message):
                yield Violation("R4", path.name, "its trailer is not signed by this node over these bytes")
        if epochs is not None and segment.epoch not in epochs:
            yield Violation("R5", path.name, f"the key of its epoch {segment.epoch} is gone: unlink it")
        if header.start_ns < last_start:
            yield Violation("R6", path.name, "it begins before the segment before it")
        last_start = header.start_ns


def check_slot(image: bytes, *, now_ns: int | None) -> Iterator[Violation]:
    """Every violation of the key slot's invariants S1 to S4, at `now_ns` or else at the slot's own time floor."""
    try:
        header = slot.read_header(image)
    except Damaged as error:
        yield Violation("S1", "header", str(error))
        return
    whole = slot.read_slots(image)
    for index in range(slot.slot_count(len(image))):
        at = slot.slot_offset(index)
        if index not in whole and image[at : at + slot.SLOT_BYTES] != slot.EMPTY:
            yield Violation("S2", f"slot {index}", "neither empty nor whole")
    numbers = [entry.epoch for entry in whole.values()]
    for epoch in {n for n in numbers if numbers.count(n) > 1 or n > header.floors.epoch}:
        yield Violation("S3", f"epoch {epoch}", "there twice, or above the highest number used")
    judged_ns = header.time_floor_ns if now_ns is None else now_ns
    for index, entry in whole.items():
        if entry.destroy_at_ns <= judged_ns:
            due = rfc3339(entry.destroy_at_ns)
            yield Violation("S4", f"slot {index}", f"the key of epoch {entry.epoch} was due on {due}")


@contextmanager
def mapped(path: Path) -> Iterator[memoryview]:
    """A file's bytes without reading them into memory; `Damaged` if it has none."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise Damaged("an empty file")
        # Not closed by hand: the traceback of an error still holds views, and closing would then fail itself.
        yield memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
