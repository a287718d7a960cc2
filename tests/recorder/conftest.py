"""What the tests of the recorder share."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from recorder.place import Place
from recorder.registry import Desk
from recorder.release_office import Office, office_in
from recorder.station import Station, config_in

from node.mandate.example import make_keys
from node.recorder.epochs import EpochKeys
from node.sealing.keys import PrivateKeys, new_keys, read_private_keys, write_key_files


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


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PrivateKeys]:
    """Everybody's of the example, and the node's."""
    folder = tmp_path_factory.getbasetemp() / "keys"
    folder.mkdir()
    made = make_keys(folder)
    write_key_files(folder / "node.key", new_keys("node"))
    return {**made, "node": read_private_keys(folder / "node.key")}


@pytest.fixture(scope="session")
def node_key(tmp_path_factory: pytest.TempPathFactory, keys: dict[str, PrivateKeys]) -> Path:
    """The node's private key file."""
    assert "node" in keys
    return tmp_path_factory.getbasetemp() / "keys" / "node.key"


@pytest.fixture
def desk(tmp_path: Path, keys: dict[str, PrivateKeys]) -> Iterator[Desk]:
    """Where documents arrive; none is in force yet."""
    made = Desk(tmp_path, keys)
    yield made
    for close in made.opened:
        close()


@pytest.fixture
def ready(desk: Desk) -> Desk:
    """With mandate 1 and masks 1 in force."""
    assert [desk.take(raw).accepted for raw in (desk.mandate, desk.masks)] == [True, True]
    return desk


@pytest.fixture
def run() -> Iterator[Path]:
    """A directory whose path is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="stolpe-") as folder:
        yield Path(folder)


@pytest.fixture
def station(tmp_path: Path, run: Path, node_key: Path) -> Iterator[Station]:
    """A recorder's place; it has not been started."""
    shutil.copy(node_key, tmp_path / "node.key")
    made = Station(config_in(tmp_path, run))
    yield made
    made.close()


@pytest.fixture
def office(desk: Desk, run: Path, node_key: Path, tmp_path: Path) -> Iterator[Office]:
    """A recorder under a mandate, with a folder as its medium, and the desk that writes orders to it."""
    (tmp_path / "medium").mkdir()
    made = office_in(tmp_path / "node", desk, run=run, node_key=node_key, medium=tmp_path / "medium")
    yield made
    made.station.close()
