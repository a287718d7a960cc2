"""What holds for any hours at any site: Hypothesis on `node.mandate.hours`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import astral.sun
from astral import Observer
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from node.clock import NS, parse_rfc3339, utc_ns
from node.mandate.hours import DAYS, Interval, Site, Window, is_open, next_change, open_intervals

DAY_NS = 86_400 * NS

STOCKHOLM = Site(name="Norra", latitude=59.33, longitude=18.07, timezone="Europe/Stockholm")
SKELLEFTEA = Site(name="Kanalgatan", latitude=64.75, longitude=20.95, timezone="Europe/Stockholm")
KIRUNA = Site(name="Torget", latitude=67.86, longitude=20.23, timezone="Europe/Stockholm")
SYDNEY = Site(name="Quay", latitude=-33.87, longitude=151.21, timezone="Australia/Sydney")
KATHMANDU = Site(name="Thamel", latitude=27.72, longitude=85.32, timezone="Asia/Kathmandu")
AZORES = Site(name="Ponta Delgada", latitude=37.74, longitude=-25.67, timezone="Atlantic/Azores")
ST_JOHNS = Site(name="Harbour", latitude=47.56, longitude=-52.71, timezone="America/St_Johns")
KIRITIMATI = Site(name="London", latitude=1.87, longitude=-157.43, timezone="Pacific/Kiritimati")
SANTIAGO = Site(name="Santiago", latitude=-33.45, longitude=-70.67, timezone="America/Santiago")
SITES = (STOCKHOLM, SKELLEFTEA, KIRUNA, SYDNEY, KATHMANDU, AZORES, ST_JOHNS, KIRITIMATI, SANTIAGO)

CLOCK_TIMES = st.builds(
    "{:02d}:{:02d}".format, st.integers(0, 23), st.sampled_from([0, 15, 30, 45, 59])
) | st.sampled_from(["00:00", "02:00", "02:30", "12:00"])
SUN_TIMES = st.builds(
    "{}{}".format,
    st.sampled_from(["dawn", "sunrise", "sunset", "dusk"]),
    st.sampled_from(["", "+00:30", "-02:00", "+06:00", "-06:00"]),
)
DAY_SETS = st.sets(st.sampled_from(DAYS), min_size=1).map(tuple) | st.just(DAYS)
CLOCK_WINDOWS = st.builds(Window, days=DAY_SETS, open=CLOCK_TIMES, close=CLOCK_TIMES | st.just("24:00"))
WINDOWS = st.builds(
    Window, days=DAY_SETS, open=CLOCK_TIMES | SUN_TIMES, close=CLOCK_TIMES | SUN_TIMES | st.just("24:00")
)
HOURS = st.lists(WINDOWS, max_size=3)
# On purpose also sites whose zone has nothing to do with their longitude.
ANY_SITES = st.sampled_from(SITES) | st.builds(
    Site,
    name=st.just("anywhere"),
    latitude=st.floats(-90, 90),
    longitude=st.floats(-180, 180),
    timezone=st.sampled_from([site.timezone for site in SITES]),
)
CHANGES = [
    parse_rfc3339(text)
    for text in (
        "2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z", "2026-04-04T16:00:00Z", "2026-10-03T16:00:00Z",
        "2026-03-08T05:30:00Z", "2026-11-01T04:30:00Z", "2026-04-05T03:00:00Z", "2026-09-06T04:00:00Z",
        "2026-06-21T00:00:00Z", "2026-12-21T00:00:00Z",
    )
]  # fmt: skip
NEAR_A_CHANGE = st.builds(
    int.__add__, st.sampled_from(CHANGES), st.integers(-36 * 60, 36 * 60).map((60 * NS).__mul__)
)
INSTANTS = NEAR_A_CHANGE | st.integers(
    utc_ns(datetime(2024, 1, 1, tzinfo=UTC)), utc_ns(datetime(2030, 1, 1, tzinfo=UTC))
)
LENGTHS = st.integers(0, 4 * DAY_NS)


def joined(intervals: Sequence[Interval]) -> tuple[Interval, ...]:
    result: list[Interval] = []
    for interval in intervals:
        if result and result[-1].end_ns == interval.start_ns:
            result[-1] = Interval(result[-1].start_ns, interval.end_ns)
        else:
            result.append(interval)
    return tuple(result)


@given(windows=HOURS, site=ANY_SITES, from_ns=INSTANTS, length_ns=LENGTHS)
@settings(deadline=None)
def test_intervals_are_sorted_disjoint_not_empty_and_within_the_range(
    windows: list[Window], site: Site, from_ns: int, length_ns: int
) -> None:
    intervals = open_intervals(windows, site, from_ns=from_ns, until_ns=from_ns + length_ns)
    edges = [edge for interval in intervals for edge in (interval.start_ns, interval.end_ns)]
    assert all(earlier < later for earlier, later in pairwise(edges))
    assert all(from_ns <= edge <= from_ns + length_ns for edge in edges)


@given(windows=HOURS, site=ANY_SITES, from_ns=INSTANTS, length_ns=LENGTHS, data=st.data())
@settings(deadline=None)
def test_is_open_says_what_the_intervals_say(
    windows: list[Window], site: Site, from_ns: int, length_ns: int, data: st.DataObject
) -> None:
    until_ns = from_ns + length_ns + 1
    intervals = open_intervals(windows, site, from_ns=from_ns, until_ns=until_ns)
    probes = {data.draw(st.integers(from_ns, until_ns - 1))}
    for interval in intervals[:2]:
        probes |= {interval.start_ns - 1, interval.start_ns, interval.end_ns - 1, interval.end_ns}
    for at_ns in (probe for probe in probes if from_ns <= probe < until_ns):
        within = any(i.start_ns <= at_ns < i.end_ns for i in intervals)
        assert is_open(windows, site, at_ns) is within


@given(windows=HOURS, site=ANY_SITES, from_ns=INSTANTS, first_ns=LENGTHS, second_ns=LENGTHS)
@settings(deadline=None)
def test_splitting_the_range_anywhere_changes_nothing(
    windows: list[Window], site: Site, from_ns: int, first_ns: int, second_ns: int
) -> None:
    middle_ns, until_ns = from_ns + first_ns, from_ns + first_ns + second_ns
    first = open_intervals(windows, site, from_ns=from_ns, until_ns=middle_ns)
    second = open_intervals(windows, site, from_ns=middle_ns, until_ns=until_ns)
    assert joined((*first, *second)) == open_intervals(windows, site, from_ns=from_ns, until_ns=until_ns)


@given(windows=HOURS, site=ANY_SITES, at_ns=INSTANTS)
@settings(deadline=None, max_examples=60)
def test_next_change_is_the_first_edge_after_the_instant(
    windows: list[Window], site: Site, at_ns: int
) -> None:
    until_ns = at_ns + 9 * DAY_NS
    intervals = open_intervals(windows, site, from_ns=at_ns - DAY_NS, until_ns=until_ns)
    edges = [edge for i in intervals for edge in (i.start_ns, i.end_ns) if at_ns < edge <= at_ns + 8 * DAY_NS]
    found_ns = next_change(windows, site, at_ns)
    assert found_ns == min(edges, default=None)
    if found_ns is not None:
        assert is_open(windows, site, found_ns) != is_open(windows, site, found_ns - 1)
        assert is_open(windows, site, found_ns - 1) == is_open(windows, site, at_ns)


def shown_open(window: Window, site: Site, at_ns: int) -> bool:
    """What a person with only the wall clock and the text would say; knows nothing of UTC."""
    shown = datetime.fromtimestamp(at_ns // NS, ZoneInfo(site.timezone))
    today, yesterday = DAYS[shown.weekday()], DAYS[shown.weekday() - 1]
    text = f"{shown:%H:%M}"
    if window.close > window.open:
        return today in window.days and window.open <= text < window.close
    return (today in window.days and text >= window.open) or (
        yesterday in window.days and text < window.close
    )


@given(window=CLOCK_WINDOWS, site=st.sampled_from(SITES), at_ns=INSTANTS)
@example(
    window=Window(days=DAYS, open="02:30", close="02:45"),
    site=STOCKHOLM,
    at_ns=parse_rfc3339("2026-10-25T00:35:00Z"),
)
@settings(deadline=None, max_examples=400)
def test_the_wall_clock_never_shows_a_time_outside_an_open_window(
    window: Window, site: Site, at_ns: int
) -> None:
    if is_open([window], site, at_ns):
        assert shown_open(window, site, at_ns)


@given(window=CLOCK_WINDOWS, site=st.sampled_from(SITES), at_ns=INSTANTS)
@settings(deadline=None, max_examples=400)
def test_where_no_clock_changes_the_wall_clock_is_the_whole_truth(
    window: Window, site: Site, at_ns: int
) -> None:
    zone = ZoneInfo(site.timezone)
    offsets = {
        datetime.fromtimestamp(at_ns // NS + hours * 3_600, zone).utcoffset() for hours in range(-48, 49, 12)
    }
    assume(len(offsets) == 1)
    assert is_open([window], site, at_ns) is shown_open(window, site, at_ns)


@given(windows=st.lists(WINDOWS, min_size=1, max_size=2), extra=WINDOWS, site=ANY_SITES, at_ns=INSTANTS)
@settings(deadline=None)
def test_another_window_never_closes_what_was_open(
    windows: list[Window], extra: Window, site: Site, at_ns: int
) -> None:
    if is_open(windows, site, at_ns):
        assert is_open([*windows, extra], site, at_ns)


def elevation_deg(site: Site, at_ns: int) -> float:
    observer = Observer(site.latitude, site.longitude, 0.0)
    return astral.sun.elevation(observer, datetime.fromtimestamp(at_ns // NS, UTC), with_refraction=False)


# A zone twelve hours off the site: across the change, its two noons lie on solar days that do not touch.
FAR_OFF = Site(name="far off", latitude=59.33, longitude=-157.5, timezone="Europe/Stockholm")


@given(site=ANY_SITES, at_ns=INSTANTS)
@example(site=FAR_OFF, at_ns=parse_rfc3339("2026-10-24T22:00:00Z"))
@settings(deadline=None)
def test_from_dusk_to_dawn_is_open_only_while_it_is_dark(site: Site, at_ns: int) -> None:
    assume(abs(site.latitude) < 85)
    if is_open([Window(days=DAYS, open="dusk", close="dawn")], site, at_ns):
        assert elevation_deg(site, at_ns) < -5.99


@given(site=ANY_SITES, at_ns=INSTANTS)
@settings(deadline=None)
def test_from_sunrise_to_sunset_is_open_only_while_the_sun_is_up(site: Site, at_ns: int) -> None:
    assume(abs(site.latitude) < 85)
    if is_open([Window(days=DAYS, open="sunrise", close="sunset")], site, at_ns):
        assert elevation_deg(site, at_ns) > -0.843


@given(site=st.sampled_from([site for site in SITES if abs(site.latitude) < 60]), at_ns=INSTANTS)
@settings(deadline=None)
def test_where_the_sun_always_sets_dusk_to_dawn_is_every_dark_minute(site: Site, at_ns: int) -> None:
    if elevation_deg(site, at_ns) < -6.01:
        assert is_open([Window(days=DAYS, open="dusk", close="dawn")], site, at_ns)
