"""Whatever bytes a bundle has: only the documented error, bounded work, and no segment that passes for another."""

import io
from hashlib import sha256

import pytest
from formats.mutations import mutated
from hypothesis import given, settings
from hypothesis import strategies as st
from vectors.shelf import vector

from node.errors import Damaged
from node.formats import bundle
from node.formats.bundle_reader import BundleReader, CarriedSegment

NAMES = ("whole", "second_evicted", "cut_within_second", "no_segments")
ORIGINALS = tuple(vector("bundles", name) for name in NAMES)
WHOLE = ORIGINALS[0]
FUZZ = settings(derandomize=True, deadline=None, max_examples=300)


def read(data: bytes) -> tuple[BundleReader, list[CarriedSegment]]:
    reader = BundleReader(io.BytesIO(data))
    return reader, list(reader.segments())


@given(data=st.binary(max_size=400))
@FUZZ
def test_any_bytes_are_read_or_damaged(data: bytes) -> None:
    for candidate in (b"STLPBDL1" + data, WHOLE[:1500] + data):
        read(candidate)


@given(made=mutated(ORIGINALS))
@FUZZ
def test_a_changed_bundle_is_read_or_damaged_and_what_is_as_told_is_what_was_put_in(
    made: tuple[int, bytes],
) -> None:
    number, data = made
    whole = {sha256(one.data).digest() for original in ORIGINALS for one in read(original)[1]}
    try:
        reader, found = read(data)
    except Damaged:
        assert data[:8] != ORIGINALS[number][:8]
        return
    for one in found:
        is_unsigned_change = reader.start is None or reader.start.manifest != read(ORIGINALS[number])[0].start
        assert sha256(one.data).digest() in whole or not one.is_as_told or is_unsigned_change


@pytest.mark.parametrize("at", range(0, len(WHOLE), 7))
def test_one_flipped_byte_never_loses_the_other_segment(at: int) -> None:
    originals = [one.data for one in read(WHOLE)[1]]
    reader, found = read(WHOLE[:at] + bytes([WHOLE[at] ^ 0x20]) + WHOLE[at + 1 :]) if at > 7 else read(WHOLE)
    kept = [one.data for one in found]
    assert originals[0] in kept or originals[1] in kept, reader.damage
    assert len(found) == len(originals)


def test_reading_never_asks_for_more_than_its_bounds() -> None:
    class Endless(io.RawIOBase):
        def __init__(self) -> None:
            super().__init__()
            self.given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += size
            return b"STLPBDL1\xff" + bytes(size - 9) if self.given == size else bytes(size)

    endless = Endless()
    reader = BundleReader(endless)  # type: ignore[arg-type]  # what a reader uses of a file
    assert reader.start is None
    assert endless.given < bundle.MAX_START_BYTES
