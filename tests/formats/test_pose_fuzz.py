"""Whatever bytes a pose reference has: it is refused, or it is the one spelling of what was read."""

from formats.mutations import mutated
from hypothesis import given, settings
from hypothesis import strategies as st
from vectors.shelf import vector

from node.errors import Damaged
from node.formats.pose import MAX_REFERENCE_BYTES, PoseLandmark, PoseReference, pack_pose, parse_pose

ORIGINALS = [vector("poses", name) for name in ("fewest", "some", "one_row")]
FUZZ = settings(derandomize=True, deadline=None, max_examples=200)
U16 = st.integers(0, 65_535)


def read(data: bytes) -> None:
    try:
        reference = parse_pose(data)
    except Damaged:
        return
    assert pack_pose(reference) == data
    assert len(data) <= MAX_REFERENCE_BYTES


@given(data=st.binary(max_size=300))
@FUZZ
def test_any_bytes_are_refused_or_read(data: bytes) -> None:
    read(data)


@given(mutation=mutated(ORIGINALS))
@FUZZ
def test_a_mutated_one_is_refused_or_read(mutation: tuple[int, bytes]) -> None:
    read(mutation[1])


@given(places=st.sets(st.tuples(U16, U16), min_size=24, max_size=512), direction=st.integers(0, 63))
@FUZZ
def test_what_is_written_is_read_again(places: set[tuple[int, int]], direction: int) -> None:
    reference = PoseReference(tuple(PoseLandmark(*place, direction) for place in sorted(places)))
    assert parse_pose(pack_pose(reference)) == reference
