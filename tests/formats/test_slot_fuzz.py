"""Whatever bytes a key slot has: only `Damaged`, and no header or key that was not written there whole."""

from formats.mutations import mutated
from hypothesis import given, settings
from hypothesis import strategies as st
from vectors.shelf import slot_image

from node.errors import Damaged
from node.formats import slot
from node.formats.slot import EpochSlot, Floors, SlotHeader
from node.recorder.recovery import check_slot

IMAGES = [slot_image(name) for name in ("used_8k", "odd_copy_counts", "spread", "full_4k", "destroyed")]
FUZZ = settings(derandomize=True, deadline=None, max_examples=100)

U32 = st.integers(0, (1 << 32) - 1)
U64 = st.integers(0, (1 << 64) - 1)
HEADERS = st.builds(SlotHeader, U64, U64, U64, st.builds(Floors, U32, U32, U32, U32, U32))
ENTRIES = st.builds(
    EpochSlot, U32, U64, st.binary(min_size=16, max_size=16), st.binary(min_size=32, max_size=32)
)


@given(data=st.binary(max_size=300), zeros=st.sampled_from([0, 4096 - 300, 4096]))
@FUZZ
def test_any_bytes_hold_no_header_and_no_key(data: bytes, zeros: int) -> None:
    image = data + bytes(zeros)
    for read in (slot.read_header, slot.read_slots):
        try:
            found = read(image)
        except Damaged:
            continue
        assert found == {}


@given(mutation=mutated(IMAGES))
@FUZZ
def test_a_mutated_key_slot_holds_only_what_was_in_it(mutation: tuple[int, bytes]) -> None:
    originals = [entry for image in IMAGES for entry in slot.read_slots(image).values()]
    try:
        found = slot.read_slots(mutation[1])
    except Damaged:
        return
    assert all(entry in originals for entry in found.values())


@given(mutation=mutated(IMAGES))
@FUZZ
def test_a_mutated_header_is_one_that_was_written(mutation: tuple[int, bytes]) -> None:
    copies = [image[at : at + 64] for image in IMAGES for at in (0, 64)]
    headers = [slot.read_header(copy + bytes(64)) for copy in copies if any(copy)]
    try:
        found = slot.read_header(mutation[1])
    except Damaged:
        return
    assert found in headers


@given(mutation=mutated(IMAGES), now=st.none() | st.integers(0, 1 << 63))
@FUZZ
def test_checking_any_key_slot_names_violations_or_refuses(
    mutation: tuple[int, bytes], now: int | None
) -> None:
    try:
        numbers = {violation.number for violation in check_slot(mutation[1], now_ns=now)}
    except Damaged:
        return
    assert numbers <= {"S1", "S2", "S3", "S4"}


@given(older=HEADERS, newer=HEADERS)
@FUZZ
def test_a_header_is_read_as_it_was_written_and_the_higher_generation_counts(
    older: SlotHeader, newer: SlotHeader
) -> None:
    image = slot.pack_header(older) + slot.pack_header(newer)
    assert slot.read_header(image) == (newer if newer.generation > older.generation else older)


@given(entries=st.dictionaries(st.integers(0, 61), ENTRIES, max_size=6))
@FUZZ
def test_slots_are_read_as_they_were_written(entries: dict[int, EpochSlot]) -> None:
    image = bytearray(4096)
    for index, entry in entries.items():
        at = 128 + 64 * index
        image[at : at + 64] = slot.pack_slot(entry)
    assert slot.read_slots(bytes(image)) == entries
