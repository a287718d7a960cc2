"""Rules 3, 4 and 5 of `node.mandate.hours` as tables in local time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from node.clock import NS, utc_ns
from node.mandate.hours import DAYS, Day, Site, Window, is_open, open_intervals

HOUR_NS = 3_600 * NS
Span = tuple[str, str]

STOCKHOLM = Site(name="Norra", latitude=59.33, longitude=18.07, timezone="Europe/Stockholm")
SKELLEFTEA = Site(name="Kanalgatan", latitude=64.75, longitude=20.95, timezone="Europe/Stockholm")
KIRUNA = Site(name="Torget", latitude=67.86, longitude=20.23, timezone="Europe/Stockholm")
SYDNEY = Site(name="Quay", latitude=-33.87, longitude=151.21, timezone="Australia/Sydney")
KATHMANDU = Site(name="Thamel", latitude=27.72, longitude=85.32, timezone="Asia/Kathmandu")
AZORES = Site(name="Ponta Delgada", latitude=37.74, longitude=-25.67, timezone="Atlantic/Azores")
ST_JOHNS = Site(name="Harbour", latitude=47.56, longitude=-52.71, timezone="America/St_Johns")
KIRITIMATI = Site(name="London", latitude=1.87, longitude=-157.43, timezone="Pacific/Kiritimati")


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


def ns_of(text: str) -> int:
    """ISO 8601 to the minute: the tables' seconds are not known."""
    return utc_ns(datetime.fromisoformat(text))


def assert_close(spans: list[Span], expected: list[Span]) -> None:
    """Equal within 90 seconds: sun events are held against another formula's times."""
    assert len(spans) == len(expected), spans
    for span, wanted in zip(spans, expected, strict=True):
        for got, want in zip(span, wanted, strict=True):
            assert abs(ns_of(got) - ns_of(want)) <= 90 * NS, (spans, expected)


# Rule 3, the site's sun


@pytest.mark.parametrize(
    ("site", "opens", "closes", "day", "expected"),
    [
        (STOCKHOLM, "sunset", "sunrise", "2026-06-20", ("2026-06-20T22:08+02:00", "2026-06-21T03:31+02:00")),
        (STOCKHOLM, "dusk", "dawn", "2026-06-20", ("2026-06-20T23:40+02:00", "2026-06-21T01:59+02:00")),
        (STOCKHOLM, "dawn", "dusk", "2026-12-21", ("2026-12-21T07:48+01:00", "2026-12-21T15:44+01:00")),
        (
            STOCKHOLM,
            "dusk-00:30",
            "dawn+01:15",
            "2026-12-21",
            ("2026-12-21T15:14+01:00", "2026-12-22T09:03+01:00"),
        ),
        (STOCKHOLM, "20:00", "sunrise", "2026-12-21", ("2026-12-21T20:00+01:00", "2026-12-22T08:44+01:00")),
        (STOCKHOLM, "04:00", "sunrise", "2026-12-21", ("2026-12-21T04:00+01:00", "2026-12-21T08:43+01:00")),
        (STOCKHOLM, "sunset", "23:00", "2026-12-21", ("2026-12-21T14:48+01:00", "2026-12-21T23:00+01:00")),
        (STOCKHOLM, "sunset", "06:00", "2026-12-21", ("2026-12-21T14:48+01:00", "2026-12-22T06:00+01:00")),
        (STOCKHOLM, "sunset", "24:00", "2026-12-21", ("2026-12-21T14:48+01:00", "2026-12-22T00:00+01:00")),
        (STOCKHOLM, "sunset", "dusk", "2026-12-21", ("2026-12-21T14:48+01:00", "2026-12-21T15:44+01:00")),
        (STOCKHOLM, "dusk", "dusk", "2026-12-21", ("2026-12-21T15:44+01:00", "2026-12-22T15:44+01:00")),
        (
            STOCKHOLM,
            "dusk+06:00",
            "06:00",
            "2026-06-20",
            ("2026-06-21T05:40+02:00", "2026-06-21T06:00+02:00"),
        ),
        # The clocks change during the night; the sun does not.
        (SKELLEFTEA, "dusk", "dawn", "2026-03-28", ("2026-03-28T19:07+01:00", "2026-03-29T05:14+02:00")),
        # Dusk after local midnight is still that of the day before, whose window it opens.
        (SKELLEFTEA, "dusk", "dawn", "2026-05-15", ("2026-05-16T00:01+02:00", "2026-05-16T01:03+02:00")),
        (SKELLEFTEA, "dusk", "00:30", "2026-05-15", ("2026-05-16T00:01+02:00", "2026-05-16T00:30+02:00")),
        (
            SKELLEFTEA,
            "dusk+00:30",
            "dawn",
            "2026-05-15",
            ("2026-05-16T00:31+02:00", "2026-05-16T01:03+02:00"),
        ),
        # An offset over midnight moves the event and not the day.
        (STOCKHOLM, "dusk+02:00", "dawn", "2026-05-15", ("2026-05-16T00:16+02:00", "2026-05-16T03:12+02:00")),
        (STOCKHOLM, "dawn-03:00", "dawn", "2026-06-21", ("2026-06-20T22:59+02:00", "2026-06-21T01:59+02:00")),
        (SYDNEY, "dusk", "23:00", "2026-12-21", ("2026-12-21T20:35+11:00", "2026-12-21T23:00+11:00")),
        (KATHMANDU, "dawn", "sunrise", "2026-05-01", ("2026-05-01T05:00+05:45", "2026-05-01T05:25+05:45")),
        (AZORES, "sunset", "dusk", "2026-06-21", ("2026-06-21T21:08+00:00", "2026-06-21T21:39+00:00")),
        (ST_JOHNS, "sunrise", "sunset", "2026-01-15", ("2026-01-15T07:44-03:30", "2026-01-15T16:37-03:30")),
        (KIRITIMATI, "sunrise", "dusk", "2026-09-01", ("2026-09-01T06:25+14:00", "2026-09-01T18:55+14:00")),
    ],
)
def test_a_sun_bound_window_follows_the_sun_of_its_site(
    site: Site, opens: str, closes: str, day: str, expected: Span
) -> None:
    date = datetime.fromisoformat(day)
    window = daily(opens, closes, (DAYS[date.weekday()],))
    first, last = ((date + timedelta(days=days)).date().isoformat() for days in (-2, 4))
    assert_close(found([window], site, first, last), [expected])


@pytest.mark.parametrize(
    ("opens", "closes", "day", "at"),
    [
        ("dawn-06:00", "dawn", "sun", "2026-06-20T20:30+02:00"),  # Saturday evening
        ("dusk+06:00", "06:00", "sat", "2026-06-21T05:50+02:00"),
        ("dusk-06:00", "dawn+06:00", "sat", "2026-06-21T07:50+02:00"),
        ("sunset", "sunset", "sat", "2026-06-21T22:00+02:00"),
    ],
)
def test_a_window_is_open_on_the_local_day_before_or_after_its_own(
    opens: str, closes: str, day: Day, at: str
) -> None:
    assert is_open([daily(opens, closes, (day,))], STOCKHOLM, ns_of(at))


def test_a_dusk_after_midnight_needs_the_day_before_among_the_days() -> None:
    friday, saturday = ([daily("dusk", "dawn", (day,))] for day in ("fri", "sat"))
    at_ns = ns_of("2026-05-16T00:30+02:00")  # a Saturday
    assert (is_open(friday, SKELLEFTEA, at_ns), is_open(saturday, SKELLEFTEA, at_ns)) == (True, False)


# Rule 4, no event, no window


@pytest.mark.parametrize(
    ("site", "opens", "closes", "first", "last"),
    [
        (SKELLEFTEA, "dusk", "dawn", "2026-05-17", "2026-07-27"),
        (SKELLEFTEA, "dusk-01:00", "02:00", "2026-05-17", "2026-07-27"),
        (SKELLEFTEA, "20:00", "dawn", "2026-05-17", "2026-07-27"),
        (KIRUNA, "sunset", "sunrise", "2026-06-01", "2026-07-10"),
        (KIRUNA, "sunset", "sunrise", "2026-12-15", "2026-12-30"),
        (KIRUNA, "sunrise", "sunset", "2026-12-15", "2026-12-30"),
        (KIRUNA, "12:00", "sunset+06:00", "2026-12-15", "2026-12-30"),
    ],
)
def test_without_the_event_the_window_stays_closed(
    site: Site, opens: str, closes: str, first: str, last: str
) -> None:
    assert found([daily(opens, closes)], site, first, last) == []


def test_in_the_polar_night_there_is_civil_dusk_to_film_from() -> None:
    spans = found([daily("dusk", "dawn")], KIRUNA, "2026-12-15", "2026-12-17")
    assert_close(
        spans,
        [
            ("2026-12-15T00:00+01:00", "2026-12-15T08:50:15+01:00"),
            ("2026-12-15T14:18+01:00", "2026-12-16T08:51:30+01:00"),
            ("2026-12-16T14:17:40+01:00", "2026-12-17T00:00+01:00"),
        ],
    )


def test_clock_times_open_in_the_polar_night_and_day_alike() -> None:
    assert len(found([daily("20:00", "06:00")], KIRUNA, "2026-12-01T12:00", "2026-12-31T12:00")) == 30
    assert len(found([daily("20:00", "06:00")], KIRUNA, "2026-06-01T12:00", "2026-07-01T12:00")) == 30


def test_the_last_night_before_the_bright_ones_ends_with_its_own_dawn() -> None:
    assert_close(
        found([daily("dusk", "dawn")], SKELLEFTEA, "2026-05-15T12:00", "2026-07-29T12:00"),
        [
            ("2026-05-16T00:01:20+02:00", "2026-05-16T01:03:15+02:00"),
            ("2026-07-28T00:11:55+02:00", "2026-07-28T01:14:25+02:00"),
            ("2026-07-28T23:58:05+02:00", "2026-07-29T01:28:04+02:00"),
        ],
    )


# Rule 5, no season turns a window over


@pytest.mark.parametrize(
    ("opens", "closes", "opening_season", "closed_season"),
    [
        ("dusk", "23:00", "2026-12-21", "2026-06-21"),
        ("sunset", "20:00", "2026-12-21", "2026-06-21"),
        ("18:00", "dusk", "2026-06-21", "2026-12-21"),
        ("16:00", "sunset", "2026-06-21", "2026-12-21"),
        ("dawn", "07:00", "2026-06-21", "2026-12-21"),
        ("04:00", "dawn", "2026-12-21", "2026-06-21"),
        ("sunset+01:00", "dusk", "2026-06-21", "2026-12-21"),
        ("dusk", "sunset+01:00", "2026-12-21", "2026-06-21"),
        ("dawn+06:00", "dusk-06:00", "2026-06-21", "2026-12-21"),
    ],
)
def test_a_season_closes_a_window_and_never_turns_it_into_most_of_a_day(
    opens: str, closes: str, opening_season: str, closed_season: str
) -> None:
    seen = {
        day: [
            (ns_of(end) - ns_of(start)) / HOUR_NS
            for start, end in found([daily(opens, closes)], STOCKHOLM, day, f"{day[:8]}22")
        ]
        for day in (opening_season, closed_season)
    }
    assert seen[closed_season] == []
    assert [0 < hours < 12 for hours in seen[opening_season]] == [True]


@pytest.mark.parametrize(
    "ends", [("dusk", "12:00"), ("12:00", "dawn"), ("dusk", "sunset"), ("sunset", "sunset")]
)
def test_a_close_that_the_text_puts_on_the_next_day_is_there_all_year(ends: Span) -> None:
    assert len(found([daily(*ends, ("mon",))], STOCKHOLM, "2026-01-01", "2026-12-31")) == 52


def test_a_close_before_an_offset_night_event_is_the_nearer_one() -> None:
    spans = found([daily("dusk-06:00", "11:00", ("mon",))], STOCKHOLM, "2026-12-20", "2026-12-27")
    assert_close(spans, [("2026-12-21T09:44+01:00", "2026-12-21T11:00+01:00")])
