"""`stolpe camera`, `recorder` and `uplink` as systemd starts them: what they refuse, and that they end in order."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from system.program import Done, stolpe

from node.clock import SystemClock
from node.masks.geometry import full_view
from provisioning.demo.children import Children, Program
from provisioning.demo.node_files import Filmed, NodeFiles, write_node_files

DAEMONS = ("camera", "recorder", "uplink")
SIZE = (320, 240)
HEAVY = {
    "cv2",
    "av",
    "numpy",
    "rich",
    "astral",
    "node.camera",
    "node.recorder",
    "node.analysis",
    "provisioning",
}

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="needs root: camera and recorder lock their memory, which others may not"
)


@pytest.fixture
def files(tmp_path: Path) -> NodeFiles:
    """A node that has everything, under a root that a real node refuses; nobody serves its broker's port."""
    (tmp_path / "run").mkdir()
    return write_node_files(
        tmp_path,
        run=tmp_path / "run",
        filmed=Filmed(None, (), SIZE, 10.0),
        port=9,
        now_ns=SystemClock().now().utc_ns,
        geometry_of=lambda _: full_view(sensor="synthetic", main=SIZE, lores=SIZE),
    )


class Unit:
    """One command under a supervisor, as a unit of systemd is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children: list[Children] = []

    def start(self, name: str, config: Path, *options: str) -> Children:
        """Started and ready."""
        command = (sys.executable, *options, "-m", "node", name, "--config", str(config))
        run = self._folder / f"supervisor-{len(self._children)}"
        run.mkdir()
        children = Children(
            (Program(name, command, self._folder / f"{name}.said"),),
            run=run,
            peers=run / "peers.json",
            clock=SystemClock(),
            say=lambda _: None,
        )
        self._children.append(children)
        children.start()
        while not children.all_ready:
            children.step(1)
        return children

    def said(self, name: str) -> str:
        """What it said on stderr."""
        return (self._folder / f"{name}.said").read_text()

    def close(self) -> None:
        for children in self._children:
            children.close()


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path)
    yield made
    made.close()


def refused(done: Done, word: str) -> None:
    assert (done.code, done.out, len(done.lines)) == (1, "", 1), done
    assert word in done.err


@pytest.mark.parametrize("name", DAEMONS)
def test_a_configuration_that_is_not_there_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    refused(stolpe(name, "--config", tmp_path / "node.toml"), "node.toml: No such file")


def test_a_configuration_with_an_unknown_key_is_refused_by_its_name(files: NodeFiles) -> None:
    with files.config_file.open("a") as config:
        config.write('[clock]\ntrust = "demo"\n')
    refused(stolpe("recorder", "--config", files.config_file), "clock")


@pytest.mark.parametrize("option", ["--peers", "--demo", "--trust", "--allow-demo-root"])
def test_no_option_of_a_production_command_chooses_what_a_demo_does(files: NodeFiles, option: str) -> None:
    done = stolpe("camera", "--config", files.config_file, option, "x")
    assert (done.code, done.out) == (2, "")
    assert f"No such option: {option}" in done.err


@needs_root
def test_a_recorder_without_its_keys_says_which_file_is_missing(files: NodeFiles) -> None:
    Path(files.config.paths.node_key).unlink()
    done = stolpe("recorder", "--config", files.config_file)
    assert done.code == 1
    assert files.config.paths.node_key in done.lines[-1]


def test_an_uplink_without_its_certificate_goes_on_and_says_so_once(files: NodeFiles, unit: Unit) -> None:
    """Events are taken over whether there is a broker or not."""
    Path(files.config.broker.certificate_file).unlink()
    uplink = unit.start("uplink", files.config_file)
    for _ in range(15):
        uplink.step(0.1)
    assert uplink.stop("uplink") == 0
    assert unit.said("uplink").count(files.config.broker.certificate_file) == 1


@pytest.mark.parametrize(
    "name", [pytest.param("camera", marks=needs_root), pytest.param("recorder", marks=needs_root), "uplink"]
)
def test_a_daemon_gets_ready_alone_and_ends_with_0_when_it_is_asked_to(
    name: str, files: NodeFiles, unit: Unit
) -> None:
    daemon = unit.start(name, files.config_file)
    assert daemon.stop(name) == 0
    assert f"{name} of node n-demo has stopped" in unit.said(name)
    assert "Traceback" not in unit.said(name)


def test_daemons_that_share_a_user_or_have_none_are_told_of(files: NodeFiles, unit: Unit) -> None:
    with files.config_file.open("a") as config:
        config.write('\n[users]\ncamera = "root"\nrecorder = "root"\nuplink = "nobody"\n')
    assert unit.start("uplink", files.config_file).stop("uplink") == 0
    said = unit.said("uplink").splitlines()
    assert "no users for commissioning: nothing is taken from them" in said
    assert "camera and recorder have one user: an inbox cannot tell them apart" in said


@needs_root
def test_a_real_camera_stays_dark_under_the_root_of_a_demo(files: NodeFiles, unit: Unit) -> None:
    recorder = unit.start("recorder", files.config_file)
    camera = unit.start("camera", files.config_file)
    camera.step(2)
    assert camera.stop("camera") == 0
    assert recorder.stop("recorder") == 0
    assert list(Path(files.config.paths.ring).glob("*.seg")) == []


@needs_root
def test_memory_is_locked_and_closed_to_debuggers(files: NodeFiles, unit: Unit) -> None:
    daemon = unit.start("recorder", files.config_file)
    place = Path("/proc") / str(daemon.pids["recorder"])
    status = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
    assert int(status["VmLck"].split()[0]) > 10_000
    limits = next(line for line in (place / "limits").read_text().splitlines() if "core file" in line)
    assert limits.split()[4:6] == ["0", "0"]


def test_a_second_daemon_of_the_same_name_is_refused(files: NodeFiles, unit: Unit) -> None:
    unit.start("uplink", files.config_file)
    done = stolpe("uplink", "--config", files.config_file)
    assert done.code == 1
    assert "another uplink runs there" in done.lines[-1]


def test_the_uplink_carries_no_library_of_other_commands(files: NodeFiles, unit: Unit) -> None:
    daemon = unit.start("uplink", files.config_file, "-X", "importtime")
    assert daemon.stop("uplink") == 0
    imported = {line.rsplit("|", 1)[1].strip() for line in unit.said("uplink").splitlines() if "|" in line}
    assert {"node.uplink.daemon", "paho.mqtt.client"} <= imported
    assert {
        name for name in imported for heavy in HEAVY if name == heavy or name.startswith(f"{heavy}.")
    } == set()
