"""The camera daemon under a mandate that records on alarm: what it says meanwhile, and what a new document costs."""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from node.camera.source import Picture
from node.clock import NS
from node.formats.segment import RecordType
from node.mandate.documents import Mandate, MaskSet, decode, encode
from node.mandate.signatures import parse, sign
from node.messages import CameraReport, EventHappened, OpenSegment
from tests.fakes.alarm_mandate import on_alarm
from tests.fakes.camera_alone import VIEW, Node, filming
from tests.fakes.node_place import NodePlace
from tests.fakes.rig import EVENING
from tests.fakes.scripted import Pictures, filmed

CORNER = ((0.0, 0.0), (0.2, 0.0), (0.0, 0.2))
WIDER = ((0.0, 0.0), (0.4, 0.0), (0.0, 0.4))
COMES, GOES = 40, 50
"""Frames between which something moves; there are two a second."""


def walker(number: int) -> Pictures:
    def draw(picture: Picture) -> None:
        picture.luma.fill(90)
        if COMES <= number < GOES:
            x = 20 + 6 * (number - COMES)
            picture.luma[30:60, x : x + 16] = 220

    return filmed(VIEW, draw)


@pytest.fixture
def place(tmp_path: Path) -> NodePlace:
    made = NodePlace.made(tmp_path, start_ns=EVENING, geometry=VIEW, polygons=[CORNER], pids=[os.getpid()])
    signing = made.keys["controller-1"].signing
    made.store.commit("mandate", on_alarm(made.documents.mandate, signing, pre=4, post=3))
    return made


@pytest.fixture
def node(place: NodePlace) -> Iterator[Node]:
    node = Node(place)
    yield node
    node.close()


def until_frame(node: Node, frame: int) -> None:
    while not node.source.requests or node.source.requests[-1].sensor_ns < frame * NS // 2:
        node.steps(1)


def reports(node: Node) -> list[tuple[str, str | None]]:
    told = [(m.recording, m.mode) for m in node.all_of(CameraReport) if isinstance(m, CameraReport)]
    return [one for n, one in enumerate(told) if n == 0 or told[n - 1] != one]


def motion(node: Node) -> EventHappened:
    """What moved, when it had gone."""
    ended = {m.id: m for m in node.all_of(EventHappened) if isinstance(m, EventHappened) and m.end_ns}
    (one,) = ended.values()
    return one


def test_it_waits_says_so_and_records_what_lies_around_the_alarm(node: Node) -> None:
    filming(node, film=walker, seconds=60)
    until_frame(node, COMES - 2)
    assert node.all_of(OpenSegment) == []
    until_frame(node, GOES + 20)
    (segment,) = node.footage
    event = motion(node)
    assert event.end_ns is not None
    starts = [record.utc_ns for record in segment.of_type(RecordType.FRAGMENT)]
    assert event.start_ns - 5 * NS < starts[0] <= event.start_ns - 4 * NS
    assert event.end_ns + 2 * NS < starts[-1] <= event.end_ns + 3 * NS
    assert (segment.closed, segment.header.start_ns, event.alarm) == (True, starts[0], "high")
    assert reports(node)[-3:] == [("waiting", "on_alarm"), ("alarm", "on_alarm"), ("waiting", "on_alarm")]


def test_new_masks_throw_the_pre_roll_away(node: Node) -> None:
    masks = decode(parse(node.place.documents.masks or b"").payload, MaskSet)
    more = msgspec.structs.replace(masks.polygons[0], points=WIDER)
    wider = msgspec.structs.replace(masks, version=2, polygons=(*masks.polygons, more))
    filming(node, film=walker, seconds=60)
    until_frame(node, COMES - 4)
    node.place.store.commit("masks", sign(encode(wider), node.place.keys["technician-1"].signing))
    _tell_and_see(node)
    assert {segment.header.masks for segment in node.footage} == {node.last_report.masks}
    assert node.last_report.masks_version == 2


def test_a_new_mandate_throws_the_pre_roll_away(node: Node) -> None:
    signing = node.place.keys["controller-1"].signing
    newer = on_alarm(node.place.documents.mandate, signing, pre=4, post=1, version=2)
    filming(node, film=walker, seconds=60)
    until_frame(node, COMES - 4)
    node.place.store.commit("mandate", newer)
    _tell_and_see(node)
    assert {segment.header.mandate for segment in node.footage} == {node.last_report.mandate}
    assert node.last_report.mandate_version == 2


def _tell_and_see(node: Node) -> None:
    """The documents changed two seconds before something moves: no picture of before is in what is recorded."""
    node.generation += 1
    node.alive()
    node.steps(1)
    changed_ns = node.clock.now().utc_ns
    until_frame(node, GOES + 20)
    starts = [record.utc_ns for segment in node.footage for record in segment.of_type(RecordType.FRAGMENT)]
    assert starts
    assert min(starts) >= changed_ns - NS // 2


def test_a_mandate_whose_alarms_no_detector_tells_of_records_nothing_and_says_so(place: NodePlace) -> None:
    mandate = decode(parse(place.store.path("mandate").read_bytes()).payload, Mandate)
    rules = tuple(msgspec.structs.replace(rule, kind="line") for rule in mandate.alarms)
    place.store.commit(
        "mandate",
        sign(encode(msgspec.structs.replace(mandate, alarms=rules)), place.keys["controller-1"].signing),
    )
    node = Node(place)
    try:
        filming(node, film=walker, seconds=60)
        until_frame(node, GOES + 4)
        assert (node.last_report.recording, node.last_report.fragments) == ("none", 0)
        assert node.all_of(OpenSegment) == []
    finally:
        node.close()
