"""A demo takes a folder that is nobody's or an earlier demo's, and touches nothing else."""

from pathlib import Path

import pytest

from node.errors import Refused
from provisioning.demo.folder import MARKER, NAMES, demo_folder


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    with demo_folder(tmp_path / "a" / "b", overwrite=False) as folder:
        assert folder == tmp_path / "a" / "b"
        assert folder.is_dir()


def test_an_earlier_demo_stays_unless_it_may_be_overwritten(tmp_path: Path) -> None:
    with demo_folder(tmp_path, overwrite=False) as folder:
        (folder / "ring").mkdir()
        (folder / "ring" / "one.seg").write_bytes(b"sealed")
        (folder / "clip-2.mp4").write_bytes(b"clip")
    with pytest.raises(Refused, match="add --overwrite"), demo_folder(tmp_path, overwrite=False):
        pass
    assert (tmp_path / "ring" / "one.seg").exists()
    with demo_folder(tmp_path, overwrite=True):
        assert [path.name for path in tmp_path.iterdir()] == [MARKER]


@pytest.mark.parametrize("name", [*NAMES, "clip-2.mp4"])
def test_what_no_demo_made_is_never_removed(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(Refused, match=f"has a?.*{name}"), demo_folder(tmp_path, overwrite=overwrite):
            pass
    assert (tmp_path / name).read_text() == "mine"


def test_what_has_another_name_stays_also_when_a_demo_is_overwritten(tmp_path: Path) -> None:
    with demo_folder(tmp_path, overwrite=False) as folder:
        (folder / "ring").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    with demo_folder(tmp_path, overwrite=True):
        assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_second_demo_in_the_same_folder_is_refused_while_the_first_runs(tmp_path: Path) -> None:
    with demo_folder(tmp_path, overwrite=False) as folder:
        (folder / "ring").mkdir()
        with pytest.raises(Refused, match="another demo runs"), demo_folder(tmp_path, overwrite=True):
            pass
        assert (folder / "ring").exists()
