"""What `stolpe bench` is asked for and says; no figure of it is judged here."""

import json
import tempfile
from importlib.metadata import entry_points
from pathlib import Path

import psutil
import pytest
from system.program import stolpe
from typer.testing import CliRunner

from node.cli.bench import ENTRY_POINTS
from node.cli.bench_measures import MEASURES
from node.cli.program import program
from node.errors import Refused
from node.formats.measured import absolute, against

LIVE = {
    "dark_cpu",
    "event_latency_p99",
    "first_fragment",
    "reconnect",
    "rss_camera",
    "rss_recorder",
    "rss_uplink",
    "seal_bus_write",
}
FIELDS = ["name", "value", "unit", "against", "ratio", "goal", "met", "reference", "runs"]


def test_the_measures_have_the_names_that_others_ask_for() -> None:
    assert set(MEASURES) == {
        "mask_0", "mask_10", "mask_30", "mask_60", "raster", "pose_check", "seal_write",
        "ring_amplification", "ring_recovery", "analysis", "pipeline",
    }  # fmt: skip
    assert {point.name for point in entry_points(group=ENTRY_POINTS)} == LIVE


@pytest.mark.parametrize("name", sorted(LIVE))
def test_a_whole_nodes_measure_can_be_loaded(name: str) -> None:
    (point,) = entry_points(group=ENTRY_POINTS, name=name)
    assert callable(point.load())


def test_a_name_that_is_none_is_refused_and_the_others_are_named() -> None:
    done = stolpe("bench", "--only", "pose_chess")
    assert (done.code, done.out) == (1, "")
    assert "no measure is called pose_chess" in done.err
    assert "event_latency_p99" in done.err


def test_what_was_measured_is_shown_though_a_later_measure_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Here for want of Mosquitto, which is said in one line."""
    monkeypatch.setattr("central.broker._PATHS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    done = CliRunner().invoke(program("bench"), ["bench", "--only", "mask_0", "--only", "reconnect"])
    assert isinstance(done.exception, Refused)
    assert str(done.exception) == "Mosquitto is not installed: sudo apt-get install mosquitto"
    assert "mask_0" in done.stdout


def test_a_measure_is_one_json_object_with_its_reference() -> None:
    done = stolpe("bench", "--only", "seal_write", "--json")
    (line,) = done.out.splitlines()
    said = json.loads(line)
    assert list(said) == FIELDS
    assert said["ratio"] == pytest.approx(said["value"] / said["against"])
    assert said["reference"]


def test_a_whole_node_can_be_measured_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="b-") as own:  # short: a socket's path may not be long
        monkeypatch.setenv("TMPDIR", own)
        done = stolpe("bench", "--only", "event_latency_p99", "--json")
        assert done.code == 0, done.err
        assert list(Path(own).iterdir()) == []
        command_lines = [process.info["cmdline"] or () for process in psutil.process_iter(["cmdline"])]
        assert not any(own in argument for line in command_lines for argument in line)
    said = json.loads(done.out)
    assert list(said) == FIELDS
    assert (said["name"], said["ratio"], said["goal"]) == ("event_latency_p99", None, 100.0)
    assert said["value"] > 0


def test_a_goal_is_for_the_ratio_where_there_is_one_and_else_for_the_value() -> None:
    assert against("m", 3.0, "ms", (2.0, "x"), 2.0).met is True
    assert against("m", 5.0, "ms", (2.0, "x"), 2.0).met is False
    assert against("m", 5.0, "ms", (2.0, "x"), None).met is None
    assert (absolute("m", 3.0, "ms", 2.0, "x").met, absolute("m", 2.0, "ms", 2.0, "x").met) == (False, True)
