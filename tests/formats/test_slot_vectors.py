"""Every key slot vector reads as what stands beside it."""

from pathlib import Path

import pytest
from vectors.shelf import ExpectedSlot, expectation, name_of, slot_image, vectors

from node.errors import Damaged
from node.formats import slot
from node.formats.slot import EpochSlot, Floors, SlotHeader
from node.recorder.recovery import check_slot

SLOTS = vectors("slots")


def of_no_size(path: Path) -> bool:
    """A header and no slots: no invariant speaks of that."""
    expected = expectation(path, ExpectedSlot)
    return expected.header is not None and expected.epochs is None


@pytest.mark.parametrize("path", SLOTS, ids=name_of)
def test_the_newer_whole_header_counts(path: Path) -> None:
    image, expected = slot_image(path.stem), expectation(path, ExpectedSlot).header
    if expected is None:
        with pytest.raises(Damaged):
            slot.read_header(image)
        return
    floors = Floors(expected.root, expected.mandate, expected.masks, expected.epoch, expected.approved)
    used = bytes.fromhex(expected.used_orders)
    header = SlotHeader(expected.generation, expected.time_floor_ns, expected.uptime_ns, floors, used)
    assert slot.read_header(image) == header


@pytest.mark.parametrize("path", SLOTS, ids=name_of)
def test_exactly_the_whole_slots_are_there(path: Path) -> None:
    image, expected = slot_image(path.stem), expectation(path, ExpectedSlot).epochs
    if expected is None:
        with pytest.raises(Damaged):
            slot.read_slots(image)
        return
    found = {
        told.index: EpochSlot(
            told.epoch, told.destroy_at_ns, bytes.fromhex(told.mandate_prefix), bytes.fromhex(told.key)
        )
        for told in expected
    }
    assert slot.read_slots(image) == found


@pytest.mark.parametrize("path", [path for path in SLOTS if not of_no_size(path)], ids=name_of)
def test_violated_invariants_are_named_by_number(path: Path) -> None:
    found = {violation.number for violation in check_slot(slot_image(path.stem), now_ns=None)}
    assert found == set(expectation(path, ExpectedSlot).violations)


@pytest.mark.parametrize("path", [path for path in SLOTS if of_no_size(path)], ids=name_of)
def test_an_image_that_is_no_key_slot_by_its_size_is_refused(path: Path) -> None:
    with pytest.raises(Damaged):
        list(check_slot(slot_image(path.stem), now_ns=None))
