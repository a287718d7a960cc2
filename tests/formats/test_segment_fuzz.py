"""Whatever bytes a segment has: only the documented errors, and no byte that was not sealed at its place."""

import struct
from collections.abc import Mapping

import msgspec
import pytest
from formats.independent_reader import crc32c
from formats.mutations import mutated
from formats.opened import Opened, opened, records_of, segment_key
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from vectors.shelf import vector

from node.errors import CannotOpen, Damaged
from node.formats import segment as fmt
from node.formats.framing import Span
from node.formats.segment import RecordOpener, Segment
from node.sealing.keys import PrivateKeys

NAMES = ("closed_aes_x25519", "closed_chacha_x25519", "recovered", "cut_preallocated", "one_of_one")
ORIGINALS = tuple(vector("segments", name) for name in NAMES)
FIRST = ORIGINALS[0]
HEADER = msgspec.json.decode(FIRST[12 : 12 + int.from_bytes(FIRST[8:12], "big")])
VALUES = (
    st.none()
    | st.integers()
    | st.text(max_size=9)
    | st.lists(st.integers() | st.text(max_size=5), max_size=3)
)
FUZZ = settings(derandomize=True, deadline=None, max_examples=100)

People = Mapping[str, PrivateKeys]
Epochs = Mapping[int, bytes]


@pytest.fixture(scope="session")
def whole(people: People, epochs: Epochs) -> dict[str, Opened]:
    """The originals, opened, by segment id."""
    found = [_opened(data, people, epochs) for data in ORIGINALS]
    return {one.segment.header.segment: one for one in found}


@pytest.fixture(scope="session")
def keys(people: People, epochs: Epochs) -> list[bytes]:
    """The segment keys of the originals."""
    return [_key(fmt.read(data), people, epochs) for data in ORIGINALS]


def _opened(data: bytes, people: People, epochs: Epochs) -> Opened:
    return opened(data, epochs=epochs, people=people, subset=fmt.read(data).header.subsets[0])


def _key(segment: Segment, people: People, epochs: Epochs) -> bytes:
    return segment_key(segment, epochs=epochs, people=people, subset=segment.header.subsets[0])


def frames(data: bytes) -> tuple[bytes, list[bytes], bytes]:
    """What stands before the records, each record as it stands in the file, and what stands behind."""
    spans = fmt.read(data).records
    cuts = [(span.start - 8, span.start + span.length) for span in spans]
    return data[: cuts[0][0]], [data[start:end] for start, end in cuts], data[cuts[-1][1] :]


@given(data=st.binary(max_size=400))
@FUZZ
def test_any_bytes_are_read_or_damaged(data: bytes) -> None:
    for candidate in (data, b"STLPSEG1" + data, FIRST[:600] + data):
        try:
            fmt.read(candidate)
        except Damaged:
            continue


@given(header=st.binary(max_size=300), wraps=st.binary(max_size=60), rest=st.binary(max_size=200))
@FUZZ
def test_any_header_in_its_place_is_read_or_damaged(header: bytes, wraps: bytes, rest: bytes) -> None:
    with pytest.raises(Damaged):
        fmt.read_start(fmt.start_of_file(header, wraps) + rest)


@given(field=st.sampled_from(sorted(HEADER)), value=VALUES)
@FUZZ
def test_a_header_with_any_other_value_is_read_as_that_value_or_damaged(field: str, value: object) -> None:
    start = fmt.start_of_file(msgspec.json.encode({**HEADER, field: value}), bytes(4))
    try:
        header, *_ = fmt.read_start(start)
    except Damaged:
        return
    assert msgspec.to_builtins(header)[field] == msgspec.to_builtins(value)


@given(mutation=mutated(ORIGINALS))
@FUZZ
def test_no_record_of_a_mutated_segment_is_one_that_was_not_sealed_there(
    mutation: tuple[int, bytes], whole: dict[str, Opened], people: People, epochs: Epochs
) -> None:
    try:
        found = _opened(mutation[1], people, epochs)
    except (Damaged, CannotOpen):
        return
    original = whole[found.segment.header.segment]
    assert found.segment.header_bytes == original.segment.header_bytes
    assert found.records.items() <= original.records.items()


@given(mutation=mutated(ORIGINALS))
@FUZZ
def test_whoever_has_the_segment_key_is_told_no_other_records_either(
    mutation: tuple[int, bytes], whole: dict[str, Opened], keys: list[bytes]
) -> None:
    number, data = mutation
    try:
        segment = fmt.read(data)
    except Damaged:
        return
    found = records_of(segment, data, keys[number])
    original = whole[fmt.read(ORIGINALS[number]).header.segment]
    assert found.records.items() <= original.records.items()
    if segment.header_bytes != original.segment.header_bytes:
        assert not found.records


@given(order=st.permutations(range(6)), twice=st.integers(0, 5), gone=st.integers(0, 6))
@FUZZ
def test_records_in_another_order_are_left_out(
    order: list[int], twice: int, gone: int, whole: dict[str, Opened], keys: list[bytes]
) -> None:
    start, original, end = frames(FIRST)
    chosen = [*order[:gone], *order[gone + 1 :], twice]
    data = start + b"".join(original[index] for index in chosen) + end
    found = records_of(fmt.read(data), data, keys[0])
    places = {place for place, index in enumerate(chosen) if place == index}
    records = whole[fmt.read(FIRST).header.segment].records
    assert found.records == {place: records[place] for place in places}


@given(index=st.integers(0, 5), mutation=st.deferred(lambda: mutated([frames(FIRST)[1][2][8:]])))
@FUZZ
def test_a_forged_record_with_a_checksum_that_fits_is_left_out(
    index: int, mutation: tuple[int, bytes], whole: dict[str, Opened], keys: list[bytes]
) -> None:
    start, original, end = frames(FIRST)
    length = struct.pack(">I", len(mutation[1]))
    forged = length + struct.pack(">I", crc32c(length + mutation[1])) + mutation[1]
    data = start + b"".join([*original[:index], forged, *original[index + 1 :]]) + end
    found = records_of(fmt.read(data), data, keys[0])
    records = whole[fmt.read(FIRST).header.segment].records
    assert found.records.items() <= records.items()
    if mutation[1] != original[index][8:]:
        assert index not in found.records


@given(key=st.binary(min_size=32, max_size=32), number=st.integers(0, 5))
@FUZZ
def test_another_key_opens_no_record(key: bytes, number: int) -> None:
    segment = fmt.read(FIRST)
    with pytest.raises(CannotOpen):
        RecordOpener(segment, FIRST, key).open(segment.records[number])


@given(number=st.integers(0, 5), index=st.integers(0, 1 << 40))
@FUZZ
def test_a_record_opens_at_its_own_place_alone(number: int, index: int, keys: list[bytes]) -> None:
    segment = fmt.read(FIRST)
    span = segment.records[number]
    assume(index != span.index)
    with pytest.raises(CannotOpen):
        RecordOpener(segment, FIRST, keys[0]).open(Span(index, span.start, span.length))


@given(key=st.binary(min_size=32, max_size=32))
@FUZZ
def test_wraps_stay_sealed_for_every_other_epoch_key(key: bytes) -> None:
    with pytest.raises(CannotOpen):
        fmt.open_wraps(fmt.read(FIRST), key)


@given(plain=st.binary(max_size=300))
@FUZZ
def test_wraps_of_any_content_are_one_for_each_subset_or_damaged(plain: bytes, epochs: Epochs) -> None:
    segment = fmt.read(FIRST)
    header = segment.header
    block = fmt.seal_wraps(
        plain,
        header=segment.header_bytes,
        aead=header.aead,
        segment=header.segment,
        epoch=1,
        epoch_key=epochs[1],
    )
    altered = fmt.read(fmt.start_of_file(segment.header_bytes, block))
    try:
        wraps = fmt.open_wraps(altered, epochs[1])
    except Damaged:
        return
    assert fmt.pack_wraps(wraps) == plain
    assert len(wraps) == len(header.subsets)
