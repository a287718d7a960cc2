"""ULIDs: their spelling, their order, and that they do not repeat."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.clock import NS
from node.mandate.ids import new_ulid

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LAST_NS = (1 << 48) * 1_000_000 - 1


def milliseconds(ulid: str) -> int:
    """The time in a ULID, read as the specification says: ten characters of five bits."""
    number = 0
    for character in ulid[:10]:
        number = number * 32 + ALPHABET.index(character)
    return number


@given(utc_ns=st.integers(0, LAST_NS))
def test_a_ulid_tells_its_millisecond(utc_ns: int) -> None:
    ulid = new_ulid(utc_ns)
    assert re.fullmatch(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", ulid)
    assert milliseconds(ulid) == utc_ns // 1_000_000


def test_the_specifications_example_is_this_time() -> None:
    assert new_ulid(1_469_918_176_385_000_000).startswith("01ARYZ6S41")


@given(st.integers(0, LAST_NS), st.integers(0, LAST_NS))
def test_ulids_of_different_milliseconds_sort_by_time(one_ns: int, other_ns: int) -> None:
    earlier_ns, later_ns = sorted((one_ns, other_ns))
    if earlier_ns // 1_000_000 < later_ns // 1_000_000:
        assert new_ulid(earlier_ns) < new_ulid(later_ns)


@pytest.mark.parametrize("utc_ns", [0, 1_793_742_000 * NS])
def test_ulids_of_one_moment_differ_in_all_their_random_bits(utc_ns: int) -> None:
    many = [new_ulid(utc_ns) for _ in range(2_000)]
    assert len(set(many)) == len(many)
    for place in range(10, 26):
        assert len({ulid[place] for ulid in many}) == 32
