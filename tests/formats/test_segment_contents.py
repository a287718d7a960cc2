"""Records that are sealed as they should be and hold something else: told in a note, and the rest still opens."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from vectors.segment_parts import PICTURES, START_NS, header, parts
from vectors.shelf import EPOCH_SLOT, slot_image

from central.desk import Desk
from central.opening import OpenedSegment, Place, opened
from node.errors import Refused
from node.formats.segment import Record, RecordType
from node.sealing.keys import PrivateKeys

People = Mapping[str, PrivateKeys]
END = Record(RecordType.END, START_NS, struct.pack(">I", len(PICTURES)))


def at_the_desk(
    path: Path, records: Sequence[Record], people: People, epochs: Mapping[int, bytes]
) -> OpenedSegment:
    """A file of these records, opened and read to its end."""
    told = header(60)
    path = path / f"{told['segment']}.seg"
    path.write_bytes(parts(told, records=records).file())
    found = opened(path, epochs=epochs, keys=people, node=None)
    list(found.fragments)
    return found


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"\xff", b"[]", b"[" * 200_000, b'{"until_ns":1}', b'{"until_ns":-1,"reason":""}',
        b'{"until_ns":9223372036854775808,"reason":""}', b'{"until_ns":%s,"reason":""}' % (b"9" * 5_000),
    ],
    ids=lambda payload: payload[:30],
)  # fmt: skip
def test_a_gap_that_tells_nothing_is_left_out(
    payload: bytes, tmp_path: Path, people: People, epochs: Mapping[int, bytes]
) -> None:
    records = [*PICTURES[:3], Record(RecordType.GAP, START_NS, payload), *PICTURES[4:], END]
    found = at_the_desk(tmp_path, records, people, epochs)
    assert (found.notes, found.gaps) == (["record 3: not a gap record: left out"], [])
    assert found.ending == "closed"


@pytest.mark.parametrize("payload", [b"", b"\0\0\5", b"\0\0\0\0\5"])
def test_an_end_record_that_does_not_count_ends_nothing(
    payload: bytes, tmp_path: Path, people: People, epochs: Mapping[int, bytes]
) -> None:
    records = [*PICTURES, Record(RecordType.END, START_NS, payload)]
    found = at_the_desk(tmp_path, records, people, epochs)
    assert found.notes == ["record 5: not an end record: left out", "cut after fragment 3"]
    assert found.ending == "cut"


def test_fragments_without_pictures_make_no_clip(tmp_path: Path, people: People) -> None:
    told = header(61)
    segment, slot = tmp_path / f"{told['segment']}.seg", tmp_path / "epochs.slot"
    segment.write_bytes(parts(told).file())
    slot.write_bytes(slot_image(EPOCH_SLOT))
    desk = Desk(work=tmp_path, out=tmp_path / "clip.mp4")
    with pytest.raises(Refused, match=r"^there is no picture in it\Z"):
        desk.open_all(Place((segment,), slot, None), people)
    assert not (tmp_path / "clip.mp4").exists()
