"""Results appear whole or not at all, and what was there before stays until they do."""

from pathlib import Path

import pytest

from node.cli.staging import staged
from node.errors import Refused

NAMES, MARKER = ("clip.mp4", "ring", "report.json"), "report.json"


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder by its path: a file's bytes, None for a folder."""
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }


def fill(work: Path, text: str = "new") -> None:
    (work / "clip.mp4").write_text(text)
    (work / "ring").mkdir()
    (work / "ring" / f"{text}.seg").write_text(text)
    (work / "report.json").write_text(text)


def fail(directory: Path, error: BaseException, *, overwrite: bool = False) -> None:
    """Make all results, and fail before they are moved."""
    with staged(directory, NAMES, marker=MARKER, overwrite=overwrite) as work:
        fill(work)
        raise error


def whole(text: str) -> dict[str, bytes | None]:
    data = text.encode()
    return {"clip.mp4": data, "report.json": data, "ring": None, f"ring/{text}.seg": data}


def test_results_are_moved_to_their_place_and_nothing_else_is_left(tmp_path: Path) -> None:
    with staged(tmp_path / "out", NAMES, marker=MARKER, overwrite=False) as work:
        fill(work)
        assert {path.name for path in (tmp_path / "out").iterdir()} == {work.name}
    assert tree(tmp_path / "out") == whole("new")


def test_the_work_lies_beside_its_place_and_hidden(tmp_path: Path) -> None:
    with staged(tmp_path, NAMES, marker=MARKER, overwrite=False) as work:
        assert work.parent == tmp_path
        assert work.name.startswith(".stolpe-")
        assert work.stat().st_mode & 0o777 == 0o700


def test_what_is_made_under_no_name_is_thrown_away(tmp_path: Path) -> None:
    with staged(tmp_path, ["clip.mp4"], marker=MARKER, overwrite=False) as work:
        fill(work)
    assert tree(tmp_path) == {"clip.mp4": b"new"}


def test_a_result_that_was_not_made_is_not_missed(tmp_path: Path) -> None:
    with staged(tmp_path, NAMES, marker=MARKER, overwrite=False) as work:
        (work / "clip.mp4").write_text("new")
    assert tree(tmp_path) == {"clip.mp4": b"new"}


@pytest.mark.parametrize("error", [Refused("no"), OSError("no"), KeyboardInterrupt(), SystemExit(3)])
def test_when_it_fails_nothing_is_left_not_even_the_folders_that_were_made(
    tmp_path: Path, error: BaseException
) -> None:
    with pytest.raises(type(error)):
        fail(tmp_path / "a" / "b" / "out", error)
    assert tree(tmp_path) == {}


def test_when_it_fails_folders_that_were_there_stay(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(Refused):
        fail(tmp_path / "a" / "b", Refused("no"))
    assert tree(tmp_path) == {"a": None}


@pytest.mark.parametrize("name", NAMES)
def test_a_directory_that_has_one_of_the_results_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("old")
    with (
        pytest.raises(Refused, match=f"already has {name}: name another directory, or add --overwrite"),
        staged(tmp_path, NAMES, marker=MARKER, overwrite=False),
    ):
        pytest.fail("work began")
    assert tree(tmp_path) == {name: b"old"}


def test_other_things_in_the_directory_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.mp4").write_text("mine")
    with staged(tmp_path, NAMES, marker=MARKER, overwrite=False) as work:
        fill(work)
    assert tree(tmp_path) == {**whole("new"), "holiday.mp4": b"mine"}


def test_overwriting_replaces_earlier_results_whole(tmp_path: Path) -> None:
    fill(tmp_path, "old")
    with staged(tmp_path, NAMES, marker=MARKER, overwrite=True) as work:
        fill(work)
    assert tree(tmp_path) == whole("new")


def test_overwriting_removes_an_earlier_result_that_is_not_made_again(tmp_path: Path) -> None:
    fill(tmp_path, "old")
    with staged(tmp_path, NAMES, marker=MARKER, overwrite=True) as work:
        (work / "clip.mp4").write_text("new")
    assert tree(tmp_path) == {"clip.mp4": b"new"}


def test_earlier_results_stay_whole_when_overwriting_them_fails(tmp_path: Path) -> None:
    fill(tmp_path, "old")
    with pytest.raises(Refused):
        fail(tmp_path, Refused("no"), overwrite=True)
    assert tree(tmp_path) == whole("old")


def test_earlier_results_stay_in_their_place_until_all_new_ones_are_made(tmp_path: Path) -> None:
    fill(tmp_path, "old")
    with staged(tmp_path, NAMES, marker=MARKER, overwrite=True) as work:
        fill(work)
        (work / "ring" / "new.seg").unlink()
        (work / "ring").rmdir()
        assert tree(tmp_path) == {
            **whole("old"),
            work.name: None,
            f"{work.name}/clip.mp4": b"new",
            f"{work.name}/report.json": b"new",
        }


def test_a_folder_and_a_file_may_take_each_others_place(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").mkdir()
    (tmp_path / "clip.mp4" / "inside").touch()
    (tmp_path / "ring").write_text("a file")
    (tmp_path / MARKER).touch()
    with staged(tmp_path, NAMES, marker=MARKER, overwrite=True) as work:
        fill(work)
    assert tree(tmp_path) == whole("new")


def test_overwriting_a_link_replaces_the_link_and_not_what_it_shows(tmp_path: Path) -> None:
    elsewhere, out = tmp_path / "elsewhere", tmp_path / "out"
    elsewhere.mkdir()
    fill(elsewhere, "mine")
    out.mkdir()
    for name in NAMES:
        (out / name).symlink_to(elsewhere / name)
    with staged(out, NAMES, marker=MARKER, overwrite=True) as work:
        fill(work)
    assert tree(elsewhere) == whole("mine")
    assert not any(path.is_symlink() for path in out.iterdir())


def test_a_place_that_is_a_file_is_no_place(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with (
        pytest.raises(OSError, match="exists"),
        staged(tmp_path / "out", NAMES, marker=MARKER, overwrite=True),
    ):
        pytest.fail("work began")
    assert tree(tmp_path) == {"out": b"a file"}


def test_what_others_put_there_meanwhile_stays_and_hides_no_error(tmp_path: Path) -> None:
    def others_write_there() -> None:
        with staged(tmp_path / "out", NAMES, marker=MARKER, overwrite=False):
            (tmp_path / "out" / "note.txt").write_text("mine")
            raise Refused("the reason")

    with pytest.raises(Refused, match="the reason"):
        others_write_there()
    assert tree(tmp_path) == {"out": None, "out/note.txt": b"mine"}


@pytest.mark.parametrize("name", ["clip.mp4", "ring"])
def test_what_no_earlier_run_made_is_not_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("a stranger's")
    with (
        pytest.raises(Refused, match=f"has a {name} that is not from an earlier run"),
        staged(tmp_path, NAMES, marker=MARKER, overwrite=True),
    ):
        pytest.fail("work began")
    assert tree(tmp_path) == {name: b"a stranger's"}


def test_of_two_runs_into_one_place_the_slower_is_refused(tmp_path: Path) -> None:
    def overtaken() -> None:
        with staged(tmp_path, NAMES, marker=MARKER, overwrite=False) as slow:
            with staged(tmp_path, NAMES, marker=MARKER, overwrite=False) as fast:
                fill(fast, "fast")
            fill(slow, "slow")

    with pytest.raises(Refused, match=r"already has clip\.mp4"):
        overtaken()
    assert tree(tmp_path) == whole("fast")
