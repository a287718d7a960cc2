"""Measures of whole nodes, cut short: that they meet real daemons and a real broker, and not what they find."""

import pytest

from node.clock import NS, parse_rfc3339
from node.errors import Refused
from node.mandate.hours import Site, is_open, next_change
from provisioning.demo import measures
from provisioning.demo.run import Watched

SITE = Site("Exempelgatan", 59.61, 16.54, "Europe/Stockholm")
HOUR_NS = 3600 * NS


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "RUNS", 1)
    monkeypatch.setattr(measures, "BROKER_AWAY_S", 0.1)
    monkeypatch.setattr(measures, "DARK_SECONDS", 1.0)
    monkeypatch.setattr(measures, "FULL_HD", measures.SMALL)


@pytest.mark.parametrize("hour", range(24))
@pytest.mark.parametrize("day", ["2026-01-15T00:59:59Z", "2026-07-15T00:00:00Z"])
def test_a_node_that_is_closed_for_the_day_stays_closed_for_hours(day: str, hour: int) -> None:
    now_ns = parse_rfc3339(day) + hour * HOUR_NS
    windows = (measures.half_a_day_from(now_ns),)
    assert not is_open(windows, SITE, now_ns)
    change_ns = next_change(windows, SITE, now_ns)
    assert change_ns is not None
    assert change_ns - now_ns >= 9 * HOUR_NS


def test_a_node_comes_back_to_a_restarted_broker_and_is_timed() -> None:
    found = measures.reconnect("reconnect")
    assert 0 < found.value < measures.PATIENCE_S
    assert (found.name, found.unit, found.goal, found.ratio) == ("reconnect", "s", 5.0, None)


def test_a_dark_cameras_processor_time_is_measured_with_its_sensor_closed() -> None:
    found = measures.dark_cpu("dark_cpu")
    assert found.value >= 0
    assert "sensor opened 0 times" in found.reference


def test_what_died_while_it_was_measured_is_no_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(
        frames=900,
        fragments=60,
        segments=1,
        events=0,
        published=0,
        missing_numbers=0,
        seconds=60.0,
        seconds_to_first_fragment=4.0,
        pss_mib={"camera": 100.0, "recorder": 40.0, "uplink": 30.0},
        restarts={"camera": 0, "recorder": 0, "uplink": 1},
        documents_accepted=0,
    )
    monkeypatch.setattr(measures, "_demo_run", lambda _seconds: watched)
    measures._a_minute.cache_clear()  # of a whole process: no test leaves anything in it
    with pytest.raises(Refused, match="uplink died while it was measured"):
        measures.rss_camera("rss_camera")
