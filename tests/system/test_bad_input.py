"""Bad input gets one clear line, exit 1, no traceback, and nothing is left of the attempt."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from system.program import MASK, START, Done, stolpe, walking_square, write_video


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "good.mkv", walking_square(20))


@pytest.fixture(scope="module")
def recorded(video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("recorded") / "out"
    assert stolpe("replay", video, "--out", out, "--mask", MASK, "--start", START).code == 0
    return out


def refused(done: Done, word: str) -> None:
    assert done.code == 1, done
    assert len(done.lines) == 1, done.err
    assert word in done.err
    assert "Traceback" not in done.err


def test_a_file_that_is_no_video(tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("not a video " * 100)
    refused(stolpe("replay", text, "--out", tmp_path / "out"), "notes.mp4")
    assert not (tmp_path / "out").exists()


def test_a_missing_video(tmp_path: Path) -> None:
    refused(stolpe("replay", tmp_path / "none.mp4", "--out", tmp_path / "out"), "none.mp4")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "avi"])
def test_a_video_that_was_cut_in_half(tmp_path: Path, suffix: str) -> None:
    codec = "ffv1" if suffix == "mkv" else "mpeg4"
    whole = write_video(tmp_path / f"whole.{suffix}", walking_square(60), codec=codec)
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    refused(stolpe("replay", cut, "--out", tmp_path / "out"), f"cut.{suffix}")
    assert not (tmp_path / "out").exists()
    assert stolpe("replay", whole, "--out", tmp_path / "out").code == 0


@pytest.mark.parametrize(
    ("mask", "word"),
    [
        ("0.1,0.1 0.5,0.5", "three points"),
        ("0.1,0.1 0.5,0.5 0.5,0.1 0.1,0.5", "crosses"),
        ("0.1,0.1 0.5 0.5,0.1", "corner"),
        ("a,b c,d e,f", "--mask"),
        ("nan,0.1 0.5,0.5 0.5,0.1", "finite"),
        ("", "three points"),
    ],
)
def test_a_mask_that_is_no_polygon(video: Path, tmp_path: Path, mask: str, word: str) -> None:
    refused(stolpe("replay", video, "--out", tmp_path / "out", "--mask", mask), word)
    assert not (tmp_path / "out").exists()


def test_a_mandate_with_a_flipped_byte(video: Path, recorded: Path, tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    shutil.copytree(recorded / "documents", documents)
    good = (documents / "mandate.jws.json").read_bytes()
    given = ("--mandate", documents / "mandate.jws.json", "--masks", documents / "masks.jws.json")
    assert stolpe("replay", video, "--out", tmp_path / "good", *given, "--start", START).code == 0
    for position in range(20, len(good), len(good) // 6):
        flipped = bytearray(good)
        flipped[position] ^= 1
        (documents / "mandate.jws.json").write_bytes(flipped)
        done = stolpe("replay", video, "--out", tmp_path / "out", *given, "--start", START)
        assert (done.code, len(done.lines), "Traceback" in done.err) == (1, 1, False), done.err
        assert not (tmp_path / "out").exists()


def test_a_mask_set_for_another_sensor(recorded: Path, tmp_path: Path) -> None:
    other = write_video(tmp_path / "other.mkv", walking_square(20, size=(480, 320)))
    documents = recorded / "documents"
    given = ("--mandate", documents / "mandate.jws.json", "--masks", documents / "masks.jws.json")
    refused(stolpe("replay", other, "--out", tmp_path / "out", *given, "--start", START), "made for")
    assert not (tmp_path / "out").exists()


def test_a_mandate_that_is_not_signed(video: Path, tmp_path: Path) -> None:
    plain = tmp_path / "mandate.json"
    plain.write_text('{"type": "mandate"}')
    refused(stolpe("replay", video, "--out", tmp_path / "out", "--mandate", plain), "signed")


def test_a_mandate_outside_its_time_films_nothing(video: Path, recorded: Path, tmp_path: Path) -> None:
    documents = recorded / "documents"
    given = ("--mandate", documents / "mandate.jws.json", "--masks", documents / "masks.jws.json")
    late = ("--start", "2031-01-01T00:00:00Z")
    refused(stolpe("replay", video, "--out", tmp_path / "out", *given, *late), "ended")
    assert not (tmp_path / "out").exists()


def test_a_mandate_that_demands_masks_without_any(video: Path, recorded: Path, tmp_path: Path) -> None:
    mandate = ("--mandate", recorded / "documents" / "mandate.jws.json")
    refused(stolpe("replay", video, "--out", tmp_path / "out", *mandate, "--start", START), "no_masks")


def test_a_start_without_an_offset(video: Path, tmp_path: Path) -> None:
    refused(stolpe("replay", video, "--out", tmp_path / "out", "--start", "2026-11-03T22:40:00"), "offset")


def test_an_unknown_configuration_key(tmp_path: Path) -> None:
    config = tmp_path / "node.toml"
    config.write_text('[node]\nid = "n-1"\norganisation = "x"\n[broker]\nhost = "b"\nprot = 8883\n')
    refused(stolpe("check", "config", config), "prot")


def test_an_earlier_replay_is_not_written_over(video: Path, recorded: Path) -> None:
    before = {path: path.read_bytes() for path in recorded.rglob("*") if path.is_file()}
    refused(stolpe("replay", video, "--out", recorded), "--overwrite")
    assert {path: path.read_bytes() for path in recorded.rglob("*") if path.is_file()} == before


def test_a_public_key_does_not_open(recorded: Path, tmp_path: Path) -> None:
    keys = [part for n in (1, 2) for part in ("--key", recorded / "keys" / f"releaser-{n}.pub.json")]
    refused(stolpe("open", recorded / "ring", *keys, "--out", tmp_path / "clip.mp4"), "")
    assert list(tmp_path.iterdir()) == []


def test_a_private_key_that_others_can_read(recorded: Path, tmp_path: Path) -> None:
    loose = tmp_path / "loose.key"
    shutil.copy(recorded / "keys" / "releaser-1.key", loose)
    loose.chmod(0o644)
    key2 = recorded / "keys" / "releaser-2.key"
    done = stolpe("open", recorded / "ring", "--key", loose, "--key", key2, "--out", tmp_path / "clip.mp4")
    refused(done, "chmod 600")


def test_a_ring_without_segments(recorded: Path, tmp_path: Path) -> None:
    (tmp_path / "ring").mkdir()
    keys = [part for n in (1, 2) for part in ("--key", recorded / "keys" / f"releaser-{n}.key")]
    refused(stolpe("open", tmp_path / "ring", *keys, "--out", tmp_path / "clip.mp4"), "no segment")


@pytest.mark.parametrize("command", [[], ["replay"], ["replay", "--out"], ["nonsense"], ["bench", "--what"]])
def test_wrong_usage_exits_2(command: list[str]) -> None:
    done = stolpe(*command)
    assert done.code == 2
    assert "Traceback" not in done.err


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB; only root can make one."""
    if os.geteuid() != 0:
        pytest.skip("needs root: a full disk is made with a small file system")
    place = tmp_path / "tiny"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    if subprocess.run(["mount", *options], check=False, capture_output=True).returncode != 0:  # noqa: S607
        pytest.skip("this machine does not let root mount a file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)  # noqa: S607


def test_a_full_disk(video: Path, tiny_disk: Path) -> None:
    refused(stolpe("replay", video, "--out", tiny_disk / "out", "--mask", MASK), "disk is full")
    assert list(tiny_disk.iterdir()) == []
