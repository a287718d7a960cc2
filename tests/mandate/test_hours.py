"""Rules 1 and 2 of `node.mandate.hours` as tables in local time, its bounds, and its three questions."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from node.clock import NS, parse_rfc3339, utc_ns
from node.errors import Refused
from node.mandate.hours import DAYS, MAX_WINDOWS, Day, Site, Window, is_open, next_change, open_intervals

HOUR_NS = 3_600 * NS
DAY_NS = 24 * HOUR_NS
Span = tuple[str, str]

STOCKHOLM = Site(name="Norra", latitude=59.33, longitude=18.07, timezone="Europe/Stockholm")
KIRUNA = Site(name="Torget", latitude=67.86, longitude=20.23, timezone="Europe/Stockholm")
SYDNEY = Site(name="Quay", latitude=-33.87, longitude=151.21, timezone="Australia/Sydney")
KATHMANDU = Site(name="Thamel", latitude=27.72, longitude=85.32, timezone="Asia/Kathmandu")
AZORES = Site(name="Ponta Delgada", latitude=37.74, longitude=-25.67, timezone="Atlantic/Azores")
ST_JOHNS = Site(name="Harbour", latitude=47.56, longitude=-52.71, timezone="America/St_Johns")
APIA = Site(name="Apia", latitude=-13.83, longitude=-171.77, timezone="Pacific/Apia")


def daily(opens: str, closes: str, days: tuple[Day, ...] = DAYS) -> Window:
    return Window(days=days, open=opens, close=closes)


def found(windows: Sequence[Window], site: Site, first: str, last: str) -> list[Span]:
    """The open intervals from the start of one local day to the start of another, in local time."""
    zone = ZoneInfo(site.timezone)
    bounds = [utc_ns(datetime.fromisoformat(day).replace(tzinfo=zone)) for day in (first, last)]
    intervals = open_intervals(windows, site, from_ns=bounds[0], until_ns=bounds[1])
    return [(local(i.start_ns, zone), local(i.end_ns, zone)) for i in intervals]


def local(when_ns: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(when_ns / NS, zone).isoformat(timespec="seconds")


# Rule 1, the opening day


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ([daily("08:00", "16:30", ("tue",))], [("2026-09-15T08:00:00+02:00", "2026-09-15T16:30:00+02:00")]),
        ([daily("20:00", "06:00", ("tue",))], [("2026-09-15T20:00:00+02:00", "2026-09-16T06:00:00+02:00")]),
        ([daily("20:00", "24:00", ("tue",))], [("2026-09-15T20:00:00+02:00", "2026-09-16T00:00:00+02:00")]),
        ([daily("20:00", "00:00", ("tue",))], [("2026-09-15T20:00:00+02:00", "2026-09-16T00:00:00+02:00")]),
        ([daily("00:00", "24:00", ("tue",))], [("2026-09-15T00:00:00+02:00", "2026-09-16T00:00:00+02:00")]),
        ([daily("07:00", "07:00", ("tue",))], [("2026-09-15T07:00:00+02:00", "2026-09-16T07:00:00+02:00")]),
        (
            [daily("22:00", "04:00", ("fri", "sat"))],
            [
                ("2026-09-18T22:00:00+02:00", "2026-09-19T04:00:00+02:00"),
                ("2026-09-19T22:00:00+02:00", "2026-09-20T04:00:00+02:00"),
            ],
        ),
        (
            [daily("00:00", "24:00", ("sat", "sun"))],
            [("2026-09-19T00:00:00+02:00", "2026-09-21T00:00:00+02:00")],
        ),
        (
            [
                daily("22:00", "04:00", ("sun",))
            ],  # the Sunday before reaches into the range, this one out of it
            [
                ("2026-09-14T00:00:00+02:00", "2026-09-14T04:00:00+02:00"),
                ("2026-09-20T22:00:00+02:00", "2026-09-21T00:00:00+02:00"),
            ],
        ),
    ],
)
def test_a_window_belongs_to_the_day_on_which_it_opens(windows: list[Window], expected: list[Span]) -> None:
    assert found(windows, STOCKHOLM, "2026-09-14", "2026-09-21") == expected


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ([("08:00", "12:00"), ("12:00", "16:00")], [("08:00", "16:00")]),
        ([("12:00", "16:00"), ("08:00", "12:00")], [("08:00", "16:00")]),
        ([("08:00", "13:00"), ("12:00", "16:00")], [("08:00", "16:00")]),
        ([("08:00", "16:00"), ("10:00", "12:00")], [("08:00", "16:00")]),
        ([("08:00", "12:00"), ("12:01", "16:00")], [("08:00", "12:00"), ("12:01", "16:00")]),
        ([("08:00", "12:00"), ("08:00", "12:00")], [("08:00", "12:00")]),
    ],
)
def test_windows_that_touch_or_overlap_are_one(windows: list[Span], expected: list[Span]) -> None:
    spans = found([daily(*ends) for ends in windows], STOCKHOLM, "2026-09-14", "2026-09-15")
    assert spans == [
        (f"2026-09-14T{start}:00+02:00", f"2026-09-14T{end}:00+02:00") for start, end in expected
    ]


def test_no_windows_are_never_open() -> None:
    assert found([], STOCKHOLM, "2026-01-01", "2026-12-31") == []


# Rule 2, doubt narrows


def test_20_to_06_lasts_nine_hours_on_the_spring_night() -> None:
    spans = found([daily("20:00", "06:00", ("sat",))], STOCKHOLM, "2026-03-28", "2026-03-30")
    assert spans == [("2026-03-28T20:00:00+01:00", "2026-03-29T06:00:00+02:00")]
    assert parse_rfc3339(spans[0][1]) - parse_rfc3339(spans[0][0]) == 9 * HOUR_NS


def test_20_to_06_lasts_eleven_hours_on_the_autumn_night() -> None:
    spans = found([daily("20:00", "06:00", ("sat",))], STOCKHOLM, "2026-10-24", "2026-10-26")
    assert spans == [("2026-10-24T20:00:00+02:00", "2026-10-25T06:00:00+01:00")]
    assert parse_rfc3339(spans[0][1]) - parse_rfc3339(spans[0][0]) == 11 * HOUR_NS


SPRING, AUTUMN = ("2026-03-29", "2026-03-30"), ("2026-10-25", "2026-10-26")


@pytest.mark.parametrize(
    ("night", "opens", "closes", "expected"),
    [
        (SPRING, "01:00", "02:30", [("01:00:00+01:00", "03:00:00+02:00")]),  # one hour: 02:00 is 03:00
        (SPRING, "01:00", "02:00", [("01:00:00+01:00", "03:00:00+02:00")]),
        (SPRING, "02:30", "04:00", [("03:00:00+02:00", "04:00:00+02:00")]),
        (SPRING, "02:00", "02:30", []),
        (SPRING, "02:15", "03:00", []),
        (SPRING, "01:30", "03:30", [("01:30:00+01:00", "03:30:00+02:00")]),
        (AUTUMN, "01:00", "02:30", [("01:00:00+02:00", "02:30:00+02:00")]),
        (AUTUMN, "01:00", "02:00", [("01:00:00+02:00", "02:00:00+02:00")]),
        (AUTUMN, "01:00", "03:00", [("01:00:00+02:00", "03:00:00+01:00")]),
        (AUTUMN, "02:30", "04:00", [("02:30:00+01:00", "04:00:00+01:00")]),
        (AUTUMN, "02:00", "03:00", [("02:00:00+01:00", "03:00:00+01:00")]),
        (AUTUMN, "02:15", "02:45", []),
    ],
)
def test_a_time_that_occurs_twice_or_never_narrows_the_window(
    night: Span, opens: str, closes: str, expected: list[Span]
) -> None:
    spans = found([daily(opens, closes, ("sun",))], STOCKHOLM, *night)
    assert spans == [(f"{night[0]}T{start}", f"{night[0]}T{end}") for start, end in expected]


@pytest.mark.parametrize(
    ("night", "opens", "hours"),
    [
        (SPRING, "00:00", 23),
        (AUTUMN, "00:00", 25),
        (SPRING, "02:30", 23.5),  # 03:00 summer time until 02:30 on Monday
        (AUTUMN, "02:30", 24),
        (("2026-03-28", "2026-03-30"), "02:30", 23.5),
        (("2026-10-24", "2026-10-26"), "02:30", 24),
    ],
)
def test_24_hours_are_those_of_the_wall_clock(night: Span, opens: str, hours: float) -> None:
    day = DAYS[datetime.fromisoformat(night[0]).weekday()]
    until = (datetime.fromisoformat(night[1]) + timedelta(days=1)).date().isoformat()
    spans = found([daily(opens, opens, (day,))], STOCKHOLM, night[0], until)
    assert [parse_rfc3339(end) - parse_rfc3339(start) for start, end in spans] == [hours * HOUR_NS]


@pytest.mark.parametrize("ends", [("00:00", "24:00"), ("00:00", "00:00"), ("20:00", "20:00")])
def test_windows_of_24_hours_on_every_day_leave_no_gap_at_a_change_at_night(ends: Span) -> None:
    (only,) = found([daily(*ends)], STOCKHOLM, "2026-03-20", "2026-11-01")
    assert only == ("2026-03-20T00:00:00+01:00", "2026-11-01T00:00:00+01:00")


def test_where_midnight_occurs_twice_the_hour_between_stays_dark() -> None:
    assert found([daily("00:00", "24:00")], AZORES, "2026-10-24", "2026-10-26") == [
        ("2026-10-24T00:00:00+00:00", "2026-10-25T00:00:00+00:00"),
        ("2026-10-25T00:00:00-01:00", "2026-10-26T00:00:00-01:00"),
    ]


def test_where_midnight_does_not_exist_the_windows_meet_at_the_gap() -> None:
    assert found([daily("00:00", "24:00")], AZORES, "2026-03-28", "2026-03-30") == [
        ("2026-03-28T00:00:00-01:00", "2026-03-30T00:00:00+00:00")
    ]


def test_a_day_that_the_zone_skipped_opens_no_window() -> None:
    # Samoa went from 29 December 24:00 to 31 December 00:00.
    assert found([daily("20:00", "06:00")], APIA, "2011-12-29", "2012-01-01") == [
        ("2011-12-29T00:00:00-10:00", "2011-12-29T06:00:00-10:00"),
        ("2011-12-29T20:00:00-10:00", "2011-12-31T00:00:00+14:00"),
        ("2011-12-31T20:00:00+14:00", "2012-01-01T00:00:00+14:00"),
    ]


@pytest.mark.parametrize(
    ("site", "first", "last", "expected"),
    [
        (SYDNEY, "2026-04-04", "2026-04-06", ("2026-04-04T20:00:00+11:00", "2026-04-05T06:00:00+10:00")),
        (SYDNEY, "2026-10-03", "2026-10-05", ("2026-10-03T20:00:00+10:00", "2026-10-04T06:00:00+11:00")),
        (ST_JOHNS, "2026-03-07", "2026-03-09", ("2026-03-07T20:00:00-03:30", "2026-03-08T06:00:00-02:30")),
        (ST_JOHNS, "2026-10-31", "2026-11-02", ("2026-10-31T20:00:00-02:30", "2026-11-01T06:00:00-03:30")),
        (KATHMANDU, "2026-03-28", "2026-03-30", ("2026-03-28T20:00:00+05:45", "2026-03-29T06:00:00+05:45")),
    ],
)
def test_the_night_of_another_zone_follows_its_own_clocks(
    site: Site, first: str, last: str, expected: Span
) -> None:
    assert found([daily("20:00", "06:00", ("sat",))], site, first, last) == [expected]


def test_sun_ends_are_rounded_to_whole_seconds_that_narrow() -> None:
    bounds = {
        "from_ns": parse_rfc3339("2026-09-15T12:00:00Z"),
        "until_ns": parse_rfc3339("2026-09-16T12:00:00Z"),
    }
    (night,) = open_intervals([daily("dusk", "dawn")], STOCKHOLM, **bounds)
    (to_dusk,) = open_intervals([daily("14:00", "dusk", ("tue",))], STOCKHOLM, **bounds)
    assert night.start_ns % NS == night.end_ns % NS == 0
    assert night.start_ns - to_dusk.end_ns == NS  # the crossing lies within this second


# The range


def test_a_range_of_400_days_is_answered_and_a_longer_one_refused() -> None:
    start_ns = parse_rfc3339("2026-01-01T00:00:00Z")
    window = [daily("20:00", "06:00")]
    assert len(open_intervals(window, STOCKHOLM, from_ns=start_ns, until_ns=start_ns + 400 * DAY_NS)) == 401
    with pytest.raises(Refused, match="400 days"):
        open_intervals(window, STOCKHOLM, from_ns=start_ns, until_ns=start_ns + 400 * DAY_NS + 1)


def test_a_range_that_runs_backwards_is_refused() -> None:
    with pytest.raises(Refused, match="ends before"):
        open_intervals([], STOCKHOLM, from_ns=2 * NS, until_ns=NS)


def test_an_empty_range_has_no_intervals() -> None:
    at_ns = parse_rfc3339("2026-09-15T23:00:00Z")
    assert open_intervals([daily("20:00", "06:00")], STOCKHOLM, from_ns=at_ns, until_ns=at_ns) == ()


@pytest.mark.parametrize("at_ns", [-1, 10**19, -(10**30), 10**30])
def test_an_instant_outside_1970_to_2199_is_refused(at_ns: int) -> None:
    with pytest.raises(Refused, match="1970"):
        is_open([daily("20:00", "06:00")], STOCKHOLM, at_ns)
    with pytest.raises(Refused, match="1970"):
        next_change([daily("20:00", "06:00")], STOCKHOLM, at_ns)


def test_the_first_instant_of_1970_can_be_asked_about() -> None:
    assert is_open([daily("20:00", "06:00")], STOCKHOLM, 0)


def test_more_windows_than_the_limit_are_refused() -> None:
    windows = [daily("20:00", "06:00")] * MAX_WINDOWS
    assert is_open(windows, STOCKHOLM, parse_rfc3339("2026-09-15T23:00:00Z"))
    with pytest.raises(Refused, match="windows"):
        is_open([*windows, daily("20:00", "06:00")], STOCKHOLM, parse_rfc3339("2026-09-15T23:00:00Z"))


# is_open and next_change


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-09-15T19:59:59.999999+02:00", False),
        ("2026-09-15T20:00:00+02:00", True),
        ("2026-09-16T05:59:59.999999+02:00", True),
        ("2026-09-16T06:00:00+02:00", False),
    ],
)
def test_the_opening_instant_is_open_and_the_closing_instant_is_not(at: str, expected: bool) -> None:
    assert is_open([daily("20:00", "06:00", ("tue",))], STOCKHOLM, parse_rfc3339(at)) is expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-09-15T12:00:00+02:00", "2026-09-15T20:00:00+02:00"),
        ("2026-09-15T20:00:00+02:00", "2026-09-16T06:00:00+02:00"),
        ("2026-09-16T05:59:59.999999+02:00", "2026-09-16T06:00:00+02:00"),
        ("2026-09-16T06:00:00+02:00", "2026-09-22T20:00:00+02:00"),
    ],
)
def test_the_next_change_comes_strictly_after_the_instant(at: str, expected: str) -> None:
    windows = [daily("20:00", "06:00", ("tue",))]
    assert next_change(windows, STOCKHOLM, parse_rfc3339(at)) == parse_rfc3339(expected)


def test_a_change_in_exactly_8_days_is_found_and_one_later_is_not() -> None:
    # Open around the clock except on Tuesdays: closed from 15 September 00:00 to 16 September 00:00.
    windows = [daily("00:00", "24:00", tuple(day for day in DAYS if day != "tue"))]
    opening_ns = parse_rfc3339("2026-09-16T00:00:00+02:00")
    assert next_change(windows, STOCKHOLM, opening_ns) == opening_ns + 6 * DAY_NS
    sun_bound = [daily("sunset", "sunrise")]
    dark_ns = next_change(sun_bound, KIRUNA, parse_rfc3339("2026-07-10T00:00:00+02:00"))
    assert dark_ns is not None
    assert next_change(sun_bound, KIRUNA, dark_ns - 8 * DAY_NS) == dark_ns
    assert next_change(sun_bound, KIRUNA, dark_ns - 8 * DAY_NS - 1) is None


@pytest.mark.parametrize("windows", [[], [daily("00:00", "24:00")]])
def test_hours_that_never_change_have_no_next_change(windows: list[Window]) -> None:
    assert next_change(windows, STOCKHOLM, parse_rfc3339("2026-09-15T12:00:00Z")) is None
