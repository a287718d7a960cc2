"""Epoch keys: made before use, one for each mandate and time, destroyed on time, never numbered twice."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorder.footage import MANDATE, OTHER_MANDATE, START_NS

from node.clock import NS
from node.errors import Damaged, Refused
from node.formats import slot
from node.formats.slot import EpochSlot, Floors, SlotHeader
from node.recorder.epochs import EpochKeys, SlotFull
from node.recorder.recovery import check_slot

HOUR_NS = 3600 * NS
RETENTION_NS = 72 * HOUR_NS
LENGTH_NS = RETENTION_NS // 58
"""Of an epoch in 4 KiB: 62 slots, 4 of them spare."""

Opener = Callable[[Path], EpochKeys]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A new key slot of 4 KiB."""
    EpochKeys.create(tmp_path / "epochs.slot", size=4096).close()
    return tmp_path / "epochs.slot"


@pytest.fixture
def keys(path: Path, slot_file: Opener) -> EpochKeys:
    return slot_file(path)


def capture(keys: EpochKeys, at_ns: int = START_NS, mandate: bytes = MANDATE) -> tuple[int, bytes]:
    return keys.for_capture(at_ns, mandate=mandate, retention_ns=RETENTION_NS)


def entries(path: Path) -> dict[int, EpochSlot]:
    return slot.read_slots(path.read_bytes())


def written(path: Path, at: int, data: bytes) -> None:
    image = bytearray(path.read_bytes())
    image[at : at + len(data)] = data
    path.write_bytes(image)


def test_a_new_key_slot_holds_no_key(path: Path, keys: EpochKeys) -> None:
    assert (keys.live, keys.header, entries(path)) == (frozenset(), SlotHeader(), {})


def test_a_new_key_slot_is_of_the_reference_size_and_its_owners_alone(tmp_path: Path) -> None:
    EpochKeys.create(tmp_path / "new.slot").close()
    status = (tmp_path / "new.slot").stat()
    assert (status.st_size, status.st_mode & 0o777) == (8192, 0o600)


def test_a_key_slot_is_never_written_over(path: Path, keys: EpochKeys) -> None:
    capture(keys)
    before = path.read_bytes()
    with pytest.raises(Refused, match="never written over"):
        EpochKeys.create(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("size", [0, 64, 4032, 4095, 4097, 8191])
def test_a_key_slot_of_no_size_is_not_made(size: int, tmp_path: Path) -> None:
    with pytest.raises(Damaged):
        EpochKeys.create(tmp_path / "new.slot", size=size)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_key_slot_is_refused(tmp_path: Path) -> None:
    (tmp_path / "zeros").write_bytes(bytes(8192))
    with pytest.raises(Damaged):
        EpochKeys(tmp_path / "zeros")


def test_the_first_segment_begins_the_first_epoch(path: Path, keys: EpochKeys) -> None:
    number, key = capture(keys)
    assert (number, len(key), keys.live) == (1, 32, frozenset({1}))
    assert entries(path) == {0: EpochSlot(1, START_NS + RETENTION_NS, MANDATE[:16], key)}


def test_a_key_is_in_the_file_before_anybody_has_it(path: Path, keys: EpochKeys) -> None:
    _, key = capture(keys)
    assert key in path.read_bytes()


@pytest.mark.parametrize("after_ns", [0, 1, LENGTH_NS - 1])
def test_within_an_epoch_its_key_is_used_again(after_ns: int, keys: EpochKeys) -> None:
    first = capture(keys)
    assert capture(keys, START_NS + after_ns) == first


def test_an_epoch_ends_after_its_length(keys: EpochKeys) -> None:
    first = capture(keys)
    assert capture(keys, START_NS + LENGTH_NS - 1) == first
    number, key = capture(keys, START_NS + LENGTH_NS)
    assert number == 2
    assert key != first[1]


def test_an_epoch_of_a_short_retention_lasts_ten_minutes(keys: EpochKeys) -> None:
    def numbered(after_ns: int) -> int:
        return keys.for_capture(START_NS + after_ns, mandate=MANDATE, retention_ns=HOUR_NS)[0]

    assert [numbered(0), numbered(600 * NS - 1), numbered(600 * NS)] == [1, 1, 2]


def test_an_epoch_in_the_reference_part_is_shorter(tmp_path: Path) -> None:
    keys = EpochKeys.create(tmp_path / "reference.slot")
    numbers = [
        capture(keys, START_NS + after)[0] for after in (0, RETENTION_NS // 122 - 1, RETENTION_NS // 122)
    ]
    keys.close()
    assert numbers == [1, 1, 2]


def test_a_segment_before_an_epoch_began_is_not_of_that_epoch(keys: EpochKeys) -> None:
    # A clock that jumped back: under the key that is there the segment would be kept too long.
    assert capture(keys)[0] == 1
    assert capture(keys, START_NS - 1)[0] == 2


def test_another_mandate_has_its_own_epoch(keys: EpochKeys) -> None:
    first = capture(keys)
    other = capture(keys, mandate=OTHER_MANDATE)
    assert (first[0], other[0]) == (1, 2)
    assert first[1] != other[1]
    assert capture(keys, START_NS + NS) == first


def test_a_key_is_kept_until_its_time_has_come(path: Path, keys: EpochKeys) -> None:
    number, key = capture(keys)
    assert keys.destroy_due(START_NS + RETENTION_NS - 1).epochs == ()
    assert keys.key(number) == key
    assert key in path.read_bytes()


def test_a_key_whose_time_has_come_is_zeros_in_the_file_and_forgotten(path: Path, keys: EpochKeys) -> None:
    number, key = capture(keys)
    assert keys.destroy_due(START_NS + RETENTION_NS).epochs == (number,)
    assert (keys.key(number), keys.live) == (None, frozenset())
    assert path.read_bytes()[128:] == bytes(4096 - 128)
    assert key not in path.read_bytes()


def test_destroying_a_key_leaves_the_others_as_they_are(path: Path, keys: EpochKeys) -> None:
    made = [capture(keys, START_NS + n * LENGTH_NS) for n in range(3)]
    before = path.read_bytes()
    assert keys.destroy_due(START_NS + RETENTION_NS + LENGTH_NS).epochs == (1, 2)
    assert path.read_bytes() == before[:128] + bytes(128) + before[256:]
    assert keys.key(3) == made[2][1]


def test_a_key_is_destroyed_once(keys: EpochKeys) -> None:
    capture(keys)
    assert keys.destroy_due(START_NS + RETENTION_NS).epochs == (1,)
    assert keys.destroy_due(START_NS + RETENTION_NS).epochs == ()


def test_a_destroyed_slot_is_used_again_when_its_turn_comes_and_its_number_is_not(
    path: Path, keys: EpochKeys
) -> None:
    for n in range(63):
        assert capture(keys, START_NS + n * RETENTION_NS)[0] == n + 1
        keys.destroy_due(START_NS + (n + 1) * RETENTION_NS)
    capture(keys, START_NS + 63 * RETENTION_NS)
    assert [(index, entry.epoch) for index, entry in entries(path).items()] == [(1, 64)]


def test_a_full_key_slot_is_refused_and_stays_as_it_is(path: Path, keys: EpochKeys) -> None:
    for n in range(62):
        capture(keys, mandate=bytes([n]) * 32)
    before = path.read_bytes()
    with pytest.raises(Refused, match="full"):
        capture(keys)
    assert path.read_bytes() == before
    assert keys.header.floors.epoch == 62


def test_a_full_key_slot_serves_the_epochs_that_it_has(keys: EpochKeys) -> None:
    made = [capture(keys, mandate=bytes([n]) * 32) for n in range(62)]
    assert [capture(keys, mandate=bytes([n]) * 32) for n in range(62)] == made


def test_a_full_key_slot_has_room_after_one_key_was_destroyed(keys: EpochKeys) -> None:
    for n in range(62):
        capture(keys, START_NS + n, mandate=bytes([n]) * 32)
    assert keys.destroy_due(START_NS + RETENTION_NS).epochs == (1,)
    assert capture(keys, START_NS + RETENTION_NS)[0] == 63


def test_a_key_slot_is_found_again_as_it_was(path: Path, keys: EpochKeys, slot_file: Opener) -> None:
    first = capture(keys)
    again = slot_file(path)
    assert (again.header, again.live, again.key(1)) == (keys.header, frozenset({1}), first[1])
    assert capture(again, START_NS + NS) == first


def test_what_was_destroyed_stays_destroyed_after_a_start(
    path: Path, keys: EpochKeys, slot_file: Opener
) -> None:
    capture(keys)
    keys.destroy_due(START_NS + RETENTION_NS)
    assert slot_file(path).live == frozenset()
    assert capture(slot_file(path))[0] == 2


def test_headers_are_written_in_turn(path: Path, keys: EpochKeys) -> None:
    for generation in range(1, 5):
        before = path.read_bytes()
        keys.commit_header(keys.header.next())
        changed = [at for at in (0, 64) if path.read_bytes()[at : at + 64] != before[at : at + 64]]
        assert changed == [64 * (generation % 2)]


@pytest.mark.parametrize("length", [1, 8, 16, 30, 60, 63])
def test_a_header_that_was_torn_while_written_changes_nothing(
    length: int, path: Path, keys: EpochKeys, slot_file: Opener
) -> None:
    capture(keys)
    before, image = keys.header, path.read_bytes()
    keys.commit_header(before.next(floors=replace(before.floors, masks=9)))
    new = path.read_bytes()[:64]
    path.write_bytes(new[:length] + image[length:])
    again = slot_file(path)
    assert again.header == before
    assert again.live == {1}


def test_after_a_torn_header_the_next_one_counts(path: Path, keys: EpochKeys, slot_file: Opener) -> None:
    capture(keys)
    written(path, 10, b"torn")  # generation 0 stood there, and 2 would have
    again = slot_file(path)
    again.commit_header(again.header.next(time_floor_ns=START_NS + 5))
    assert slot_file(path).header.time_floor_ns == START_NS + 5


@pytest.mark.parametrize("torn", [0, 1, 20, 40, 63])
def test_a_number_whose_key_was_never_written_is_not_used_again(
    torn: int, path: Path, keys: EpochKeys, slot_file: Opener
) -> None:
    before = path.read_bytes()
    capture(keys)
    after = path.read_bytes()
    path.write_bytes(after[: 128 + torn] + before[128 + torn :])
    again = slot_file(path)
    assert again.live == frozenset()
    assert capture(again)[0] == 2
    assert list(entries(path)) == [1]


def test_a_number_that_is_in_a_slot_is_not_given_again_when_a_header_copy_is_lost(
    path: Path, keys: EpochKeys, slot_file: Opener
) -> None:
    capture(keys)
    capture(keys, mandate=OTHER_MANDATE)
    written(path, 10, b"lost")  # the newer copy, generation 2
    again = slot_file(path)
    assert capture(again, mandate=bytes(32))[0] not in {1, 2}


@pytest.mark.parametrize("torn", [1, 12, 28, 29, 59, 63])
def test_a_destruction_that_was_torn_is_finished_after_the_next_start(
    torn: int, path: Path, keys: EpochKeys, slot_file: Opener
) -> None:
    capture(keys)
    written(path, 128, bytes(torn))
    again = slot_file(path)
    again.destroy_due(START_NS + 2 * RETENTION_NS)
    assert path.read_bytes()[128:192] == bytes(64)


def test_floors_are_kept(path: Path, keys: EpochKeys, slot_file: Opener) -> None:
    floors = Floors(root=1, mandate=7, masks=3, epoch=0)
    keys.commit_header(keys.header.next(floors=floors))
    assert slot_file(path).header.floors == floors
    capture(keys)
    assert slot_file(path).header.floors == replace(floors, epoch=1)


def test_the_time_floor_rises_with_epochs_and_never_falls(keys: EpochKeys) -> None:
    capture(keys)
    assert keys.header.time_floor_ns == START_NS
    capture(keys, START_NS + LENGTH_NS)
    assert keys.header.time_floor_ns == START_NS + LENGTH_NS
    capture(keys, START_NS - HOUR_NS)
    assert keys.header.time_floor_ns == START_NS + LENGTH_NS


def test_ten_days_of_filming_never_fill_the_key_slot(keys: EpochKeys) -> None:
    for minute in range(0, 10 * 24 * 60, 7):
        now = START_NS + minute * 60 * NS
        keys.destroy_due(now)
        capture(keys, now)
    assert 55 <= len(keys.live) <= 62


@given(
    steps=st.lists(
        st.tuples(st.integers(-2 * HOUR_NS, 30 * HOUR_NS), st.sampled_from([MANDATE, OTHER_MANDATE])),
        max_size=12,
    )
)
@settings(derandomize=True, deadline=None, max_examples=40)
def test_no_recording_is_readable_too_long_nor_an_epoch_too_short(
    steps: list[tuple[int, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("epochs") / "epochs.slot"
    keys, now, numbers = EpochKeys.create(path, size=4096), START_NS, set()
    for step_ns, mandate in steps:
        now += step_ns
        keys.destroy_due(now)
        number, key = capture(keys, now, mandate)
        entry = next(entry for entry in entries(path).values() if entry.epoch == number)
        assert (entry.key, entry.mandate_prefix) == (key, mandate[:16])
        assert now + RETENTION_NS - LENGTH_NS < entry.destroy_at_ns <= now + RETENTION_NS
        numbers.add((number, key))
        assert list(check_slot(path.read_bytes(), now_ns=now)) == []
    keys.close()
    assert len({number for number, _ in numbers}) == len(numbers)


def test_a_worn_cell_does_not_keep_the_keys_of_the_others(
    path: Path, keys: EpochKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        capture(keys, mandate=bytes([n]) * 32)
    worn = slot.slot_offset(1)
    pwrite = os.pwrite

    def write(file: int, data: bytes, offset: int) -> int:
        return len(data) if offset == worn else pwrite(file, data, offset)

    monkeypatch.setattr(os, "pwrite", write)
    destruction = keys.destroy_due(START_NS + RETENTION_NS)
    assert (destruction.epochs, keys.live) == ((1, 3), {2})
    assert "not what is read back" in str(destruction.trouble)
    monkeypatch.undo()
    assert keys.destroy_due(START_NS + RETENTION_NS).epochs == (2,)


def test_a_successor_ends_with_the_epoch_that_it_takes_over_from(path: Path, keys: EpochKeys) -> None:
    number, old = capture(keys)
    fresh = keys.successor(number)
    before = keys.entry(number)
    assert before is not None
    assert (fresh.epoch, fresh.destroy_at_ns, fresh.mandate_prefix) == (
        2,
        before.destroy_at_ns,
        before.mandate_prefix,
    )
    assert fresh.key != old
    assert fresh in entries(path).values()


def test_a_successor_is_made_once_also_over_a_start(keys: EpochKeys, path: Path, slot_file: Opener) -> None:
    number, _ = capture(keys)
    fresh = keys.successor(number)
    assert keys.successor(number) == fresh
    assert slot_file(path).successor(number) == fresh
    assert fresh.epoch == 2


def test_what_is_filmed_while_an_epoch_has_a_successor_goes_under_that_one(keys: EpochKeys) -> None:
    number, _ = capture(keys)
    fresh = keys.successor(number)
    assert capture(keys, START_NS + 1) == (fresh.epoch, fresh.key)
    keys.destroy(number)
    assert capture(keys, START_NS + 2) == (fresh.epoch, fresh.key)


def test_a_key_that_is_destroyed_before_its_time_is_zeros_in_the_file(path: Path, keys: EpochKeys) -> None:
    number, key = capture(keys)
    other = capture(keys, mandate=bytes(32))
    keys.destroy(number)
    assert key not in path.read_bytes()
    assert keys.live == {other[0]}
    keys.destroy(number)  # once more changes nothing


def test_a_successor_needs_a_free_slot(keys: EpochKeys) -> None:
    made = [capture(keys, mandate=bytes([n]) * 32)[0] for n in range(62)]
    with pytest.raises(SlotFull):
        keys.successor(made[0])
    assert keys.live == set(made)
