"""The vectors decide what is a bundle, and two readers that share no code find the same in each."""

import ast
import io
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from formats import independent_bundle as other
from formats.independent_reader import NotReadable
from vectors.shelf import FOLDER, CarriedVector, ExpectedBundle, expectation, name_of, vectors

from node.errors import CannotOpen, Damaged
from node.formats import segment as fmt
from node.formats.bundle_reader import BundleReader, CarriedSegment, Signed
from node.sealing.keys import PrivateKeys, VerifyingKey, verifies, verifying_key
from node.sealing.recipients import unwrap

BUNDLES = vectors("bundles")
SUBSET = ("test-cissi", "test-david")


def jwk(owner: str, use: str) -> dict[str, Any]:
    keys = json.loads((FOLDER / "keys" / f"{owner}.jwk").read_text())["keys"]
    return next(key for key in keys if key["use"] == use)


def node_key(people: dict[str, PrivateKeys]) -> VerifyingKey:
    return verifying_key(people["test-node"].public.keys[0])


def judged(signed: Signed | None, key: VerifyingKey) -> str:
    if signed is None:
        return "missing"
    return "good" if verifies(key, signed.signature, signed.message) else "bad"


def opens(carried: CarriedSegment, people: dict[str, PrivateKeys]) -> bool:
    recipients = {person: people[person].recipient for person in SUBSET}
    try:
        segment = fmt.read(carried.data)
        wraps = fmt.lift(segment, carried.layer_key)
        context = fmt.wrap_context(segment.header_bytes)
        unwrap(wraps[segment.header.subsets.index(SUBSET)], SUBSET, recipients, context=context)
    except (Damaged, CannotOpen):
        return False
    return True


@pytest.mark.parametrize("path", BUNDLES, ids=name_of)
def test_a_vector_is_read_as_it_should_be(path: Path, people: dict[str, PrivateKeys]) -> None:
    expected, key = expectation(path, ExpectedBundle), node_key(people)
    if expected.error is not None:
        with pytest.raises(Damaged):
            BundleReader(io.BytesIO(path.read_bytes()))
        return
    reader = BundleReader(io.BytesIO(path.read_bytes()))
    found = tuple(
        CarriedVector(one.number, sha256(one.data).hexdigest(), one.is_as_told, opens(one, people))
        for one in reader.segments()
    )
    assert found == expected.segments
    assert tuple((number, int(kind)) for number, kind in reader.gone.items()) == expected.gone
    assert (judged(reader.start.signed, key) if reader.start else None) == expected.manifest
    assert judged(reader.end, key) == expected.end
    assert bool(reader.damage) == expected.damaged, reader.damage


@pytest.mark.parametrize("path", BUNDLES, ids=name_of)
def test_the_independent_reader_finds_the_same(path: Path) -> None:
    expected, node = expectation(path, ExpectedBundle), jwk("test-node", "sig")
    if expected.error is not None:
        with pytest.raises(NotReadable):
            other.read(path.read_bytes(), node)
        return
    found = other.read(path.read_bytes(), node)
    people = {person: jwk(person, "enc") for person in SUBSET}
    content = other.opened(found, people=people, subset=SUBSET, node=node)
    carried = [
        CarriedVector(n, sha256(data).hexdigest(), found.is_as_told(n, data), content[n] is not None)
        for n, _, data in found.segments
    ]
    assert tuple(carried) == expected.segments
    assert tuple(found.gone) == expected.gone
    assert (found.manifest_signature, found.end_signature) == (expected.manifest, expected.end)
    assert found.damaged == expected.damaged


def test_the_independent_reader_knows_nothing_of_the_project() -> None:
    tree = ast.parse(Path(other.__file__).read_text())
    modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not [
        module for module in modules if module.partition(".")[0] in {"node", "central", "provisioning"}
    ]
    assert {module for module in modules if module.startswith("formats")} == {"formats.independent_reader"}
