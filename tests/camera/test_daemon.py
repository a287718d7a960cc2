"""The camera daemon on a real bus, its clock simulated: what it obeys, what leaves it, and what it does when alone."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import cv2
import msgspec
import pytest

from node.camera.source import new_picture
from node.formats.segment import RecordType
from node.mandate.documents import MaskSet, Root, decode, encode
from node.mandate.signatures import parse, sign
from node.messages import (
    AuditRequest,
    CameraAlive,
    CameraReport,
    EventHappened,
    EventTaken,
    Message,
    UplinkAlive,
    VersionFloors,
)
from node.sealing.keys import public_halves
from tests.fakes.camera_alone import VIEW, Node, filming, started
from tests.fakes.node_place import NodePlace, drained
from tests.fakes.playback import played
from tests.fakes.rig import EVENING
from tests.fakes.scripted import Pictures, plain

CORNER = ((0.0, 0.0), (0.2, 0.0), (0.0, 0.2))
WIDER = ((0.0, 0.0), (0.4, 0.0), (0.0, 0.4))


def faulty_from(first: int) -> Callable[[int], Pictures]:
    """A camera whose lores pictures have another size from some frame on."""
    good = plain(VIEW)
    return lambda number: (good(number)[0], new_picture((8, 8)) if number >= first else good(number)[1])


@pytest.fixture
def place(tmp_path: Path) -> NodePlace:
    return NodePlace.made(tmp_path, start_ns=EVENING, geometry=VIEW, polygons=[CORNER], pids=[os.getpid()])


@pytest.fixture
def node(place: NodePlace) -> Iterator[Node]:
    node = Node(place)
    yield node
    node.close()


def test_opencv_works_in_one_thread_of_the_camera(place: NodePlace) -> None:
    cv2.setNumThreads(2)
    try:
        with closing(Node(place)) as node:
            node.start()
            assert cv2.getNumThreads() == 1
    finally:
        cv2.setNumThreads(1)


def test_before_the_recorder_has_said_what_counts_the_sensor_stays_closed(node: Node) -> None:
    node.start()
    node.steps(5)
    assert node.source.opened_ns == []
    assert (node.last_report.dark, node.last_report.sensor_opened) == ("no_mandate", 0)


def test_under_documents_that_verify_it_films_and_the_footage_opens(node: Node) -> None:
    filming(node).steps(30)
    assert node.last_report.dark is None
    pictures = sum(len(played(segment.video)) for segment in node.footage)
    assert pictures >= 24
    assert node.last_report.mandate_version == node.last_report.masks_version == 1


def committed_mandate(node: Node, **changes: object) -> None:
    """A mandate signed by the controller with these changes lies in the documents' folder."""
    payload = msgspec.json.decode(parse(node.place.documents.mandate).payload)
    payload.update(changes)
    node.place.store.commit(
        "mandate", sign(msgspec.json.encode(payload), node.place.keys["controller-1"].signing)
    )


@pytest.mark.parametrize(
    ("spoil", "dark", "why"),
    [
        (lambda n: n.place.store.path("mandate").unlink(), "no_mandate", ""),
        (lambda n: n.place.store.commit("mandate", b"{}"), "no_mandate", "not a signed document"),
        (lambda n: committed_mandate(n, nodes=["n-other"]), "no_mandate", "not for node"),
        (lambda n: committed_mandate(n, valid_until="2026-11-05T19:59:59+01:00"), "ended", ""),
        (
            lambda n: committed_mandate(n, hours=[{"days": ["mon"], "open": "01:00", "close": "02:00"}]),
            "outside_hours",
            "",
        ),
        (lambda n: setattr(n, "floors", VersionFloors(mandate=2)), "no_mandate", "older than version 2"),
        (lambda n: setattr(n, "floors", VersionFloors(root=2)), "no_mandate", "root: version 1 is older"),
        (lambda n: setattr(n, "floors", VersionFloors(masks=2)), "mask_fault", "older than version 2"),
        (lambda n: n.place.store.path("masks").unlink(), "no_masks", ""),
        (lambda n: n.place.store.commit("masks", b"{}"), "mask_fault", "not a signed document"),
        (lambda n: (n.place.folder / "root.jws.json").unlink(), "no_mandate", "No such file"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_whatever_document_does_not_count_closes_the_sensor_and_says_why(
    node: Node, spoil: Callable[[Node], object], dark: str, why: str
) -> None:
    spoil(node)
    started(node).steps(5)
    assert (node.last_report.dark, node.source.opened_ns) == (dark, [])
    assert why in node.last_report.detail


def test_a_demo_root_is_not_taken_by_a_real_node(node: Node) -> None:
    started(node, allow_demo_root=False).steps(5)
    assert (node.last_report.dark, node.source.opened_ns) == ("no_mandate", [])
    assert "demo" in node.last_report.detail


def test_an_untrusted_clock_keeps_the_sensor_closed(node: Node) -> None:
    started(node, trust="untrusted").steps(5)
    assert (node.last_report.dark, node.source.opened_ns) == ("time_untrusted", [])


def test_a_refused_document_is_told_to_the_audit_log_once_it_is_heard(node: Node) -> None:
    node.place.store.commit("mandate", b"{}")
    started(node).steps(8)
    (request,) = {m for m in node.all_of(AuditRequest) if isinstance(m, AuditRequest)}
    assert (request.action, "not a signed document" in request.reason) == ("document_refused", True)


def test_a_mandate_that_is_taken_away_closes_the_sensor_and_ends_the_segment(node: Node) -> None:
    filming(node).steps(8)
    node.place.store.path("mandate").unlink()
    node.generation += 1
    node.alive()
    node.steps(4)
    assert not node.source.is_open
    assert (node.last_report.dark, node.footage[-1].closed) == ("no_mandate", True)


def widened(node: Node, *, by: str = "technician-1") -> bytes:
    """The mask set in force with one more polygon, signed by one person."""
    masks = decode(parse(node.place.documents.masks or b"").payload, MaskSet)
    more = msgspec.structs.replace(masks.polygons[0], points=WIDER)
    wider = msgspec.structs.replace(masks, version=2, polygons=(*masks.polygons, more), made_by=by)
    return sign(encode(wider), node.place.keys[by].signing)


def test_widened_masks_begin_a_new_segment_under_them(node: Node) -> None:
    filming(node).steps(8)
    node.place.store.commit("masks", widened(node))
    node.generation += 1
    node.alive()
    node.steps(8)
    assert node.last_report.masks_version == 2
    first, second = node.footage
    assert first.closed
    assert first.header.masks != second.header.masks
    pictures = played(second.video)
    assert all(int(luma[2:15, 2:15].max()) <= 18 for _, luma in pictures)


def test_masks_that_uncover_something_with_one_signature_close_the_sensor(node: Node) -> None:
    masks = decode(parse(node.place.documents.masks or b"").payload, MaskSet)
    smaller = msgspec.structs.replace(
        masks,
        version=2,
        polygons=(msgspec.structs.replace(masks.polygons[0], points=((0.0, 0.0), (0.1, 0.0), (0.0, 0.1))),),
    )
    filming(node).steps(4)
    node.place.store.commit("masks", sign(encode(smaller), node.place.keys["technician-1"].signing))
    node.generation += 1
    node.alive()
    node.steps(4)
    assert (node.last_report.dark, node.source.is_open) == ("mask_fault", False)
    assert "two persons" in node.last_report.detail


def test_three_painting_faults_in_a_row_close_the_sensor_and_are_an_alarm(node: Node) -> None:
    filming(node, film=faulty_from(4)).steps(15)
    assert (node.last_report.dark, node.source.is_open) == ("mask_fault", False)
    assert node.last_report.black_frames == 3
    (event,) = {m.id: m for m in node.all_of(EventHappened) if isinstance(m, EventHappened)}.values()
    assert (event.kind, event.alarm) == ("mask_fault", "high")


def test_an_event_is_told_until_the_uplink_has_it(node: Node) -> None:
    filming(node, film=faulty_from(4)).steps(25)
    told = [m for m in node.all_of(EventHappened) if isinstance(m, EventHappened)]
    assert len(told) > 2
    node.uplink.send(EventTaken(told[0].id, told[0].stage), to="camera")
    node.steps(1)
    before = len(node.all_of(EventHappened))
    node.steps(4)
    assert len(node.all_of(EventHappened)) == before


def test_it_shows_itself_once_a_second_to_both(node: Node) -> None:
    filming(node).steps(20)  # ten seconds
    signs = node.all_of(CameraAlive)
    assert [m for m in node.told if isinstance(m, CameraAlive)]
    assert 9 <= len(signs) <= 13
    assert len({m.instance for m in signs if isinstance(m, CameraAlive)}) == 1


def test_who_has_just_started_hears_of_the_camera_at_once(node: Node) -> None:
    """That it is there, and how it looks at the world: without that a recorder judges no masks."""

    def told() -> list[type[Message]]:
        """Without any time passing."""
        assert node.camera is not None
        heard = len(node.said)
        node.camera.step(timeout_s=1.0)
        node.answer()
        return [type(message) for message in node.said[heard:]]

    started(node, trust="untrusted").steps(2)
    node.alive(instance="1" * 26)
    assert told() == [CameraAlive, CameraReport]
    node.alive(instance="1" * 26)
    assert told() == []
    assert node.uplink.send(UplinkAlive("2" * 26), to="camera")
    assert told() == [CameraAlive, CameraReport]


def test_at_an_orderly_end_everything_filmed_is_handed_over(node: Node) -> None:
    filming(node, seconds=6).steps(9)
    assert node.camera is not None
    frames = node.camera.filming.counts.frames
    node.close()
    assert node.footage[-1].records[-1].type is RecordType.END
    assert sum(len(played(segment.video)) for segment in node.footage) == frames


def test_a_recorder_that_answers_nothing_does_not_stop_the_camera(node: Node) -> None:
    filming(node, seconds=60).steps(4)
    assert node.camera is not None
    for _ in range(60):  # it is there, but it answers nothing
        node.camera.step(timeout_s=0.0)
    report = [m for m in drained(node.uplink) if isinstance(m, CameraReport)][-1]
    assert report.dark is None
    assert report.unacknowledged <= 12
    assert report.dropped_fragments == 0  # they lie in its inbox, and it may yet wake up


def test_a_root_that_does_not_follow_from_the_first_one_counts_for_nothing(node: Node) -> None:
    """It lies in the documents' folder, which the recorder can write; the first root does not."""
    stranger = node.place.keys["operator-1"]
    root = decode(parse(node.place.documents.root).payload, Root)
    key = public_halves(stranger.public)[0]
    controllers = (msgspec.structs.replace(root.controllers[0], id="operator-1", sig=key),)
    forged = msgspec.structs.replace(root, version=2, controllers=controllers)
    node.place.store.commit_root(2, sign(encode(forged), stranger.signing))
    mandate = parse(node.place.documents.mandate).payload
    node.place.store.commit("mandate", sign(mandate, stranger.signing))
    started(node).steps(5)
    assert (node.last_report.dark, node.source.opened_ns) == ("no_mandate", [])
