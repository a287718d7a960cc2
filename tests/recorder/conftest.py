"""What the tests of the recorder share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from recorder.place import Place

from node.recorder.epochs import EpochKeys


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "ring").mkdir()
    keys = EpochKeys.create(tmp_path / "epochs.slot", size=4096)
    yield Place(tmp_path, keys)
    keys.close()


@pytest.fixture
def slot_file(tmp_path: Path) -> Iterator[Callable[[Path], EpochKeys]]:
    """Opens key slots, and closes them after the test."""
    opened: list[EpochKeys] = []

    def open_slot(path: Path) -> EpochKeys:
        opened.append(EpochKeys(path))
        return opened[-1]

    yield open_slot
    for keys in opened:
        keys.close()
