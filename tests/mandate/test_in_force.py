"""What counts on a node's disk: verified from the first root on, or not in force, with the reason."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from node.errors import Refused
from node.mandate.documents import Mandate, MaskSet, Root, RootController, decode, encode
from node.mandate.example import NODE, ExampleDocuments, make_documents, make_keys
from node.mandate.ids import new_ulid
from node.mandate.in_force import InForce, believed_root, in_force
from node.mandate.signatures import add_signature, parse, sign
from node.mandate.store import DocumentStore
from node.masks.geometry import Geometry, full_view
from node.messages import VersionFloors
from node.sealing.keys import PrivateKeys, public_halves

START_NS = 1_793_739_600 * 10**9
VIEW = full_view(sensor="s", main=(64, 48), lores=(32, 24))
CORNER = ((0.0, 0.0), (0.3, 0.0), (0.0, 0.3))
WIDER = ((0.0, 0.0), (0.6, 0.0), (0.0, 0.6))
SMALLER = ((0.0, 0.0), (0.1, 0.0), (0.0, 0.1))

D = TypeVar("D", Root, Mandate, MaskSet)


class Disk:
    """A node's documents, and everybody's keys to make others with."""

    def __init__(self, folder: Path, keys: dict[str, PrivateKeys]) -> None:
        self.keys = keys
        self.store = DocumentStore(folder)
        self.made: ExampleDocuments = make_documents(
            keys, start_ns=START_NS, geometry=VIEW, polygons=[CORNER]
        )
        self.root = self.made.root
        self.store.commit("mandate", self.made.mandate)
        assert self.made.masks is not None
        self.masks = self.made.masks
        self.store.commit("approved_masks", self.masks)
        self.store.commit("masks", self.masks)

    def read(self, *, floors: VersionFloors | None = None, geometry: Geometry | None = VIEW) -> InForce:
        root = believed_root(self.root, self.store, allow_demo=True)
        return in_force(self.store, root=root, node=NODE, floors=floors or VersionFloors(), geometry=geometry)

    def signed(self, document: Root | Mandate | MaskSet, *who: str) -> bytes:
        data = sign(encode(document), self.keys[who[0]].signing)
        for name in who[1:]:
            data = add_signature(data, self.keys[name].signing)
        return data

    def mask_set(self, polygon: tuple[tuple[float, float], ...], version: int) -> MaskSet:
        masks = decode(parse(self.masks).payload, MaskSet)
        polygons = (msgspec.structs.replace(masks.polygons[0], points=polygon),)
        return msgspec.structs.replace(masks, version=version, polygons=polygons)

    def next_root(self, version: int, controller: str) -> Root:
        root = decode(parse(self.root).payload, Root)
        key = public_halves(self.keys[controller].public)[0]
        return msgspec.structs.replace(root, version=version, controllers=(RootController(controller, key),))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PrivateKeys]:
    return make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def disk(tmp_path: Path, keys: dict[str, PrivateKeys]) -> Disk:
    return Disk(tmp_path, keys)


def test_what_was_signed_by_the_right_persons_is_in_force(disk: Disk) -> None:
    found = disk.read()
    assert found.mandate is not None
    assert found.masks is not None
    assert (found.mandate.document.version, found.masks.document.version) == (1, 1)
    assert (found.mandate_refused, found.masks_refused) == ("", "")


def test_a_demo_root_is_refused_where_it_is_not_allowed(disk: Disk) -> None:
    with pytest.raises(Refused, match="demo"):
        believed_root(disk.root, disk.store, allow_demo=False)


def test_roots_follow_one_another_and_the_newest_counts(disk: Disk) -> None:
    disk.store.commit_root(2, disk.signed(disk.next_root(2, "operator-1"), "controller-1", "operator-1"))
    disk.store.commit_root(3, disk.signed(disk.next_root(3, "releaser-1"), "operator-1", "releaser-1"))
    assert believed_root(disk.root, disk.store, allow_demo=True).document.version == 3
    assert disk.read().mandate is None  # the first root's controller has no say any more


def test_behind_a_gap_no_root_counts(disk: Disk) -> None:
    disk.store.commit_root(3, disk.signed(disk.next_root(3, "operator-1"), "controller-1", "operator-1"))
    assert believed_root(disk.root, disk.store, allow_demo=True).document.version == 1


def test_a_root_that_does_not_follow_is_a_refusal_of_all(disk: Disk) -> None:
    disk.store.commit_root(2, disk.signed(disk.next_root(2, "operator-1"), "operator-1"))
    with pytest.raises(Refused):
        believed_root(disk.root, disk.store, allow_demo=True)


@pytest.mark.parametrize(
    ("floors", "mandate", "masks"),
    [
        (VersionFloors(root=2), "root: version 1 is older", ""),
        (VersionFloors(mandate=2), "version 1 is older than version 2", ""),
        (VersionFloors(masks=2), "", "version 1 is older than version 2"),
    ],
)
def test_nothing_older_than_what_was_in_force_counts(
    disk: Disk, floors: VersionFloors, mandate: str, masks: str
) -> None:
    found = disk.read(floors=floors)
    assert (found.mandate is None, found.masks) == (bool(mandate), None)
    assert mandate in found.mandate_refused
    assert masks in found.masks_refused


def test_an_older_approved_set_is_nothing_to_widen_from(disk: Disk) -> None:
    disk.store.commit("masks", disk.signed(disk.mask_set(WIDER, 3), "technician-1"))
    assert disk.read(floors=VersionFloors(masks=3, approved=1)).masks is not None
    found = disk.read(floors=VersionFloors(masks=3, approved=2))
    assert found.masks is None
    assert "of the approved set: masks: version 1 is older than version 2" in found.masks_refused


def test_what_two_persons_signed_needs_no_approved_set_beside_it(disk: Disk) -> None:
    disk.store.commit("masks", disk.signed(disk.mask_set(SMALLER, 3), "technician-1", "approver-1"))
    assert (
        disk.read(floors=VersionFloors(masks=3, approved=3)).masks is not None
    )  # power went before the second file


def test_a_file_that_is_gone_is_told_where_there_was_a_set(disk: Disk) -> None:
    disk.store.path("masks").unlink()
    assert disk.read().masks_refused == ""
    assert "version 4 was in force" in disk.read(floors=VersionFloors(masks=4)).masks_refused


def test_before_the_camera_has_said_how_it_looks_no_masks_count(disk: Disk) -> None:
    found = disk.read(geometry=None)
    assert found.mandate is not None
    assert (found.masks, found.masks_refused) == (None, "")


def test_masks_widened_by_one_technician_count_beside_what_two_approved(disk: Disk) -> None:
    disk.store.commit("masks", disk.signed(disk.mask_set(WIDER, 2), "technician-1"))
    masks = disk.read().masks
    assert masks is not None
    assert masks.document.version == 2


BAD_MASKS: dict[str, Callable[[Disk], None]] = {
    "smaller, by one": lambda d: d.store.commit("masks", d.signed(d.mask_set(SMALLER, 2), "technician-1")),
    "wider, by nobody who may": lambda d: d.store.commit(
        "masks", d.signed(d.mask_set(WIDER, 2), "operator-1")
    ),
    "wider, by the approver alone": lambda d: d.store.commit(
        "masks", d.signed(d.mask_set(WIDER, 2), "approver-1")
    ),
    "a byte flipped": lambda d: d.store.commit("masks", d.masks.replace(b"A", b"B", 1)),
    "empty": lambda d: d.store.commit("masks", b""),
    "wider, beside what one alone approved": lambda d: (
        d.store.commit("approved_masks", d.signed(d.mask_set(CORNER, 1), "technician-1")),  # type: ignore[func-returns-value]
        d.store.commit("masks", d.signed(d.mask_set(WIDER, 2), "technician-1")),
    )[1],
    "nothing approved": lambda d: (
        d.store.path("approved_masks").unlink(),  # type: ignore[func-returns-value]
        d.store.commit("masks", d.signed(d.mask_set(WIDER, 2), "technician-1")),
    )[1],
    "of another mandate": lambda d: d.store.commit(
        "masks",
        d.signed(
            msgspec.structs.replace(d.mask_set(WIDER, 2), mandate=new_ulid(START_NS + 1)), "technician-1"
        ),
    ),
    "of another node": lambda d: d.store.commit(
        "masks", d.signed(msgspec.structs.replace(d.mask_set(WIDER, 2), node="n-2"), "technician-1")
    ),
    "for another geometry": lambda d: d.store.commit(
        "masks",
        d.signed(
            msgspec.structs.replace(
                d.mask_set(WIDER, 2), geometry=msgspec.structs.replace(VIEW, transform="hflip")
            ),
            "technician-1",
        ),
    ),
}


@pytest.mark.parametrize("spoil", BAD_MASKS.values(), ids=BAD_MASKS.keys())
def test_masks_that_do_not_verify_are_not_in_force_and_the_reason_is_told(
    disk: Disk, spoil: Callable[[Disk], None]
) -> None:
    spoil(disk)
    found = disk.read()
    assert found.mandate is not None
    assert found.masks is None
    assert found.masks_refused


def test_an_approved_set_can_uncover_and_then_counts_itself(disk: Disk) -> None:
    smaller = disk.signed(disk.mask_set(SMALLER, 2), "technician-1", "approver-1")
    disk.store.commit("approved_masks", smaller)
    disk.store.commit("masks", smaller)
    masks = disk.read().masks
    assert masks is not None
    assert masks.document.version == 2


def test_a_cut_between_the_two_files_of_an_approved_set_is_no_hole(disk: Disk) -> None:
    """Whichever came first, the other is still the old one: then what uncovers is not in force alone."""
    smaller = disk.signed(disk.mask_set(SMALLER, 2), "technician-1", "approver-1")
    disk.store.commit("masks", smaller)
    first = disk.read().masks
    disk.store.commit("masks", disk.masks)
    disk.store.commit("approved_masks", smaller)
    second = disk.read().masks
    assert [m.document.version if m else None for m in (first, second)] == [2, 1]


@pytest.mark.parametrize("approved", ["none", "flipped", "older mandate's"])
def test_a_set_that_two_persons_signed_stands_by_itself(disk: Disk, approved: str) -> None:
    """So a power cut before the approved set was replaced too leaves no node dark."""
    if approved == "none":
        disk.store.path("approved_masks").unlink()
    elif approved == "flipped":
        disk.store.commit("approved_masks", disk.masks.replace(b"A", b"B", 1))
    else:
        other = msgspec.structs.replace(disk.mask_set(SMALLER, 1), mandate=new_ulid(START_NS + 1))
        disk.store.commit("approved_masks", disk.signed(other, "technician-1", "approver-1"))
    found = disk.read()
    assert found.masks is not None
    assert found.masks_refused == ""


def test_whatever_lies_on_the_disk_nothing_is_uncovered_that_two_persons_had_covered(disk: Disk) -> None:
    """Every pair of files: what is in force was signed by two, or covers what is there and was signed by two."""
    both, one = ("technician-1", "approver-1"), ("technician-1",)
    sets = {
        (polygon, who): disk.signed(disk.mask_set(polygon, version), *who)
        for version, polygon in enumerate((SMALLER, CORNER, WIDER), start=1)
        for who in (both, one, ("approver-1",), ("operator-1",))
    }
    in_force_by_one = []
    for approved, approved_data in sets.items():
        disk.store.commit("approved_masks", approved_data)
        for masks, masks_data in sets.items():
            disk.store.commit("masks", masks_data)
            found = disk.read().masks
            if masks[1] == both:
                assert found is not None
            elif found is not None:
                in_force_by_one.append((masks[0], approved[0]))
                assert (masks[1], approved[1]) == (one, both)
    covers = [(SMALLER, SMALLER), (CORNER, SMALLER), (CORNER, CORNER), (WIDER, SMALLER), (WIDER, CORNER)]
    assert sorted(in_force_by_one) == sorted([*covers, (WIDER, WIDER)])


def test_a_demo_s_root_is_refused_also_where_a_real_one_followed_it(disk: Disk) -> None:
    real = msgspec.structs.replace(disk.next_root(2, "operator-1"), demo=False)
    disk.store.commit_root(2, disk.signed(real, "controller-1", "operator-1"))
    assert not believed_root(disk.root, disk.store, allow_demo=True).document.demo
    with pytest.raises(Refused, match="demo"):
        believed_root(disk.root, disk.store, allow_demo=False)


def test_no_mandate_means_no_masks(disk: Disk) -> None:
    disk.store.path("mandate").unlink()
    found = disk.read()
    assert (found.mandate, found.masks, found.mandate_refused) == (None, None, "")


def test_a_mandate_of_another_id_does_not_take_over_the_masks(disk: Disk) -> None:
    mandate = decode(parse(disk.made.mandate).payload, Mandate)
    other = msgspec.structs.replace(mandate, id=new_ulid(START_NS + 1), version=2)
    disk.store.commit("mandate", disk.signed(other, "controller-1"))
    found = disk.read()
    assert found.mandate is not None
    assert found.masks is None
    assert "another mandate" in found.masks_refused
