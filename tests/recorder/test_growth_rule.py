"""Masks only grow: attacks on the keeper and on its disk, with documents that are really signed.

Every attack is judged twice: by what the keeper says, and by what a camera finds on the disk afterwards.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import cos, radians, sin

import msgspec
import numpy as np
import pytest
from recorder.footage import START_NS
from recorder.registry import GEOMETRY, SQUARE, TWO, WIDER, Desk

from node.clock import NS
from node.errors import Refused
from node.mandate.documents import Fractions, Mandate, MaskPolygon, MaskSet, decode, encode
from node.mandate.ids import new_ulid
from node.mandate.signatures import add_signature, parse, sign
from node.messages import VersionFloors
from node.sealing.keys import SigningKey, public_halves

ALONE = ("technician-1",)
FINE = msgspec.structs.replace(GEOMETRY, pixel_array=(1600, 900), mode=(1600, 900), crop=(0, 0, 1600, 900))
"""The desk's camera with a sensor of ten times its main picture, so that crops and modes can differ."""


def first_set(desk: Desk) -> MaskSet:
    return decode(parse(desk.masks).payload, MaskSet)


def following(desk: Desk, *polygons: Fractions, version: int = 2, **changes: object) -> MaskSet:
    """The first set with other polygons, and whatever else is changed."""
    shapes = tuple(MaskPolygon(f"mask {n}", points) for n, points in enumerate(polygons, 1))
    return msgspec.structs.replace(
        first_set(desk), id=new_ulid(START_NS + version), version=version, polygons=shapes, **changes
    )


def turned(points: Fractions, degrees: float) -> Fractions:
    """Around its middle, in the picture."""
    angle = radians(degrees)
    pixels = np.array(points) * GEOMETRY.main
    middle = pixels.mean(axis=0)
    around = (pixels - middle) @ np.array([(cos(angle), sin(angle)), (-sin(angle), cos(angle))]) + middle
    return tuple((float(x), float(y)) for x, y in around / GEOMETRY.main)


def sliver(column: float) -> Fractions:
    """Far thinner than a pixel, as high as the desk's square, at the left edge of that column."""
    x = column / 160
    return ((x - 1e-6, 0.3), (x + 1e-6, 0.3), (x + 1e-6, 0.6), (x - 1e-6, 0.6))


@dataclass(frozen=True)
class Attack:
    """What one technician sends alone, and what it is to come to."""

    polygons: tuple[Fractions, ...]
    taken: bool
    guard_band_px: int = 16
    pose_reference: str | None = None

    def on(self, desk: Desk) -> MaskSet:
        """The document."""
        return following(
            desk, *self.polygons, guard_band_px=self.guard_band_px, pose_reference=self.pose_reference
        )


LEFT, TOP, RIGHT, BOTTOM = 0.3, 0.3, 0.6, 0.6
PIXEL = 1 / 160  # of main's width
REFERENCE, ANOTHER = f"sha256:{1:064x}", f"sha256:{2:064x}"
# The desk's square ends on the corners of main pixels: there every 1e-7 of a pixel decides.
ATTACKS = {
    "nothing changed": Attack((SQUARE,), taken=True),
    "wider": Attack((WIDER,), taken=True),
    "one more": Attack((SQUARE, WIDER), taken=True),
    "a wider guard band": Attack((SQUARE,), taken=True, guard_band_px=17),
    "coordinates beyond the picture": Attack((((-3.0, -3.0), (4.0, -3.0), (4.0, 4.0), (-3.0, 4.0)),), taken=True),
    "all gone": Attack((((0.0, 0.0), (1e-6, 0.0), (0.0, 1e-6)),), taken=False),
    "moved far outside": Attack((((3.0, 3.0), (3.3, 3.0), (3.3, 3.3), (3.0, 3.3)),), taken=False),
    "a main pixel narrower": Attack((((0.3, 0.3), (0.6 - PIXEL, 0.3), (0.6 - PIXEL, 0.6), (0.3, 0.6)),), taken=False),
    "one vertex moved inwards by 1e-4": Attack((((0.3, 0.3), (0.6 - 1e-4, 0.3), (0.6, 0.6), (0.3, 0.6)),), taken=False),
    "a corner cut off": Attack((((0.3, 0.3), (0.56, 0.3), (0.6, 0.35), (0.6, 0.6), (0.3, 0.6)),), taken=False),
    "turned by 0.5 degrees": Attack((turned(SQUARE, 0.5),), taken=False),
    "turned by -0.01 degrees": Attack((turned(SQUARE, -0.01),), taken=False),
    "turned by 0.01 degrees": Attack((turned(SQUARE, 0.01),), taken=False),
    "split, a gap wider than both guard bands": Attack(
        (
            ((LEFT, TOP), (0.3 + PIXEL, TOP), (0.3 + PIXEL, BOTTOM), (LEFT, BOTTOM)),
            ((0.6 - PIXEL, TOP), (RIGHT, TOP), (RIGHT, BOTTOM), (0.6 - PIXEL, BOTTOM)),
        ),
        taken=False,
    ),
    "split, a hairline that the guard bands cover": Attack(
        (
            ((LEFT, TOP), (0.45, TOP), (0.45, BOTTOM), (LEFT, BOTTOM)),
            ((0.45 + 1e-6, TOP), (RIGHT, TOP), (RIGHT, BOTTOM), (0.45 + 1e-6, BOTTOM)),
        ),
        taken=True,
    ),
    "slivers whose guard bands meet": Attack((sliver(48), sliver(72), sliver(96)), taken=True),
    "slivers whose guard bands nearly meet": Attack((sliver(48), sliver(96)), taken=False),
    "one vertex moved inwards by 1e-9, which is rounded outwards": Attack(
        (((0.3, 0.3), (0.6 - 1e-9, 0.3), (0.6, 0.6), (0.3, 0.6)),), taken=True
    ),
    "a pose reference where there was none": Attack((SQUARE,), taken=False, pose_reference=REFERENCE),
    "wider, with a pose reference": Attack((WIDER,), taken=False, pose_reference=REFERENCE),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_one_technician_widens_at_once_and_uncovers_nothing(ready: Desk, attack: Attack) -> None:
    document = attack.on(ready)
    verdict = ready.take(ready.signed(document, *ALONE))
    assert verdict.accepted == attack.taken, verdict.reason
    assert ready.versions[2] == (2 if attack.taken else 1)
    ready.store.commit(
        "masks", ready.signed(document, *ALONE)
    )  # whoever owns the disk puts it there all the same
    assert ready.versions[2] == (2 if attack.taken else None)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_two_persons_may_do_all_of_it(ready: Desk, attack: Attack) -> None:
    document = attack.on(ready)
    assert ready.take(ready.signed(document, *TWO)).accepted
    assert ready.versions[2] == 2


@pytest.mark.parametrize("other", [None, ANOTHER])
def test_one_technician_neither_drops_nor_changes_a_pose_reference(ready: Desk, other: str | None) -> None:
    """However wide the masks: where they lie in the world is what two persons have said."""
    assert ready.take(ready.signed(following(ready, SQUARE, pose_reference=REFERENCE), *TWO)).accepted
    wider = following(ready, WIDER, version=3, pose_reference=REFERENCE)
    assert ready.take(ready.signed(wider, *ALONE)).accepted
    alone = ready.signed(following(ready, WIDER, version=4, pose_reference=other), *ALONE)
    assert "another pose reference must be signed by a technician and an approver" in ready.take(alone).reason
    ready.store.commit("masks", alone)
    assert ready.versions[2] is None


def test_a_guard_band_of_one_pixel_less_uncovers(ready: Desk) -> None:
    wide = following(ready, SQUARE, guard_band_px=20)
    assert ready.take(ready.signed(wide, *TWO)).accepted
    narrower = following(ready, SQUARE, guard_band_px=19, version=3)
    assert "two persons" in ready.take(ready.signed(narrower, *ALONE)).reason


def test_a_guard_band_below_the_least_is_no_document_at_all(ready: Desk) -> None:
    payload = msgspec.json.decode(encode(following(ready, WIDER)))
    payload["guard_band_px"] = 15
    raw = sign(msgspec.json.encode(payload), ready.keys["technician-1"].signing)
    verdict = ready.take(add_signature(raw, ready.keys["approver-1"].signing))
    assert not verdict.accepted
    assert "guard_band_px" in verdict.reason


LOOKS = {
    "a smaller crop": {"crop": (400, 225, 800, 450)},
    "a larger crop": {"crop": (0, 0, 1600, 900)},
    "a crop moved by one sensor pixel": {"crop": (201, 112, 1200, 675)},
    "another transform": {"transform": "rotate180"},
    "another sensor mode": {"mode": (800, 450)},
    "more main pixels": {"main": (320, 180)},
    "fewer main pixels": {"main": (80, 45)},
    "another lores": {"lores": (40, 22)},
    "another sensor": {"sensor": "test-wide"},
    "a pixel array one row larger": {"pixel_array": (1600, 901)},
}


@pytest.mark.parametrize("changes", LOOKS.values(), ids=LOOKS.keys())
def test_whoever_changes_how_the_camera_looks_needs_a_first_set_again(
    desk: Desk, changes: dict[str, object]
) -> None:
    """The old set does not count any more, and no technician alone can bring a new one, however wide."""
    looked = msgspec.structs.replace(FINE, crop=(200, 112, 1200, 675))
    desk.keeper.camera_looks(looked)
    desk.take(desk.mandate)
    first = following(desk, SQUARE, version=1, geometry=looked)
    assert desk.take(desk.signed(first, *TWO)).accepted
    assert desk.versions == (1, 1, 1)
    looks = msgspec.structs.replace(looked, **changes)
    desk.keeper.camera_looks(looks)
    assert desk.versions == (1, 1, None)
    everything: Fractions = ((-1.0, -1.0), (2.0, -1.0), (2.0, 2.0), (-1.0, 2.0))
    new = following(desk, everything, geometry=looks)
    assert "a first mask set must be signed" in desk.take(desk.signed(new, *ALONE)).reason
    desk.store.commit("masks", desk.signed(new, *ALONE))
    assert desk.versions == (1, 1, None)
    assert desk.take(desk.signed(new, *TWO)).accepted
    assert desk.versions == (1, 1, 2)


def test_back_in_its_old_geometry_the_camera_does_not_take_the_old_set_again(ready: Desk) -> None:
    ready.keeper.camera_looks(FINE)
    assert ready.take(ready.signed(following(ready, WIDER, geometry=FINE), *TWO)).accepted
    ready.keeper.camera_looks(GEOMETRY)
    for kind in ("masks", "approved_masks"):
        ready.store.commit(kind, ready.masks)
    assert ready.versions == (1, 1, None)
    assert "at least version 2 is needed" in ready.take(ready.masks).reason


# Replayed documents and restored disks


def test_an_approved_set_that_was_captured_is_not_taken_again(ready: Desk) -> None:
    assert ready.take(ready.signed(following(ready, WIDER), *TWO)).accepted
    assert "at least version 3 is needed" in ready.take(ready.masks).reason
    assert ready.versions == (1, 1, 2)


@pytest.mark.parametrize("widened", [False, True])
def test_a_restored_backup_of_the_documents_folder_films_nothing(ready: Desk, *, widened: bool) -> None:
    """Its floors do not lie in it. `widened`: the newer set was one technician's; the approved one is still good."""
    backup = {path: path.read_bytes() for path in (ready.folder / "documents").iterdir()}
    assert ready.take(ready.signed(following(ready, WIDER), *(ALONE if widened else TWO))).accepted
    for path, data in backup.items():
        path.write_bytes(data)
    ready.start()
    ready.keeper.settle()
    assert ready.versions == (1, 1, None)
    assert "version 1 is older than version 2" in ready.in_force.masks_refused


def test_an_older_approved_set_on_the_disk_is_nothing_to_widen_from(ready: Desk) -> None:
    """The disk and a technician's key together: without a floor of its own, the old approval came back to life."""
    assert ready.take(ready.signed(following(ready, WIDER), *TWO)).accepted
    ready.store.commit("approved_masks", ready.masks)
    ready.store.commit("masks", ready.signed(following(ready, SQUARE, version=3), *ALONE))
    assert ready.versions == (1, 1, None)
    assert "of the approved set: masks: version 1 is older than version 2" in ready.in_force.masks_refused
    ready.start()
    ready.keeper.settle()
    assert ready.versions == (1, 1, None)


def test_the_approved_floor_rises_with_approval_alone(ready: Desk) -> None:
    assert ready.keeper.floors == VersionFloors(1, 1, 1, 1)
    ready.take(ready.signed(following(ready, WIDER), *ALONE))
    assert ready.keeper.floors == VersionFloors(1, 1, 2, 1)
    ready.take(ready.signed(following(ready, SQUARE, version=3), *TWO))
    assert ready.keeper.floors == VersionFloors(1, 1, 3, 3)


def test_a_node_whose_slot_is_older_than_the_approved_floor_learns_it_at_its_next_start(ready: Desk) -> None:
    header = ready.slot.header
    ready.slot.commit_header(header.next(floors=replace(header.floors, approved=0)))
    ready.start()
    ready.keeper.settle()
    assert (ready.keeper.floors, ready.versions) == (VersionFloors(1, 1, 1, 1), (1, 1, 1))


@pytest.mark.parametrize("nothing_to_mask", [False, True])
def test_a_mask_file_that_is_lost_takes_no_mask_away(ready: Desk, *, nothing_to_mask: bool) -> None:
    clause = msgspec.structs.replace(
        decode(parse(ready.mandate).payload, Mandate).masks, nothing_to_mask=nothing_to_mask
    )
    assert ready.take(ready.next_mandate(2, masks=clause)).accepted
    for kind in ("masks", "approved_masks"):
        ready.store.path(kind).unlink()
    assert ready.versions == (1, 2, None)
    assert "version 1 was in force, and its file is gone" in ready.in_force.masks_refused
    assert ready.take(ready.masks).accepted  # the very same may be put back
    assert ready.versions == (1, 2, 1)


def test_where_masks_were_only_an_empty_set_of_two_persons_takes_them_away(ready: Desk) -> None:
    clause = msgspec.structs.replace(
        decode(parse(ready.mandate).payload, Mandate).masks, nothing_to_mask=True
    )
    assert ready.take(ready.next_mandate(2, masks=clause)).accepted
    empty = following(ready)
    assert "two persons" in ready.take(ready.signed(empty, *ALONE)).reason
    assert ready.take(ready.signed(empty, *TWO)).accepted
    assert ready.versions == (1, 2, 2)


# Persons

WHO = {
    "the approver alone": (("approver-1",), "approver-1", "a technician must sign"),
    "the technician for somebody else": (ALONE, "approver-1", "made by approver-1, who has not signed"),
    "somebody without a say": (("technician-1", "operator-1"), "technician-1", "no say"),
    "a releaser in the approver's place": (("technician-1", "releaser-1"), "technician-1", "no say"),
    "the controller in the approver's place": (("technician-1", "controller-1"), "technician-1", "no say"),
}


@pytest.mark.parametrize(("signers", "made_by", "reason"), WHO.values(), ids=WHO.keys())
def test_no_others_can_uncover(ready: Desk, signers: Sequence[str], made_by: str, reason: str) -> None:
    document = following(ready, made_by=made_by)
    document = msgspec.structs.replace(document, polygons=following(ready, WIDER).polygons)
    assert reason in ready.take(ready.signed(document, *signers)).reason
    assert ready.versions[2] == 1


def with_people(desk: Desk, change: Callable[[Mandate], Mandate]) -> Mandate:
    return change(decode(parse(desk.mandate).payload, Mandate))


def test_one_person_signing_twice_is_one_person(ready: Desk) -> None:
    smaller = following(ready, SQUARE[:3])
    once = msgspec.json.decode(ready.signed(smaller, *ALONE))
    once["signatures"] *= 2
    assert "signed twice by one person" in ready.take(msgspec.json.encode(once)).reason


def test_a_technicians_key_does_not_sign_in_the_approvers_name(ready: Desk) -> None:
    smaller = following(ready, SQUARE[:3])
    stolen_name = SigningKey("approver-1", ready.keys["technician-1"].signing.private)
    raw = add_signature(ready.signed(smaller, *ALONE), stolen_name)
    assert "signature is not good" in ready.take(raw).reason


def test_one_key_under_two_names_is_no_mandate(ready: Desk) -> None:
    def doubled(mandate: Mandate) -> Mandate:
        key = next(p.sig for p in mandate.people if p.id == "technician-1")
        people = [msgspec.structs.replace(p, sig=key) if p.id == "approver-1" else p for p in mandate.people]
        payload = msgspec.structs.asdict(mandate) | {"version": 2, "people": tuple(people)}
        return Mandate(**payload)

    with pytest.raises(Refused, match="signature keys must be distinct"):
        with_people(ready, doubled)


def test_the_approver_of_an_older_mandate_approves_nothing_any_more(ready: Desk) -> None:
    def without(mandate: Mandate) -> Mandate:
        fresh = public_halves(ready.keys["recovery"].public)[0]
        people = [
            msgspec.structs.replace(p, id="approver-2", sig=fresh) if p.id == "approver-1" else p
            for p in mandate.people
        ]
        return msgspec.structs.replace(mandate, version=2, people=tuple(people))

    approved_before = ready.signed(following(ready, SQUARE[:3]), *TWO)
    assert ready.take(ready.signed(with_people(ready, without), "controller-1")).accepted
    assert ready.versions == (1, 2, None)  # what the leaver approved goes with them
    assert "'approver-1', who has no say" in ready.take(approved_before).reason


@pytest.mark.parametrize("who", ["technician-1", "approver-1"])
def test_what_a_revoked_person_signed_does_not_count(ready: Desk, who: str) -> None:
    signed = ready.signed(following(ready, WIDER), *TWO)
    assert ready.take(ready.next_mandate(2, revoked_people=(who,))).accepted
    assert ready.versions == (1, 2, None)
    assert f"'{who}', who has no say" in ready.take(signed).reason


def test_a_set_of_another_mandate_is_not_carried_over_and_a_technician_alone_starts_none(ready: Desk) -> None:
    other = msgspec.structs.replace(
        decode(parse(ready.mandate).payload, Mandate), id=new_ulid(START_NS + NS), version=2
    )
    assert ready.take(ready.signed(other, "controller-1")).accepted
    assert ready.versions == (1, 2, None)
    carried = following(ready, WIDER, mandate=other.id)
    assert "a first mask set must be signed" in ready.take(ready.signed(carried, *ALONE)).reason
    assert ready.take(ready.signed(carried, *TWO)).accepted


# Further roles


@pytest.fixture
def with_releaser(desk: Desk) -> Desk:
    """A mandate whose first mask set a releaser must sign, too."""
    clause = msgspec.structs.replace(
        decode(parse(desk.mandate).payload, Mandate).masks, first_set=("technician", "approver", "releaser")
    )
    assert desk.take(desk.next_mandate(1, masks=clause)).accepted
    return desk


def test_every_role_that_the_mandate_names_must_sign_a_first_set(with_releaser: Desk) -> None:
    desk = with_releaser
    refusal = desk.take(desk.masks).reason
    assert "signed by a technician, an approver and a releaser, three persons" in refusal
    assert desk.take(desk.signed(following(desk, SQUARE, version=1), *TWO, "releaser-2")).accepted
    assert desk.versions == (1, 1, 1)


def test_every_role_that_the_mandate_names_must_sign_what_uncovers(with_releaser: Desk) -> None:
    desk = with_releaser
    assert desk.take(desk.signed(following(desk, SQUARE, version=1), *TWO, "releaser-1")).accepted
    assert desk.take(desk.signed(following(desk, WIDER), *ALONE)).accepted
    back = following(desk, SQUARE, version=3)
    assert "three persons" in desk.take(desk.signed(back, *TWO)).reason
    assert desk.take(desk.signed(back, *TWO, "releaser-1")).accepted
