"""The camera daemon on a real bus while its camera is turned: black within two seconds, told, and found again."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec
import numpy as np
import pytest

from node.camera.pose.kept import reference_path, sealed_reference
from node.camera.pose.making import reference_from
from node.camera.pose.structure import Sight
from node.camera.source import Picture
from node.clock import NS
from node.formats.pose import PoseReference
from node.mandate.documents import Fractions, Mandate, MaskPolygon, MaskSet, decode, encode
from node.mandate.signatures import add_signature, parse, sign
from node.masks.geometry import full_view
from node.messages import EventHappened
from node.sealing.keys import new_keys, public_halves, read_private_keys, write_key_files
from tests.fakes.camera_alone import Node, filming, started
from tests.fakes.node_place import NodePlace
from tests.fakes.playback import played
from tests.fakes.rig import EVENING
from tests.fakes.scripted import Pictures, filmed
from tests.fakes.turned import IN_PLACE, Pose, World, noisy, raster_of

if TYPE_CHECKING:
    from node.mandate.store import Kind

VIEW = full_view(sensor="s", main=(320, 240), lores=(160, 120))
CORNER = ((0.0, 0.0), (0.2, 0.0), (0.0, 0.2))
WIDER = ((0.0, 0.0), (0.3, 0.0), (0.0, 0.3))
NEARLY_ALL: tuple[Fractions, ...] = (
    ((-0.1, -0.1), (0.42, -0.1), (0.42, 1.1), (-0.1, 1.1)),
    ((0.58, -0.1), (1.1, -0.1), (1.1, 1.1), (0.58, 1.1)),
    ((0.3, -0.1), (0.7, -0.1), (0.7, 0.4), (0.3, 0.4)),
)
TURNED = Pose(pan=12)
TURN, BACK = 24, 40
"""Frames; there are two a second."""


@cache
def world() -> World:
    return World(60, width=320, height=240)


def film(away: range, turned: Pose = TURNED) -> Callable[[int], Pictures]:
    """The world, in these frames from elsewhere."""

    def draw(picture: Picture, number: int) -> None:
        picture.luma[:] = noisy(world().seen(turned if number in away else IN_PLACE), number)

    return lambda number: filmed(VIEW, partial(draw, number=number))


@pytest.fixture
def place(tmp_path: Path) -> NodePlace:
    made = NodePlace.made(tmp_path, start_ns=EVENING, geometry=VIEW, polygons=[CORNER], pids=[os.getpid()])
    write_key_files(tmp_path / "camera.key", new_keys("camera"))
    paths = msgspec.structs.replace(made.config.paths, camera_key=f"{tmp_path}/camera.key")
    return replace(made, config=msgspec.structs.replace(made.config, paths=paths))


@pytest.fixture
def node(place: NodePlace) -> Iterator[Node]:
    node = Node(place, geometry=VIEW)
    yield node
    node.close()


def until_frame(node: Node, frame: int) -> None:
    while not node.source.requests or node.source.requests[-1].sensor_ns < frame * NS // 2:
        node.steps(1)


def pose_events(node: Node) -> list[EventHappened]:
    told = [m for m in node.all_of(EventHappened) if isinstance(m, EventHappened) and m.kind == "pose_lost"]
    return list({event.id: event for event in told}.values())


def brightness(node: Node) -> list[int]:
    """The brightest sample of each recorded picture."""
    return [int(luma.max()) for segment in node.footage for _, luma in played(segment.video)]


def test_a_turned_camera_is_black_within_two_seconds_and_films_again_when_it_is_back(node: Node) -> None:
    filming(node, film=film(range(TURN, BACK)), seconds=60)
    until_frame(node, TURN - 1)
    assert (node.last_report.dark, node.last_report.pose) == (None, "session")
    until_frame(node, TURN + 4)
    node.steps(1)
    assert (node.last_report.dark, node.source.is_open) == ("pose_lost", True)
    (event,) = pose_events(node)
    assert (event.alarm, event.start_ns - EVENING <= (TURN + 4) * NS // 2) == ("high", True)
    until_frame(node, BACK + 12)
    node.steps(1)
    assert node.last_report.dark is None
    assert node.last_report.black_frames >= BACK - TURN - 4
    assert len(pose_events(node)) == 1


def test_nothing_but_black_is_recorded_meanwhile(node: Node) -> None:
    filming(node, film=film(range(TURN, BACK)), seconds=60)
    until_frame(node, BACK + 16)
    node.close()
    first = node.source.requests[0].sensor_ns * 2 // NS
    black = [number for number, most in enumerate(brightness(node), first) if most <= 24]
    assert black
    assert black[0] <= TURN + 4
    assert black == list(range(black[0], black[-1] + 1))
    assert BACK <= black[-1] + 1 <= BACK + 12


def test_a_document_that_changes_gives_a_turned_camera_no_fresh_start(node: Node) -> None:
    filming(node, film=film(range(TURN, 1000)), seconds=60)
    until_frame(node, TURN + 6)
    documents: list[tuple[Kind, bytes]] = [
        ("mandate", node.place.documents.mandate),
        ("masks", recommitted(node, by_two=False)),
    ]
    for kind, data in documents:
        node.place.store.commit(kind, data)
        node.generation += 1
        node.alive()
        node.steps(6)
        assert node.last_report.dark == "pose_lost"
    assert node.last_report.masks_version == 2


def test_masks_that_two_persons_sign_anew_are_a_commissioning(node: Node) -> None:
    filming(node, film=film(range(TURN, 1000)), seconds=60)
    until_frame(node, TURN + 6)
    assert node.last_report.dark == "pose_lost"
    data = recommitted(node, by_two=True)
    commit(node, masks=data, approved_masks=data)
    node.steps(6)
    assert node.last_report.dark is None


def test_one_technician_drops_no_reference_of_a_turned_camera(node: Node) -> None:
    commissioned(node)
    filming(node, film=film(range(TURN, 1000)), seconds=60)
    until_frame(node, TURN + 6)
    assert (node.last_report.dark, node.last_report.pose) == ("pose_lost", "reference")
    commit(node, masks=recommitted(node, by_two=False, version=3))
    node.steps(8)
    assert node.last_report.dark == "mask_fault"
    assert "another pose reference" in node.last_report.detail


def test_two_technicians_commission_nothing(node: Node) -> None:
    filming(node, film=film(range(TURN, 1000)), seconds=60)
    until_frame(node, TURN + 6)
    mandate = decode(parse(node.place.documents.mandate or b"").payload, Mandate)
    made = node.place.folder / "technician-2.key"
    write_key_files(made, new_keys("technician-2"))
    keys = read_private_keys(made)
    sig, enc = public_halves(keys.public)
    first = next(person for person in mandate.people if person.id == "technician-1")
    second = msgspec.structs.replace(first, id="technician-2", sig=sig, enc=enc)
    more = msgspec.structs.replace(mandate, version=2, people=(*mandate.people, second))
    both = add_signature(recommitted(node, by_two=False), keys.signing)
    commit(node, mandate=sign(encode(more), node.place.keys["controller-1"].signing), masks=both)
    node.steps(8)
    assert (node.last_report.dark, node.last_report.masks_version) == ("pose_lost", 2)


def test_a_guard_band_that_one_technician_widens_lets_the_camera_stray_no_further(node: Node) -> None:
    """A mask that is smaller by as much as its band is wider makes the same pixels black."""
    filming(node, film=film(range(TURN, 1000), turned=Pose(x=30)), seconds=60)
    until_frame(node, 12)
    commit(node, masks=recommitted(node, by_two=False, guard_band_px=100))
    until_frame(node, TURN - 1)
    assert (node.last_report.dark, node.last_report.masks_version) == (None, 2)
    until_frame(node, TURN + 5)
    node.steps(1)
    assert node.last_report.dark == "pose_lost"


def test_masks_that_leave_too_little_to_recognise_are_refused_as_often_as_they_are_read(node: Node) -> None:
    filming(node, film=film(range(0)), seconds=60)
    until_frame(node, 20)
    commit(node, masks=recommitted(node, by_two=False, more=NEARLY_ALL))
    for _ in range(3):
        node.steps(6)
        assert node.last_report.dark == "pose_lost"
        assert "too few" in node.last_report.detail
        commit(node)
    commit(node, masks=recommitted(node, by_two=False, version=3))
    node.steps(6)
    assert node.last_report.dark is None


def test_a_camera_that_was_turned_while_its_sensor_was_closed_shows_no_frame(node: Node) -> None:
    """Also when it was closed for a moment alone, because a document had changed."""
    in_place: list[int] = []

    def meanwhile(number: int) -> Pictures:
        turned = len(node.source.opened_ns) > 1
        in_place.extend([] if turned else [number])
        return film(range(1000) if turned else range(0))(number)

    filming(node, film=meanwhile, seconds=60)
    until_frame(node, TURN - 1)
    commit(node, masks=recommitted(node, by_two=False))
    until_frame(node, TURN + 8)
    node.close()
    shown = [most > 24 for most in brightness(node)]
    assert len(shown) > len(in_place)
    assert shown == [number < len(in_place) for number in range(len(shown))]


def test_a_camera_that_sees_nothing_to_recognise_says_that_it_is_still_learning(node: Node) -> None:
    def wall(picture: Picture, number: int) -> None:
        picture.luma[:] = noisy(np.full((240, 320), 110), number)

    filming(node, film=lambda number: filmed(VIEW, partial(wall, number=number)), seconds=30)
    until_frame(node, 24)
    node.steps(3)
    assert (node.last_report.dark, node.last_report.pose) == (None, "learning")


def commit(node: Node, **documents: bytes) -> None:
    """These are on the disk, and the camera hears that something has changed."""
    for kind, data in documents.items():
        node.place.store.commit(cast("Kind", kind), data)
    node.generation += 1
    node.alive()


def recommitted(
    node: Node,
    *,
    by_two: bool,
    version: int = 2,
    more: Sequence[Fractions] = (WIDER,),
    pose_reference: str | None = None,
    guard_band_px: int = 16,
) -> bytes:
    """The next mask set, widened, signed by the technician, or by the approver too."""
    masks = decode(parse(node.place.documents.masks or b"").payload, MaskSet)
    polygons = [MaskPolygon(f"more {number}", points) for number, points in enumerate(more)]
    wider = msgspec.structs.replace(
        masks,
        version=version,
        polygons=(*masks.polygons, *polygons),
        pose_reference=pose_reference,
        guard_band_px=guard_band_px,
    )
    signed = sign(encode(wider), node.place.keys["technician-1"].signing)
    return add_signature(signed, node.place.keys["approver-1"].signing) if by_two else signed


def reference() -> PoseReference:
    blind = raster_of(320, 240, [np.array(CORNER), np.array(WIDER)]).main.luma
    pictures = (np.where(blind, 16, noisy(world().seen(), n)).astype(np.uint8) for n in range(8))
    return reference_from(pictures, Sight(size=(320, 240), blind=blind))


def commissioned(node: Node) -> Path:
    """The node has a mask set that names a reference; where that lies."""
    key = public_halves(read_private_keys(node.place.folder / "camera.key").public)[1]
    digest, sealed = sealed_reference(reference(), node="n-demo", key=key)
    path = reference_path(node.place.folder / "documents", digest)
    path.write_bytes(sealed)
    data = recommitted(node, by_two=True, pose_reference=digest)
    node.place.store.commit("masks", data)
    node.place.store.commit("approved_masks", data)
    return path


def test_a_camera_in_place_films_by_its_reference(node: Node) -> None:
    commissioned(node)
    filming(node, film=film(range(0)), seconds=20).steps(12)
    assert (node.last_report.dark, node.last_report.pose) == (None, "reference")


def test_a_camera_that_was_turned_while_it_was_off_shows_no_single_frame(node: Node) -> None:
    commissioned(node)
    filming(node, film=film(range(1000)), seconds=20).steps(12)
    assert node.last_report.dark == "pose_lost"
    assert len(pose_events(node)) == 1
    node.close()
    assert max(brightness(node)) <= 24


def spoil(path: Path, how: str) -> None:
    data = path.read_bytes()
    match how:
        case "missing":
            path.unlink()
        case "altered":
            path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        case "large":
            path.write_bytes(data + bytes(10_000))
        case "another key":
            write_key_files(path.parent / "stranger.key", new_keys("stranger"))
            key = public_halves(read_private_keys(path.parent / "stranger.key").public)[1]
            path.write_bytes(sealed_reference(reference(), node="n-demo", key=key)[1])
        case "another reference":
            few = PoseReference(reference().landmarks[:30])
            key = public_halves(read_private_keys(path.parents[1] / "camera.key").public)[1]
            path.write_bytes(sealed_reference(few, node="n-demo", key=key)[1])
        case _:
            (path.parents[1] / "camera.key").unlink()


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("missing", "No such file"),
        ("altered", "does not open"),
        ("large", "too large"),
        ("another key", "does not open"),
        ("another reference", "not the one"),
        ("no camera key", "No such file"),
    ],
)
def test_a_reference_that_cannot_be_had_closes_the_sensor_and_is_an_alarm(
    node: Node, how: str, why: str
) -> None:
    spoil(commissioned(node), how)
    started(node, film=film(range(0)), seconds=20).steps(6)
    assert (node.last_report.dark, node.source.opened_ns, node.last_report.pose) == ("pose_lost", [], "none")
    assert why in node.last_report.detail
    assert len(pose_events(node)) == 1
