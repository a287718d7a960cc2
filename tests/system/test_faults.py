"""A node that films loses its daemons, its broker, its bus and its disk, one after the other. What is lost, what is
said, and when is it back?

One node goes through all of it, and is judged at the end: by its footage, opened with the releasers' keys, and by
what an office heard. `make faults` prints the table.
"""

import contextlib
import io
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import av
import pytest
from fakes.live_node import DAEMONS, LiveNode, live_node

from central.opening import distinct_owners, epoch_keys, opened
from node.camera.delivery import GIVEN_UP
from node.clock import NS
from node.sealing.keys import read_private_keys, read_verifying_key
from provisioning.demo.node_files import NodeFiles

pytestmark = pytest.mark.timeout(300)  # the whole story, told once

START_S, BACK_S = 30.0, 20.0
LOST_S = 2.0
"""At most so much of what was filmed may be lost."""
GOP_S = 1.0
AFTERWARDS_S = 2.5
BESIDE = "disk full, recorder killed"
LASTS_S = 120.0
"""So long may a disk that others have filled go on taking film, at most."""
LOSES_S = 4.0
FULL_S = 14.0
"""What is lost once it does not: so long, and what the camera keeps for a recorder."""


@dataclass
class Story:
    """What was done when (UTC seconds), how long until it was over, and everything that was kept."""

    done_at: dict[str, float] = field(default_factory=dict)
    back_after: dict[str, float] = field(default_factory=dict)
    said: dict[str, bool] = field(default_factory=dict)
    fragments: list[tuple[float, float]] = field(default_factory=list)
    """From, until, of every fragment that opens, in order."""
    gaps: list[tuple[float, float, str]] = field(default_factory=list)
    missing_numbers: int = -1
    events: int = 0
    ended: int = 0
    kinds: set[str] = field(default_factory=set)
    open: list[str] = field(default_factory=list)
    """Kinds of events that never ended."""
    filled_at: float = float("inf")
    """Until then everything was opened; from then on the oldest film makes room,"""
    kept_from: float = float("inf")
    """and this was the oldest that was still there when a recorder had come back on the full disk."""
    restarts: dict[str, int] = field(default_factory=dict)

    @property
    def told_gaps(self) -> list[tuple[float, float, str]]:
        """Those that the full disk left."""
        return [gap for gap in self.gaps if gap[1] > self.done_at.get("disk", float("inf"))]

    def lost(self, name: str) -> float:
        """Seconds of film, from that moment until some time after all was well, which nobody can see."""
        since, until = self.done_at[name] - GOP_S, self.done_at[name] + self.back_after[name] + AFTERWARDS_S
        if name == BESIDE:
            since = max(since, self.kept_from)  # what made room is not new film
        there = [found for found in self.fragments if since <= found[0] <= until]
        holes = [max(0.0, after[0] - before[1]) for before, after in pairwise(there)]
        return sum(holes) if holes else float("inf")

    def lost_before(self, name: str) -> float:
        """Seconds of film up to that moment, at which the camera died, which nobody can see."""
        at = self.done_at[name]
        return max(0.0, at - max(until for start, until in self.fragments if start <= at))


def utc_s(node: LiveNode) -> float:
    return node.clock.now().utc_ns / NS


def harm(node: LiveNode, story: Story, name: str) -> float:
    story.done_at[name] = utc_s(node)
    return node.now_s


def films_on(node: LiveNode) -> float:
    """How long until two more records are stored."""
    before = node.stored
    return node.until(lambda: node.stored >= before + 2, seconds=BACK_S)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    story = Story()
    with (
        _disk(tmp_path_factory.mktemp("faults") / "node") as directory,
        live_node(directory, before_start=_small_ring) as node,
    ):
        node.until(lambda: node.stored >= 4, seconds=START_S)
        for name in DAEMONS:
            since = harm(node, story, name)
            pid = node.children.pids[name]
            os.kill(pid, signal.SIGKILL)
            node.until(lambda name=name, pid=pid: node.children.pids.get(name, pid) != pid, seconds=BACK_S)
            films_on(node)
            story.back_after[name] = node.now_s - since
            node.work(3)
        _harm_the_broker(node, story)
        _cut_the_bus(node, story)
        _fill_the_disk_beside_a_ring(node, story)
        _fill_the_disk(node, story)
        node.work(3)
        node.stop_in_order()
        story.restarts = dict(node.children.counts.restarts)
        story.missing_numbers, story.events, story.ended = (
            node.heard.missing,
            len(node.heard.seen),
            len(node.heard.ended),
        )
        told = [line.split()[1:3] for _, line in node.said if line.startswith("event ")]
        story.kinds = {kind for kind, _ in told}
        story.open = [
            kind for kind in story.kinds if told.count([kind, "began"]) > told.count([kind, "ended"])
        ]
        _open(node, story)
        story.fragments.sort()
    for line in _table(story):
        print(line)  # noqa: T201 — for whoever runs it with -s
    return story


@contextmanager
def _disk(directory: Path) -> Iterator[Path]:
    """A disk of its own that can be filled, where this user may mount one."""
    directory.mkdir(parents=True)
    if os.geteuid() != 0:
        yield directory
        return
    command = ["mount", "-t", "tmpfs", "-o", "size=300m", "stolpe-test", str(directory)]
    subprocess.run(command, check=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", str(directory)], check=True)  # noqa: S607 — root's own


def _harm_the_broker(node: LiveNode, story: Story) -> None:
    since = harm(node, story, "broker")
    node.broker.stop()  # in order: what it has acknowledged and then loses to a SIGKILL is its own loss
    node.work(3)
    node.broker.start()
    healths = node.heard.healths
    node.until(lambda: node.heard.healths > healths + 1, seconds=BACK_S)
    story.back_after["broker"] = node.now_s - since
    node.until(lambda: node.has_said("event broker", since=since), seconds=BACK_S)


def _cut_the_bus(node: LiveNode, story: Story) -> None:
    since = harm(node, story, "bus")
    node.tap.cut.set()
    node.work(6)
    node.tap.cut.clear()
    films_on(node)
    story.back_after["bus"] = node.now_s - since
    node.work(3)
    story.said["bus"] = node.has_said("event daemon", since=since)


def _small_ring(files: NodeFiles) -> None:
    """One that soon has more film than the reserve, as every node's has that films for days."""
    with files.config_file.open("a") as file:
        file.write(f"\n[ring]\ncapacity_bytes = {24 << 20}\nreserve_bytes = {1 << 20}\n")


def _fill_the_disk_beside_a_ring(node: LiveNode, story: Story) -> None:
    """The oldest film makes room, also for the new segment that a killed recorder makes necessary.

    What was written of the segment it was killed in must fit a second time. So that the film before is more than that,
    it is killed once while there is room, too: its next segment has but begun.
    """
    if os.geteuid() != 0:
        return
    filler = node.files.directory / "somebody-elses"
    _kill_the_recorder(node)
    _open(node, story)
    story.filled_at = utc_s(node)
    _take_all(filler)
    since = harm(node, story, BESIDE)
    _kill_the_recorder(node)
    story.back_after[BESIDE] = node.now_s - since
    node.work(3)
    story.kept_from = min(_open(node, story))
    filler.unlink()
    node.work(3)


def _kill_the_recorder(node: LiveNode) -> None:
    """And await that another films on, into a segment of its own."""
    before, pid = max(node.records()), node.children.pids["recorder"]
    os.kill(pid, signal.SIGKILL)
    node.until(lambda: node.children.pids.get("recorder", pid) != pid, seconds=BACK_S)
    node.until(lambda: _stored_after(node, before) >= 2, seconds=BACK_S)


def _stored_after(node: LiveNode, segment: str) -> int:
    """Records of the newest segment, if it is newer than that one."""
    records = node.records()
    newest = max(records, default="")
    return records[newest] if newest > segment else 0


def _fill_the_disk(node: LiveNode, story: Story) -> None:
    if os.geteuid() != 0:
        return
    since = harm(node, story, "disk")
    filler = node.files.directory / "somebody-elses"
    _take_all(filler)
    node.until(lambda: node.has_said("storage is full", since=since), seconds=60)
    frames = node.heard.frames
    # What is preallocated holds for up to a minute, and older film a while; only then is anything lost.
    while not _given_up(node):
        assert node.now_s - since < LASTS_S
        node.work(0.2)
        _take_all(filler)
    node.work(LOSES_S)
    assert node.heard.frames > frames  # it films on
    story.said["disk"] = node.has_said("event storage began", since=since)
    filler.unlink()
    freed = node.now_s
    films_on(node)
    story.back_after["disk"] = node.now_s - freed
    node.until(lambda: node.has_said("event storage ended", since=since), seconds=BACK_S)


def _given_up(node: LiveNode) -> int:
    """Fragments that the camera had to give up, as the office hears of them."""
    health = node.heard.health
    return health.camera.dropped_fragments if health is not None and health.camera is not None else 0


def _take_all(filler: Path) -> None:
    """Everything that is free, or has come free again, while others take and give up parts of it."""
    with filler.open("ab") as file, contextlib.suppress(OSError):
        while free := os.statvfs(filler.parent).f_bavail:
            size = file.seek(0, os.SEEK_END)
            os.posix_fallocate(file.fileno(), size, max(1, free // 2) * os.statvfs(filler.parent).f_frsize)


def _open(node: LiveNode, story: Story) -> list[float]:
    """Open all that is in the ring, and say when each of its fragments begins."""
    keys = distinct_owners([read_private_keys(node.files.key(f"releaser-{n}")) for n in (1, 2)])
    epochs = epoch_keys(Path(node.files.config.paths.epoch_slot))
    public = read_verifying_key(node.files.directory / "keys" / "node.pub.json")
    known, starts = set(story.fragments), list[float]()
    for path in sorted(node.files.ring.glob("*.seg")):
        segment = opened(path, epochs=epochs, keys=keys, node=public)
        assert segment.signature in {"good", "missing"}, path.name  # missing: it is being written
        for start_ns, data in segment.fragments:
            found = start_ns / NS, start_ns / NS + _frames(segment.init + data) / 15
            starts.append(found[0])
            if found not in known:
                story.fragments.append(found)
        story.gaps += [(at / NS, gap.until_ns / NS, gap.reason) for at, gap in segment.gaps]
    return starts


def _frames(video: bytes) -> int:
    with av.open(io.BytesIO(video), "r") as container:
        return sum(1 for _ in container.decode(video=0))


def _table(story: Story) -> list[str]:
    rows = ["", "| what | lost of the film | back after |", "|---|---|---|"]
    for name, back in story.back_after.items():
        lost = story.lost(name)
        if name == "camera":
            lost = story.lost_before(name)
        if name == "disk":
            lost = sum(until - start for start, until, _ in story.told_gaps)
        rows.append(f"| {name} | {lost:.2f} s | {back:.1f} s |")
    return [
        *rows,
        f"events: {story.events} began, {story.ended} ended, {story.missing_numbers} numbers missing",
    ]


def test_a_killed_camera_costs_at_most_two_seconds_of_film(story: Story) -> None:
    assert story.lost_before("camera") <= LOST_S


@pytest.mark.parametrize("name", ["recorder", "uplink", "broker", "bus"])
def test_nothing_else_that_dies_costs_any_film(story: Story, name: str) -> None:
    assert story.lost(name) <= GOP_S / 4


def test_a_full_disk_costs_no_new_film_while_the_ring_has_older(story: Story) -> None:
    if BESIDE not in story.done_at:
        pytest.skip("only root may mount a small disk")
    assert story.lost(BESIDE) <= LOST_S


def test_no_film_is_there_twice(story: Story) -> None:
    starts = [start for start, _ in story.fragments]
    assert len(starts) == len(set(starts))


def test_no_event_number_is_missing_and_every_event_has_ended(story: Story) -> None:
    assert story.events >= 5
    # Health stays bad for a minute after footage was given up, and this node is stopped before that.
    assert (story.missing_numbers, set(story.open) - {"health"}) == (0, set())


def test_every_death_is_told_to_the_office(story: Story) -> None:
    killed = {"recorder": 3} if BESIDE in story.done_at else {}
    assert story.restarts == {**dict.fromkeys(DAEMONS, 1), **killed}
    assert {"motion", "daemon", "broker"} <= story.kinds
    assert story.said["bus"]


def test_a_full_disk_is_told_and_whatever_it_cost_is_a_gap_that_says_why(story: Story) -> None:
    if "disk" not in story.done_at:
        pytest.skip("only root may mount a small disk")
    assert story.said["disk"]
    assert {reason for _, _, reason in story.told_gaps} == {GIVEN_UP}
    told = sum(until - start for start, until, _ in story.told_gaps)
    assert told <= FULL_S
    since = story.done_at["disk"]
    film = [found for found in story.fragments if found[0] >= since]
    holes = sum(max(0.0, after[0] - before[1]) for before, after in pairwise(film))
    assert holes <= told + GOP_S / 4


def test_what_is_missing_of_the_film_is_nowhere_without_a_gap_or_a_death(story: Story) -> None:
    for (_, until), (start, _) in zip(story.fragments, story.fragments[1:], strict=False):
        if start - until > GOP_S / 2:
            told = any(at <= start and end >= until for at, end, _ in story.gaps)
            died = until - GOP_S <= story.done_at["camera"] <= start
            made_room = until >= story.filled_at - 2 * GOP_S and start <= story.kept_from
            evicted = "disk" in story.done_at and start > story.done_at["disk"]
            assert told or died or made_room or evicted, (until, start)
