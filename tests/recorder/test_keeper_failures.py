"""What a failure at any call leaves behind: the order is audit entry, files, floor, answer."""

import msgspec
import pytest
from fakes.faults import fails_at
from recorder.footage import START_NS
from recorder.registry import ELSEWHERE, TWO, WIDER, Desk

from node.clock import NS
from node.mandate.documents import Mandate, MaskSet, decode
from node.mandate.ids import new_ulid
from node.mandate.signatures import parse


def test_the_log_is_synced_before_a_file_changes_and_the_file_before_the_floor(ready: Desk) -> None:
    sealed, seen = ready.sealed(ready.next_masks(2, ELSEWHERE, *TWO)), list[str]()
    with fails_at("nothing", 1, seen):
        ready.keeper.take(sealed)
    effects = [name for name in seen if name in {"fdatasync", "rename", "pwrite"}]
    assert effects == ["pwrite", "fdatasync", "pwrite", "rename", "pwrite", "rename", "pwrite", "pwrite"]


CALLS = ["pwrite 1", "fdatasync 1", "pwrite 2", "fsync 1", "rename 1", "fsync 2", "pwrite 3", "fsync 3", "rename 2",
         "fsync 4", "pwrite 4", "pwrite 5", "fsync 5"]  # fmt: skip


@pytest.mark.parametrize("place", CALLS)
@pytest.mark.parametrize("what", ["loosened masks", "masks under a new mandate"])
def test_a_failure_at_any_call_never_leaves_the_camera_with_what_it_refuses(
    place: str, what: str, ready: Desk
) -> None:
    new = ready.next_masks(3, ELSEWHERE, *TWO)
    ready.take(ready.next_masks(2, WIDER, "technician-1"))
    if what != "loosened masks":
        mandate = decode(parse(ready.mandate).payload, Mandate)
        other = msgspec.structs.replace(mandate, id=new_ulid(START_NS + NS), version=2)
        ready.take(ready.signed(other, "controller-1"))
        masks = msgspec.structs.replace(decode(parse(new).payload, MaskSet), mandate=other.id)
        new = ready.signed(masks, *TWO)
    before = ready.versions[2]
    call, number = place.split()
    sealed = ready.sealed(new)
    with pytest.raises(OSError, match="Input/output error"), fails_at(call, int(number), []):
        ready.keeper.take(sealed)
    ready.start()  # as after a power cut
    left = ready.versions[2]
    assert left in {before, 3}
    ready.keeper.settle()
    assert ready.versions[2] in {left, 3}
    assert ready.take(new).accepted
    assert (ready.versions[2], ready.store.read("approved_masks"), ready.keeper.floors.masks) == (3, new, 3)


@pytest.mark.parametrize(
    "place", ["pwrite 1", "pwrite 2", "fsync 1", "rename 1", "fsync 2", "pwrite 3", "pwrite 4", "fsync 3"]
)
@pytest.mark.parametrize("kind", ["root", "mandate"])
def test_a_failure_at_any_call_leaves_the_old_document_or_the_new_one_and_it_may_be_sent_again(
    place: str, kind: str, ready: Desk
) -> None:
    new = ready.next_root(2) if kind == "root" else ready.next_mandate(2)
    call, number = place.split()
    sealed = ready.sealed(new)
    with pytest.raises(OSError, match="Input/output error"), fails_at(call, int(number), []):
        ready.keeper.take(sealed)
    ready.start()
    assert ready.versions in {(1, 1, 1), (2, 1, 1), (1, 2, 1)}
    assert ready.take(new).accepted
    assert ready.versions == ((2, 1, 1) if kind == "root" else (1, 2, 1))
    floors = ready.keeper.floors
    assert (floors.root, floors.mandate) == ready.versions[:2]


def test_without_an_entry_in_the_log_nothing_takes_effect(ready: Desk) -> None:
    sealed = ready.sealed(ready.next_mandate(2))
    with pytest.raises(OSError, match="Input/output error"), fails_at("fdatasync", 1, []):
        ready.keeper.take(sealed)
    assert (ready.versions, ready.keeper.floors.mandate) == ((1, 1, 1), 1)
