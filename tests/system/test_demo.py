"""The demo as a newcomer runs it: real daemons, a real broker, real time, and nothing left behind."""

import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from fakes.processes import running_with
from system.program import Done, stolpe

from node.masks.polygon import parse_polygon
from node.masks.raster import touched
from provisioning.demo.command import BALCONIES

SIZE = (640, 360)
SMALL = ("--size", f"{SIZE[0]}x{SIZE[1]}")


@dataclass(frozen=True)
class Ran:
    """A demo that has ended."""

    folder: Path
    done: Done

    @property
    def figures(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.done.out)
        return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("demo") / "out"
    done = stolpe("demo", "--dir", folder, "--seconds", "6", *SMALL, "--json")
    assert done.code == 0, done.err
    return Ran(folder, done)


def test_it_ends_with_one_json_object_on_stdout_and_nothing_else(demo: Ran) -> None:
    assert demo.done.out.count("\n") == 1
    assert set(demo.figures) >= {
        "frames", "fragments", "segments", "events", "published", "opened_frames", "pss_mib",
        "seconds_to_first_fragment",
    }  # fmt: skip
    assert json.loads((demo.folder / "summary.json").read_text()) == demo.figures


def test_every_frame_that_was_filmed_is_in_the_clip(demo: Ran) -> None:
    figures = demo.figures
    assert figures["frames"] == figures["opened_frames"] >= 6 * 15 - 2
    assert figures["lost_frames"] == 0
    with av.open(str(demo.folder / "clip.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == figures["frames"]


def test_every_event_has_reached_the_independent_subscriber(demo: Ran) -> None:
    figures = demo.figures
    assert (figures["missing_numbers"], figures["published"]) == (0, figures["events"])
    lines = (demo.folder / "events.jsonl").read_text().splitlines() if figures["published"] else []
    assert len({json.loads(line)["id"] for line in lines}) == figures["published"]


def test_memory_is_told_for_each_daemon_and_within_the_goal(demo: Ran) -> None:
    memory = demo.figures["pss_mib"]
    assert set(memory) == {"camera", "recorder", "uplink"}
    assert sum(memory.values()) <= 280


def test_what_is_decoded_is_black_where_people_live(demo: Ran) -> None:
    inside = touched([np.asarray(parse_polygon(mask)) * SIZE for mask in BALCONIES], SIZE)
    with av.open(str(demo.folder / "clip.mp4")) as container:
        for frame in container.decode(video=0):
            luma = frame.to_ndarray(format="yuv420p")[: SIZE[1]].astype(int)
            assert np.abs(luma[inside] - 16).max() <= 2
            assert luma[~inside].std() > 10


def test_the_masks_were_widened_by_the_technician_alone_while_it_ran(demo: Ran) -> None:
    assert demo.figures["documents_accepted"] == 1
    assert "mask set version 2 is in force" in demo.done.err


def test_the_ring_meets_every_invariant(demo: Ran) -> None:
    done = stolpe("check", "ring", demo.folder)
    assert (done.code, done.err) == (0, ""), done.out


def test_one_releaser_alone_opens_nothing(demo: Ran, tmp_path: Path) -> None:
    key = demo.folder / "keys" / "releaser-1.key"
    done = stolpe("open", demo.folder / "ring", "--key", key, "--out", tmp_path / "clip.mp4")
    assert done.code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["desk-log.jsonl"]  # the attempt, and nothing else


def test_nothing_is_left_running(demo: Ran) -> None:
    assert running_with(str(demo.folder)) == {}


def test_a_second_demo_is_not_written_over_the_first(demo: Ran) -> None:
    before = (demo.folder / "clip.mp4").read_bytes()
    done = stolpe("demo", "--dir", demo.folder, "--seconds", "1", *SMALL)
    assert (done.code, len(done.lines)) == (1, 1), done.err
    assert "--overwrite" in done.err
    assert (demo.folder / "clip.mp4").read_bytes() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: only root can hide a program from one command")
def test_without_mosquitto_it_says_how_to_get_it_and_begins_nothing(tmp_path: Path) -> None:
    hide = 'for p in $(which -a mosquitto); do mount --bind /dev/null $p || exit 77; done; exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", hide, "sh", sys.executable, "-m", "node"]
    demo = [*command, "demo", "--dir", str(tmp_path / "out")]
    done = subprocess.run(demo, check=False, capture_output=True, text=True)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("this machine does not let root mount")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "sudo apt-get install mosquitto" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("option", "word"),
    [
        (("--size", "wide"), "WIDTHxHEIGHT"),
        (("--seconds", "0"), "--seconds"),
        (("--fps", "0"), "--fps"),
    ],
)
def test_wrong_usage_exits_2_before_anything_is_made(
    tmp_path: Path, option: tuple[str, str], word: str
) -> None:
    done = stolpe("demo", "--dir", tmp_path / "out", *option)
    assert (done.code, done.out) == (2, "")
    assert word in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--mask", "0.1,0.1 0.5,0.5"), "three points"),
        (("--mask", "1.1,1.1 1.4,1.1 1.4,1.3"), "outside the picture"),
        (("--size", "16x16"), "sensor"),
        (("--video", "none.mp4"), "none.mp4"),
    ],
)
def test_what_cannot_be_filmed_is_refused_in_one_line(
    tmp_path: Path, options: tuple[str, str], word: str
) -> None:
    done = stolpe("demo", "--dir", tmp_path / "out", *options, "--json")
    assert (done.code, done.out) == (1, "")
    assert word in done.lines[-1]
    assert "Traceback" not in done.err


class Running:
    """A demo that goes on until it is told to stop."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = ["demo", "--dir", str(folder), "--seconds", "600", *SMALL, "--json"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "node", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []

    def wait_for(self, pattern: str) -> str:
        """What the first group of the pattern is in the next line that has it; the test's timeout is the bound."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            found = re.search(pattern, line)
            if found:
                return found[found.lastindex or 0]
        pytest.fail("".join(self.said))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    demo = Running(tmp_path / ("a name too long for a socket " * 4) / "out")
    with demo.process:
        yield demo
        demo.process.kill()


def test_a_daemon_that_is_killed_is_started_again_and_ctrl_c_ends_all_in_order(running: Running) -> None:
    pid = int(running.wait_for(r"recorder is ready, process (\d+)"))
    running.wait_for("first fragment")
    os.kill(pid, signal.SIGKILL)
    assert int(running.wait_for(r"recorder is ready, process (\d+)")) != pid
    while int(running.wait_for(r"(\d+) frames, ")) <= 4 * 15:  # so many that what is kept shows what was lost
        pass
    running.process.send_signal(signal.SIGINT)
    order = [running.wait_for(r"(\w+) stopped") for _ in range(3)]
    out, err = running.process.communicate(timeout=30)
    assert order == ["camera", "recorder", "uplink"]
    assert running.process.returncode == 0, err
    figures = json.loads(out)
    assert figures["restarts"] == {"camera": 0, "recorder": 1, "uplink": 0, "broker": 0}
    assert figures["lost_frames"] <= 2 * 15
    assert figures["opened_frames"] > 2 * 15
    assert running_with(str(running.folder)) == {}


def test_a_demo_that_is_killed_leaves_no_daemon_behind(running: Running) -> None:
    running.wait_for("first fragment")
    daemons = [pid for pid, line in running_with(str(running.folder)).items() if "demo_daemon" in line]
    assert len(daemons) == 3
    ends = [os.pidfd_open(pid) for pid in daemons]
    running.process.kill()
    for end in ends:
        assert select.select([end], [], [], 20)[0]
        os.close(end)
    for pid, line in running_with(str(running.folder)).items():
        assert "mosquitto" in line  # it is the user's own, and ends by itself no more than any broker
        os.kill(pid, signal.SIGTERM)
