"""The keeper: what it puts in force, and what it refuses and why."""

from datetime import timedelta
from pathlib import Path

import pytest
from fakes.faults import fails_at
from recorder.footage import START_NS
from recorder.registry import ELSEWHERE, GEOMETRY, SQUARE, START, TWO, WIDER, Desk

from node.mandate.documents import Grant, GrantReason, Mandate, ReleaseOrder, decode
from node.mandate.example import NODE
from node.mandate.ids import new_ulid
from node.mandate.signatures import parse
from node.masks.geometry import full_view
from node.messages import VersionFloors
from node.recorder.keeper import REFUSALS_AN_HOUR, Verdict
from node.sealing.keys import public_halves


def refused(verdict: Verdict, words: str) -> bool:
    return not verdict.accepted and words in verdict.reason


def test_the_first_documents_are_put_in_force_one_by_one(desk: Desk) -> None:
    assert desk.versions == (1, None, None)
    assert desk.take(desk.mandate) == Verdict(True, "mandate", "in force")
    assert desk.versions == (1, 1, None)
    assert desk.take(desk.masks) == Verdict(True, "masks", "in force")
    assert desk.versions == (1, 1, 1)
    assert desk.keeper.floors == VersionFloors(1, 1, 1, 1)
    assert desk.actions == ["mandate_accepted", "masks_accepted"]
    assert desk.store.read("approved_masks") == desk.masks


def test_every_change_gives_the_documents_another_generation(desk: Desk) -> None:
    before = desk.keeper.generation
    desk.take(desk.mandate)
    assert desk.keeper.generation == before + 1
    desk.take(desk.mandate)
    assert desk.keeper.generation == before + 1


def test_what_is_in_force_may_be_sent_again_and_changes_nothing(ready: Desk) -> None:
    for raw in (ready.mandate, ready.masks, ready.first_root):
        verdict = ready.take(raw)
        assert (verdict.accepted, verdict.reason) == (True, "already in force")
    assert ready.actions == ["mandate_accepted", "masks_accepted"]


def test_a_newer_mandate_takes_the_place_of_the_one_in_force(ready: Desk) -> None:
    assert ready.take(ready.next_mandate(4)).accepted
    assert ready.versions == (1, 4, 1)
    assert ready.keeper.floors.mandate == 4


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_mandate_that_is_not_newer_is_refused(version: int, ready: Desk) -> None:
    ready.take(ready.next_mandate(3))
    verdict = ready.take(ready.next_mandate(version, purpose="another purpose"))
    assert refused(verdict, f"version {version} was sent, at least version 4 is needed")
    assert ready.versions == (1, 3, 1)


def test_a_mandate_that_nobody_entitled_signed_is_refused(desk: Desk) -> None:
    mandate = decode(parse(desk.mandate).payload, Mandate)
    verdict = desk.take(desk.signed(mandate, "technician-1"))
    assert refused(verdict, "'technician-1', who has no say")
    assert verdict.kind == "mandate"
    assert desk.actions == ["document_refused"]
    assert desk.last_reason == verdict.reason
    assert desk.versions == (1, None, None)


def test_masks_wait_until_the_camera_has_said_how_it_looks(desk: Desk) -> None:
    desk.start(geometry=None)
    desk.take(desk.mandate)
    assert refused(desk.take(desk.masks), "has not said yet how it looks")
    desk.keeper.camera_looks(GEOMETRY)
    assert desk.take(desk.masks).accepted


def test_masks_without_a_mandate_are_refused(desk: Desk) -> None:
    assert refused(desk.take(desk.masks), "no mandate is in force")


def test_masks_for_another_view_are_refused(ready: Desk) -> None:
    ready.keeper.camera_looks(full_view(sensor="test", main=(320, 180), lores=(80, 45)))
    assert refused(ready.take(ready.next_masks(2, WIDER, *TWO)), "this camera has")


def test_one_technician_may_widen(ready: Desk) -> None:
    wider = ready.next_masks(2, WIDER, "technician-1")
    assert ready.take(wider).accepted
    assert ready.versions == (1, 1, 2)
    assert (ready.store.read("masks"), ready.store.read("approved_masks")) == (wider, ready.masks)


def test_one_technician_may_not_loosen_what_was_widened(ready: Desk) -> None:
    ready.take(ready.next_masks(2, WIDER, "technician-1"))
    verdict = ready.take(ready.next_masks(3, SQUARE, "technician-1"))
    assert refused(verdict, "two persons")
    assert ready.versions == (1, 1, 2)


def test_two_persons_may_loosen_and_what_they_signed_is_what_later_ones_are_held_against(ready: Desk) -> None:
    ready.take(ready.next_masks(2, WIDER, "technician-1"))
    loosened = ready.next_masks(3, ELSEWHERE, *TWO)
    assert ready.take(loosened).accepted
    assert (ready.versions, ready.store.read("approved_masks")) == ((1, 1, 3), loosened)


def test_an_older_mask_set_is_not_put_back(ready: Desk) -> None:
    ready.take(ready.next_masks(2, WIDER, *TWO))
    assert refused(ready.take(ready.masks), "version 1 was sent, at least version 3 is needed")


def test_the_next_root_follows_and_its_mandates_count(ready: Desk) -> None:
    assert ready.take(ready.next_root(2)).accepted
    assert ready.versions == (2, 1, 1)
    assert ready.keeper.floors.root == 2
    ready.start()
    assert ready.versions == (2, 1, 1)
    assert refused(ready.take(ready.next_root(2, to="approver-1")), "cannot follow version 2")


def test_under_a_root_of_others_an_old_mandate_does_not_count(ready: Desk) -> None:
    assert ready.take(ready.next_root(2, to="releaser-1")).accepted
    assert ready.versions == (2, None, None)
    mandate = decode(parse(ready.mandate).payload, Mandate)
    assert ready.take(ready.signed(mandate, "releaser-1")).accepted
    assert ready.versions == (2, 1, 1)


def test_a_demos_root_is_believed_only_where_that_is_allowed(tmp_path: Path, desk: Desk) -> None:
    desk.demo = False
    desk.start()
    for raw in (desk.mandate, desk.next_root(2)):
        assert refused(desk.take(raw), "a demo's")
    assert desk.keeper.floors == VersionFloors()


def test_without_a_root_no_document_is_believed(desk: Desk) -> None:
    desk.first_root = b""
    desk.start()
    assert refused(desk.take(desk.mandate), "no root was put on this node")


@pytest.mark.parametrize("good", [True, False])
def test_a_grant_is_verified_and_refused_for_what_this_node_cannot_do(good: bool, ready: Desk) -> None:
    grant = Grant(
        id=new_ulid(START_NS),
        node=NODE,
        operator="operator-1",
        minutes=5,
        reason=GrantReason(text="a call"),
        session_key=public_halves(ready.keys["operator-1"].public)[1],
        expires=START + timedelta(minutes=5),
    )
    verdict = ready.take(ready.signed(grant, "operator-1" if good else "releaser-1"))
    assert refused(verdict, "cannot show anything live yet" if good else "who has no say")
    assert verdict.kind == "grant"


def test_an_order_is_handed_to_the_release_desk_and_changes_no_document(ready: Desk) -> None:
    order = ReleaseOrder(
        id=new_ulid(START_NS),
        node=NODE,
        from_=START - timedelta(hours=1),
        to=START,
        case="a case",
        recipient="police",
        expires=START + timedelta(days=1),
    )
    raw, before = ready.signed(order, "releaser-1", "releaser-2"), ready.keeper.generation
    verdict = ready.take(raw)
    assert (verdict.accepted, verdict.kind, verdict.reason) == (True, "release", "on its way")
    assert ready.released == [(raw, None)]
    assert ready.keeper.generation == before


def test_the_mandate_in_force_is_kept_under_its_digest_for_the_footage_that_outlives_it(ready: Desk) -> None:
    assert ready.take(ready.next_mandate(2)).accepted
    versions = sorted(decode(parse(raw).payload, Mandate).version for raw in ready.store.archived_mandates())
    assert versions == [1, 2]


@pytest.mark.parametrize("sealed", [b"", b"not sealed", bytes(2000)])
def test_what_is_not_sealed_to_this_node_is_refused_and_logged(sealed: bytes, desk: Desk) -> None:
    verdict = desk.keeper.take(sealed)
    assert (verdict.accepted, verdict.kind) == (False, None)
    assert desk.actions == ["document_refused"]


def test_what_is_no_document_is_refused(desk: Desk) -> None:
    verdict = desk.take(b"{}")
    assert (verdict.accepted, verdict.kind) == (False, None)


def test_a_flood_of_bad_documents_neither_fills_the_log_nor_goes_unlogged(desk: Desk) -> None:
    for _ in range(REFUSALS_AN_HOUR + 10):
        desk.keeper.take(b"junk")
    assert desk.actions == ["document_refused"] * REFUSALS_AN_HOUR + ["refusals_not_written"]
    assert desk.take(desk.mandate).accepted


def test_only_widening_a_mask_does_not_wait_for_a_log_that_fails(ready: Desk) -> None:
    sealed = ready.sealed(ready.next_masks(2, ELSEWHERE, *TWO))
    with fails_at("fdatasync", 1, []), pytest.raises(OSError, match="Input/output"):
        ready.keeper.take(sealed)
    assert ready.versions[2] == 1


def test_widening_a_mask_is_written_down_when_the_log_works_again(ready: Desk) -> None:
    sealed = ready.sealed(ready.next_masks(2, WIDER, "technician-1"))
    with fails_at("fdatasync", 1, []):
        assert ready.keeper.take(sealed).accepted
    ready.desk.flush()
    assert ready.versions[2] == 2
    assert ready.actions[-1] == "masks_accepted"


def test_floors_survive_a_start(ready: Desk) -> None:
    ready.take(ready.next_mandate(7))
    ready.start()
    assert ready.keeper.floors == VersionFloors(1, 7, 1, 1)
    assert ready.slot.header.floors.mandate == 7


def test_a_document_that_was_lost_may_be_put_back_but_not_an_older_one(ready: Desk) -> None:
    ready.take(lost := ready.next_mandate(7))
    ready.store.path("mandate").unlink()
    ready.start()
    assert refused(ready.take(ready.next_mandate(6)), "at least version 7")
    assert ready.take(lost) == Verdict(True, "mandate", "in force")


def test_an_older_document_that_was_put_back_on_the_disk_is_not_in_force(ready: Desk) -> None:
    ready.take(ready.next_mandate(7))
    ready.store.commit("mandate", ready.mandate)
    ready.start()
    ready.keeper.settle()
    assert ready.versions == (1, None, None)
    assert ready.keeper.floors.mandate == 7
