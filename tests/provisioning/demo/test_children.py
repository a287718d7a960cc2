"""Real processes that say READY and WATCHDOG as the daemons do, die, starve, or do not want to end."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes.hasty_clock import HastyClock

from node.clock import NS
from node.errors import Refused
from provisioning.demo.children import MOST_STARTS, RESTART_NS, STOP_NS, WATCHDOG_NS, Children, Program

SAYS_READY = """
import os, signal, socket, sys
out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
out.connect(os.environ["NOTIFY_SOCKET"])
signal.signal(signal.SIGUSR1, lambda *_: out.send(b"WATCHDOG=1"))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
"""
WORKS = SAYS_READY + "out.send(b'READY=1')\nwhile True: signal.pause()\n"
WILL_NOT_END = SAYS_READY + (
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nout.send(b'READY=1')\nwhile True: signal.pause()\n"
)
REFUSES = "import sys\nsys.exit('stolpe: the key slot is missing')\n"


class Place:
    """A folder, a clock, and the children that a test starts in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.peers = folder / "peers.json"
        self.clock = HastyClock()
        self.said: list[str] = []
        self.started: list[Children] = []

    def children(self, **programs: str) -> Children:
        """One child for each name, with this code, started."""
        children = Children(
            tuple(
                Program(name, (sys.executable, "-c", code), self.folder / f"{name}.log")
                for name, code in programs.items()
            ),
            run=self.folder,
            peers=self.peers,
            clock=self.clock,
            say=self.said.append,
        )
        self.started.append(children)
        children.start()
        return children

    def peer_pids(self) -> dict[str, int]:
        """Whom the peers file lists."""
        listed: dict[str, int] = json.loads(self.peers.read_bytes())
        return listed


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    for children in made.started:
        children.close()


def until(children: Children, happened: Callable[[], bool]) -> None:
    """Step until it happened; a step waits for something to happen."""
    for _ in range(200):
        if happened():
            return
        children.step(0.2)
    raise AssertionError("it did not happen")


def ended(pid: int) -> bool:
    """Whether there is no such process, not even one that nobody has waited for."""
    return not Path(f"/proc/{pid}").exists()


def test_the_peers_file_lists_the_children_by_their_pids(place: Place) -> None:
    children = place.children(camera=WORKS, recorder=WORKS)
    until(children, lambda: children.all_ready)
    assert place.peer_pids() == children.pids
    assert all(not ended(pid) for pid in children.pids.values())
    assert place.peers.stat().st_mode & 0o777 == 0o600


def test_a_killed_child_is_a_peer_until_its_successor_runs_half_a_second_later(place: Place) -> None:
    """What it said before it died may still be on its way to the others."""
    children = place.children(camera=WORKS, recorder=WORKS)
    until(children, lambda: children.all_ready)
    camera, recorder = children.pids["camera"], children.pids["recorder"]
    os.kill(camera, signal.SIGKILL)
    until(children, lambda: children.counts.restarts == {"camera": 1})
    assert children.pids == {"recorder": recorder}
    assert place.peer_pids() == {"camera": camera, "recorder": recorder}
    assert any("SIGKILL" in line for line in place.said)
    before_ns = place.clock.boottime_ns()
    until(children, lambda: "camera" in children.pids)
    assert place.clock.boottime_ns() - before_ns > RESTART_NS // 2
    assert place.peer_pids() == {"camera": children.pids["camera"], "recorder": recorder}
    assert children.pids["camera"] != camera
    until(children, lambda: children.all_ready)


def test_a_child_that_ends_by_itself_is_started_again_however_it_ended(place: Place) -> None:
    children = place.children(camera=WORKS)
    until(children, lambda: children.all_ready)
    os.kill(children.pids["camera"], signal.SIGTERM)  # it exits 0
    until(children, lambda: children.counts.restarts == {"camera": 1})
    until(children, lambda: children.all_ready)


def test_a_child_whose_watchdog_starves_is_killed_and_started_again(place: Place) -> None:
    children = place.children(camera=WORKS)
    until(children, lambda: children.all_ready)
    starving = children.pids["camera"]
    place.clock.skip(WATCHDOG_NS / NS)
    until(children, lambda: children.pids.get("camera", starving) != starving)
    assert ended(starving)
    assert children.counts.starved == {"camera": 1}
    until(children, lambda: children.all_ready)


def test_a_child_that_feeds_its_watchdog_lives_on(place: Place) -> None:
    children = place.children(camera=WORKS)
    until(children, lambda: children.all_ready)
    pid = children.pids["camera"]
    for _ in range(3):
        place.clock.skip(WATCHDOG_NS / NS * 0.6)
        os.kill(pid, signal.SIGUSR1)
        children.step(5)  # until it is heard
    assert children.pids == {"camera": pid}
    assert children.counts.starved == {}


def test_a_child_that_never_gets_ready_is_given_up_with_its_last_words(place: Place) -> None:
    children = place.children(recorder=REFUSES)
    with pytest.raises(Refused, match="recorder does not start: stolpe: the key slot is missing"):
        until(children, lambda: False)
    assert (place.folder / "recorder.log").read_text().count("\n") == MOST_STARTS
    assert children.pids == {}


def test_a_stopped_child_ends_in_order_and_stays_away_while_the_others_go_on(place: Place) -> None:
    children = place.children(camera=WORKS, recorder=WORKS)
    until(children, lambda: children.all_ready)
    camera, recorder = children.pids["camera"], children.pids["recorder"]
    assert children.stop("camera") == 0
    assert ended(camera)
    place.clock.skip(1)
    children.step(0)
    assert children.pids == {"recorder": recorder}


def test_a_child_that_will_not_end_is_killed(place: Place) -> None:
    children = place.children(camera=WILL_NOT_END)
    until(children, lambda: children.all_ready)
    place.clock.hurry_s = STOP_NS / NS / 4
    assert children.stop("camera") == -signal.SIGKILL
    assert children.pids == {}


def test_ctrl_c_in_the_terminal_reaches_the_demo_alone(place: Place) -> None:
    children = place.children(camera=WORKS)
    assert os.getpgid(children.pids["camera"]) == children.pids["camera"] != os.getpgid(0)


def test_nothing_is_left_running_when_it_is_closed(place: Place) -> None:
    children = place.children(camera=WORKS, recorder=WILL_NOT_END)
    until(children, lambda: children.all_ready)
    pids = tuple(children.pids.values())
    children.close()
    assert all(ended(pid) for pid in pids)
    assert children.pids == {}
    place.started.clear()
