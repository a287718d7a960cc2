"""Every segment vector opens to what stands beside it, or fails as it says there."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest
from formats.opened import Opened, opened
from vectors.shelf import ExpectedRecord, ExpectedSegment, expectation, name_of, vectors

from central.opening import opened as opened_at_the_desk
from node.errors import CannotOpen, Damaged
from node.formats import segment as fmt
from node.sealing.keys import PrivateKeys, verifies, verifying_key

SEGMENTS = vectors("segments")
ERRORS = {"Damaged": Damaged, "CannotOpen": CannotOpen}

People = Mapping[str, PrivateKeys]
Epochs = Mapping[int, bytes]


def those(*, readable: bool) -> list[Path]:
    return [path for path in SEGMENTS if (expectation(path, ExpectedSegment).error is None) is readable]


def listed(opened_segment: Opened) -> tuple[ExpectedRecord, ...]:
    return tuple(
        ExpectedRecord(index, record.type.name.lower(), record.utc_ns, sha256(record.payload).hexdigest())
        for index, record in opened_segment.records.items()
    )


@pytest.mark.parametrize("path", those(readable=True), ids=name_of)
def test_a_segment_opens_to_the_records_that_it_was_made_of(
    path: Path, people: People, epochs: Epochs
) -> None:
    expected = expectation(path, ExpectedSegment)
    for subset in expected.opens_for:
        found = opened(path.read_bytes(), epochs=epochs, people=people, subset=subset)
        assert listed(found) == expected.records
        assert found.left_out == expected.left_out


@pytest.mark.parametrize("path", those(readable=True), ids=name_of)
def test_a_segment_tells_how_it_ends_and_what_is_damaged(path: Path, people: People, epochs: Epochs) -> None:
    expected = expectation(path, ExpectedSegment)
    found = opened(path.read_bytes(), epochs=epochs, people=people, subset=expected.opens_for[0])
    assert found.segment.epoch == expected.epoch
    assert found.segment.damage == expected.damage
    assert found.ending == expected.ending


@pytest.mark.parametrize("path", those(readable=True), ids=name_of)
def test_a_signature_is_good_only_over_all_that_stands_before_it(path: Path, people: People) -> None:
    trailer = fmt.read(path.read_bytes()).trailer
    node = verifying_key(people["test-node"].public.keys[0])
    if trailer is None:
        verdict = "missing"
    else:
        good = verifies(node, trailer.signature, fmt.trailer_message(trailer.signed))
        verdict = "good" if good else "bad"
    assert verdict == expectation(path, ExpectedSegment).signature


@pytest.mark.parametrize("path", those(readable=True), ids=name_of)
def test_a_subset_whose_wrap_is_not_its_own_opens_nothing(path: Path, people: People, epochs: Epochs) -> None:
    for subset in expectation(path, ExpectedSegment).sealed_for:
        with pytest.raises(CannotOpen):
            opened(path.read_bytes(), epochs=epochs, people=people, subset=subset)


@pytest.mark.parametrize("path", those(readable=False), ids=name_of)
def test_a_segment_that_cannot_be_opened_says_whether_it_is_damaged_or_sealed(
    path: Path, people: People, epochs: Epochs
) -> None:
    expected = expectation(path, ExpectedSegment)
    assert expected.error is not None
    subsets = [("test-cissi", "test-david"), ("test-cissi", "test-eva"), ("test-david", "test-eva")]
    for subset in subsets:
        with pytest.raises(ERRORS[expected.error]) as caught:
            opened(path.read_bytes(), epochs=epochs, people=people, subset=subset)
        assert type(caught.value) is ERRORS[expected.error]


def at_the_desk(path: Path, people: People, epochs: Epochs) -> list[str]:
    """SHA-256 of the init and of every fragment, as the release desk finds them."""
    node = verifying_key(people["test-node"].public.keys[0])
    found = opened_at_the_desk(path, epochs=epochs, keys=people, node=node)
    pictures = [found.init, *(fragment for _, fragment in found.fragments)]
    expected = expectation(path, ExpectedSegment)
    assert (found.ending, found.signature) == (expected.ending, expected.signature)
    return [sha256(picture).hexdigest() for picture in pictures]


@pytest.mark.parametrize("path", those(readable=True), ids=name_of)
def test_the_release_desk_finds_the_same_pictures(path: Path, people: People, epochs: Epochs) -> None:
    records = expectation(path, ExpectedSegment).records
    if not records or records[0].type != "init":
        with pytest.raises(Damaged):
            at_the_desk(path, people, epochs)
        return
    pictures = [record.sha256 for record in records if record.type in {"init", "fragment"}]
    assert at_the_desk(path, people, epochs) == pictures


@pytest.mark.parametrize(
    ("name", "notes"),
    [
        ("record_length_zero", ["record 2 is lost"]),
        ("length_over_then_flipped", ["records 1 to 2 are lost"]),
        ("two_lengths_over", ["record 1 is lost", "record 3 is lost"]),
        ("bytes_between_records", []),
        (
            "length_over_then_swapped",
            [
                "records 1 to 2 are lost",
                *(f"record {index} is not the one that was sealed here: left out" for index in (4, 5, 6)),
                "cut after fragment 0",
            ],
        ),
        ("last_length_over", ["cut after fragment 3"]),
    ],
)
def test_the_release_desk_names_what_is_lost(
    name: str, notes: list[str], people: People, epochs: Epochs
) -> None:
    path = next(path for path in SEGMENTS if path.stem == name)
    found = opened_at_the_desk(path, epochs=epochs, keys=people, node=None)
    list(found.fragments)  # the notes are complete after it
    renamed = f"the file was renamed: its header says segment {found.header.segment}"
    assert found.notes == [*fmt.read(path.read_bytes()).damage, renamed, *notes]


@pytest.mark.parametrize("path", those(readable=False), ids=name_of)
def test_the_release_desk_refuses_for_the_same_reason(path: Path, people: People, epochs: Epochs) -> None:
    error = expectation(path, ExpectedSegment).error
    assert error is not None
    with pytest.raises(ERRORS[error]):
        at_the_desk(path, people, epochs)
