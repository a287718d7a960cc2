"""What the camera keeps for itself opens with its key, for its node and purpose alone."""

from pathlib import Path

import pytest

from node.errors import CannotOpen
from node.sealing.keys import PrivateKeys, new_keys, public_halves, read_private_keys, write_key_files
from node.sealing.own import open_for_camera, seal_to_camera

DATA = b"where the edges were"


@pytest.fixture
def camera(tmp_path: Path) -> PrivateKeys:
    return keys_in(tmp_path / "camera.key")


def keys_in(path: Path) -> PrivateKeys:
    write_key_files(path, new_keys("camera"))
    return read_private_keys(path)


def sealed(camera: PrivateKeys) -> bytes:
    key = public_halves(camera.public)[1]
    return seal_to_camera(DATA, purpose="pose reference", node="n-1", key=key)


def test_it_opens_with_the_cameras_own_key(camera: PrivateKeys) -> None:
    opened = open_for_camera(sealed(camera), purpose="pose reference", node="n-1", key=camera.recipient)
    assert opened == DATA


def test_it_opens_for_no_other_node_or_key_and_not_altered(camera: PrivateKeys, tmp_path: Path) -> None:
    good = sealed(camera)
    bad = good[:-1] + bytes([good[-1] ^ 1])
    other = keys_in(tmp_path / "other.key")
    for data, node, key in (
        (good, "n-2", camera),
        (good, "n-1", other),
        (bad, "n-1", camera),
        (b"", "n-1", camera),
    ):
        with pytest.raises(CannotOpen):
            open_for_camera(data, purpose="pose reference", node=node, key=key.recipient)
