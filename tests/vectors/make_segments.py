"""Segments that are as FORMAT.md says."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

import msgspec
from vectors.segment_found import Made, found
from vectors.segment_parts import PICTURES, WHOLE, header, parts

from node.formats.segment import Record

HYBRID_SUBSETS = (
    ("test-anna", "test-bertil"),
    ("test-anna", "test-recovery"),
    ("test-bertil", "test-recovery"),
)
MIXED = (("test-anna", "test-cissi"), ("test-cissi", "test-anna"))
PEOPLE = ("test-cissi", "test-david", "test-eva", "test-node", "test-stranger")
CHACHA = "ChaCha20-Poly1305"


def good() -> Iterator[Made]:
    """Every good one. Its number makes its segment id."""
    yield (
        "closed_aes_x25519",
        parts(header(1)).file(),
        found("closed, AES, X25519, 2 of 3", broken=False),
    )
    yield (
        "closed_chacha_x25519",
        parts(header(2, aead=CHACHA)).file(),
        found("closed, ChaCha20, X25519, 2 of 3", broken=False),
    )
    yield from _recipients()
    yield from _endings()
    yield from _headers()
    yield from _records()


def _recipients() -> Iterator[Made]:
    for number, name, about, aead, subsets in (
        (3, "closed_aes_hybrid", "hybrid keys, 2 of 3 with recovery, AES", "AES-256-GCM", HYBRID_SUBSETS),
        (4, "closed_chacha_hybrid", "hybrid keys, 2 of 3 with recovery, ChaCha20", CHACHA, HYBRID_SUBSETS),
        (5, "mixed_kems", "hybrid inside X25519, and the other way", "AES-256-GCM", MIXED),
        (6, "one_of_one", "one person alone", "AES-256-GCM", (("test-cissi",),)),
        (7, "five_of_five", "everybody is needed", "AES-256-GCM", (PEOPLE,)),
        (8, "ten_subsets", "2 of 5: as many wraps as can be", CHACHA, tuple(combinations(PEOPLE, 2))),
    ):
        made = parts(header(number, aead=aead, subsets=subsets)).file()
        yield name, made, found(about, broken=False, opens_for=subsets)


def _endings() -> Iterator[Made]:
    cut = replace(parts(header(10), records=PICTURES), state=2).file()
    about = "recovery signed what a power cut left"
    yield "recovered", cut, found(about, PICTURES, broken=False, ending="recovered")
    whole = replace(parts(header(11)), state=2).file()
    about = "cut behind its end record, before its trailer, and finished by recovery"
    yield "recovered_with_end", whole, found(about, broken=False, ending="recovered")
    nothing = replace(parts(header(12), records=()), state=2).file()
    about = "cut before its first record, and finished by recovery"
    yield "recovered_empty", nothing, found(about, (), broken=False, ending="recovered")


def _headers() -> Iterator[Made]:
    yield (
        "no_masks",
        parts(header(20, masks=None)).file(),
        found("a mandate without masks", broken=False),
    )
    yield (
        "epoch_2",
        parts(header(21), epoch=2).file(),
        found("sealed under the slot's second epoch", broken=False, epoch=2),
    )
    told = header(22)
    reordered = dict(reversed(told.items()))
    spaced = msgspec.json.format(msgspec.json.encode(reordered), indent=2)
    yield (
        "header_spaced",
        parts(told, encoded=spaced).file(),
        found("the header's JSON in another order, with white space", broken=False),
    )


def _records() -> Iterator[Made]:
    late = [Record(record.type, (1 << 64) - 1, record.payload) for record in WHOLE]
    yield (
        "latest_time",
        parts(header(31), records=late).file(),
        found("records at the last nanosecond that 64 bits can tell", late, broken=False),
    )
