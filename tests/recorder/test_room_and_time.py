"""The ring keeps within its bytes and its time: the oldest goes first, and what nobody can open goes at once."""

import pytest
from recorder.footage import MANDATE, OTHER_MANDATE, START_NS, Footage, footage
from recorder.place import Place

from node.clock import NS
from node.errors import Refused
from node.formats import segment as fmt
from node.formats.segment import TrailerState
from node.recorder.recovery import recover
from node.recorder.ring import KeptSegment, file_name

HOUR_NS = 3600 * NS
MINUTE_NS = 60 * NS


def segments(count: int, *, size: int = 100) -> list[Footage]:
    """One a minute."""
    starts = [(n, START_NS + (n - 1) * MINUTE_NS) for n in range(1, count + 1)]
    return [footage(n, start_ns=start_ns, payloads=[bytes(size)]) for n, start_ns in starts]


def test_the_oldest_segments_make_room_for_a_new_one(place: Place) -> None:
    made = segments(5)
    place.recorded(*made[:1])
    size = place.paths[0].stat().st_size
    place.preallocate_bytes = size
    place.capacity_bytes = 3 * size
    place.recorded(*made[1:])
    assert place.names == ["3", "4", "5"]


def test_no_segment_is_evicted_while_there_is_room(place: Place) -> None:
    made = segments(3)
    size = place.recorded(made[0])[0].stat().st_size
    place.preallocate_bytes, place.capacity_bytes = size, 3 * size
    place.recorded(*made[1:])
    assert place.names == ["1", "2", "3"]


def test_room_is_made_for_all_that_the_next_segment_may_take(place: Place) -> None:
    made = segments(3)
    size = place.recorded(*made[:2])[0].stat().st_size
    place.preallocate_bytes, place.capacity_bytes = size + 1, 3 * size
    place.recorded(made[2])
    assert place.names == ["2", "3"]


def test_a_large_segment_can_take_the_place_of_several(place: Place) -> None:
    made = segments(4)
    size = place.recorded(*made[:3])[0].stat().st_size
    place.preallocate_bytes, place.capacity_bytes = 2 * size, 3 * size
    place.recorded(made[3])
    assert place.names == ["3", "4"]


def test_the_index_is_that_of_the_files_alone(place: Place) -> None:
    ring = place.ring()
    for one in segments(3):
        for message in one.messages:
            ring.accept(message)
    again = place.ring()
    assert again.segments == ring.segments
    assert again.segments == tuple(KeptSegment(path, path.stat().st_size, 1) for path in place.paths)
    assert again.size == ring.size == sum(path.stat().st_size for path in place.paths)


def test_what_is_no_segment_is_left_alone(place: Place) -> None:
    (place.directory / "notes.txt").write_text("not a segment")
    place.capacity_bytes = place.preallocate_bytes
    place.recorded(*segments(2))
    assert {path.name for path in place.directory.iterdir()} == {"notes.txt", place.paths[0].name}


def test_segments_that_nobody_can_open_any_more_are_unlinked(place: Place) -> None:
    place.recorded(
        footage(1), footage(2, start_ns=START_NS + HOUR_NS), footage(3, start_ns=START_NS + 2 * HOUR_NS)
    )
    ring = place.ring()
    place.clock.wait_until(72 * HOUR_NS)
    assert ring.expire() == (1,)
    assert place.names == ["3"]
    place.clock.wait_until(75 * HOUR_NS)
    assert ring.expire() == (2,)
    assert (place.names, ring.segments) == ([], ())


def test_before_their_time_no_segments_expire(place: Place) -> None:
    place.recorded(footage())
    ring = place.ring()
    place.clock.wait_until(72 * HOUR_NS - 1)
    assert ring.expire() == ()
    assert place.names == ["1"]


def test_a_mandates_own_retention_counts(place: Place) -> None:
    short = footage(1, retention_hours=1)
    long = footage(2, start_ns=START_NS + NS, mandate=OTHER_MANDATE)
    place.recorded(short, long)
    ring = place.ring()
    place.clock.wait_until(HOUR_NS)
    ring.expire()
    assert place.names == ["2"]


def test_a_new_segment_lets_what_is_due_expire_first(place: Place) -> None:
    place.recorded(footage(1))
    place.clock.wait_until(72 * HOUR_NS)
    place.recorded(footage(2, start_ns=START_NS + 72 * HOUR_NS))
    assert place.names == ["2"]


def test_a_segment_whose_key_was_destroyed_before_a_cut_is_unlinked_after_it(place: Place) -> None:
    place.recorded(footage(1))
    place.keys.destroy_due(START_NS + 72 * HOUR_NS)
    ring = place.ring()
    assert ring.expire() == ()
    assert place.names == []


def test_a_segment_whose_start_cannot_be_read_is_counted_and_evicted(place: Place) -> None:
    junk = place.directory / "20200101T000000.000Z_junk.seg"
    junk.write_bytes(bytes(place.preallocate_bytes))
    ring = place.ring()
    assert ring.segments == (KeptSegment(junk, place.preallocate_bytes, None),)
    place.capacity_bytes = place.preallocate_bytes
    place.recorded(footage(1))
    assert place.names == ["1"]


def test_the_largest_start_of_a_segment_is_read_when_a_ring_is_found(place: Place) -> None:
    # 64 KiB of header and 256 KiB of wraps, and the 16 bytes around them.
    header = footage().opening.header.ljust(fmt.MAX_HEADER_BYTES)
    start = fmt.start_of_file(header, (1).to_bytes(4, "big") + bytes(fmt.MAX_WRAPS_BYTES - 4))
    (place.directory / file_name(footage().header)).write_bytes(start + bytes(100))
    assert [kept.epoch for kept in place.ring().segments] == [1]


def test_a_full_key_slot_lets_no_segment_begin(place: Place) -> None:
    for n in range(62):
        place.keys.for_capture(START_NS, mandate=bytes([n]) * 32, retention_ns=72 * HOUR_NS)
    with pytest.raises(Refused, match="full"):
        place.ring().accept(footage(mandate=MANDATE).opening)
    assert place.paths == []


def test_a_recovered_segment_is_kept_like_any_other(place: Place) -> None:
    one, ring = footage(), place.ring()
    for message in one.messages[:-1]:
        ring.accept(message)
    ring.close()
    recover(place.directory, place.signing)
    again = place.ring()
    assert [kept.epoch for kept in again.segments] == [1]
    trailer = fmt.read(place.paths[0].read_bytes()).trailer
    assert trailer is not None
    assert trailer.state is TrailerState.RECOVERED
    place.clock.wait_until(72 * HOUR_NS)
    again.expire()
    assert place.names == []
