"""FORMAT.md is enough: a reader that was written from it alone finds in every vector what is to be found."""

import ast
import json
from hashlib import sha256
from itertools import starmap
from pathlib import Path
from typing import Any

import msgspec
import pytest
from formats import independent_reader as other
from formats.independent_reader import NotReadable, StaysSealed
from vectors.shelf import (
    EPOCH_SLOT,
    FOLDER,
    ExpectedDocument,
    ExpectedEpoch,
    ExpectedRecord,
    ExpectedSegment,
    ExpectedSlot,
    expectation,
    name_of,
    slot_image,
    vectors,
)

SEGMENTS, SLOTS = vectors("segments"), vectors("slots")
ERRORS = {"Damaged": NotReadable, "CannotOpen": StaysSealed}
BOUNDS_THAT_FORMAT_DOES_NOT_TELL = {"too_large", "seventeen"}


def documents(*, believed: bool) -> list[Path]:
    told = [path for path in vectors("documents") if path.stem not in BOUNDS_THAT_FORMAT_DOES_NOT_TELL]
    return [path for path in told if (expectation(path, ExpectedDocument).refused_by is None) is believed]


def jwk(owner: str, use: str) -> dict[str, Any]:
    keys = json.loads((FOLDER / "keys" / f"{owner}.jwk").read_text())["keys"]
    return next(key for key in keys if key["use"] == use)


def epoch(index: int, told: dict[str, Any]) -> ExpectedEpoch:
    prefix, key = told["prefix"].hex(), told["key"].hex()
    return ExpectedEpoch(index, told["epoch"], told["destroy_at_ns"], prefix, key)


def read(path: Path, subset: tuple[str, ...]) -> other.Read:
    _, slots = other.slot(slot_image(EPOCH_SLOT))
    assert slots is not None
    return other.segment(
        path.read_bytes(),
        epochs={entry["epoch"]: entry["key"] for entry in slots.values()},
        people={person: jwk(person, "enc") for person in subset},
        subset=subset,
        node=jwk("test-node", "sig"),
    )


def test_the_independent_reader_knows_nothing_of_the_project() -> None:
    tree = ast.parse(Path(other.__file__).read_text())
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    tops = {module.partition(".")[0] for module in modules}
    standard = {"json", "re", "struct", "base64", "collections", "dataclasses", "hashlib", "typing"}
    assert tops == standard | {"cryptography"}


def test_crc32c_gives_the_check_value_of_its_definition() -> None:
    assert other.crc32c(b"123456789") == 0xE3069283


def test_crc32c_gives_the_examples_of_rfc_3720() -> None:
    assert other.crc32c(bytes(32)) == 0x8A9136AA
    assert other.crc32c(b"\xff" * 32) == 0x62A8AB43
    assert other.crc32c(bytes(range(32))) == 0x46DD794E


@pytest.mark.parametrize("path", SEGMENTS, ids=name_of)
def test_both_readers_find_the_same_in_a_segment(path: Path) -> None:
    expected = expectation(path, ExpectedSegment)
    if expected.error is not None:
        with pytest.raises(ERRORS[expected.error]):
            read(path, ("test-cissi", "test-david"))
        return
    for subset in expected.opens_for:
        found = read(path, subset)
        records = [
            ExpectedRecord(n, kind, utc, sha256(data).hexdigest()) for n, kind, utc, data in found.records
        ]
        assert tuple(records) == expected.records
        assert tuple(found.left_out) == expected.left_out
        assert (found.ending, found.signature) == (expected.ending, expected.signature)
    for subset in expected.sealed_for:
        with pytest.raises(StaysSealed):
            read(path, subset)


@pytest.mark.parametrize("path", SLOTS, ids=name_of)
def test_both_readers_find_the_same_in_a_key_slot(path: Path) -> None:
    expected = expectation(path, ExpectedSlot)
    header, slots = other.slot(slot_image(path.stem))
    assert header == (None if expected.header is None else msgspec.to_builtins(expected.header))
    assert (None if slots is None else tuple(starmap(epoch, slots.items()))) == expected.epochs


@pytest.mark.parametrize("path", documents(believed=True), ids=name_of)
def test_both_readers_believe_the_same_documents(path: Path) -> None:
    expected = expectation(path, ExpectedDocument)
    payload, signers = other.document(path.read_bytes(), {who: jwk(who, "sig") for who in expected.known})
    assert (sha256(payload).hexdigest(), signers) == (expected.payload_sha256, set(expected.signers))


@pytest.mark.parametrize("path", documents(believed=False), ids=name_of)
def test_both_readers_refuse_the_same_documents(path: Path) -> None:
    known = expectation(path, ExpectedDocument).known
    with pytest.raises((NotReadable, StaysSealed)):
        other.document(path.read_bytes(), {who: jwk(who, "sig") for who in known})
