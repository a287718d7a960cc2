"""Time: exact to the nanosecond it was given, and moved by nobody but its owner."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from node.clock import (
    NS,
    Instant,
    PacedClock,
    SimulatedClock,
    SystemClock,
    TimeTrust,
    parse_rfc3339,
    rfc3339,
    utc_moment,
    utc_ns,
)
from node.errors import Refused

LAST_NS = 253_402_300_799 * NS + 999_999_999
"""9999-12-31T23:59:59.999999999Z"""

OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@pytest.mark.parametrize(
    ("text", "expected_ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T00:00:00-00:00", 0),
        ("1969-12-31T23:59:59.999999Z", -1_000),
        ("2026-11-03T22:40:00+01:00", 1_793_742_000 * NS),
        ("2026-11-03T21:40:00Z", 1_793_742_000 * NS),
        ("2026-11-03T21:40:00.5Z", 1_793_742_000 * NS + 500_000_000),
        ("2026-11-03T21:40:00.123456Z", 1_793_742_000 * NS + 123_456_000),
        ("2026-11-04T03:25:00+05:45", 1_793_742_000 * NS),
        ("2024-02-29T12:00:00Z", 1_709_208_000 * NS),
        ("0001-01-01T00:00:00Z", -62_135_596_800 * NS),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_800 * NS - 1_000),
        ("9999-12-31T23:59:59-12:00", (253_402_300_799 + 43_200) * NS),
        ("2026-11-03t21:40:00z", 1_793_742_000 * NS),
        ("2026-11-03T21:40:00.123456789Z", 1_793_742_000_123_456_789),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("2026-11-04T21:39:00+23:59", 1_793_742_000 * NS),
    ],
)
def test_an_rfc_3339_time_is_read_exactly(text: str, expected_ns: int) -> None:
    assert parse_rfc3339(text) == expected_ns


@pytest.mark.parametrize(
    "text", ["2026-11-03T22:40:00", "2026-11-03T22:40:00.5", "2026-11-03", "2026-11-03 22:40:00"]
)
def test_a_time_without_an_offset_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="without an offset says nothing"):
        parse_rfc3339(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "22:40:00Z", "2026-11-03T25:00:00Z", "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z",
        "2026-11-03T22:40:00+24:00", "2026-11-03T22:40:60Z", "2026-11-03T22:40:00Z ", " 2026-11-03T22:40:00Z",
        "2026-11-03T22:40:00 CET", "1793742000", "٢٠٢٦-11-03T22:40:00Z", "2026-11-03T22:40:00Z\n", "2026\x00",
        "\ud800", "2026-11-03T22:40:00Z" * 1_000,
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(Refused, match=r"^[^\n]+\Z"):
        parse_rfc3339(text)


@pytest.mark.parametrize(
    "text",
    [
        "20261103T224000+0100",
        "2026-W45-2T22:40:00+01:00",
        "2026-11-03T22:40+01:00",
        "2026-11-03T22+01:00",
        "2026-11-03T22:40:00,5+01:00",
        "2026-11-03T22:40:00.+01:00",
        "2026-11-03X22:40:00+01:00",
        "2026-11-03T22:40:00+0100",
        "2026-11-03T22:40:00+01",
        "2026-11-03T22:40:00+01:00:30",
        "2026-11-03T22:40:00+01:60",
        "2026-11-03T24:00:00+01:00",
        "2026-11-03 22:40:00+01:00",
        "2026-11-03T22:40:00.1234567890+01:00",
    ],
)
def test_another_spelling_of_iso_8601_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        parse_rfc3339(text)


def test_nanoseconds_are_read_or_refused_but_not_dropped() -> None:
    try:
        assert parse_rfc3339("2026-11-03T21:40:00.123456789Z") == 1_793_742_000_123_456_789
    except Refused:
        return


@given(when_ns=st.integers(0, LAST_NS))
@example(when_ns=0)
@example(when_ns=LAST_NS)
def test_what_is_written_is_cut_and_never_rounded(when_ns: int) -> None:
    assert parse_rfc3339(rfc3339(when_ns, digits=0)) == when_ns // NS * NS
    assert parse_rfc3339(rfc3339(when_ns)) == when_ns // 1_000_000 * 1_000_000
    assert parse_rfc3339(rfc3339(when_ns, digits=6)) == when_ns // 1_000 * 1_000


@pytest.mark.parametrize(
    ("when_ns", "digits", "expected"),
    [
        (0, 0, "1970-01-01T00:00:00Z"),
        (0, 3, "1970-01-01T00:00:00.000Z"),
        (1_793_742_000_999_999_999, 0, "2026-11-03T21:40:00Z"),
        (1_793_742_000_999_999_999, 3, "2026-11-03T21:40:00.999Z"),
        (1_793_742_000_000_001_999, 6, "2026-11-03T21:40:00.000001Z"),
        (-1, 3, "1969-12-31T23:59:59.999Z"),
    ],
)
def test_a_time_is_written_in_utc(when_ns: int, digits: Literal[0, 3, 6], expected: str) -> None:
    assert rfc3339(when_ns, digits=digits) == expected


@pytest.mark.parametrize(
    ("when_ns", "expected"),
    [(-62_135_596_800 * NS, "0001-01-01T00:00:00.000Z"), (LAST_NS, "9999-12-31T23:59:59.999Z")],
)
def test_the_years_1_to_9999_are_written(when_ns: int, expected: str) -> None:
    assert rfc3339(when_ns) == expected


@pytest.mark.parametrize("when_ns", [-62_135_596_800 * NS - 1, LAST_NS + 1, 1 << 70, -(1 << 70), 10**400])
def test_a_time_outside_the_years_1_to_9999_is_refused_in_one_line(when_ns: int) -> None:
    for made in (rfc3339, utc_moment):
        with pytest.raises(Refused, match=r"^[^\n]+years 1 to 9999[^\n]+\Z"):
            made(when_ns)


@given(st.datetimes(timezones=OFFSETS))
@example(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23, minutes=59))))
@example(datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=-23, minutes=-59))))
def test_a_datetime_becomes_exact_nanoseconds(moment: datetime) -> None:
    microseconds, rest = divmod(utc_ns(moment), 1_000)
    assert rest == 0
    assert moment - datetime(1970, 1, 1, tzinfo=UTC) == timedelta(microseconds=microseconds)
    assert parse_rfc3339(moment.isoformat()) == utc_ns(moment)


@pytest.mark.parametrize("trust", ["simulated", "demo", "untrusted"])
def test_a_simulated_clock_starts_where_it_is_told_and_says_how_far_to_trust_it(trust: TimeTrust) -> None:
    clock = SimulatedClock(start_utc_ns=123, trust=trust)
    assert (clock.now(), clock.boottime_ns()) == (Instant(123, trust), 0)
    assert clock.now() == Instant(123, trust)


@given(waits=st.lists(st.integers(0, 1 << 62), max_size=8))
def test_waiting_moves_a_simulated_clock_to_the_time_and_never_back(waits: list[int]) -> None:
    clock = SimulatedClock(start_utc_ns=1_793_742_000 * NS)
    for number, until_ns in enumerate(waits, 1):
        clock.wait_until(until_ns)
        assert clock.boottime_ns() == max(waits[:number])
        assert clock.now().utc_ns == 1_793_742_000 * NS + clock.boottime_ns()


def test_a_paced_clock_moves_exactly_as_far_as_it_is_told_but_no_faster_than_real_time() -> None:
    machine = SystemClock()
    clock = PacedClock(start_utc_ns=1_793_742_000 * NS, trust="demo")
    before_ns = machine.boottime_ns()
    for step in range(1, 6):
        clock.wait_until(step * 4_000_000)
        assert clock.boottime_ns() == step * 4_000_000
    assert machine.boottime_ns() - before_ns > 10_000_000
    assert clock.now() == Instant(1_793_742_000 * NS + 20_000_000, "demo")


def test_a_paced_clock_does_not_wait_for_what_has_passed() -> None:
    clock = PacedClock(start_utc_ns=0)
    clock.wait_until(1_000_000)
    clock.wait_until(-3_600 * NS)
    clock.wait_until(1_000_000)
    assert clock.boottime_ns() == 1_000_000


def test_the_machines_clock_is_not_trusted_unless_its_owner_says_so() -> None:
    assert SystemClock().now().trust == "untrusted"
    assert SystemClock(trust="battery").now().trust == "battery"


def test_the_machines_clock_goes_on_and_waits_until_the_time_has_come() -> None:
    clock = SystemClock()
    until_ns = clock.boottime_ns() + 2_000_000
    clock.wait_until(until_ns)
    assert clock.boottime_ns() >= until_ns
    clock.wait_until(0)
