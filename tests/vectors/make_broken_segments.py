"""Segments broken on purpose: one thing each."""

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace

import msgspec
from vectors.make_broken_lengths import lengths
from vectors.make_keys import seed
from vectors.segment_found import Made, cut, damaged, found, sealed
from vectors.segment_parts import (
    PICTURES,
    START_NS,
    TWO_OF_THREE,
    WHOLE,
    Parts,
    framed,
    header,
    packed,
    parts,
    public,
    sealed_frames,
    sealed_wraps,
    wraps_of,
)
from vectors.shelf import ExpectedSegment

from node.formats.segment import Record, RecordType
from node.sealing.recipients import wrap


def flipped(data: bytes, at: int, bit: int = 0) -> bytes:
    """One bit of `data` the other way; `at` may count from the end."""
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def broken() -> Iterator[Made]:
    """Every broken one. They share a base, so that two of them differ in the damage alone."""
    base = parts(header(40))
    yield from _magics(base)
    yield from _headers(base)
    yield from _wraps(base)
    yield from _frames(base)
    yield from lengths(base)
    yield from _order(base)
    yield from _contents()
    yield from _trailers(base)
    yield from _cuts(base)


def _magics(base: Parts) -> Iterator[Made]:
    yield "empty", b"", damaged("no bytes at all")
    yield "magic_alone", b"STLPSEG1", damaged("it ends behind its magic")
    yield "older_version", replace(base, magic=b"STLPSEG0").file(), damaged("version 0")
    yield "newer_version", replace(base, magic=b"STLPSEG2").file(), damaged("version 2")
    yield "start_torn", base.start[:100] + bytes(300), damaged("cut while its start was written")


def _headers(base: Parts) -> Iterator[Made]:
    told = header(40)
    at = base.header.index(b"test-node") + 3
    yield (
        "header_value_flipped",
        replace(base, header=flipped(base.header, at)).file(),
        sealed("a bit of the node's id flipped: the header is readable, and nothing is bound to it"),
    )
    other = base.header.replace(b"[1280,720]", b"[1280,721]")
    yield "header_rewritten", replace(base, header=other).file(), sealed("other picture size, signed anew")
    yield "header_not_json", replace(base, header=flipped(base.header, 0)).file(), damaged("no JSON")
    for name, about, changed in (
        ("header_field_unknown", "a field that is not in FORMAT.md", {**told, "camera": "north"}),
        ("header_aead_unknown", "a cipher that is not in FORMAT.md", {**told, "aead": "AES-128-GCM"}),
        (
            "header_trust_unknown",
            "a word for the clock's trust that is not in FORMAT.md",
            {**told, "time_trust": "?"},
        ),
        ("header_digest_short", "half of a digest", {**told, "mandate": told["mandate"][:39]}),
        ("header_no_subsets", "nobody may open it", {**told, "subsets": []}),
        ("header_eleven_subsets", "a subset too many", {**told, "subsets": [["test-cissi"]] * 11}),
        ("header_size_text", "a size that is no number", {**told, "size": ["1280", "720"]}),
        ("header_field_missing", "no codec", {k: v for k, v in told.items() if k != "codec"}),
    ):
        encoded = msgspec.json.encode(changed)
        wraps = sealed_wraps(packed(wraps_of(encoded, told)), encoded, told)
        yield name, replace(base, header=encoded, wraps=wraps).file(), damaged(about)
    tail = base.file()[12 + len(base.header) :]
    empty = base.magic + struct.pack(">I", 0) + tail
    yield "header_empty", empty, damaged("a header of no bytes")
    over = base.magic + struct.pack(">I", 65_537) + base.header + tail
    yield "header_length_over", over, damaged("a header longer than 65 536")
    endless = base.magic + b"\xff\xff\xff\xff" + base.header + tail
    yield "header_length_endless", endless, damaged("a header longer than the file")


def _wraps(base: Parts) -> Iterator[Made]:
    told, encoded = header(40), base.header
    wraps = wraps_of(encoded, told)
    yield "wraps_flipped", replace(base, wraps=flipped(base.wraps, 40)).file(), sealed("a bit of the wraps")
    yield (
        "wraps_tag_flipped",
        replace(base, wraps=flipped(base.wraps, -1)).file(),
        sealed("a bit of their tag"),
    )
    other = struct.pack(">I", 2) + base.wraps[4:]
    yield (
        "epoch_other",
        replace(base, wraps=other).file(),
        sealed("the number of another epoch that is there"),
    )
    gone = struct.pack(">I", 3) + base.wraps[4:]
    yield (
        "epoch_gone",
        replace(base, wraps=gone).file(),
        sealed("the number of an epoch whose key is destroyed"),
    )
    yield "wraps_short", replace(base, wraps=base.wraps[:3]).file(), damaged("wraps of 3 bytes")
    yield "wraps_epoch_alone", replace(base, wraps=base.wraps[:4]).file(), sealed("an epoch and no wraps")
    for name, about, plain in (
        ("wraps_two_of_three", "a wrap too few", packed(wraps[:2])),
        ("wraps_four_of_three", "a wrap too many", packed([*wraps, wraps[0]])),
        ("wraps_byte_too_many", "a byte behind the last wrap", packed(wraps) + b"\0"),
        ("wraps_length_wrong", "the last wrap is longer than what is there", packed(wraps)[:-1]),
        ("wraps_none", "sealed nothing", b""),
    ):
        yield name, replace(base, wraps=sealed_wraps(plain, encoded, told)).file(), damaged(about)
    swapped = sealed_wraps(packed([wraps[1], wraps[0], wraps[2]]), encoded, told)
    yield (
        "wraps_swapped",
        replace(base, wraps=swapped).file(),
        found(
            "two wraps in each other's place",
            opens_for=TWO_OF_THREE[2:],
            sealed_for=TWO_OF_THREE[:2],
        ),
    )
    foreign = header(41)
    yield (
        "wraps_of_other_segment",
        replace(base, wraps=sealed_wraps(packed(wraps_of(b"other", foreign)), encoded, told)).file(),
        sealed("wraps that were made for another header, under this segment's epoch layer"),
    )
    context = b"segment\0" + hashlib.sha256(encoded).digest()
    keys = {owner: public(owner) for owner in ("test-cissi", "test-david", "test-eva")}
    turned = [
        wrap(seed("segment", told["segment"]), subset[::-1], keys, context=context) for subset in TWO_OF_THREE
    ]
    yield (
        "wraps_layers_turned",
        replace(base, wraps=sealed_wraps(packed(turned), encoded, told)).file(),
        sealed("sealed to the second person first"),
    )


def _frames(base: Parts) -> Iterator[Made]:
    frame = base.frames[2]
    one = found("a bit of a ciphertext", left_out=[2], signature="bad", damage=["record 2 is damaged"])
    signed = base.file()
    at = len(base.start) + len(base.frames[0]) + len(base.frames[1])
    yield "record_flipped", flipped(signed, at + 20), one
    yield "record_tag_flipped", flipped(signed, at + len(frame) - 1), _of(one, "a bit of a tag")
    yield "record_crc_flipped", flipped(signed, at + 5), _of(one, "a bit of a CRC")
    yield (
        "record_flipped_signed",
        base.with_frame(2, flipped(frame, 20)).file(),
        found("a bit of a ciphertext, signed so", left_out=[2], damage=["record 2 is damaged"]),
    )
    yield (
        "record_forged",
        base.with_frame(2, framed(flipped(frame[8:], 12))).file(),
        found("a bit of a ciphertext, its CRC made to fit, signed so", left_out=[2]),
    )
    yield (
        "first_record_flipped",
        flipped(signed, len(base.start) + 20),
        found("a bit of the init", left_out=[0], signature="bad", damage=["record 0 is damaged"]),
    )
    yield (
        "last_record_flipped",
        flipped(signed, len(base.start) + sum(map(len, base.frames)) - 1),
        found(
            "a bit of the end record",
            left_out=[5],
            ending="cut",
            signature="bad",
            damage=["record 5 is damaged"],
        ),
    )
    yield (
        "two_neighbours_flipped",
        flipped(flipped(signed, at + 20), at - 1),
        found(
            "a bit in each of two records that follow each other",
            left_out=[1, 2],
            signature="bad",
            damage=["record 1 is damaged", "record 2 is damaged"],
        ),
    )
    yield (
        "two_apart_flipped",
        flipped(flipped(signed, at + 20), at + len(frame) + len(base.frames[3]) + 20),
        found(
            "a bit in each of two records with one between them",
            left_out=[2, 4],
            signature="bad",
            damage=["record 2 is damaged", "record 4 is damaged"],
        ),
    )


def _order(base: Parts) -> Iterator[Made]:
    one, two = base.frames[1], base.frames[2]
    yield (
        "records_swapped",
        base.with_frame(1, two).with_frame(2, one).file(),
        found("two records in each other's place", left_out=[1, 2]),
    )
    told = header(42)
    elsewhere = parts(told)
    yield (
        "record_of_other_segment",
        base.with_frame(2, elsewhere.frames[2]).file(),
        found("a record that another segment has at this place", left_out=[2]),
    )
    same_key = sealed_frames(_plain(WHOLE), elsewhere.header, header(40))
    yield (
        "record_of_other_header",
        base.with_frame(2, same_key[2]).file(),
        found("a record under this segment's key, bound to another header", left_out=[2]),
    )
    twice = replace(base, frames=(*base.frames[:2], *base.frames[1:]))
    expected = found("a record twice", [*WHOLE, WHOLE[5]], left_out=range(2, 7), ending="cut")
    yield "record_twice", twice.file(), expected
    gone = replace(base, frames=(*base.frames[:2], *base.frames[3:]))
    expected = found("a record taken out", WHOLE[:5], left_out=range(2, 5), ending="cut")
    yield "record_taken_out", gone.file(), expected
    short = replace(base, frames=base.frames[:4])
    yield (
        "last_records_taken_out",
        short.file(),
        found("its last two records taken out", WHOLE[:4], ending="cut"),
    )


def _contents() -> Iterator[Made]:
    for number, name, kind in ((50, "type_unknown", 9), (51, "type_zero", 0)):
        told = header(number)
        whole = parts(told)
        plain = _plain(WHOLE)
        plain[2] = (kind, START_NS, b"from a later version")
        frames = sealed_frames(plain, whole.header, told)
        about = f"a record of type {kind}, sealed as it should be"
        yield name, replace(whole, frames=tuple(frames)).file(), found(about, left_out=[2])
    for number, name, count in ((52, "end_count_less", 4), (53, "end_count_more", 6)):
        miscounted = [*PICTURES, Record(RecordType.END, WHOLE[-1].utc_ns, struct.pack(">I", count))]
        about = f"the end record counts {count} records where 5 are"
        yield name, parts(header(number), records=miscounted).file(), found(about, miscounted, ending="cut")
    unended = parts(header(54), records=PICTURES).file()
    yield "end_missing", unended, found("closed by its writer without an end record", PICTURES, ending="cut")


def _trailers(base: Parts) -> Iterator[Made]:
    whole = base.file()
    yield "signature_flipped", flipped(whole, -1), found("a bit of the signature", signature="bad")
    recovered = flipped(flipped(whole, -65, 0), -65, 1)
    yield (
        "state_other",
        recovered,
        found("closed, changed to recovered", signature="bad", ending="recovered"),
    )
    yield (
        "state_unknown",
        flipped(whole, -65, 1),
        found(
            "state 3",
            signature="missing",
            ending="cut",
            damage=["the trailer has the unknown state 3"],
        ),
    )
    yield "trailer_magic_flipped", flipped(whole, -73), cut("a bit of the trailer's magic", WHOLE)
    yield "trailer_cut", whole[:-1], cut("the signature's last byte is missing", WHOLE)
    yield (
        "signed_by_stranger",
        replace(base, signer="test-stranger").file(),
        found("another's", signature="bad"),
    )
    extra = "7 bytes too many behind the trailer"
    yield "trailing_bytes", whole + b"trailer", found("bytes behind the trailer", damage=[extra])
    zeros = "512 bytes too many behind the trailer"
    yield (
        "trailing_zeros",
        whole + bytes(512),
        found("cut between its trailer and its truncation", damage=[zeros]),
    )


def _cuts(base: Parts) -> Iterator[Made]:
    pictures = replace(base, frames=base.frames[:5], state=None, end=b"")
    written = pictures.file()
    yield "cut_preallocated", written + bytes(300), cut("a power cut: zeros follow", PICTURES)
    yield "cut_before_first_record", base.start + bytes(300), cut("cut behind its start", ())
    behind = "cut after record 4: what follows is not a whole record"
    end = base.frames[5]
    there = "cut after record 4: the file ends there"
    yield "cut_without_zeros", written, cut("no zeros follow", PICTURES, there)
    yield "cut_within_length", written + end[:2], cut("2 bytes follow", PICTURES, there)
    yield "cut_within_record", written + end[:-1], cut("the end record lacks a byte", PICTURES, behind)
    torn = "cut after record 4: the next is torn"
    half = written + end[:-5] + bytes(300)
    yield "torn_last_record", half, cut("the end record was half written", PICTURES, torn)
    length = written + end[:4] + bytes(300)
    yield "torn_behind_length", length, cut("only a length was written", PICTURES, torn)
    yield (
        "cut_before_trailer",
        replace(base, state=None).file() + bytes(64),
        cut("all but its trailer", WHOLE),
    )
    trailer = base.file()[:-30] + bytes(30)
    yield "torn_signature", trailer, found("half of the signature was written", signature="bad")


def _plain(records: Sequence[Record]) -> list[tuple[int, int, bytes]]:
    return [(int(record.type), record.utc_ns, record.payload) for record in records]


def _of(expected: ExpectedSegment, about: str) -> ExpectedSegment:
    return msgspec.structs.replace(expected, about=about)
