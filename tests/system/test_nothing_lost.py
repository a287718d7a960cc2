"""What a command is told to write never costs what stands there; what cannot be read never costs what can."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from system.program import stolpe


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replayed") / "out"
    assert stolpe("replay", "--synthetic", "2", "--out", folder).code == 0
    return folder


@pytest.fixture
def here(replayed: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(replayed, tmp_path / "out"))


def opening(folder: Path, out: Path) -> tuple[str | Path, ...]:
    keys: list[str | Path] = [
        part for n in (1, 2) for part in ("--key", folder / "keys" / f"releaser-{n}.key")
    ]
    return ("open", folder / "ring", *keys, "--out", out)


@pytest.mark.parametrize("victim", ["keys/releaser-1.key", "epochs.slot", "summary.json", "ring"])
def test_a_clip_is_written_over_nothing_but_an_earlier_clip(here: Path, victim: str) -> None:
    path = here / victim if victim != "ring" else next((here / "ring").iterdir())
    before = path.read_bytes()
    done = stolpe(*opening(here, path))
    assert (done.code, len(done.lines)) == (1, 1)
    assert path.read_bytes() == before


def test_somebody_elses_mp4_stays_as_it_is(here: Path) -> None:
    (here / "clip.mp4").write_bytes(b"mine")
    assert stolpe(*opening(here, here / "clip.mp4")).code == 1
    assert (here / "clip.mp4").read_bytes() == b"mine"


def test_the_same_opening_can_be_done_again(here: Path) -> None:
    for _ in range(2):
        assert stolpe(*opening(here, here / "clip.mp4")).code == 0


def test_a_folder_in_the_reports_place_is_refused_before_anything_is_opened(here: Path) -> None:
    (here / "clip.report.txt").mkdir()
    assert stolpe(*opening(here, here / "clip.mp4")).code == 1
    assert not (here / "clip.mp4").exists()


@pytest.mark.parametrize("kind", ["folder", "dangling link", "empty file"])
def test_one_entry_that_cannot_be_read_does_not_keep_the_others_shut(here: Path, kind: str) -> None:
    bad = here / "ring" / "20250101T000000.000Z_X.seg"
    if kind == "folder":
        bad.mkdir()
    elif kind == "empty file":
        bad.touch()
    else:
        bad.symlink_to("nowhere")
    done = stolpe(*opening(here, here / "clip.mp4"))
    assert done.code == 0, done.err
    report = json.loads((here / "clip.report.json").read_text())
    assert [line for line in report["not_opened"] if line.startswith(bad.name)]
    checked = stolpe("check", "ring", here)
    assert checked.code == 1
    assert f"R1 {bad.name}" in checked.out


def test_overwrite_removes_nothing_that_only_looks_like_a_replay(tmp_path: Path) -> None:
    (tmp_path / "ring").mkdir()
    (tmp_path / "ring" / "mine").write_text("mine")
    (tmp_path / "summary.json").write_text('{"videos": ["mine"]}')
    done = stolpe("replay", "--synthetic", "1", "--out", tmp_path, "--overwrite")
    assert (done.code, len(done.lines)) == (1, 1)
    assert (tmp_path / "ring" / "mine").read_text() == "mine"


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_closed_terminal_leaves_no_keys_behind(tmp_path: Path, number: signal.Signals) -> None:
    # Whoever runs the tests may have been started by nohup(1), which its children inherit.
    program = ["/usr/bin/env", "--default-signal=HUP", sys.executable, "-m", "node", "replay"]
    command = [*program, "--synthetic", "600", "--pace", "real", "--out", tmp_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        assert running.stdout is not None
        assert "example mandate" in running.stdout.readline()
        running.send_signal(number)
        running.wait(20)
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_without_our_letters_shows_their_escapes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "node", "replay", "nowhere.mp4", "--out", str(tmp_path / "bå")]
    env = {"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
