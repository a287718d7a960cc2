"""Each invariant of FORMAT.md: violated by a planted damage, and then named by its number."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from formats.independent_reader import crc32c
from recorder.footage import START_NS, footage
from recorder.place import Place
from vectors.make_keys import signing_key

from node.clock import NS
from node.recorder.recovery import check_ring, check_slot
from node.recorder.ring import file_name

HOUR_NS = 3600 * NS
SEGMENTS = [footage(n, start_ns=START_NS + (n - 1) * HOUR_NS) for n in (1, 2, 3)]
ENTRY = struct.Struct(">IQ16s32s")

Plant = Callable[[bytearray], None]


@pytest.fixture
def ring(place: Place) -> Place:
    """Three segments under two epochs, everything as it must be."""
    place.recorded(*SEGMENTS)
    return place


def numbers(place: Place, *, now_ns: int | None = None) -> dict[str, list[str]]:
    """The violated invariants, and where."""
    image = place.slot_path.read_bytes()
    found: dict[str, list[str]] = {}
    for violation in check_ring(place.directory, slot_image=image, node=place.node):
        found.setdefault(violation.number, []).append(violation.where)
    for violation in check_slot(image, now_ns=now_ns):
        found.setdefault(violation.number, []).append(violation.where)
    return found


def spoiled(path: Path, plant: Plant) -> None:
    data = bytearray(path.read_bytes())
    plant(data)
    path.write_bytes(data)


def flip(at: int) -> Plant:
    def plant(data: bytearray) -> None:
        data[at] ^= 1

    return plant


def test_a_good_ring_violates_nothing(ring: Place) -> None:
    assert numbers(ring) == {}


def test_an_empty_ring_violates_nothing(place: Place) -> None:
    assert numbers(place) == {}


@pytest.mark.parametrize(
    "damage", [flip(0), flip(14), flip(9), bytearray.clear], ids=["magic", "JSON", "length", "all"]
)
def test_r1_a_start_that_cannot_be_read(damage: Plant, ring: Place) -> None:
    path = ring.paths[1]
    spoiled(path, damage)
    assert numbers(ring) == {"R1": [path.name]}


def test_r2_another_name_than_its_headers(ring: Place) -> None:
    path = ring.paths[1]
    other = path.with_name(path.name.replace("T22", "T21"))
    path.rename(other)
    assert numbers(ring) == {"R2": [other.name]}


@pytest.mark.parametrize(
    "damage",
    [flip(-130), lambda data: data.extend(b"more"), lambda data: data.extend(bytes(100))],
    ids=["record", "bytes behind", "zeros behind"],
)
def test_r3_records_that_are_not_whole_or_bytes_too_many(damage: Plant, ring: Place) -> None:
    path = ring.paths[1]
    spoiled(path, damage)
    assert numbers(ring)["R3"] == [path.name]


@pytest.mark.parametrize("length", [-1, -64, -73, -77, -90])
def test_r3_an_end_that_is_missing(length: int, ring: Place) -> None:
    path = ring.paths[1]
    path.write_bytes(path.read_bytes()[:length])
    found = numbers(ring)
    assert set(found) == {"R3"}
    assert set(found["R3"]) == {path.name}


@pytest.mark.parametrize("at", [-1, -64], ids=["end", "beginning"])
def test_r4_a_signature_that_was_altered(at: int, ring: Place) -> None:
    path = ring.paths[2]
    spoiled(path, flip(at))
    assert numbers(ring) == {"R4": [path.name]}


def test_r4_a_signature_of_another_node(ring: Place) -> None:
    stranger = signing_key("test-stranger").private.public_key()
    found = list(check_ring(ring.directory, slot_image=None, node=stranger))
    assert [(one.number, one.where) for one in found] == [("R4", path.name) for path in ring.paths]


def test_r4_bytes_that_were_altered_and_fitted_with_a_checksum(ring: Place) -> None:
    path, frame = ring.paths[0], SEGMENTS[0].frames[1]
    forged = bytearray(frame)
    forged[-1] ^= 1
    forged[4:8] = struct.pack(">I", crc32c(bytes(forged[:4] + forged[8:])))
    path.write_bytes(path.read_bytes().replace(frame, bytes(forged)))
    assert numbers(ring) == {"R4": [path.name]}


def test_r5_a_segment_whose_key_is_gone(ring: Place) -> None:
    ring.keys.destroy_due(START_NS + 72 * HOUR_NS)
    assert numbers(ring) == {"R5": [path.name for path in ring.paths[:2]]}


def test_r6_a_segment_that_begins_before_the_one_before_it(place: Place) -> None:
    # Within one millisecond names tell the order of the ids, not that of the times.
    early, late = footage(2, start_ns=START_NS), footage(1, start_ns=START_NS + 1)
    place.recorded(early, late)
    assert numbers(place) == {"R6": [file_name(early.header)]}


def test_r6_a_segment_that_was_renamed_into_the_past(ring: Place) -> None:
    path = ring.paths[2]
    past = path.rename(path.with_name(path.name.replace("20261103", "20251103")))
    assert numbers(ring) == {"R2": [past.name], "R6": [ring.paths[1].name]}


def test_evidence_that_is_not_given_is_not_judged(ring: Place) -> None:
    spoiled(ring.paths[2], flip(-1))
    ring.keys.destroy_due(START_NS + 72 * HOUR_NS)
    assert list(check_ring(ring.directory, slot_image=None, node=None)) == []


def test_every_violation_of_a_ring_is_named(ring: Place) -> None:
    first, second, third = ring.paths
    spoiled(first, flip(0))
    spoiled(second, flip(-1))
    spoiled(third, lambda data: data.extend(b"more"))
    assert numbers(ring) == {"R1": [first.name], "R4": [second.name], "R3": [third.name]}


def test_s1_no_header_copy_is_whole(ring: Place) -> None:
    spoiled(ring.slot_path, flip(20))
    assert "S1" not in numbers(ring)
    spoiled(ring.slot_path, flip(84))
    assert numbers(ring) == {"S1": ["header"]}


@pytest.mark.parametrize("at", [0, 13, 40, 63])
def test_s2_a_slot_that_is_neither_empty_nor_whole(at: int, ring: Place) -> None:
    spoiled(ring.slot_path, flip(128 + 5 * 64 + at))
    assert numbers(ring) == {"S2": ["slot 5"]}


def planted(index: int, epoch: int, destroy_at_ns: int) -> Plant:
    """A whole entry in that slot."""

    def plant(image: bytearray) -> None:
        body = ENTRY.pack(epoch, destroy_at_ns, bytes(16), bytes(32))
        at = 128 + 64 * index
        image[at : at + 64] = body + struct.pack(">I", crc32c(body))

    return plant


@pytest.mark.parametrize(("epoch", "about"), [(1, "there twice"), (3, "above the highest")])
def test_s3_an_epoch_number_that_cannot_be(epoch: int, about: str, ring: Place) -> None:
    spoiled(ring.slot_path, planted(9, epoch, START_NS + 99 * HOUR_NS))
    assert numbers(ring) == {"S3": [f"epoch {epoch}"]}, about


def test_s4_a_key_that_is_there_after_its_time(ring: Place) -> None:
    due = START_NS + 72 * HOUR_NS
    assert numbers(ring, now_ns=due - 1) == {}
    assert numbers(ring, now_ns=due) == {"S4": ["slot 0"]}
    assert numbers(ring, now_ns=due + 72 * HOUR_NS) == {"S4": ["slot 0", "slot 1"]}


def test_s4_is_judged_at_the_slots_own_time_floor(ring: Place) -> None:
    header = ring.keys.header
    ring.keys.commit_header(header.next(time_floor_ns=START_NS + 72 * HOUR_NS))
    assert numbers(ring) == {"S4": ["slot 0"]}
