"""One segment's wraps put under another epoch's key: a copy of the file beside it, which then takes its place.

At any instant the file under its name is whole, under the old key or under the new one. What was signed well is signed
anew; what was not stays unsigned: a copy makes nothing good that was altered before.
"""

from collections.abc import Generator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Final

from node.formats import segment as fmt
from node.formats.slot import EpochSlot
from node.recorder.segment_file import NEW
from node.sealing.keys import SigningKey, verifies
from node.volume import OpenFile, Volume, write_all

CHUNK_BYTES: Final = 256 * 1024
Copying = Generator[int, None, None]
START_BYTES: Final = 16 + fmt.MAX_HEADER_BYTES + fmt.MAX_WRAPS_BYTES


class Unreadable(OSError):  # noqa: N818 — the segment's trouble, told apart from that of the copy
    """The segment itself cannot be read to its end."""


def rewrap(path: Path, *, old: EpochSlot, fresh: EpochSlot, signing: SigningKey, volume: Volume) -> Copying:
    """How many bytes were copied, each time; at the end the copy stands in the segment's place, and its bytes last.

    Its name lasts once the directory is synced. Whatever goes wrong before leaves the segment as it is: `Damaged` or
    `CannotOpen` if nobody could open it anyhow, `Unreadable`, `OSError` if the disk does not take the copy.
    """
    new = path.with_name(path.name + NEW)
    volume.unlink(new)  # of an attempt before
    try:
        with closing(volume.open(path)) as source, closing(volume.create(new, mode=0o640)) as target:
            yield from _copied(source, target, old=old, fresh=fresh, signing=signing)
        if volume.exists(path):  # it may have made room for others meanwhile
            volume.rename(new, path)
    finally:
        volume.unlink(new)


def _copied(
    source: OpenFile, target: OpenFile, *, old: EpochSlot, fresh: EpochSlot, signing: SigningKey
) -> Copying:
    size = source.size()
    found = _read(source, min(size, START_BYTES), 0)
    start = fmt.moved_start(found, old_key=old.key, epoch=fresh.epoch, epoch_key=fresh.key)
    target.preallocate(size)
    write_all(target, start, 0)
    before, after = sha256(found[: len(start)]), sha256(start)
    signed = size - fmt.SIGNATURE_BYTES
    for at in range(len(start), signed, CHUNK_BYTES):
        data = _read(source, min(CHUNK_BYTES, signed - at), at)
        write_all(target, data, at)
        target.fdatasync()  # as it grows: one sync at the end would keep recording waiting
        before.update(data)
        after.update(data)
        yield len(data)
    tail = max(len(start), size - fmt.TRAILER_BYTES)
    signature = _read(source, size - max(len(start), signed), max(len(start), signed))
    if fmt.ends_in_trailer(_read(source, size - tail, tail)) and verifies(
        signing.private.public_key(), signature, fmt.trailer_message(before.digest())
    ):
        signature = signing.sign(fmt.trailer_message(after.digest()))
    if source.size() != size:
        raise Unreadable(None, "it has been finished meanwhile")
    write_all(target, signature, size - len(signature))
    target.fsync()


def _read(source: OpenFile, size: int, at: int) -> bytes:
    try:
        data = source.pread(size, at)
    except OSError as error:
        raise Unreadable(error.errno, error.strerror) from error
    if len(data) != size:
        raise Unreadable(None, "it has become shorter")
    return data
