"""The example's documents are believed like any others, and say that they are a demo's."""

from pathlib import Path

import msgspec
import pytest

from node.clock import NS, utc_ns
from node.errors import Refused
from node.mandate import trust
from node.mandate.documents import Fractions, Mandate, decode, encode
from node.mandate.example import (
    NODE,
    PEOPLE,
    RECIPIENT,
    RECOVERY,
    ExampleDocuments,
    make_documents,
    make_keys,
)
from node.mandate.hours import Interval, open_intervals
from node.masks.geometry import full_view
from node.sealing.keys import PrivateKeys

START_NS = 1_793_742_000 * NS + 123_456_789
GEOMETRY = full_view(sensor="example", main=(160, 120), lores=(80, 60))
POLYGONS: list[Fractions] = [((0.1, 0.1), (0.4, 0.1), (0.4, 0.4)), ((0.6, 0.6), (0.9, 0.6), (0.9, 0.9))]
DAY_NS = 86_400 * NS


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PrivateKeys]:
    return make_keys(tmp_path_factory.mktemp("keys"))


def documents(keys: dict[str, PrivateKeys], polygons: list[Fractions]) -> ExampleDocuments:
    return make_documents(keys, start_ns=START_NS, geometry=GEOMETRY, polygons=polygons)


def mandate_of(made: ExampleDocuments) -> Mandate:
    root = trust.first_root(made.root).document
    return trust.mandate(made.mandate, root=root, node=NODE, floor=1).document


def test_everybody_gets_a_private_key_file_and_a_public_one(tmp_path: Path) -> None:
    made = make_keys(tmp_path)
    assert set(made) == {*PEOPLE, RECIPIENT, RECOVERY}
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{owner}.{ending}" for owner in made for ending in ("key", "pub.json")
    }
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.key")} == {0o600}
    assert all(made[owner].owner == owner for owner in made)


def test_keys_that_are_there_are_not_made_again(tmp_path: Path) -> None:
    make_keys(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(Refused, match="never written over"):
        make_keys(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_root_mandate_and_masks_are_believed(keys: dict[str, PrivateKeys]) -> None:
    made = documents(keys, POLYGONS)
    under = mandate_of(made)
    assert made.masks is not None
    believed = trust.masks(made.masks, under=under, node=NODE, geometry=GEOMETRY, floor=1, current=None)
    assert believed.signers == {"technician-1", "approver-1"}
    assert [polygon.points for polygon in believed.document.polygons] == POLYGONS
    assert not under.masks.nothing_to_mask


def test_without_polygons_the_mandate_says_that_there_is_nothing_to_mask(
    keys: dict[str, PrivateKeys],
) -> None:
    made = documents(keys, [])
    assert made.masks is None
    assert mandate_of(made).masks.nothing_to_mask


def test_the_root_says_that_it_is_a_demos(keys: dict[str, PrivateKeys]) -> None:
    assert trust.first_root(documents(keys, []).root).document.demo


def test_the_mandate_is_open_at_all_hours_of_a_year_from_its_start(keys: dict[str, PrivateKeys]) -> None:
    under = mandate_of(documents(keys, POLYGONS))
    until_ns = START_NS + 364 * DAY_NS
    assert utc_ns(under.valid_from) < START_NS < until_ns < utc_ns(under.valid_until)
    found = open_intervals(under.hours, under.site, from_ns=START_NS, until_ns=until_ns)
    assert found == (Interval(START_NS, until_ns),)


def test_any_two_of_releasers_and_recovery_open_what_is_sealed(keys: dict[str, PrivateKeys]) -> None:
    assert mandate_of(documents(keys, POLYGONS)).release_subsets == (
        ("releaser-1", "releaser-2"),
        ("releaser-1", "recovery"),
        ("releaser-2", "recovery"),
    )


def test_the_mandate_would_be_read_from_its_own_words(keys: dict[str, PrivateKeys]) -> None:
    under = mandate_of(documents(keys, POLYGONS))
    assert decode(encode(under), Mandate) == under
    assert msgspec.json.decode(encode(under))["reference"].startswith("DEMO")


def test_masks_that_could_not_be_signed_are_not_made(keys: dict[str, PrivateKeys]) -> None:
    with pytest.raises(Refused, match="crosses"):
        documents(keys, [((0.1, 0.1), (0.4, 0.4), (0.4, 0.1), (0.1, 0.4))])
