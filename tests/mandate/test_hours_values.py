"""What `site` and `hours` of a mandate may say, and how anything else is refused."""

import msgspec
import pytest

from node.errors import Refused
from node.mandate.hours import DAYS, Day, Site, Window

STOCKHOLM = Site(name="Norra", latitude=59.33, longitude=18.07, timezone="Europe/Stockholm")


def daily(opens: str, closes: str, days: tuple[Day, ...] = DAYS) -> Window:
    return Window(days=days, open=opens, close=closes)


@pytest.mark.parametrize("text", ["00:00", "23:59", "dusk", "dawn+01:15", "sunset-06:00", "sunrise+00:00"])
def test_clock_times_and_sun_events_with_offsets_are_ends(text: str) -> None:
    assert daily(text, text).open == text


@pytest.mark.parametrize(
    "text",
    [
        "", "24:01", "25:00", "12:60", "1:00", "01:00:00", " 01:00", "01:00\n", "\u0660\u0661:\u0660\u0660",
        "-01:00", "noon", "Dusk", "dusk ", "dusk+1:00", "dusk+06:01", "dusk-07:00", "dusk+00:60", "dusk00:30", "dusk+",
        "dusk+00:30+00:30", "01:00+00:30", "dusk" * 1_000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("field", ["open", "close"])
def test_any_other_end_is_refused_in_one_short_line_that_names_the_field(text: str, field: str) -> None:
    ends = {"open": "20:00", "close": "06:00"} | {field: text}
    with pytest.raises(Refused, match=rf"^hours: {field} .{{1,160}}$"):
        Window(days=("mon",), **ends)


def test_a_window_may_close_at_24_00_but_not_open_then() -> None:
    assert daily("20:00", "24:00").close == "24:00"
    with pytest.raises(Refused, match="hours: open"):
        daily("24:00", "06:00")


@pytest.mark.parametrize("days", [(), ("mon", "tue", "mon")])
def test_a_window_without_days_or_with_a_day_twice_is_refused(days: tuple[Day, ...]) -> None:
    with pytest.raises(Refused, match="hours: days"):
        daily("20:00", "06:00", days)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("latitude", 90.1),
        ("latitude", -90.1),
        ("latitude", float("nan")),
        ("longitude", 180.1),
        ("longitude", float("-inf")),
        ("name", ""),
        ("name", "x" * 201),
        ("name", "two\nlines"),
        ("timezone", ""),
        ("timezone", "Europe"),
        ("timezone", "Europe/Skelleftea"),
        ("timezone", "europe/stockholm"),
        ("timezone", "../../etc/localtime"),
        ("timezone", "localtime"),
        ("timezone", "right/Europe/Stockholm"),
        ("timezone", "Europe/Stockholm\0"),
        ("timezone", "X" * 10_000),
    ],
)
def test_a_site_off_the_globe_or_in_no_known_zone_is_refused_in_one_line(field: str, value: object) -> None:
    with pytest.raises(Refused, match=rf"^site: {field} .{{1,160}}$"):
        msgspec.structs.replace(STOCKHOLM, **{field: value})


@pytest.mark.parametrize(
    "zone", ["UTC", "America/Argentina/Buenos_Aires", "America/Port-au-Prince", "Etc/GMT+5"]
)
def test_every_shape_of_zone_name_is_known(zone: str) -> None:
    assert msgspec.structs.replace(STOCKHOLM, timezone=zone).timezone == zone


def test_site_and_hours_are_read_from_json_as_a_mandate_has_them() -> None:
    site = b'{"name": "Parkering Norra", "latitude": 59.61, "longitude": 16, "timezone": "Europe/Stockholm"}'
    hours = b'[{"days": ["mon", "sun"], "open": "20:00", "close": "06:00"}]'
    assert msgspec.json.decode(site, type=Site) == Site("Parkering Norra", 59.61, 16.0, "Europe/Stockholm")
    assert msgspec.json.decode(hours, type=tuple[Window, ...]) == (daily("20:00", "06:00", ("mon", "sun")),)


def test_a_refusal_survives_parsing_as_a_refusal() -> None:
    with pytest.raises(Refused, match="hours: close"):
        msgspec.json.decode(b'{"days": ["mon"], "open": "20:00", "close": "late"}', type=Window)


@pytest.mark.parametrize(
    "text",
    [
        b'{"days": ["monday"], "open": "20:00", "close": "06:00"}',
        b'{"days": ["mon"], "open": "20:00", "close": "06:00", "note": ""}',
        b'{"days": ["mon"], "open": "20:00"}',
        b'{"days": ["mon"], "open": 2000, "close": "06:00"}',
    ],
)
def test_unknown_days_and_fields_do_not_parse(text: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=Window)
