"""What the demo puts on the disk is what a node believes, and what a real node refuses."""

from pathlib import Path

import pytest

from node.clock import NS
from node.errors import Refused
from node.mandate.in_force import InForce, believed_root, in_force
from node.mandate.store import DocumentStore
from node.masks.geometry import Geometry, full_view
from node.messages import VersionFloors
from node.sealing.keys import read_private_keys
from provisioning.demo.node_files import Filmed, NodeFiles, write_node_files

NOW_NS = 1_793_742_000 * NS
SIZE = (1280, 720)
BALCONY = ((0.1, 0.1), (0.4, 0.1), (0.4, 0.3))
GEOMETRY = full_view(sensor="synthetic", main=SIZE, lores=(640, 360))


def written(folder: Path, *polygons: tuple[tuple[float, float], ...], video: Path | None = None) -> NodeFiles:
    return write_node_files(
        folder,
        run=folder / "run",
        filmed=Filmed(video, polygons, SIZE, 15.0),
        port=18883,
        now_ns=NOW_NS,
        geometry_of=lambda _: GEOMETRY,
    )


def believed(files: NodeFiles, *, geometry: Geometry = GEOMETRY) -> InForce:
    store = DocumentStore(Path(files.config.paths.documents))
    root = believed_root(Path(files.config.paths.root).read_bytes(), store, allow_demo=True)
    return in_force(store, root=root, node=files.config.node.id, floors=VersionFloors(), geometry=geometry)


def test_mandate_and_masks_are_in_force_for_this_node_and_this_camera(tmp_path: Path) -> None:
    found = believed(written(tmp_path, BALCONY))
    assert found.mandate is not None
    assert found.masks is not None
    assert (found.mandate_refused, found.masks_refused) == ("", "")
    assert found.masks.document.outlines


def test_the_masks_are_for_no_other_camera(tmp_path: Path) -> None:
    other = full_view(sensor="synthetic", main=(640, 360), lores=(320, 180))
    found = believed(written(tmp_path, BALCONY), geometry=other)
    assert found.masks is None
    assert "made for" in found.masks_refused


def test_without_a_polygon_the_mandate_says_that_nothing_is_to_be_masked(tmp_path: Path) -> None:
    found = believed(written(tmp_path))
    assert found.mandate is not None
    assert found.mandate.document.masks.nothing_to_mask
    assert found.masks is None


def test_a_real_node_refuses_the_root(tmp_path: Path) -> None:
    files = written(tmp_path, BALCONY)
    store = DocumentStore(Path(files.config.paths.documents))
    with pytest.raises(Refused, match="a demo's"):
        believed_root(Path(files.config.paths.root).read_bytes(), store, allow_demo=False)


def test_everything_that_the_configuration_names_lies_in_the_folder(tmp_path: Path) -> None:
    files = written(tmp_path, BALCONY)
    paths, broker = files.config.paths, files.config.broker
    named = [path for name in paths.__struct_fields__ if (path := getattr(paths, name))]
    for path in (*named, broker.ca_file, broker.certificate_file):
        assert Path(path).is_relative_to(tmp_path)


def test_private_keys_are_their_owners_alone(tmp_path: Path) -> None:
    files = written(tmp_path, BALCONY)
    private = [*(tmp_path / "keys").glob("*.key"), files.office, Path(files.config.broker.certificate_file)]
    private.append(tmp_path / "broker" / "broker.key")
    assert len(private) > 10
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}


def test_the_nodes_keys_sign_and_open(tmp_path: Path) -> None:
    files = written(tmp_path)
    assert read_private_keys(Path(files.config.paths.node_key)).owner == "node"


def test_a_video_is_filmed_where_one_is_named(tmp_path: Path) -> None:
    odd = tmp_path / 'a "film" åäö.mp4'
    (tmp_path / "demo").mkdir()
    sensor = written(tmp_path / "demo", video=odd).config.sensor
    assert (sensor.source, sensor.videos) == ("replay", (str(odd),))


def test_a_mask_outside_the_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="mask 2 lies outside"):
        written(tmp_path, BALCONY, ((1.1, 1.1), (1.4, 1.1), (1.4, 1.3)))
