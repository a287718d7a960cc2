"""A replay that records on alarm keeps, of what one that records all the time keeps, what lies around the alarms."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes.alarm_mandate import on_alarm
from system.program import MASK, START, stolpe, walking_square, write_video

from central.opening import OpenedSegment, epoch_keys, opened
from node.clock import NS, parse_rfc3339
from node.sealing.keys import read_private_keys, read_verifying_key

SHARED = Path(os.environ.get("STOLPE_SHARED", Path(__file__).parents[3] / "shared")) / "data" / "clips"
pytestmark = pytest.mark.timeout(240)  # two replays, one of them at 1080p, on a machine that others use
PRE, POST = 3, 2
KNOWN_NS = 2 * NS
"""So long after an alarm's end its end is known at the latest: the detector's hold, and a frame or two."""
FRAME_NS = NS // 5
"""Longer than any of these scenes' frames, and than what the milliseconds of an event leave out."""


@dataclass(frozen=True)
class Clip:
    """A segment, and its GOPs by their start."""

    segment: OpenedSegment
    gops: dict[int, bytes]


@dataclass(frozen=True)
class Both:
    """The GOPs that each replay keeps, by their start (UTC ns), and the alarms."""

    always: dict[int, bytes]
    clips: list[Clip]
    alarms: list[tuple[int, int]]

    @property
    def kept(self) -> dict[int, bytes]:
        return {start: data for clip in self.clips for start, data in clip.gops.items()}

    def around_alarms(self, *, before_ns: int, after_ns: int) -> set[int]:
        """The starts of those GOPs that reach into [start - pre-roll, end + post-roll] of an alarm, widened by that."""
        starts = sorted(self.always)
        found = set()
        for start, after in zip(starts, [*starts[1:], starts[-1] + NS], strict=True):
            for begun, end in self.alarms:
                if after > begun - PRE * NS - before_ns and start <= end + POST * NS + after_ns:
                    found.add(start)
        return found


def ring_of(out: Path, persons: Path) -> list[Clip]:
    keys = {who: read_private_keys(persons / f"{who}.key") for who in ("releaser-1", "releaser-2")}
    node = read_verifying_key(out / "keys" / "node.pub.json")
    epochs = epoch_keys(out / "epochs.slot")
    paths = sorted((out / "ring").glob("*.seg"))
    segments = [opened(path, epochs=epochs, keys=keys, node=node) for path in paths]
    return [Clip(segment, dict(segment.fragments)) for segment in segments]


def both(folder: Path, *scene: str | Path) -> Both:
    """The scene replayed twice."""
    always, alarmed = folder / "always", folder / "alarmed"
    done = stolpe("replay", *scene, "--out", always, "--mask", MASK, "--start", START)
    assert done.code == 0, done.err
    signing = read_private_keys(always / "keys" / "controller-1.key").signing
    mandate = folder / "on_alarm.jws.json"
    mandate.write_bytes(
        on_alarm((always / "documents" / "mandate.jws.json").read_bytes(), signing, pre=PRE, post=POST)
    )
    documents = always / "documents"
    given = ("--mandate", mandate, "--masks", documents / "masks.jws.json")
    root = ("--root", always / "documents" / "root.jws.json")
    done = stolpe("replay", *scene, "--out", alarmed, *given, *root, "--start", START)
    assert done.code == 0, done.err
    events = [json.loads(line) for line in (alarmed / "events.jsonl").read_text().splitlines()]
    assert all(event["alarm"] for event in events)
    return Both(
        {start: data for one in ring_of(always, always / "keys") for start, data in one.gops.items()},
        ring_of(alarmed, always / "keys"),
        [(parse_rfc3339(event["start"]), parse_rfc3339(event["end"])) for event in events],
    )


def holds(found: Both) -> None:
    """What every clip must be."""
    assert all(found.always[start] == data for start, data in found.kept.items())
    kept = found.kept.keys()
    assert found.around_alarms(before_ns=-FRAME_NS, after_ns=-FRAME_NS) <= kept
    assert kept <= found.around_alarms(before_ns=0, after_ns=KNOWN_NS)
    ends = {(clip.segment.ending, clip.segment.signature) for clip in found.clips}
    assert ends <= {("closed", "good")}
    assert sum(len(clip.gops) for clip in found.clips) == len(kept)  # nothing twice


def test_a_walker_is_recorded_from_the_pre_roll_to_the_post_roll(tmp_path: Path) -> None:
    video = write_video(tmp_path / "square.mkv", walking_square(300))
    found = both(tmp_path, video)
    holds(found)
    (clip,) = found.clips
    ((begun, end),) = found.alarms
    first, last = min(found.kept), max(found.kept)
    assert begun - (PRE + 1) * NS < first <= begun - PRE * NS
    assert end + (POST - 1) * NS <= last <= end + POST * NS + NS
    assert clip.segment.header.start_ns == first  # retention counts from when it was filmed
    assert len(found.always) - len(found.kept) >= 5


def test_a_street_with_walkers_now_and_then(tmp_path: Path) -> None:
    found = both(tmp_path, "--synthetic", "25", "--seed", "3")
    holds(found)
    assert len(found.alarms) > 1


def test_where_nothing_moves_nothing_is_kept(tmp_path: Path) -> None:
    video = write_video(tmp_path / "still.mkv", walking_square(300)[:100])
    found = both(tmp_path, video)
    assert (found.alarms, found.clips) == ([], [])


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared scenes are not here (STOLPE_SHARED)")
@pytest.mark.parametrize(
    "clip", ["youngsoul_bicycle.mp4", "intel_one-by-one-person.mp4", "vanni_nofire1.mp4"]
)
def test_on_real_footage(clip: str, tmp_path: Path) -> None:
    holds(both(tmp_path, SHARED / clip))
