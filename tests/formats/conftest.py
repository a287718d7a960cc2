"""The keys that the vectors were made with, read from their files."""

from pathlib import Path

import pytest
from vectors.shelf import EPOCH_SLOT, ExpectedKeyFile, expectation, slot_image, vectors

from node.formats import slot
from node.sealing.keys import PrivateKeys, read_private_keys


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PrivateKeys]:
    """Everybody's private keys. Git keeps no mode 0600, so they are read from copies."""
    return {
        path.stem: _read(path, tmp_path_factory.mktemp("keys")) for path in vectors("keys") if _usable(path)
    }


@pytest.fixture(scope="session")
def epochs() -> dict[int, bytes]:
    """The epoch keys that are there."""
    return {entry.epoch: entry.key for entry in slot.read_slots(slot_image(EPOCH_SLOT)).values()}


def _usable(path: Path) -> bool:
    return expectation(path, ExpectedKeyFile).owner == path.stem


def _read(path: Path, folder: Path) -> PrivateKeys:
    copy = folder / path.name
    copy.touch(0o600)
    copy.write_bytes(path.read_bytes())
    return read_private_keys(copy)
