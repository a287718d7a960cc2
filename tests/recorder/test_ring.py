"""The ring: what is accepted is on the disk, in order, within its bytes and its time."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from recorder.footage import START_NS, Footage, footage
from recorder.place import Place

from node.clock import NS
from node.errors import Refused
from node.formats import segment as fmt
from node.messages import CloseSegment, SealedRecord, SegmentMessage
from node.recorder.epochs import EpochKeys
from node.sealing.keys import verifies

HOUR_NS = 3600 * NS
MINUTE_NS = 60 * NS


def segments(count: int, *, size: int = 100) -> list[Footage]:
    """One a minute."""
    return [
        footage(n, start_ns=START_NS + (n - 1) * MINUTE_NS, payloads=[bytes(size)])
        for n in range(1, count + 1)
    ]


def test_a_segments_file_is_its_start_its_records_and_a_signed_trailer(place: Place) -> None:
    one = footage()
    (path,) = place.recorded(one)
    data = path.read_bytes()
    segment = fmt.read(data)
    assert segment.trailer is not None
    assert data.startswith(b"STLPSEG1" + len(one.opening.header).to_bytes(4, "big") + one.opening.header)
    assert data[:-73].endswith(b"".join(one.frames) + bytes(4))
    assert data[-73:-64] == b"STLPTRL1\x01"
    digest = sha256(data[:-64]).digest()
    assert verifies(place.node, data[-64:], b"stolpe segment trailer v1\0" + digest)


def test_a_segments_file_opens_to_what_was_filmed(place: Place) -> None:
    one = footage()
    (path,) = place.recorded(one)
    found = one.opened(path.read_bytes())
    assert tuple(found.records.values()) == one.plain
    assert (found.ending, found.segment.damage) == ("closed", ())


def test_a_segments_file_is_named_after_its_start_and_its_id(place: Place) -> None:
    (path,) = place.recorded(footage(7, start_ns=START_NS + 1_234_567_890))
    assert path.name == "20261103T210001.234Z_01RECRDERTEST0000000000007.seg"


def test_wraps_open_with_the_epochs_key_alone(place: Place) -> None:
    (path,) = place.recorded(footage())
    segment = fmt.read(path.read_bytes())
    key = place.keys.key(segment.epoch)
    assert key is not None
    assert fmt.open_wraps(segment, key) == (b"a wrap",)
    assert b"a wrap" not in path.read_bytes()


def test_every_record_is_in_the_file_when_it_is_accepted(place: Place) -> None:
    one, ring = footage(), place.ring()
    ring.accept(one.opening)
    for count, record in enumerate(one.sealed, 1):
        ring.accept(record)
        assert tuple(one.opened(place.paths[0].read_bytes()).records.values()) == one.plain[:count]
    ring.close()


def test_while_it_is_written_a_segment_is_followed_by_zeros(place: Place) -> None:
    one, ring = footage(), place.ring()
    ring.accept(one.opening)
    ring.accept(one.sealed[0])
    data = place.paths[0].read_bytes()
    assert len(data) == place.preallocate_bytes
    assert data.rstrip(b"\0").endswith(one.frames[0].rstrip(b"\0"))
    ring.close()


def test_a_segment_grows_beyond_what_was_kept_free_for_it(place: Place) -> None:
    place.preallocate_bytes = 64
    one = footage(payloads=[bytes(5000)])
    (path,) = place.recorded(one)
    assert tuple(one.opened(path.read_bytes()).records.values()) == one.plain


def test_a_ring_that_is_closed_leaves_its_open_segment_without_a_trailer(place: Place) -> None:
    one, ring = footage(), place.ring()
    ring.accept(one.opening)
    ring.accept(one.sealed[0])
    ring.close()
    segment = fmt.read(place.paths[0].read_bytes())
    assert (len(segment.records), segment.trailer) == (1, None)
    assert ring.segments == ()


def out_of_order(one: Footage, other: Footage) -> dict[str, list[SegmentMessage]]:
    """By what is wrong: messages of which the last must be refused."""
    open_one, record, close_one = one.opening, one.sealed, one.closing
    return {
        "a record of no segment": [record[0]],
        "an end of no segment": [close_one],
        "a beginning within a segment": [open_one, other.opening],
        "the same beginning twice": [open_one, open_one],
        "a record of another segment": [open_one, other.sealed[0]],
        "a record left out": [open_one, record[0], record[2]],
        "not from the first": [open_one, record[1]],
        "a record twice": [open_one, record[0], record[0]],
        "an end too early": [open_one, record[0], close_one],
        "an end too late": [open_one, CloseSegment(one.header.segment, 1)],
        "an end of another segment": [open_one, CloseSegment(other.header.segment, 0)],
        "a record behind the end": [*one.messages, record[-1]],
        "an end behind the end": [*one.messages, close_one],
        "a negative record": [open_one, SealedRecord(one.header.segment, -1, record[0].ciphertext)],
    }


@pytest.mark.parametrize("wrong", out_of_order(footage(1), footage(2)))
def test_what_comes_out_of_order_is_refused_and_changes_nothing(wrong: str, place: Place) -> None:
    *before, last = out_of_order(footage(1), footage(2))[wrong]
    ring = place.ring()
    for message in before:
        ring.accept(message)
    files = {path: path.read_bytes() for path in place.paths}
    with pytest.raises(Refused):
        ring.accept(last)
    assert {path: path.read_bytes() for path in place.paths} == files
    ring.close()


def test_after_a_refusal_the_segment_goes_on(place: Place) -> None:
    one, ring = footage(), place.ring()
    ring.accept(one.opening)
    with pytest.raises(Refused):
        ring.accept(one.sealed[1])
    for message in one.messages[1:]:
        ring.accept(message)
    assert tuple(one.opened(place.paths[0].read_bytes()).records.values()) == one.plain


@pytest.mark.parametrize(
    "header",
    [b"", b"{}", b"no JSON", b'{"node":"\xff"}', footage(2).opening.header, footage().opening.header[:-1]],
    ids=["nothing", "no fields", "no JSON", "no UTF-8", "another segment", "cut"],
)
def test_a_header_that_is_not_as_it_must_be_is_refused_before_a_file_is_made(
    header: bytes, place: Place
) -> None:
    opening = msgspec.structs.replace(footage().opening, header=header)
    with pytest.raises(Refused):
        place.ring().accept(opening)
    assert (place.paths, place.keys.live) == ([], frozenset())


@pytest.mark.parametrize("length", [0, 24, 33_554_433])
def test_a_record_that_no_reader_could_read_is_refused(length: int, place: Place) -> None:
    # Of length 0 it would even say that nothing was written behind it.
    one, ring = footage(), place.ring()
    ring.accept(one.opening)
    with pytest.raises(Refused):
        ring.accept(SealedRecord(one.header.segment, 0, bytes(length)))
    ring.close()


def test_wraps_that_no_reader_could_read_are_refused(place: Place) -> None:
    opening = msgspec.structs.replace(footage().opening, wraps=bytes(fmt.MAX_WRAPS_BYTES))
    with pytest.raises(Refused):
        place.ring().accept(opening)
    assert place.paths == []


def test_a_segment_id_is_not_used_twice(place: Place) -> None:
    (path,) = place.recorded(footage())
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        place.ring().accept(footage(payloads=[b"other"]).opening)
    assert path.read_bytes() == before


def test_the_ring_has_no_key_that_opens_a_record(place: Place) -> None:
    one = footage()
    (path,) = place.recorded(one)
    on_disk = path.read_bytes() + place.slot_path.read_bytes()
    assert one.key not in on_disk
    assert all(record.payload not in on_disk for record in one.plain[1:-1])


def test_a_new_ring_over_another_key_slot_opens_nothing_of_the_old(
    place: Place, slot_file: Callable[[Path], EpochKeys]
) -> None:
    (path,) = place.recorded(footage())
    EpochKeys.create(place.folder / "other.slot", size=4096).close()
    other = slot_file(place.folder / "other.slot")
    segment = fmt.read(path.read_bytes())
    assert other.key(segment.epoch) is None
