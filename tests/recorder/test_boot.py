"""A node that was off for weeks: what is overdue is destroyed before anything else is done."""

import shutil
from pathlib import Path

import pytest
from fakes.crash_volume import CrashVolume
from recorder.footage import START_NS, footage
from recorder.station import Station, config_in

from node.clock import NS, SimulatedClock
from node.errors import Refused
from node.formats import slot

WEEKS_NS = 5 * 7 * 86_400 * NS


@pytest.fixture
def off_for_weeks(tmp_path: Path, run: Path, node_key: Path) -> Station:
    """A node with three epochs' keys in its slot, five weeks later."""
    live = tmp_path / "live"
    live.mkdir()
    shutil.copy(node_key, live / "node.key")
    station = Station(config_in(live, run))
    station.start()
    for number in range(3):
        station.clock.wait_until(number * 3600 * NS)
        station.ask(*footage(number + 1, start_ns=START_NS + number * 3600 * NS, retention_hours=24).messages)
    station.stop()
    assert len(slot.read_slots((live / "epochs.slot").read_bytes())) == 3
    station.clock = SimulatedClock(start_utc_ns=START_NS + WEEKS_NS)
    return station


def test_all_overdue_keys_are_destroyed_before_anything_else_is_written(off_for_weeks: Station) -> None:
    station = off_for_weeks
    station.volume = volume = CrashVolume(Path(station.config.paths.epoch_slot).parent)
    station.start()
    writes = [op.what for op in volume.ops if op.kind in {"write", "cut", "grow", "names"}]
    assert writes[:6] == ["write epochs.slot"] * 6  # three slots of two pages
    assert "write epochs.slot" not in writes[6:]
    station.close()


def test_overdue_keys_are_gone_and_logged_and_their_segments_unlinked(off_for_weeks: Station) -> None:
    station = off_for_weeks
    station.start()
    station.step()
    image = Path(station.config.paths.epoch_slot).read_bytes()
    assert slot.read_slots(image) == {}
    assert image[slot.FIRST_SLOT :] == bytes(len(image) - slot.FIRST_SLOT)
    assert station.paths == []
    log = (Path(station.config.paths.audit) / "audit.jsonl").read_text()
    assert log.count('"epoch_destroyed"') == 3
    assert log.index('"epoch_destroyed"') < log.rindex('"recorder_started"')
    station.close()


def test_without_a_ring_key_or_log_that_can_be_read_overdue_keys_are_destroyed_all_the_same(
    off_for_weeks: Station,
) -> None:
    station = off_for_weeks
    Path(station.config.paths.node_key).chmod(0o644)  # refused: others can read it
    with pytest.raises(Refused):
        station.start()
    assert slot.read_slots(Path(station.config.paths.epoch_slot).read_bytes()) == {}
    assert station.bus is not None
    station.bus.close()
    station.close()
