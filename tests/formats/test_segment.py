"""The bounds of a segment's fields, and a record's bytes by hand."""

import struct
from hashlib import sha256

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from formats.opened import records_of
from hypothesis import given, settings
from hypothesis import strategies as st
from vectors.shelf import vector

from node.errors import Damaged
from node.formats import framing
from node.formats import segment as fmt
from node.formats.segment import Gap, Record, RecordSealer, RecordType, TrailerState
from node.sealing.aead import AeadName

GOOD = vector("segments", "closed_aes_x25519")
HEADER = GOOD[12 : 12 + int.from_bytes(GOOD[8:12], "big")]
KEY = bytes(range(32))
CIPHERS: dict[AeadName, type[AESGCM] | type[ChaCha20Poly1305]] = {
    "AES-256-GCM": AESGCM,
    "ChaCha20-Poly1305": ChaCha20Poly1305,
}

RECORDS = st.lists(
    st.builds(
        Record,
        st.sampled_from([RecordType.INIT, RecordType.FRAGMENT, RecordType.GAP]),
        st.integers(0, (1 << 64) - 1),
        st.binary(max_size=100),
    ),
    max_size=8,
)


def start(*, header: bytes = HEADER, wraps: bytes = bytes(4)) -> bytes:
    return fmt.start_of_file(header, wraps)


def test_a_header_of_65536_bytes_is_read() -> None:
    padded = HEADER.ljust(65_536)
    assert fmt.read_start(start(header=padded))[1] == padded


def test_a_header_of_65537_bytes_is_refused() -> None:
    with pytest.raises(Damaged):
        fmt.read_start(start(header=HEADER.ljust(65_537)))


@pytest.mark.parametrize("field", ["segment", "mandate", "masks"])
def test_a_header_whose_id_ends_with_a_newline_is_refused(field: str) -> None:
    told = msgspec.json.decode(HEADER)
    with pytest.raises(Damaged):
        fmt.read_start(start(header=msgspec.json.encode({**told, field: f"{told[field]}\n"})))


def test_wraps_of_262144_bytes_are_read() -> None:
    assert len(fmt.read_start(start(wraps=bytes(262_144)))[2]) == 262_144


def test_wraps_of_262145_bytes_are_refused() -> None:
    with pytest.raises(Damaged):
        fmt.read_start(start(wraps=bytes(262_145)))


@pytest.mark.parametrize("length", [25, 33_554_432])
def test_a_record_of_a_length_at_the_bound_is_a_record(length: int) -> None:
    data = start() + framing.frame(bytes(length)) + framing.end_of_records()
    assert [span.length for span in fmt.read(data).records] == [length]


@pytest.mark.parametrize("length", [24, 33_554_433])
def test_a_record_of_a_length_beyond_the_bound_is_none(length: int) -> None:
    data = start() + framing.frame(bytes(length)) + framing.end_of_records()
    assert fmt.read(data).records == ()


@pytest.mark.parametrize("aead", list(CIPHERS))
def test_the_300th_record_is_sealed_as_the_table_says(aead: AeadName) -> None:
    sealer = RecordSealer(aead=aead, key=KEY, header=HEADER)
    sealed = [sealer.seal(Record(RecordType.FRAGMENT, 5, b"picture")) for _ in range(300)]
    associated = sha256(HEADER).digest() + struct.pack(">Q", 299)
    plain = CIPHERS[aead](KEY).decrypt(struct.pack(">IQ", 0, 299), sealed[299], associated)
    assert plain == b"\x02" + struct.pack(">Q", 5) + b"picture"


@given(records=RECORDS, aead=st.sampled_from(["AES-256-GCM", "ChaCha20-Poly1305"]))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_records_are_opened_as_they_were_sealed(records: list[Record], aead: AeadName) -> None:
    header = fmt.encode_header(msgspec.structs.replace(fmt.read(GOOD).header, aead=aead))
    sealer = RecordSealer(aead=aead, key=KEY, header=header)
    frames = [framing.frame(sealer.seal(record)) for record in records]
    data = start(header=header) + b"".join(frames) + framing.end_of_records()
    assert list(records_of(fmt.read(data), data, KEY).records.values()) == records


def test_no_two_records_have_the_same_ciphertext() -> None:
    sealer = RecordSealer(aead="AES-256-GCM", key=KEY, header=HEADER)
    assert len({sealer.seal(Record(RecordType.FRAGMENT, 5, b"")) for _ in range(600)}) == 600


def test_a_segment_is_read_the_same_from_a_view() -> None:
    assert fmt.read(memoryview(GOOD)) == fmt.read(GOOD)


@pytest.mark.parametrize("payload", [b"", b"\0\0\0", b"\0\0\0\0\0"])
def test_an_end_record_counts_in_four_bytes(payload: bytes) -> None:
    with pytest.raises(Damaged):
        fmt.end_count(Record(RecordType.END, 0, payload))


def test_only_an_end_record_counts_records() -> None:
    with pytest.raises(Damaged):
        fmt.end_count(Record(RecordType.FRAGMENT, 0, bytes(4)))


def test_a_trailer_says_who_finished_the_file() -> None:
    states = {TrailerState.CLOSED: b"STLPTRL1\x01", TrailerState.RECOVERED: b"STLPTRL1\x02"}
    assert {state: fmt.start_of_trailer(state) for state in TrailerState} == states


def test_a_gap_with_an_unknown_field_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"until_ns":1,"reason":"","by":"us"}', type=Gap)
