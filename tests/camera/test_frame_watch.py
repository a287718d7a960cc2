"""A camera that hangs is noticed, whatever the main thread does, and ends its process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fakes.node_place import NodePlace

from node.camera.frame_watch import EXIT_HUNG, FrameWatch
from node.clock import NS, SimulatedClock, SystemClock
from node.masks.geometry import full_view

VIEW = full_view(sensor="synthetic", main=(64, 48), lores=(32, 32))

CHILD = """
import sys, threading
from pathlib import Path
from node.bus import Bus, SpawnedPeers
from node.camera.daemon import build
from node.camera.synthetic import SyntheticStreet
from node.clock import SystemClock
from node.config import read_config
from node.messages import RecorderAlive, VersionFloors

class Hanging:
    def __init__(self, street):
        self._street = street
        self.geometry, self.frame_rate, self.count = street.geometry, street.frame_rate, 0
    def open(self): self._street.open()
    def close(self): self._street.close()
    def next_request(self):
        self.count += 1
        if self.count > 20:
            print("hangs", flush=True)
            threading.Event().wait()
        return self._street.next_request()

folder = Path(sys.argv[1])
peers = SpawnedPeers(folder / "peers.json")
(folder / "peers.json").write_text('{"camera": %d, "recorder": %d}' % ((__import__("os").getpid(),) * 2))
clock = SystemClock(trust="demo")
config = read_config(folder / "node.toml")
recorder = Bus("recorder", run=folder / "run", peers=peers)
street = SyntheticStreet(clock=clock, size=(64, 48), lores=(32, 32), frame_rate=15)
camera = build(config, clock=clock, bus=Bus("camera", run=folder / "run", peers=peers), allow_demo_root=True,
               new_source=lambda: Hanging(street))
alive = RecorderAlive("0" * 26, "t", (), 0, 1, VersionFloors(), 0)
while True:
    if camera.filming.dark is not None:
        recorder.send(alive, to="camera")
    camera.step(0.05)
"""


def watch(limit_s: float = 5.0) -> tuple[SimulatedClock, FrameWatch, list[str]]:
    clock, said = SimulatedClock(start_utc_ns=0), []
    return clock, FrameWatch(clock=clock, limit_s=limit_s, hung=said.append), said


def test_a_camera_that_delivers_in_time_is_left_alone() -> None:
    clock, looking, said = watch()
    for second in range(20):
        looking.expect()
        clock.wait_until((second + 1) * NS)
        assert not looking.look()
    assert said == []


def test_no_frame_for_longer_than_the_limit_is_told_once_it_is_seen() -> None:
    clock, looking, said = watch()
    looking.expect()
    clock.wait_until(5 * NS)
    assert not looking.look()
    clock.wait_until(5 * NS + 1)
    assert looking.look()
    assert said == ["no frame for 5.0 s"]


def test_a_camera_that_is_rightly_closed_may_be_silent_for_ever() -> None:
    clock, looking, said = watch()
    looking.expect()
    looking.rest()
    clock.wait_until(3600 * NS)
    assert not looking.look()
    assert (looking.age_ns, said) == (None, [])


def test_a_real_camera_whose_driver_hangs_ends_its_process_and_says_why(tmp_path: Path) -> None:
    now_ns = SystemClock().now().utc_ns
    NodePlace.made(
        tmp_path, start_ns=now_ns, geometry=VIEW, polygons=[((0, 0), (0.2, 0), (0, 0.2))], pids=[os.getpid()]
    )
    (tmp_path / "node.toml").write_text(
        '[node]\nid = "n-demo"\norganisation = "demo"\n[broker]\nhost = "127.0.0.1"\n'
        '[sensor]\nsource = "synthetic"\nmain = [64, 48]\nlores = [32, 32]\nhung_seconds = 1.0\n'
        f'[paths]\nroot = "{tmp_path}/root.jws.json"\ndocuments = "{tmp_path}/documents"\nrun = "{tmp_path}/run"\n'
    )
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path)], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stdout == "hangs\n", done.stderr
    assert done.returncode == EXIT_HUNG
    assert "no frame for 1" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("limit_s", [1.0, 60.0])
def test_the_thread_ends_when_it_is_stopped(limit_s: float) -> None:
    _, looking, _ = watch(limit_s)
    looking.start()
    looking.stop()
    assert not looking._thread.is_alive()
