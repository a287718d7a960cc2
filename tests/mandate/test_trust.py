"""Who must have signed what, and what may take the place of what is in force: tables of signers and verdicts."""

from collections.abc import Sequence

import pytest
from mandate.design_documents import Json, ed25519, grant, mandate, masks, person, release, root
from mandate.judged import (
    CURRENT,
    MOVED,
    NODE,
    NOW_NS,
    SQUARE,
    VIEW,
    WIDER,
    agrees,
    decision,
    first_root,
    in_force,
    judge_masks,
    mask_set,
    signed,
    verdict,
)

from node.errors import Refused
from node.mandate import trust
from node.mandate.documents import MaskSet, decode
from node.mandate.signatures import parse

# Roots and mandates

TWO_OF_THREE = "of the 2 controllers"


@pytest.mark.parametrize(
    ("signers", "expected"),
    [
        (("p-01", "p-02"), "good"),
        (("p-03", "p-01"), "good"),
        (("p-01", "p-02", "p-03"), "good"),
        (("p-01",), f"signed by 1 {TWO_OF_THREE}"),
        (("p-01", "p-04"), "'p-04', who has no say"),
        (("p-01", "p-11"), "'p-11', who has no say"),
    ],
)
def test_a_first_root_and_a_mandate_need_the_threshold_of_controllers(
    signers: Sequence[str], expected: str
) -> None:
    assert agrees(verdict(lambda: trust.first_root(signed(root(), *signers))), expected)
    document = signed(decision(), *signers)
    assert agrees(verdict(lambda: trust.mandate(document, root=first_root(), node=NODE, floor=1)), expected)


def test_what_is_believed_says_who_signed_it_and_keeps_its_bytes() -> None:
    document = signed(decision(), "p-01", "p-03")
    believed = trust.mandate(document, root=first_root(), node=NODE, floor=1)
    assert believed.signers == {"p-01", "p-03"}
    assert believed.raw == document
    assert believed.digest == parse(document).digest
    assert believed.document == in_force()


@pytest.mark.parametrize(
    ("version", "floor", "expected"),
    [(3, 1, "good"), (3, 3, "good"), (3, 4, "version 3 is older than version 4"), (1, 2, "older")],
)
def test_a_mandate_older_than_the_floor_is_refused(version: int, floor: int, expected: str) -> None:
    document = signed(decision(version=version), "p-01", "p-02")
    assert agrees(
        verdict(lambda: trust.mandate(document, root=first_root(), node=NODE, floor=floor)), expected
    )


def test_a_mandate_for_other_nodes_is_refused() -> None:
    document = signed(decision(nodes=["n-1", "n-2"]), "p-01", "p-02")
    assert trust.mandate(document, root=first_root(), node="n-2", floor=1).document.version == 3
    with pytest.raises(Refused, match="not for node n-7f3a"):
        trust.mandate(document, root=first_root(), node=NODE, floor=1)


def test_a_controllers_name_without_their_key_signs_nothing() -> None:
    stolen_name = signed(decision(), "p-01", "p-02", keys={"p-02": "p-99"})
    with pytest.raises(Refused, match="signature is not good"):
        trust.mandate(stolen_name, root=first_root(), node=NODE, floor=1)


def test_a_person_of_the_mandate_cannot_sign_it_with_a_role_in_it() -> None:
    document = signed(decision(people=[*decision()["people"], person("p-55", "controller")]), "p-01", "p-55")
    with pytest.raises(Refused, match="'p-55', who has no say"):
        trust.mandate(document, root=first_root(), node=NODE, floor=1)


def test_another_document_is_no_mandate() -> None:
    for other in (root(), masks(), grant(), release()):
        with pytest.raises(Refused):
            trust.mandate(signed(other, "p-01", "p-02"), root=first_root(), node=NODE, floor=1)


def controllers(*owners: str, keys: dict[str, str] | None = None) -> list[Json]:
    return [{"id": owner, "sig": ed25519((keys or {}).get(owner, owner))} for owner in owners]


@pytest.mark.parametrize(
    ("following", "signers", "expected"),
    [
        ({"controllers": controllers("p-02", "p-03", "p-04")}, ("p-02", "p-03"), "good"),
        ({"controllers": controllers("p-02", "p-03", "p-04")}, ("p-01", "p-02", "p-04"), "good"),
        ({"controllers": controllers("p-02", "p-03", "p-04")}, ("p-01", "p-02"), "version 2"),
        ({"controllers": controllers("p-02", "p-03", "p-04")}, ("p-03", "p-04"), "version 1"),
        ({"controllers": controllers("p-04", "p-05")}, ("p-01", "p-02"), "version 2"),
        ({"controllers": controllers("p-04", "p-05")}, ("p-04", "p-05"), "version 1"),
        ({"controllers": controllers("p-04", "p-05")}, ("p-01", "p-02", "p-04", "p-05"), "good"),
        ({"threshold": 3}, ("p-01", "p-02"), "version 2"),
        ({"threshold": 3}, ("p-01", "p-02", "p-03"), "good"),
        ({"threshold": 1}, ("p-01",), "version 1"),
        ({"threshold": 1}, ("p-01", "p-02"), "good"),
        ({}, ("p-01", "p-02", "p-99"), "'p-99', who has no say"),
        ({"version": 3}, ("p-01", "p-02"), "version 3 cannot follow version 1"),
        ({"version": 1}, ("p-01", "p-02"), "version 1 cannot follow version 1"),
        ({"controllers": controllers("p-01", "p-02", keys={"p-02": "p-02b"})}, ("p-01", "p-02"), "another key"),
        ({"controllers": controllers("p-01", "p-02b", keys={"p-02b": "p-02"})}, ("p-01", "p-02"), "version 2"),
    ],
)  # fmt: skip
def test_the_next_root_is_signed_by_the_thresholds_of_both(
    following: Json, signers: Sequence[str], expected: str
) -> None:
    document = signed({**root(), "version": 2, **following}, *signers)
    assert agrees(verdict(lambda: trust.next_root(document, current=first_root())), expected)


# Mask sets


BOTH = "technician and an approver, two persons"
ONLY_TECHNICIAN = "a technician must sign"


@pytest.mark.parametrize(
    ("made_by", "signers", "first", "wider", "looser"),
    [
        ("p-11", ("p-11", "p-12"), "good", "good", "good"),
        ("p-12", ("p-11", "p-12"), "good", "good", "good"),
        ("p-11", ("p-11", "p-13"), "good", "good", "good"),
        ("p-13", ("p-13", "p-12"), "good", "good", "good"),
        ("p-13", ("p-13", "p-11", "p-12"), "good", "good", "good"),
        ("p-11", ("p-11",), BOTH, "good", BOTH),
        ("p-13", ("p-13",), BOTH, "good", BOTH),
        ("p-12", ("p-12",), ONLY_TECHNICIAN, ONLY_TECHNICIAN, ONLY_TECHNICIAN),
        ("p-12", ("p-12", "p-14"), ONLY_TECHNICIAN, ONLY_TECHNICIAN, ONLY_TECHNICIAN),
        ("p-11", ("p-12", "p-13"), "made by p-11", "made by p-11", "made by p-11"),
        ("p-11", ("p-12",), "made by p-11", "made by p-11", "made by p-11"),
        ("p-90", ("p-90", "p-12"), "no say", "no say", "no say"),
        ("p-11", ("p-11", "p-90"), "no say", "no say", "no say"),
        ("p-21", ("p-21", "p-12"), "no say", "no say", "no say"),
        ("p-11", ("p-11", "p-21"), "no say", "no say", "no say"),
        ("p-11", ("p-11", "p-31"), "no say", "no say", "no say"),
        ("p-11", ("p-11", "p-01"), "no say", "no say", "no say"),
    ],
)
def test_who_must_sign_a_mask_set(
    made_by: str, signers: Sequence[str], first: str, wider: str, looser: str
) -> None:
    same = {"made_by": made_by, "guard_band_px": 20}
    found = judge_masks(signed(mask_set(SQUARE, **same), *signers))
    assert agrees(found, first), found
    found = judge_masks(signed(mask_set(WIDER, **same), *signers), CURRENT)
    assert agrees(found, wider), found
    found = judge_masks(signed(mask_set(MOVED, **same), *signers), CURRENT)
    assert agrees(found, looser), found


NAMED = ["technician", "approver", "releaser"]
TWO_APPROVERS = ["technician", "approver", "approver"]


@pytest.mark.parametrize(
    ("first_set", "signers", "expected"),
    [
        (NAMED, ("p-11", "p-12", "p-31"), "good"),
        (NAMED, ("p-13", "p-14", "p-32"), "good"),
        (NAMED, ("p-11", "p-12"), "a technician, an approver and a releaser, three persons"),
        (NAMED, ("p-11", "p-13", "p-12"), "a technician, an approver and a releaser, three persons"),
        (NAMED, ("p-13", "p-31"), "three persons"),
        (NAMED, ("p-11", "p-12", "p-21"), "no say"),
        (TWO_APPROVERS, ("p-11", "p-12", "p-14"), "good"),
        (TWO_APPROVERS, ("p-11", "p-12", "p-13"), "good"),
        (TWO_APPROVERS, ("p-13", "p-12", "p-14"), "good"),
        (TWO_APPROVERS, ("p-11", "p-12"), "a technician, an approver and an approver, three persons"),
        (TWO_APPROVERS, ("p-13", "p-12"), "three persons"),
    ],
)
def test_every_role_of_the_first_set_is_another_person(
    first_set: list[str], signers: Sequence[str], expected: str
) -> None:
    under = in_force(masks={"first_set": first_set, "nothing_to_mask": False})
    same = {"made_by": signers[0], "guard_band_px": 20}
    for polygon, current in ((SQUARE, None), (MOVED, CURRENT)):
        found = judge_masks(signed(mask_set(polygon, **same), *signers), current, under=under)
        assert agrees(found, expected), found
    wider = judge_masks(signed(mask_set(WIDER, **same), signers[0]), CURRENT, under=under)
    assert wider == "good"


@pytest.mark.parametrize(
    ("polygons", "guard_band_px", "loosens"),
    [
        ([SQUARE], 20, False),
        ([WIDER], 20, False),
        ([SQUARE, MOVED], 20, False),
        ([SQUARE], 30, False),
        ([SQUARE], 19, True),
        ([MOVED], 20, True),
        ([WIDER[:3]], 20, True),
    ],
)
def test_one_technician_may_widen_and_never_uncover(
    polygons: list[list[list[float]]], guard_band_px: int, *, loosens: bool
) -> None:
    document = mask_set(*polygons, guard_band_px=guard_band_px)
    assert agrees(judge_masks(signed(document, "p-11"), CURRENT), BOTH if loosens else "good")
    assert judge_masks(signed(document, "p-11", "p-12"), CURRENT) == "good"


def test_the_set_in_force_itself_uncovers_nothing_and_is_not_compared_pixel_by_pixel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def compared(*_views: object) -> None:
        raise AssertionError("pixels were compared")

    monkeypatch.setattr(trust, "compare", compared)
    again = signed(mask_set(SQUARE, guard_band_px=20), "p-11")
    assert agrees(judge_masks(again, decode(parse(again).payload, MaskSet)), "good")
    with pytest.raises(AssertionError, match="pixels"):
        judge_masks(signed(mask_set(SQUARE, guard_band_px=19), "p-11"), decode(parse(again).payload, MaskSet))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"node": "n-7f3b"}, "for node n-7f3b, this is n-7f3a"),
        ({"mandate": "01KAR0F2T9Z6S3X8V1N4K7J5HD"}, "another mandate"),
        ({"geometry": {**VIEW, "transform": "identity"}}, "transform identity, this camera has rotate180"),
        ({"geometry": {**VIEW, "crop": [0, 0, 230, 128]}}, "crop"),
        ({"geometry": {**VIEW, "mode": [115, 65]}}, "mode"),
        ({"geometry": {**VIEW, "main": [320, 180]}}, "main"),
        ({"geometry": {**VIEW, "lores": [40, 22]}}, "lores"),
        ({"geometry": {**VIEW, "sensor": "imx219"}}, "sensor"),
    ],
)
def test_masks_of_another_node_mandate_or_geometry_are_refused_whoever_signed_them(
    changes: Json, expected: str
) -> None:
    document = signed(mask_set(WIDER, **changes), "p-11", "p-12")
    assert agrees(judge_masks(document), expected)
    assert agrees(judge_masks(document, CURRENT), expected)


@pytest.mark.parametrize(("floor", "expected"), [(1, "good"), (2, "good"), (3, "version 2 is older")])
def test_masks_older_than_the_floor_are_refused(floor: int, expected: str) -> None:
    document = signed(mask_set(WIDER), "p-11", "p-12")
    assert agrees(judge_masks(document, CURRENT, floor), expected)


def test_a_mask_set_without_masks_needs_the_mandates_word_that_there_is_nothing_to_mask() -> None:
    nothing = in_force(masks={"first_set": ["technician", "approver"], "nothing_to_mask": True})
    document = signed(mask_set(), "p-11", "p-12")
    assert agrees(judge_masks(document), "does not say that nothing is to be masked")
    assert agrees(judge_masks(document, CURRENT), "does not say that nothing is to be masked")
    assert judge_masks(document, CURRENT, under=nothing) == "good"
    assert agrees(judge_masks(signed(mask_set(), "p-11"), CURRENT, under=nothing), BOTH)


# Grants and release orders


@pytest.mark.parametrize(
    ("changes", "signers", "used", "expected"),
    [
        ({}, ("p-21",), (), "good"),
        ({"operator": "p-22"}, ("p-22",), (), "good"),
        ({}, ("p-22",), (), "the operator who watches must sign"),
        ({}, ("p-21", "p-22"), (), "nobody else"),
        ({}, ("p-11",), (), "no say"),
        ({}, ("p-01",), (), "no say"),
        ({"operator": "p-90"}, ("p-90",), (), "no say"),
        ({"operator": "p-11"}, ("p-21",), (), "the operator who watches must sign"),
        ({"minutes": 10}, ("p-21",), (), "good"),
        ({"minutes": 11}, ("p-21",), (), "10 minutes at a time"),
        ({"node": "n-7f3b"}, ("p-21",), (), "for node n-7f3b, this is n-7f3a"),
        ({"reason": {"text": "a cry for help"}}, ("p-21",), (), "good"),
        ({"reason": {}}, ("p-21",), (), "a reason is needed"),
        ({"expires": "2026-11-03T23:00:00+01:00"}, ("p-21",), (), "expired"),
        ({"expires": "2026-11-03T22:00:00Z"}, ("p-21",), (), "expired"),
        ({"expires": "2026-11-03T22:00:00.000001Z"}, ("p-21",), (), "good"),
        ({}, ("p-21",), ("01KAR1F2T9Z6S3X8V1N4K7J5HD",), "used before"),
        ({}, ("p-21",), ("01KAR1F2T9Z6S3X8V1N4K7J5HE",), "good"),
    ],
)
def test_a_grant(changes: Json, signers: Sequence[str], used: Sequence[str], expected: str) -> None:
    document = signed({**grant(), **changes}, *signers)
    found = verdict(lambda: trust.grant(document, under=in_force(), node=NODE, now_ns=NOW_NS, used=used))
    assert agrees(found, expected), found


@pytest.mark.parametrize(
    ("reason", "expected"),
    [({"alarm": "01KAR0F2T9Z6S3X8V1N4K7J5HD"}, "good"), ({"text": "a cry for help"}, "on an alarm only")],
)
def test_where_the_mandate_wants_an_alarm_words_are_not_enough(reason: Json, expected: str) -> None:
    strict = in_force(live={"requires": "alarm", "minutes": 10, "preroll_seconds": 15})
    document = signed({**grant(), "reason": reason}, "p-21")
    found = verdict(lambda: trust.grant(document, under=strict, node=NODE, now_ns=NOW_NS, used=()))
    assert agrees(found, expected), found


TWO_RELEASERS = ("p-31", "p-32")


@pytest.mark.parametrize(
    ("changes", "signers", "used", "expected"),
    [
        ({}, TWO_RELEASERS, (), "good"),
        ({}, ("p-31", "p-32", "p-33"), (), "good"),
        ({}, ("p-33", "p-31"), (), "good"),
        ({}, ("p-31",), (), "signed by 1 of the 2 releasers"),
        ({}, ("p-31", "p-21"), (), "no say"),
        ({}, ("p-31", "p-01"), (), "no say"),
        ({}, ("p-31", "p-90"), (), "no say"),
        ({}, ("p-31", "sealed-share-1"), (), "no say"),
        ({"recipient": "sealed-share-1"}, TWO_RELEASERS, (), "not a recipient"),
        ({"recipient": "p-31"}, TWO_RELEASERS, (), "not a recipient"),
        ({"recipient": "somebody"}, TWO_RELEASERS, (), "not a recipient"),
        ({"node": "n-7f3b"}, TWO_RELEASERS, (), "for node n-7f3b, this is n-7f3a"),
        ({"expires": "2026-11-03T22:00:00Z"}, TWO_RELEASERS, (), "expired"),
        ({}, TWO_RELEASERS, ("01KAR2F2T9Z6S3X8V1N4K7J5HD",), "used before"),
    ],
)
def test_a_release_order(changes: Json, signers: Sequence[str], used: Sequence[str], expected: str) -> None:
    document = signed({**release(), **changes}, *signers)
    found = verdict(lambda: trust.order(document, under=in_force(), node=NODE, now_ns=NOW_NS, used=used))
    assert agrees(found, expected), found


@pytest.mark.parametrize(
    ("signers", "expected"), [(TWO_RELEASERS, "signed by 2 of the 3"), ((*TWO_RELEASERS, "p-33"), "good")]
)
def test_a_mandate_may_ask_for_three_releasers(signers: Sequence[str], expected: str) -> None:
    three = in_force(release={**mandate()["release"], "threshold": 3})
    document = signed(release(), *signers)
    found = verdict(lambda: trust.order(document, under=three, node=NODE, now_ns=NOW_NS, used=()))
    assert agrees(found, expected), found


# Damage


def test_no_flipped_byte_of_a_mandate_file_changes_what_is_believed() -> None:
    """Positions a prime apart, so that all alignments of base64 and every signature are met."""
    document, authority = signed(decision(), "p-01", "p-03"), first_root()
    original = trust.mandate(document, root=authority, node=NODE, floor=1)
    taken = 0
    for position in [*range(0, len(document), 23), *range(len(document) - 450, len(document))]:
        for flip in (0x01, 0x20, 0x2A):
            byte = document[position] ^ flip
            flipped = document[:position] + bytes([byte]) + document[position + 1 :]
            try:
                believed = trust.mandate(flipped, root=authority, node=NODE, floor=1)
            except Refused:
                continue
            assert (believed.document, believed.signers) == (original.document, original.signers)
            assert (believed.digest, believed.raw) == (original.digest, flipped)
            assert {byte, document[position]} <= set(b" \n\r\t")
            taken += 1
    assert taken > 0
