"""Without masks that count for this very view the sensor stays closed: the whole daemon, whatever is on its disk."""

import os
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from node.camera.source import Picture, new_picture
from node.clock import NS, utc_moment
from node.formats.payloads import MachineNumbers
from node.mandate.documents import MaskSet, decode, encode
from node.mandate.ids import new_ulid
from node.mandate.signatures import add_signature, parse, sign
from node.masks.geometry import full_view
from node.messages import AuditRequest, CameraReport, EventHappened, SealedRecord, VersionFloors
from node.uplink.health import Health, Reading
from tests.fakes.camera_alone import VIEW, Node, filming, started
from tests.fakes.node_place import NodePlace
from tests.fakes.playback import played
from tests.fakes.rig import EVENING
from tests.fakes.scripted import Pictures, plain

CORNER = ((0.0, 0.0), (0.2, 0.0), (0.0, 0.2))
TWO = ("technician-1", "approver-1")
MACHINE = MachineNumbers(0.5, 500 << 20, 1 << 30, 1 << 30, 1 << 34, 50.0, throttled=False)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    place = NodePlace.made(tmp_path, start_ns=EVENING, geometry=VIEW, polygons=[CORNER], pids=[os.getpid()])
    node = Node(place)
    yield node
    node.close()


@pytest.fixture
def unmasked(tmp_path: Path) -> Iterator[Node]:
    """Its mandate says that there is nothing to mask, and there is no mask set."""
    node = Node(NodePlace.made(tmp_path, start_ns=EVENING, geometry=VIEW, polygons=[], pids=[os.getpid()]))
    yield node
    node.close()


def mask_set(where: Node, **changes: object) -> MaskSet:
    return msgspec.structs.replace(
        decode(parse(where.place.documents.masks or b"").payload, MaskSet), **changes
    )


def signed(node: Node, document: MaskSet, *signers: str) -> bytes:
    first, *others = signers
    raw = sign(encode(document), node.place.keys[first].signing)
    for other in others:
        raw = add_signature(raw, node.place.keys[other].signing)
    return raw


def put(node: Node, raw: bytes, *kinds: str) -> None:
    """On the disk, past the recorder."""
    for kind in kinds or ("masks", "approved_masks"):
        node.place.store.commit(kind, raw)  # type: ignore[arg-type]  # kinds of the store


def unsigned(node: Node) -> bytes:
    payload = urlsafe_b64encode(encode(mask_set(node))).rstrip(b"=").decode()
    return msgspec.json.encode({"payload": payload, "signatures": []})


def cut(node: Node) -> bytes:
    return (node.place.documents.masks or b"")[:-40]


def flipped(node: Node) -> bytes:
    raw = bytearray(node.place.documents.masks or b"")
    at = raw.index(b'"signature": "') + 20
    raw[at] = ord("A") if raw[at] != ord("A") else ord("B")
    return bytes(raw)


SPOILED: dict[str, tuple[Callable[[Node], bytes], str]] = {
    "unsigned": (unsigned, "1 to 16 signatures"),
    "cut": (cut, "not a signed document"),
    "altered": (flipped, "signature is not good"),
    "empty": (lambda _: b"", "not a signed document"),
    "noise": (lambda _: bytes(range(256)) * 20, "not a signed document"),
    "too large": (lambda _: b" " * (513 * 1024), "at most"),
    "a mandate": (lambda n: n.place.documents.mandate, "a maskset was expected"),
    "signed by the technician alone": (
        lambda n: signed(n, mask_set(n), "technician-1"),
        "a first mask set must be signed",
    ),
    "signed by the approver alone": (
        lambda n: signed(n, mask_set(n), "approver-1"),
        "made by technician-1, who has not signed",
    ),
    "signed by an operator": (lambda n: signed(n, mask_set(n), "operator-1"), "no say"),
    "signed by an operator, too": (lambda n: signed(n, mask_set(n), *TWO, "operator-1"), "no say"),
    "of another node": (lambda n: signed(n, mask_set(n, node="n-other"), *TWO), "for node n-other"),
    "of another mandate": (
        lambda n: signed(n, mask_set(n, mandate=new_ulid(EVENING)), *TWO),
        "another mandate",
    ),
    "empty, though there is something to mask": (
        lambda n: signed(n, mask_set(n, polygons=()), *TWO),
        "does not say that nothing is to be masked",
    ),
}


@pytest.mark.parametrize(("spoiled", "why"), SPOILED.values(), ids=SPOILED.keys())
def test_a_mask_set_that_does_not_count_closes_the_sensor_and_is_told_to_the_log(
    node: Node, spoiled: Callable[[Node], bytes], why: str
) -> None:
    put(node, spoiled(node))
    started(node).steps(5)
    assert (node.last_report.dark, node.source.opened_ns) == ("mask_fault", [])
    assert why in node.last_report.detail
    assert (node.last_report.frames, node.all_of(SealedRecord)) == (0, [])
    (request,) = {m for m in node.all_of(AuditRequest) if isinstance(m, AuditRequest)}
    assert why in request.reason


ELSEWHERE = {
    "sensor": "other",
    "pixel_array": (96, 73),
    "mode": (48, 36),
    "crop": (0, 0, 96, 71),
    "transform": "hflip",
    "main": (96, 70),
    "lores": (48, 34),
}


@pytest.mark.parametrize("field", ELSEWHERE)
def test_masks_that_two_persons_made_for_another_geometry_close_the_sensor(node: Node, field: str) -> None:
    other = msgspec.structs.replace(VIEW, **{field: ELSEWHERE[field]})
    put(node, signed(node, mask_set(node, geometry=other), *TWO))
    started(node).steps(5)
    assert (node.last_report.dark, node.source.opened_ns) == ("mask_fault", [])
    assert f"made for {field}" in node.last_report.detail


def test_every_field_of_a_geometry_is_tried() -> None:
    assert set(ELSEWHERE) == set(VIEW.__struct_fields__)


def test_a_camera_whose_view_changes_while_it_films_closes_before_the_next_frame(node: Node) -> None:
    filming(node).steps(6)
    frames = node.last_report.frames
    node.source.geometry = msgspec.structs.replace(VIEW, transform="rotate180")
    node.steps(6)
    assert (node.last_report.dark, node.source.is_open) == ("mask_fault", False)
    assert node.last_report.frames - frames <= 2  # the report was some frames old


def test_a_set_that_vanishes_under_a_mandate_without_masks_does_not_uncover_anything(unmasked: Node) -> None:
    """A mask set was in force here, as the recorder's floor says: then a missing file is a fault."""
    unmasked.floors = VersionFloors(masks=1, approved=1)
    started(unmasked).steps(5)
    assert (unmasked.last_report.dark, unmasked.source.opened_ns) == ("mask_fault", [])
    assert "its file is gone" in unmasked.last_report.detail


def test_where_the_mandate_says_so_and_none_was_ever_made_it_films_without_masks(unmasked: Node) -> None:
    filming(unmasked).steps(4)
    assert unmasked.last_report.dark is None


def test_floors_that_a_recorder_has_forgotten_are_still_known_to_the_camera(node: Node) -> None:
    node.floors = VersionFloors(masks=2, approved=2)
    started(node).steps(3)
    node.floors = VersionFloors()
    node.generation += 1
    node.alive(instance="1" * 26)
    node.steps(3)
    assert (node.last_report.dark, node.source.opened_ns) == ("mask_fault", [])


def test_a_rolled_back_documents_folder_closes_the_sensor(node: Node) -> None:
    """An older pair of files that was good once: its signatures are, its version is not."""
    node.floors = VersionFloors(1, 1, 3, 2)
    started(node).steps(5)
    assert (node.last_report.dark, node.source.opened_ns) == ("mask_fault", [])
    assert "older than version 3" in node.last_report.detail


# What cannot be painted


def wrong_size(number: int) -> Pictures:
    return plain(VIEW)(number)[0], new_picture((8, 8))


def not_bytes(number: int) -> Pictures:
    main, lores = plain(VIEW)(number)
    return main, Picture(lores.luma.astype("uint16"), lores.chroma)  # type: ignore[arg-type]


def read_only(number: int) -> Pictures:
    main, lores = plain(VIEW)(number)
    main.luma.flags.writeable = False
    return main, lores


def no_chroma(number: int) -> Pictures:
    main, lores = plain(VIEW)(number)
    return Picture(main.luma, ()), lores


def turned(number: int) -> Pictures:
    main, lores = plain(VIEW)(number)
    return Picture(main.luma.T, tuple(plane.T for plane in main.chroma)), lores


@pytest.mark.parametrize("broken", [wrong_size, not_bytes, read_only, no_chroma, turned])
def test_what_cannot_be_painted_is_black_counted_red_and_soon_the_sensor_is_closed(
    node: Node, broken: Callable[[int], Pictures]
) -> None:
    good = plain(VIEW)
    filming(node, film=lambda number: broken(number) if number >= 4 else good(number)).steps(15)
    report = node.last_report
    assert (report.dark, node.source.is_open, report.black_frames) == ("mask_fault", False, 3)
    assert all(request.releases == 1 for request in node.source.requests)
    pictures = [luma for segment in node.footage for _, luma in played(segment.video)]
    assert [int(luma.max()) <= 18 for luma in pictures[-3:]] == [True] * 3
    assert not any(int(luma.max()) <= 18 for luma in pictures[:-3])
    (event,) = {m.id: m for m in node.all_of(EventHappened) if isinstance(m, EventHappened)}.values()
    assert (event.kind, event.alarm) == ("mask_fault", "high")
    assert {"black_frames", "mask_fault"} <= reasons(node)


def reasons(node: Node) -> set[str]:
    """Why health is red, after all that the camera has reported."""
    health, found = Health(), set[str]()
    for number, report in enumerate(m for m in node.all_of(CameraReport) if isinstance(m, CameraReport)):
        verdict = health.judge(Reading(machine=MACHINE, camera=report), now_ns=number * NS)
        found |= {reason.name for reason in verdict.reasons if reason.level == "bad"}
    return found


def test_faults_that_do_not_follow_each_other_blacken_single_frames_and_film_on(node: Node) -> None:
    good = plain(VIEW)
    filming(node, film=lambda number: wrong_size(number) if number % 3 == 2 else good(number)).steps(20)
    assert node.last_report.dark is None
    assert node.last_report.black_frames >= 3


def test_new_masks_do_not_reopen_a_sensor_that_cannot_paint_for_longer_than_three_frames(node: Node) -> None:
    filming(node, film=wrong_size).steps(8)
    assert node.last_report.black_frames == 3
    put(node, signed(node, mask_set(node, version=2), *TWO))
    node.generation += 1
    node.alive()
    node.steps(8)
    assert (node.last_report.dark, node.last_report.black_frames) == ("mask_fault", 6)


class Nobody(Exception):  # noqa: N818 — an error that no part of the program knows
    """What nobody foresaw."""


def test_an_error_that_nobody_foresaw_is_black_counted_and_soon_the_sensor_is_closed(node: Node) -> None:
    filming(node).steps(4)

    class Exploding:
        releases = 0
        sensor_ns = node.clock.boottime_ns()

        @property
        def main(self) -> Picture:
            raise Nobody

        lores = main

        def release(self) -> None:
            self.releases += 1

    request = Exploding()

    def next_request() -> Exploding:
        request.sensor_ns += NS // 15
        return request

    node.source.next_request = next_request  # type: ignore[method-assign,assignment]
    node.steps(8)
    report = node.last_report
    assert (report.dark, node.source.is_open, report.black_frames) == ("mask_fault", False, 3)
    assert request.releases == 3


def test_a_mask_set_may_say_that_nothing_is_masked_where_the_mandate_does(unmasked: Node) -> None:
    """The better evidence: technician and approver looked, through this very geometry."""
    mandate = msgspec.json.decode(parse(unmasked.place.documents.mandate).payload)
    empty = MaskSet(
        id=new_ulid(EVENING),
        version=1,
        node=mandate["nodes"][0],
        mandate=mandate["id"],
        geometry=VIEW,
        guard_band_px=16,
        polygons=(),
        made_by="technician-1",
        made_at=utc_moment(EVENING),
    )
    put(unmasked, signed(unmasked, empty, *TWO))
    unmasked.floors = VersionFloors(1, 1, 1, 1)
    filming(unmasked).steps(4)
    assert (unmasked.last_report.dark, unmasked.last_report.masks_version) == (None, 1)
    other = full_view(sensor="s", main=(96, 72), lores=(48, 34))
    put(unmasked, signed(unmasked, msgspec.structs.replace(empty, version=2, geometry=other), *TWO))
    unmasked.generation += 1
    unmasked.alive()
    unmasked.steps(4)
    assert (unmasked.last_report.dark, unmasked.source.is_open) == ("mask_fault", False)
