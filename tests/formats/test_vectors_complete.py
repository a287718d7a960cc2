"""The vectors are all there: a test that reads every file of a folder passes when the folder is empty."""

import re
from pathlib import Path

import msgspec
import pytest
from vectors.shelf import FOLDER, SUFFIXES, vectors

COUNTS = {
    "segments": (97, 82),
    "slots": (28, 18),
    "keys": (40, 31),
    "documents": (52, 43),
    "audit": (63, 52),
    "bundles": (32, 25),
    "poses": (16, 12),
}
"""How many there are, and how many of them are broken."""


def broken(path: Path) -> bool:
    return msgspec.json.decode(path.with_suffix(".json").read_bytes())["broken"] is True


@pytest.mark.parametrize("folder", SUFFIXES)
def test_no_vector_is_missing(folder: str) -> None:
    found = vectors(folder)
    assert (len(found), sum(map(broken, found))) == COUNTS[folder]


@pytest.mark.parametrize("folder", SUFFIXES)
def test_every_file_is_a_vector_or_its_expectation(folder: str) -> None:
    stems = {
        suffix: {path.stem for path in (FOLDER / folder).glob(f"*{suffix}")}
        for suffix in (SUFFIXES[folder], ".json")
    }
    assert stems[SUFFIXES[folder]] == stems[".json"]
    assert {path.suffix for path in (FOLDER / folder).iterdir()} == set(stems)


def test_at_least_half_of_the_vectors_are_broken() -> None:
    every = [path for folder in SUFFIXES for path in vectors(folder)]
    assert 2 * sum(map(broken, every)) >= len(every)


def test_every_test_key_says_that_it_is_one() -> None:
    owners = re.findall(rb'"kid": "([^"]*)"', b"".join(path.read_bytes() for path in vectors("keys")))
    assert owners
    assert all(owner.startswith(b"test-") for owner in owners)


def test_the_vectors_stay_small() -> None:
    assert sum(path.stat().st_size for path in [*FOLDER.glob("*.py"), *FOLDER.glob("*/*.*")]) < 600_000
