"""How the maker of a segment vector says what a reader must find in it."""

import hashlib
from collections.abc import Sequence

from vectors.segment_parts import TWO_OF_THREE, WHOLE
from vectors.shelf import Ending, ExpectedRecord, ExpectedSegment, Signature

from node.formats.segment import Record

NO_TRAILER = "no trailer: the writer did not finish this file"

Made = tuple[str, bytes, ExpectedSegment]
Subsets = Sequence[Sequence[str]]


def found(
    about: str,
    records: Sequence[Record] = WHOLE,
    *,
    broken: bool = True,
    left_out: Sequence[int] = (),
    opens_for: Subsets = TWO_OF_THREE,
    sealed_for: Subsets = (),
    epoch: int = 1,
    ending: Ending = "closed",
    signature: Signature = "good",
    damage: Sequence[str] = (),
) -> ExpectedSegment:
    """It opens, to these records without those whose places are in `left_out`."""
    return ExpectedSegment(
        about=about,
        broken=broken,
        epoch=epoch,
        opens_for=tuple(tuple(subset) for subset in opens_for),
        sealed_for=tuple(tuple(subset) for subset in sealed_for),
        ending=ending,
        signature=signature,
        damage=tuple(damage),
        left_out=tuple(left_out),
        records=tuple(
            _expected(index, record) for index, record in enumerate(records) if index not in left_out
        ),
    )


def cut(about: str, records: Sequence[Record], *damage: str) -> ExpectedSegment:
    """It opens to these records and has no trailer."""
    return found(about, records, ending="cut", signature="missing", damage=(*damage, NO_TRAILER))


def damaged(about: str) -> ExpectedSegment:
    """Its start cannot be read."""
    return ExpectedSegment(about, True, "Damaged")


def sealed(about: str) -> ExpectedSegment:
    """It stays sealed for everybody."""
    return ExpectedSegment(about, True, "CannotOpen")


def _expected(index: int, record: Record) -> ExpectedRecord:
    return ExpectedRecord(
        index, record.type.name.lower(), record.utc_ns, hashlib.sha256(record.payload).hexdigest()
    )
