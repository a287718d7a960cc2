"""What `verify` says of bundles that are sound, made up, or signed by somebody who may not."""

from pathlib import Path

import msgspec
import pytest
from fakes.burned_card import BurnedCard
from system.program import stolpe

from central.bundle_desk import judged
from node.errors import Refused
from node.mandate import trust


def verdicts(card: BurnedCard, bundle: object) -> dict[str, str]:
    root = trust.first_root(card.root.read_bytes()).document
    found = judged(bundle, node=card.node, root=root)  # type: ignore[arg-type]
    return {finding.number: finding.verdict for finding in found.findings}


def test_a_salvaged_bundle_of_signed_segments_holds(card: BurnedCard) -> None:
    card.film(0, 0, 1, 2)
    bundle, _ = card.salvaged(card.order(-5, 10))
    assert verdicts(card, bundle) == {
        **dict.fromkeys((f"B{n}" for n in range(1, 10)), "good"),
        "B10": "not checked",
    }


def test_footage_that_a_single_salvager_sealed_is_not_called_the_nodes(card: BurnedCard) -> None:
    card.film(0, 0, 1, 2)
    card.film(60, 60, 61, has_trailer=False)
    bundle, made = card.salvaged(card.order(-5, 70))
    assert [line.state for line in made.segments] == ["closed", "cut"]
    checked = stolpe("verify", bundle, "--node", card.node, "--root", card.root)
    assert checked.code == 1
    assert "segment 1 has no trailer: nothing proves that the node filmed it" in checked.out
    unknown = stolpe("verify", bundle, "--root", card.root)  # also where the node's key is not at hand
    assert (unknown.code, "B7 bad" in unknown.out) == (1, True)


def test_the_nodes_own_manifest_proves_a_segment_that_was_cut(card: BurnedCard) -> None:
    card.film(0, 0, 1, has_trailer=False)
    bundle = card.released(card.order(-5, 10))
    assert verdicts(card, bundle)["B7"] == "good"
    forged = card.resealed(bundle, signer="releaser-1", made_by="node")
    assert verdicts(card, forged)["B7"] == "bad"


@pytest.mark.parametrize("by", ["police", "technician-1", "operator-1"])
def test_only_releasers_salvage(by: str, card: BurnedCard) -> None:
    card.film(0, 0, 1)
    order = card.order(-5, 10)
    with pytest.raises(Refused, match=f"{by} is no releaser of the mandate"):
        card.salvaged(order, by=by)
    bundle = card.resealed(card.salvaged(order)[0], signer=by)
    assert verdicts(card, bundle)["B2"] == "bad"


def test_a_releaser_who_was_revoked_since_salvages_nothing(card: BurnedCard) -> None:
    people = [
        msgspec.structs.replace(one, roles=("releaser",)) if one.id == "operator-1" else one
        for one in card.document.people
    ]
    card.mandate = card.amended(people=tuple(people))
    card.film(0, 0, 1)
    order = card.order(-5, 10, signers=("releaser-2", "operator-1"))
    later = card.amended(version=2, revoked_people=("releaser-1",))
    with pytest.raises(Refused, match="releaser-1 was revoked since"):
        card.salvaged(order, by="releaser-1", mandates=(later,))
    bundle = card.salvaged(order, by="releaser-1")[0]
    (card.folder / "later.jws.json").write_bytes(later)
    checked = stolpe(
        *("verify", bundle, "--node", card.node, "--root", card.root),
        *("--mandate", card.folder / "later.jws.json"),
    )
    assert (checked.code, "B2 bad" in checked.out, "B4 good" in checked.out) == (1, True, True)
    assert "releaser-1 may release nothing of mandate version 1" in checked.out


def test_without_the_root_neither_orderers_nor_a_salvager_are_called_good(card: BurnedCard) -> None:
    card.film(0, 0, 1)
    bundle, _ = card.salvaged(card.order(-5, 10))
    checked = stolpe("verify", bundle, "--node", card.node)
    assert checked.code == 0, checked.err
    for number in ("B2", "B4", "B5"):
        assert f"{number} not checked" in checked.out
    assert "by the bundle's own mandates, which were not checked" in checked.out


def test_an_opening_knows_whom_a_later_mandate_revokes(card: BurnedCard, tmp_path: Path) -> None:
    card.film(0, 0, 1)
    bundle = card.released(card.order(-5, 10))
    before = card.open(bundle, tmp_path / "before.mp4")
    assert (before.code, "as far as the mandates in the bundle say" in before.out) == (0, True)
    later = tmp_path / "later.jws.json"
    later.write_bytes(card.amended(version=2, revoked_people=("releaser-1",), **with_another_releaser(card)))
    after = card.open(bundle, tmp_path / "after.mp4", "--mandate", later)
    assert (after.code, "releaser-1, who was revoked since" in after.out) == (1, True)
    assert not (tmp_path / "after.sealed").exists()


def with_another_releaser(card: BurnedCard) -> dict[str, object]:
    people = [
        msgspec.structs.replace(one, roles=("releaser",)) if one.id == "operator-1" else one
        for one in card.document.people
    ]
    return {"people": tuple(people)}
