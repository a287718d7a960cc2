"""Epoch keys in the key slot: made before use, destroyed on time, and never longer there than the mandate allows.

Owns the key slot, a file or a small part (EEPROM, FRAM) behind a path. Nothing here knows what the keys protect.
"""

import errno
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from node.clock import NS
from node.errors import Refused
from node.files import create_whole
from node.formats import slot
from node.formats.slot import EpochSlot, SlotHeader
from node.sealing.aead import new_key
from node.volume import DISK, Volume, write_all

MIN_EPOCH_NS = 10 * 60 * NS
SPARE_SLOTS = 4

Medium = Literal["part", "file"]
"""What is behind the path: a part that keeps bytes where they are written, or a file in a file system."""


class SlotFailed(OSError):  # noqa: N818 — the slot's trouble, told apart from the disk's
    """The key slot does not take or keep what is written to it."""


class SlotFull(Refused):
    """No epoch key can be made before one is destroyed."""


@dataclass(frozen=True, slots=True)
class Destruction:
    """The epochs whose keys were overwritten and read back, and the last trouble with one that was not."""

    epochs: tuple[int, ...]
    trouble: SlotFailed | None = None


class EpochKeys:
    """The epoch keys of one key slot.

    An epoch belongs to one mandate and lasts retention / (slots - 4), at least ten minutes. It begins with the
    first segment that needs it, and its key is destroyed at its beginning plus the retention: up to one epoch
    early, never late.
    """

    def __init__(self, path: Path, *, medium: Medium = "file", volume: Volume = DISK) -> None:
        self._path = path
        self._medium: Medium = medium
        self._file = volume.open(path, writing=True)
        try:
            self._size = self._file.size()
            # What a killed process wrote last may be in memory alone: the older copy is not given up for that one.
            self._sync()
            image = self._file.pread(self._size, 0)
            if medium == "part" and slot.is_blank(image):
                self._format()
                image = self._file.pread(self._size, 0)
            self._header = slot.read_header(image)
            self._slots = slot.read_slots(image)
            self._finish_torn(image)
        except (OSError, Refused):
            self._file.close()
            raise

    @classmethod
    def create(cls, path: Path, *, size: int = slot.REFERENCE_BYTES, volume: Volume = DISK) -> "EpochKeys":
        """A new, empty key slot in a file of `size` bytes that does not exist yet: there whole, or not at all."""
        slot.slot_count(size)
        if volume.exists(path):
            raise Refused(f"{path} exists: a key slot is never written over")
        image = slot.pack_header(SlotHeader()) + bytes(size - slot.HEADER_BYTES)
        create_whole(path, image, mode=0o600, volume=volume)
        return cls(path, volume=volume)

    @property
    def header(self) -> SlotHeader:
        """What must not be rolled back."""
        return self._header

    @property
    def live(self) -> frozenset[int]:
        """The epochs whose keys are there."""
        return frozenset(entry.epoch for entry in self._slots.values())

    @property
    def full(self) -> bool:
        """Whether no epoch can begin before another one's key is destroyed."""
        return self._free() is None

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def commit_header(self, header: SlotHeader) -> None:
        """Write the next generation over the older copy, and read it back."""
        self._write(slot.header_offset(header.generation), slot.pack_header(header))
        self._header = header

    def key(self, epoch: int) -> bytes | None:
        """That epoch's key, or None if it was destroyed."""
        return next((entry.key for entry in self._slots.values() if entry.epoch == epoch), None)

    def entry(self, epoch: int) -> EpochSlot | None:
        """Key and destroy-at of that epoch, or None if it was destroyed."""
        return next((entry for entry in self._slots.values() if entry.epoch == epoch), None)

    def length_ns(self, retention_ns: int) -> int:
        """How long an epoch is: so much earlier than its retention footage may go."""
        return epoch_length_ns(self._size, retention_ns)

    def for_capture(self, start_ns: int, *, mandate: bytes, retention_ns: int) -> tuple[int, bytes]:
        """Epoch and key for a segment that begins at `start_ns` under the mandate of that digest."""
        prefix = mandate[: slot.MANDATE_PREFIX_BYTES]
        length = epoch_length_ns(self._size, retention_ns)
        matching = [
            entry
            for entry in self._slots.values()
            if entry.mandate_prefix == prefix
            and entry.destroy_at_ns - retention_ns <= start_ns < entry.destroy_at_ns - retention_ns + length
        ]
        if matching:  # of several the youngest: the others are on their way out (`successor`)
            youngest = max(matching, key=lambda entry: entry.epoch)
            return youngest.epoch, youngest.key
        made = self._new_epoch(start_ns + retention_ns, prefix, floor_ns=start_ns)
        return made.epoch, made.key

    def successor(self, epoch: int) -> EpochSlot:
        """A younger epoch of the same mandate whose key is destroyed when that one's is: made, if there is none yet.

        For what of an epoch outlives its key. Raises `SlotFull`, or `KeyError` if there is no such epoch.
        """
        old = self.entry(epoch)
        if old is None:
            raise KeyError(epoch)
        found = [
            entry
            for entry in self._slots.values()
            if entry.epoch > epoch
            and (entry.mandate_prefix, entry.destroy_at_ns) == (old.mandate_prefix, old.destroy_at_ns)
        ]
        if found:
            return max(found, key=lambda entry: entry.epoch)
        return self._new_epoch(old.destroy_at_ns, old.mandate_prefix, floor_ns=0)

    def destroy(self, epoch: int) -> None:
        """Destroy one key before its time, and read it back; `SlotFailed` if it is still there."""
        for index, entry in list(self._slots.items()):
            if entry.epoch == epoch:
                self._write(slot.slot_offset(index), slot.EMPTY)
                del self._slots[index]

    def destroy_due(self, now_ns: int) -> Destruction:
        """Destroy every key whose time has come, read it back, and only then name its epoch.

        A worn cell that keeps its key does not keep those of the others.
        """
        destroyed, trouble = [], None
        for index, entry in list(self._slots.items()):
            if entry.destroy_at_ns > now_ns:
                continue
            try:
                self._write(slot.slot_offset(index), slot.EMPTY)
            except SlotFailed as failed:
                trouble = failed
                continue
            del self._slots[index]
            destroyed.append(entry.epoch)
        return Destruction(tuple(destroyed), trouble)

    def _new_epoch(self, destroy_at_ns: int, prefix: bytes, *, floor_ns: int) -> EpochSlot:
        number = max(self._header.floors.epoch, *self.live, 0) + 1
        free = self._free(number)
        if free is None:
            raise SlotFull(
                f"{self._path}: the key slot is full: no epoch key can be made before one is destroyed"
            )
        floors = replace(self._header.floors, epoch=number)
        floor_ns = max(floor_ns, self._header.time_floor_ns)
        # The number is used up before the key exists: a cut in between wastes a number, never repeats one.
        self.commit_header(self._header.next(time_floor_ns=floor_ns, floors=floors))
        entry = EpochSlot(number, destroy_at_ns, prefix, new_key())
        self._write(slot.slot_offset(free), slot.pack_slot(entry))
        self._slots[free] = entry
        return entry

    def _free(self, number: int = 1) -> int | None:
        """A free slot; epochs go round all of them, so that none wears before the others."""
        count = slot.slot_count(self._size)
        turn = ((number - 1 + index) % count for index in range(count))
        return next((index for index in turn if index not in self._slots), None)

    def _format(self) -> None:
        """A part as it comes from its factory becomes an empty key slot; the header last, so that a cut repeats it."""
        for index in range(slot.slot_count(self._size)):
            self._write(slot.slot_offset(index), slot.EMPTY)
        self._write(slot.header_offset(0), slot.pack_header(SlotHeader()))

    def _finish_torn(self, image: bytes) -> None:
        """A torn slot may still hold the 32 bytes of a key that was being destroyed."""
        for index in range(slot.slot_count(self._size)):
            at = slot.slot_offset(index)
            if index not in self._slots and image[at : at + slot.SLOT_BYTES] != slot.EMPTY:
                self._write(at, slot.EMPTY)

    def _write(self, offset: int, data: bytes) -> None:
        """Page by page, as a part takes it; then read back. Only what is there then counts as written."""
        try:
            for at in range(0, len(data), slot.PAGE_BYTES):
                write_all(self._file, data[at : at + slot.PAGE_BYTES], offset + at)
            self._sync()
            found = self._file.pread(len(data), offset)
        except OSError as error:
            raise SlotFailed(error.errno, error.strerror, str(self._path)) from error
        if found != data:
            raise SlotFailed(
                errno.EIO, f"what was written at {offset} is not what is read back", str(self._path)
            )

    def _sync(self) -> None:
        """The kernel has nothing to sync where a write returns only when the part has taken it (EINVAL, at24)."""
        try:
            self._file.fsync()
        except OSError as error:
            if error.errno != errno.EINVAL or self._medium != "part":
                raise


def epoch_length_ns(size: int, retention_ns: int) -> int:
    """How long an epoch lasts in a key slot of `size` bytes: so that there is always a free slot."""
    return max(retention_ns // (slot.slot_count(size) - SPARE_SLOTS), MIN_EPOCH_NS)
