"""What a start makes of files that a power cut left."""

import re
from pathlib import Path

import pytest
from recorder.footage import START_NS, Footage, footage
from recorder.place import Place

from node.formats import segment as fmt
from node.formats.segment import TrailerState
from node.recorder.recovery import Recovered, check_ring, recover
from node.sealing.keys import verifies

PAYLOADS = [b"one", bytes(70), b"three"]


@pytest.fixture
def closed(place: Place) -> tuple[Path, bytes, Footage]:
    """A finished segment: its file, its bytes, what was filmed."""
    one = footage(payloads=PAYLOADS)
    (path,) = place.recorded(one)
    return path, path.read_bytes(), one


def whole_frames(data: bytes, one: Footage, start: int) -> int:
    """How many of its records stand in `data`, one behind the other, from `start` on."""
    for count, frame in enumerate(one.frames):
        if data[start : start + len(frame)] != frame:
            return count
        start += len(frame)
    return len(one.frames)


def faults(place: Place, path: Path, one: Footage, count: int) -> list[str]:
    """What is wrong with a file of which recovery should have made `count` records."""
    data = path.read_bytes()
    found = one.opened(data)
    wrong = [
        str(v) for v in check_ring(place.directory, slot_image=place.slot_path.read_bytes(), node=place.node)
    ]
    if tuple(found.records.values()) != one.plain[:count]:
        wrong.append(f"{len(found.records)} records instead of {count}")
    return wrong


def cut_anywhere(
    place: Place, path: Path, data: bytes, one: Footage, *, first: int, zeros: int
) -> dict[int, list[str]]:
    """Cut the file at every length from `first` on, recover it, and collect what is wrong, by length."""
    start = data.index(one.frames[0])
    wrong = {}
    for length in range(first, len(data) + 1):
        left = data[:length] + bytes(zeros)
        path.write_bytes(left)
        recover(place.directory, place.signing)
        if found := faults(place, path, one, whole_frames(left, one, start)):
            wrong[length] = found
    return wrong


def last_two(data: bytes, one: Footage) -> tuple[int, int]:
    """Where the last record but one begins, and where the last one ends."""
    return data.index(one.frames[-2]), data.index(one.frames[-1]) + len(one.frames[-1])


@pytest.mark.parametrize("zeros", [0, 1, 3, 4, 5, 300])
def test_a_segment_cut_anywhere_in_its_last_two_records_keeps_all_that_were_whole(
    zeros: int, place: Place, closed: tuple[Path, bytes, Footage]
) -> None:
    path, data, one = closed
    first, end = last_two(data, one)
    assert cut_anywhere(place, path, data[:end], one, first=first, zeros=zeros) == {}


@pytest.mark.parametrize("zeros", [0, 300])
def test_a_segment_cut_anywhere_in_its_trailer_keeps_all_its_records(
    zeros: int, place: Place, closed: tuple[Path, bytes, Footage]
) -> None:
    path, data, one = closed
    _, end = last_two(data, one)
    assert cut_anywhere(place, path, data, one, first=end, zeros=zeros) == {}


def test_a_segment_cut_before_its_first_record_is_finished_empty(
    place: Place, closed: tuple[Path, bytes, Footage]
) -> None:
    path, data, one = closed
    path.write_bytes(data[: data.index(one.frames[0])] + bytes(300))
    assert recover(place.directory, place.signing) == (Recovered(path, 0),)
    assert faults(place, path, one, 0) == []


def test_recovery_says_how_many_records_it_found_and_signs_them(
    place: Place, closed: tuple[Path, bytes, Footage]
) -> None:
    path, data, one = closed
    path.write_bytes(data[: data.index(one.frames[3])] + bytes(300))
    assert recover(place.directory, place.signing) == (Recovered(path, 3),)
    trailer = fmt.read(path.read_bytes()).trailer
    assert trailer is not None
    assert trailer.state is TrailerState.RECOVERED
    assert verifies(place.node, trailer.signature, fmt.trailer_message(trailer.signed))
    assert one.opened(path.read_bytes()).ending == "recovered"


def test_what_stands_behind_a_wrong_length_is_recovered_too(
    place: Place, closed: tuple[Path, bytes, Footage]
) -> None:
    path, data, one = closed
    wrong = data.index(one.frames[1])
    end = data.index(one.frames[4])
    path.write_bytes(data[:wrong] + b"\xff" * 4 + data[wrong + 4 : end] + bytes(300))
    assert recover(place.directory, place.signing) == (Recovered(path, 3),)
    assert list(one.opened(path.read_bytes()).records) == [0, 2, 3]


def test_a_finished_segment_is_left_byte_for_byte(place: Place, closed: tuple[Path, bytes, Footage]) -> None:
    path, data, _ = closed
    assert recover(place.directory, place.signing) == ()
    assert path.read_bytes() == data


def test_what_was_recovered_is_not_recovered_again(place: Place, closed: tuple[Path, bytes, Footage]) -> None:
    path, data, one = closed
    path.write_bytes(data[: data.index(one.frames[2])] + bytes(300))
    recover(place.directory, place.signing)
    once = path.read_bytes()
    assert recover(place.directory, place.signing) == ()
    assert path.read_bytes() == once


def test_an_empty_ring_needs_no_recovery(place: Place) -> None:
    assert recover(place.directory, place.signing) == ()


def test_every_cut_segment_is_recovered(place: Place) -> None:
    made = [footage(n, start_ns=START_NS + n) for n in range(3)]
    for path in place.recorded(*made):
        path.write_bytes(path.read_bytes()[:-80] + bytes(300))
    assert [found.records for found in recover(place.directory, place.signing)] == [4, 4, 4]


@pytest.mark.parametrize(
    "start", [b"", bytes(300), b"STLPSEG1", b"STLPSEG1" + bytes(300), b"STLPSEG0" + bytes(300)]
)
def test_a_segment_whose_start_cannot_be_read_is_named_and_hinders_nobody(start: bytes, place: Place) -> None:
    one = footage()
    (path,) = place.recorded(one)
    path.write_bytes(path.read_bytes()[:-80] + bytes(300))
    torn = place.directory / "20200101T000000.000Z_torn.seg"
    torn.write_bytes(start)
    assert recover(place.directory, place.signing) == (Recovered(torn, None), Recovered(path, 4))
    assert torn.read_bytes() == start


def test_a_record_damaged_in_a_cut_segment_costs_no_other(
    place: Place, closed: tuple[Path, bytes, Footage]
) -> None:
    path, data, one = closed
    cut = bytearray(data[: data.index(one.frames[4])] + bytes(300))
    cut[data.index(one.frames[1]) + 12] ^= 1
    path.write_bytes(cut)
    recover(place.directory, place.signing)
    found = one.opened(path.read_bytes())
    assert found.records == {n: one.plain[n] for n in (0, 2, 3)}


def damaged(data: bytes, one: Footage) -> dict[str, bytes]:
    """A finished segment with one place of its card gone bad, by what is hit."""
    second = data.index(one.frames[1])
    third = data.index(one.frames[2])
    hit = {
        "a record": [(second + 12, second + 13)],
        "two neighbours": [(third - 2, third + 20)],
        "a record's length": [(third, third + 4)],
        "the end of records": [(len(data) - 77, len(data) - 76)],
    }
    return {name: _zeroed(data, places) for name, places in hit.items()}


def _zeroed(data: bytes, places: list[tuple[int, int]]) -> bytes:
    spoiled = bytearray(data)
    for start, end in places:
        spoiled[start:end] = bytes(byte ^ 0x55 for byte in spoiled[start:end])
    return bytes(spoiled)


@pytest.mark.parametrize("hit", ["a record", "two neighbours", "a record's length", "the end of records"])
def test_a_finished_segment_that_went_bad_loses_no_record_to_recovery(
    hit: str, place: Place, closed: tuple[Path, bytes, Footage]
) -> None:
    path, data, one = closed
    spoiled = damaged(data, one)[hit]
    path.write_bytes(spoiled)
    recover(place.directory, place.signing)
    after = path.read_bytes()
    untouched = [frame for frame in one.frames if frame in spoiled]
    assert [frame for frame in untouched if frame not in after] == []


def test_a_violation_is_a_line_with_a_number(place: Place, closed: tuple[Path, bytes, Footage]) -> None:
    closed[0].write_bytes(closed[1][:-1])
    (violation,) = check_ring(place.directory, slot_image=None, node=None)
    assert re.fullmatch("[RS][1-6]", violation.number)
    assert violation.where == closed[0].name
    assert violation.what == "no trailer: the writer did not finish this file"
