"""A reader's way over damage: what is sound behind it is found, under its own index, with bounded work."""

import struct
from hashlib import sha256

import pytest
from formats.opened import records_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from vectors.shelf import vector

from node.formats import framing
from node.formats import segment as fmt
from node.formats.segment import MOST_LOST_RECORDS, Record, RecordSealer, RecordType

GOOD = vector("segments", "closed_aes_x25519")
HEADER = GOOD[12 : 12 + int.from_bytes(GOOD[8:12], "big")]
KEY = bytes(range(32))
START = fmt.start_of_file(HEADER, bytes(4))
END = framing.end_of_records() + fmt.start_of_trailer(fmt.TrailerState.CLOSED) + bytes(64)
PROPERTY = settings(derandomize=True, deadline=None, max_examples=150)


def sealed(count: int) -> tuple[list[Record], list[bytes]]:
    """So many records, and each as it stands in a file."""
    sealer = RecordSealer(aead="AES-256-GCM", key=KEY, header=HEADER)
    plain = [Record(RecordType.FRAGMENT, n, bytes([n]) * (n % 7)) for n in range(count)]
    return plain, [framing.frame(sealer.seal(record)) for record in plain]


PLAIN, FRAMES = sealed(12)


def found(data: bytes, plain: list[Record]) -> list[int]:
    """The indices of all records that are found, each being the one that was sealed under it."""
    records = records_of(fmt.read(data), data, KEY).records
    assert all(record == plain[index] for index, record in records.items())
    return list(records)


def file_of(frames: list[bytes], end: bytes = END) -> bytes:
    return START + b"".join(frames) + end


def leads_to_a_record(frames: list[bytes], index: int, length: int) -> bool:
    starts = [sum(map(len, frames[:n])) for n in range(len(frames) + 1)]
    return starts[index] + 8 + length in starts


LENGTHS = st.dictionaries(
    st.integers(0, 11),
    st.one_of(st.integers(0, 200), st.integers(0, 1 << 16), st.integers(0, (1 << 32) - 1)),
    min_size=1,
    max_size=6,
)


@given(lengths=LENGTHS, end=st.sampled_from([END, framing.end_of_records() + bytes(300), b""]))
@PROPERTY
def test_every_record_whose_length_is_right_is_found(lengths: dict[int, int], end: bytes) -> None:
    assume(not any(leads_to_a_record(FRAMES, index, length) for index, length in lengths.items()))
    frames = [
        struct.pack(">I", lengths[index]) + frame[4:] if index in lengths else frame
        for index, frame in enumerate(FRAMES)
    ]
    assert found(file_of(frames, end), PLAIN) == [index for index in range(12) if index not in lengths]


@given(index=st.integers(0, 12), junk=st.binary(min_size=1, max_size=200))
@PROPERTY
def test_every_record_around_foreign_bytes_is_found(index: int, junk: bytes) -> None:
    data = file_of([*FRAMES[:index], junk, *FRAMES[index:]])
    assert found(data, PLAIN) == list(range(12))
    assert fmt.read(data).trailer is not None


@given(gone=st.sets(st.integers(0, 11)), junk=st.binary(min_size=1, max_size=9), place=st.integers(0, 11))
@PROPERTY
def test_records_that_are_gone_elsewhere_than_at_damage_are_never_made_up_for(
    gone: set[int], junk: bytes, place: int
) -> None:
    kept = [index for index in range(12) if index not in gone]
    frames = [junk + FRAMES[index] if index == place else FRAMES[index] for index in kept]
    indices = found(file_of(frames), PLAIN)
    until = next((n for n in range(12) if n in gone or n == place), 12)
    assert [index for index in indices if index < until] == list(range(until))
    if place in kept:
        behind = next((n for n in range(place, 12) if n in gone), 12)
        assert [index for index in indices if index >= place] == list(range(place, behind))


@pytest.mark.parametrize(("lost", "expected"), [(64, [0, 65, 66]), (65, [0])])
def test_as_many_records_may_be_lost_in_one_place_as_the_format_says(lost: int, expected: list[int]) -> None:
    assert MOST_LOST_RECORDS == 64
    plain, frames = sealed(lost + 3)
    assert found(file_of([frames[0], b"junk", *frames[lost + 1 :]]), plain) == expected


def test_a_record_behind_damage_is_opened_at_its_index_and_the_place_is_told() -> None:
    data = file_of([FRAMES[0], b"junk", *FRAMES[4:6]])
    segment = fmt.read(data)
    assert segment.damage == ("4 bytes where record 1 was due are no record: skipped",)
    assert [(span.index, span.skips) for span in segment.records] == [(0, 0), (1, 1), (2, 1)]
    opener = fmt.RecordOpener(segment, data, KEY)
    assert [(span.index, record) for span, record in opener.each()] == [
        (0, PLAIN[0]), (4, PLAIN[4]), (5, PLAIN[5]),
    ]  # fmt: skip


@pytest.mark.parametrize("size", [(1 << 20) - 8, (1 << 20) - 7, 1 << 21])
def test_a_large_record_behind_damage_is_found(size: int) -> None:
    large = framing.frame(b"\xa5" * size)
    for end in (END, FRAMES[3] + END, framing.end_of_records() + bytes(9), b""):
        (span,) = fmt.read(file_of([b"junk", large], end)).records[:1]
        assert (span.start, span.length) == (len(START) + 12, size)


def test_what_is_behind_damage_is_found_before_many_zeros_too() -> None:
    """Nearly every length that is in bounds by chance leads into them."""
    noise = b"".join(sha256(n.to_bytes(4, "big")).digest() for n in range(1 << 14))
    zeros = framing.end_of_records() + bytes(1 << 25)
    assert found(file_of([FRAMES[0], noise, *FRAMES[1:3]], zeros), PLAIN) == [0, 1, 2]
    large = framing.frame(noise + noise)
    assert len(large) > 1 << 20
    assert [span.length for span in fmt.read(file_of([noise, large], zeros)).records] == [len(large) - 8]


@pytest.mark.parametrize("zeros", [4095, 4096, 4097, 8192, 8193, 8194, 8195, 8196])
def test_zeros_before_a_record_hide_none_of_it(zeros: int) -> None:
    assert found(file_of([FRAMES[0], b"junk" + bytes(zeros), *FRAMES[1:3]]), PLAIN) == [0, 1, 2]
    assert fmt.read(file_of([FRAMES[0], b"junk" + bytes(zeros)])).trailer is not None


@pytest.mark.parametrize(
    "places",
    [b"\0\x07\xff\xff" * (1 << 18), (b"\0\0\0\x19" + bytes(29)) * (1 << 15), b"\0\0\0\x19" * (1 << 18)],
    ids=["long", "one behind the other", "short"],
)
def test_bytes_that_could_be_records_everywhere_are_given_up_in_time(places: bytes) -> None:
    """Each place's checksum is read at most once, and those of all places together only up to a bound."""
    assert found(file_of([FRAMES[0], b"junk", places]), PLAIN) == [0]
