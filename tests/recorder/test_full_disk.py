"""A full disk: nothing that was accepted is lost, and when there is room again recording goes on."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from recorder.footage import Footage, footage
from recorder.place import Place

from node.recorder.recovery import check_ring, recover
from node.recorder.ring import Ring


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file can grow beyond `size` bytes: what a full disk says, to this process alone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_segment_that_finds_no_room_leaves_no_file(place: Place) -> None:
    place.preallocate_bytes = 1 << 16
    ring = place.ring()
    with room_for(1 << 15), pytest.raises(OSError, match="File too large"):
        ring.accept(footage().opening)
    assert place.paths == []


def test_when_there_is_room_again_a_segment_begins(place: Place) -> None:
    place.preallocate_bytes = 1 << 16
    one, ring = footage(), place.ring()
    with room_for(1 << 15), pytest.raises(OSError, match="File too large"):
        ring.accept(one.opening)
    for message in one.messages:
        ring.accept(message)
    assert tuple(one.opened(place.paths[0].read_bytes()).records.values()) == one.plain


def cut_off_by_a_full_disk(place: Place) -> tuple[Footage, Ring]:
    """A segment whose third record found no room for its second half."""
    place.preallocate_bytes = 1024
    one, ring = footage(payloads=[bytes(50), bytes(2000), b"last"]), place.ring()
    for message in one.messages[:3]:
        ring.accept(message)
    with room_for(2000), pytest.raises(OSError, match="File too large"):
        ring.accept(one.sealed[2])
    return one, ring


def test_a_full_disk_costs_no_record_that_was_accepted(place: Place) -> None:
    one, ring = cut_off_by_a_full_disk(place)
    ring.close()
    recover(place.directory, place.signing)
    assert list(check_ring(place.directory, slot_image=place.slot_path.read_bytes(), node=place.node)) == []
    assert tuple(one.opened(place.paths[0].read_bytes()).records.values()) == one.plain[:2]


def test_a_record_that_found_no_room_can_be_sent_again(place: Place) -> None:
    one, ring = cut_off_by_a_full_disk(place)
    for message in one.messages[3:]:
        ring.accept(message)
    found = one.opened(place.paths[0].read_bytes())
    assert (tuple(found.records.values()), found.segment.damage) == (one.plain, ())
    assert list(check_ring(place.directory, slot_image=None, node=place.node)) == []
