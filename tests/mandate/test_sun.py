"""The four sun events, held against a second formula, against tables of times, and against astral's own."""

from datetime import UTC, date, datetime, timedelta
from math import asin, atan2, cos, degrees, radians, sin

import astral.sun
import pytest
from astral import Observer
from hypothesis import given, settings
from hypothesis import strategies as st

from node.clock import NS, parse_rfc3339, utc_ns
from node.mandate.sun import ELEVATION_DEG, EVENTS, MORNING, Event, sun_event_s

EVENT = st.sampled_from(EVENTS)
NOON_S = st.integers(
    utc_ns(datetime(2020, 1, 1, tzinfo=UTC)) // NS, utc_ns(datetime(2050, 1, 1, tzinfo=UTC)) // NS
)


def almanac_elevation_deg(when_s: int, latitude: float, longitude: float) -> float:
    """The Astronomical Almanac's low-precision sun (0.01 degrees until 2050) and sidereal time."""
    days = when_s / 86_400 - 10_957.5
    anomaly = radians(357.528 + 0.9856003 * days)
    ecliptic = radians(280.460 + 0.9856474 * days + 1.915 * sin(anomaly) + 0.020 * sin(2 * anomaly))
    tilt = radians(23.439 - 4e-7 * days)
    ascension = atan2(cos(tilt) * sin(ecliptic), cos(ecliptic))
    declination = asin(sin(tilt) * sin(ecliptic))
    hour = radians(280.46061837 + 360.98564736629 * days + longitude) - ascension
    place = radians(latitude)
    return degrees(asin(sin(place) * sin(declination) + cos(place) * cos(declination) * cos(hour)))


def s(text: str) -> int:
    return parse_rfc3339(text) // NS


STOCKHOLM, SYDNEY, KATHMANDU = (59.33, 18.07), (-33.87, 151.21), (27.72, 85.32)
ST_JOHNS, KIRITIMATI, KIRUNA, SKELLEFTEA = (47.56, -52.71), (1.87, -157.43), (67.86, 20.23), (64.75, 20.95)


@pytest.mark.parametrize(
    ("place", "event", "noon", "expected"),
    [
        (STOCKHOLM, "dawn", "2026-03-20T12:00:00+01:00", "2026-03-20T05:09:15+01:00"),
        (STOCKHOLM, "sunrise", "2026-06-21T12:00:00+02:00", "2026-06-21T03:30:55+02:00"),
        (STOCKHOLM, "sunset", "2026-06-21T12:00:00+02:00", "2026-06-21T22:08:10+02:00"),
        (STOCKHOLM, "dusk", "2026-06-21T12:00:00+02:00", "2026-06-21T23:40:05+02:00"),
        (STOCKHOLM, "sunrise", "2026-12-21T12:00:00+01:00", "2026-12-21T08:43:25+01:00"),
        (STOCKHOLM, "sunset", "2026-12-21T12:00:00+01:00", "2026-12-21T14:48:10+01:00"),
        (STOCKHOLM, "dusk", "2026-12-21T12:00:00+01:00", "2026-12-21T15:43:50+01:00"),
        (SYDNEY, "sunrise", "2026-12-21T12:00:00+11:00", "2026-12-21T05:40:40+11:00"),
        (SYDNEY, "dusk", "2026-12-21T12:00:00+11:00", "2026-12-21T20:34:35+11:00"),
        (KATHMANDU, "dawn", "2026-05-01T12:00:00+05:45", "2026-05-01T04:59:55+05:45"),
        (ST_JOHNS, "sunset", "2026-01-15T12:00:00-03:30", "2026-01-15T16:36:55-03:30"),
        (KIRITIMATI, "dawn", "2026-09-01T12:00:00+14:00", "2026-09-01T06:04:40+14:00"),
        (KIRITIMATI, "sunset", "2026-09-01T12:00:00+14:00", "2026-09-01T18:34:20+14:00"),
        (SKELLEFTEA, "dusk", "2026-05-15T12:00:00+02:00", "2026-05-16T00:01:20+02:00"),
        (KIRUNA, "dusk", "2026-12-15T12:00:00+01:00", "2026-12-15T14:18:00+01:00"),
        (KIRUNA, "sunrise", "2026-12-10T12:00:00+01:00", "2026-12-10T11:15:55+01:00"),
    ],
)
def test_an_event_is_within_90_seconds_of_the_table(
    place: tuple[float, float], event: Event, noon: str, expected: str
) -> None:
    found = sun_event_s(event, near_s=s(noon), latitude=place[0], longitude=place[1])
    assert found == pytest.approx(s(expected), abs=90)


@pytest.mark.parametrize(
    ("place", "events", "noon"),
    [
        (SKELLEFTEA, ("dusk", "dawn"), "2026-06-21T12:00:00+02:00"),
        (KIRUNA, EVENTS, "2026-06-15T12:00:00+02:00"),
        (KIRUNA, ("sunrise", "sunset"), "2026-12-15T12:00:00+01:00"),
        ((78.22, 15.65), EVENTS, "2026-12-15T12:00:00+01:00"),
        ((-89.0, 0.0), EVENTS, "2026-06-15T12:00:00+00:00"),
        ((90.0, 0.0), EVENTS, "2026-06-15T12:00:00+00:00"),
    ],
)
def test_where_the_sun_does_not_reach_the_angle_there_is_no_event(
    place: tuple[float, float], events: tuple[Event, ...], noon: str
) -> None:
    found = [sun_event_s(event, near_s=s(noon), latitude=place[0], longitude=place[1]) for event in events]
    assert found == [None] * len(events)


@given(
    event=EVENT,
    day=st.dates(date(2020, 1, 1), date(2050, 1, 1)),
    latitude=st.floats(-50, 50),
    longitude=st.floats(-30, 30),  # beyond, astral's UTC dates are not the site's
)
@settings(deadline=None)
def test_at_ordinary_latitudes_astral_agrees_within_90_seconds(
    event: Event, day: date, latitude: float, longitude: float
) -> None:
    near_s = utc_ns(datetime(day.year, day.month, day.day, 12, tzinfo=UTC)) // NS
    found = sun_event_s(event, near_s=near_s, latitude=latitude, longitude=longitude)
    theirs = getattr(astral.sun, event)(Observer(latitude, longitude, 0.0), day)
    assert found == pytest.approx(utc_ns(theirs) // NS, abs=90)


@given(event=EVENT, near_s=NOON_S, latitude=st.floats(-90, 90), longitude=st.floats(-180, 180))
@settings(deadline=None)
def test_the_sun_stands_at_the_angle_of_every_event_found(
    event: Event, near_s: int, latitude: float, longitude: float
) -> None:
    found = sun_event_s(event, near_s=near_s, latitude=latitude, longitude=longitude)
    if found is not None:
        there = almanac_elevation_deg(found, latitude, longitude)
        # astral takes the sun of 89.8 degrees for anything beyond.
        assert there == pytest.approx(ELEVATION_DEG[event], abs=0.03 if abs(latitude) < 89.8 else 0.25)


@given(event=EVENT, near_s=NOON_S, latitude=st.floats(-85, 85), longitude=st.floats(-180, 180))
@settings(deadline=None)
def test_the_angle_is_passed_within_the_second_before_the_event(
    event: Event, near_s: int, latitude: float, longitude: float
) -> None:
    found = sun_event_s(event, near_s=near_s, latitude=latitude, longitude=longitude)
    if found is not None:
        observer = Observer(latitude, longitude, 0.0)
        before, after = (
            astral.sun.elevation(observer, datetime.fromtimestamp(when_s, UTC), with_refraction=False)
            for when_s in (found - 1, found)
        )
        lower, upper = (before, after) if event in MORNING else (after, before)
        assert lower <= ELEVATION_DEG[event] <= upper


@given(event=EVENT, near_s=NOON_S, latitude=st.floats(-89, 89), longitude=st.floats(-180, 180))
@settings(deadline=None)
def test_a_morning_event_comes_before_the_nearest_solar_noon_and_an_evening_event_after_it(
    event: Event, near_s: int, latitude: float, longitude: float
) -> None:
    found = sun_event_s(event, near_s=near_s, latitude=latitude, longitude=longitude)
    if found is not None:
        # Mean noon: the equation of time, at most 17 minutes, is the tolerance.
        phase_s = (near_s + longitude * 240 - 43_200) % 86_400
        noon_s = near_s - phase_s + (86_400 if phase_s > 43_200 else 0)
        before_s = noon_s - found if event in MORNING else found - noon_s
        near_a_tie = abs(phase_s - 43_200) < 1_020
        assert -1_020 <= before_s <= 43_200 + 1_020 or near_a_tie


@given(event=EVENT, near_s=NOON_S, latitude=st.floats(-65, 65), longitude=st.floats(-180, 180))
@settings(deadline=None)
def test_no_event_means_that_the_sun_stayed_on_one_side_all_day(
    event: Event, near_s: int, latitude: float, longitude: float
) -> None:
    if sun_event_s(event, near_s=near_s, latitude=latitude, longitude=longitude) is None:
        seen = [almanac_elevation_deg(near_s + 300 * k, latitude, longitude) for k in range(-144, 145)]
        angle = ELEVATION_DEG[event]
        assert min(seen) > angle - 0.03 or max(seen) < angle + 0.03


@pytest.mark.parametrize("hours", [-11, -6, 0, 6, 11])
def test_any_instant_within_half_a_day_of_solar_noon_names_the_same_day(hours: int) -> None:
    near_s = s("2026-09-01T12:48:00+02:00") + int(timedelta(hours=hours).total_seconds())
    found = sun_event_s("dusk", near_s=near_s, latitude=STOCKHOLM[0], longitude=STOCKHOLM[1])
    assert found == pytest.approx(s("2026-09-01T20:30:00+02:00"), abs=900)
