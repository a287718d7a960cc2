"""Which segments an interval asks for, and what is said of what there is not."""

from node.clock import NS
from node.formats.bundle import Missing
from node.formats.interval import LONGEST_NS, Around, Interval, missing, overlapping

M = 60 * NS
STARTS = (10 * M, 11 * M, 12 * M, 20 * M)
KNOWN = Around(destroyed_ns=2 * M, evicted=True, now_ns=30 * M)


def test_a_segment_lasts_until_the_next_one_and_no_longer_than_a_camera_lets_it() -> None:
    assert overlapping(STARTS, Interval(11 * M, 12 * M)) == (1,)
    assert overlapping(STARTS, Interval(11 * M - 1, 12 * M + 1)) == (0, 1, 2)
    assert overlapping(STARTS, Interval(12 * M + LONGEST_NS, 20 * M)) == ()
    assert overlapping(STARTS, Interval(12 * M + LONGEST_NS - 1, 20 * M)) == (2,)
    assert overlapping((), Interval(0, 100 * M)) == ()


def test_everything_that_is_missing_is_told_in_order_and_nothing_twice() -> None:
    around = Around(destroyed_ns=2 * M, evicted=True, now_ns=30 * M, writing_ns=29 * M)
    told = missing(STARTS, [None] * 4, Interval(0, 40 * M), around)
    assert told == (
        Missing(0, 2 * M, "destroyed"),
        Missing(2 * M, 10 * M, "evicted"),
        Missing(12 * M + LONGEST_NS, 20 * M, "not_filmed"),
        Missing(20 * M + LONGEST_NS, 29 * M, "not_filmed"),
        Missing(29 * M, 30 * M, "being_written"),
        Missing(30 * M, 40 * M, "not_filmed"),
    )


def test_a_segment_that_cannot_be_opened_is_missing_with_its_reason() -> None:
    told = missing(STARTS, [None, "destroyed", "destroyed", None], Interval(10 * M, 13 * M), KNOWN)
    assert told == (Missing(11 * M, 13 * M, "destroyed"),)


def test_where_nobody_knows_whether_anything_was_evicted_nothing_is_claimed() -> None:
    around = Around(destroyed_ns=0, evicted=None, now_ns=30 * M)
    assert missing((10 * M,), [None], Interval(5 * M, 11 * M), around)[0] == Missing(5 * M, 10 * M, "unknown")
    around = Around(destroyed_ns=0, evicted=False, now_ns=30 * M)
    assert missing((10 * M,), [None], Interval(5 * M, 11 * M), around)[0] == Missing(
        5 * M, 10 * M, "not_filmed"
    )


def test_an_interval_that_is_all_there_misses_nothing() -> None:
    assert missing(STARTS, [None] * 4, Interval(10 * M, 13 * M), KNOWN) == ()
