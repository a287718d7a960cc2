"""`stolpe prove masks`: proves what holds, finds out what does not, and leaves nothing unmasked behind."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typer
from hypothesis import given, settings
from system.program import MASK, START, stolpe, walking_square, write_video

from node.camera.source import Picture, new_picture
from node.cli.prove import masks_command
from node.cli.prove_content import Hidden, beside, hidden_samples, noise, surely_masked, unchanged
from node.cli.prove_documents import GivenMasks, masked_and_unmasked
from node.cli.prove_trial import Camera, Trial, Under
from node.clock import NS, SimulatedClock
from node.errors import Refused
from node.masks.geometry import Points, Size, full_view, sensor_to_stream
from node.masks.polygon import parse_polygon
from node.masks.raster import MaskRaster, StreamMask, rasterise, touched
from tests.fakes.rig import EVENING
from tests.fakes.turned import World
from tests.masks.shapes import AS_FOUND
from tests.masks.test_raster import pictures

VIEW = full_view(sensor="s", main=(192, 128), lores=(72, 64))
INSIDE = parse_polygon("0.31,0.32 0.69,0.35 0.6,0.61 0.4,0.55")
FRAMES = 6


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("videos") / "square.mkv", walking_square(30, (200, 152)))


def test_on_footage_it_is_proven_and_the_report_says_what_was_compared(video: Path) -> None:
    done = stolpe("prove", "masks", video, "--mask", MASK, "--json")
    assert (done.code, done.err) == (0, "")
    report = json.loads(done.out)
    assert (report["verdict"], report["frames"], report["samples_not_black"]) == ("proven", 30, 0)
    assert [run["different"] for run in report["runs"]] == [[], [], []]
    assert all(set(control["must"]) <= set(control["different"]) for control in report["controls"])
    assert len(report["controls"]) == 3
    assert report["made"]["scores"] == 30
    assert report["made"]["fragments"] >= 3


def test_for_people_it_is_short_and_ends_with_the_verdict(video: Path) -> None:
    done = stolpe("prove", "masks", video, "--mask", MASK, "--seconds", "1")
    assert done.code == 0
    lines = done.out.strip().splitlines()
    assert len(lines) < 30
    assert lines[-1] == "proven: nothing behind the masks makes any difference to what the camera makes"


def test_the_mask_set_of_a_replay_is_taken_signed_or_not(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, masks = tmp_path / "out", tmp_path / "masks.json"
    assert stolpe("replay", video, "--out", out, "--mask", MASK, "--start", START).code == 0
    documents = out / "documents"
    masks_command(video, masks=documents / "masks.jws.json")  # refuses what is not proven
    mandate = ("--mandate", documents / "mandate.jws.json", "--node", "n-demo", "--made-by", "technician-1")
    new = ("masks", "new", *mandate, "--geometry", out / "summary.json", "--mask", MASK, "--out", masks)
    assert stolpe(*new).code == 0
    masks_command(video, masks=masks, as_json=True)
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["masks"] == 1
    other = write_video(tmp_path / "other.mkv", walking_square(4, (240, 160)))
    with pytest.raises(Refused, match="made for"):
        masks_command(other, masks=masks)


def test_what_is_left_in_a_folder_is_the_report_and_a_picture_with_the_masks_black(
    video: Path, tmp_path: Path
) -> None:
    out = tmp_path / "proof"
    masks_command(video, mask=[MASK], seconds=1.0, out=out)
    assert sorted(path.name for path in out.iterdir()) == ["proof.json", "proof.png"]
    assert json.loads((out / "proof.json").read_text())["verdict"] == "proven"
    sheet = cv2.imread(str(out / "proof.png"))
    assert sheet is not None
    assert sheet.shape == (304, 400, 3)
    black = touched([np.array(parse_polygon(MASK)) * (200, 152)], (200, 152), margin_px=14)
    for tile in (sheet[:152, 200:], sheet[152:, :200], sheet[152:, 200:]):
        assert tile[black].max() == 0
        assert tile[~black].max() > 100
    with pytest.raises(Refused, match=r"already has proof\.json"):
        masks_command(video, mask=[MASK], seconds=1.0, out=out)
    masks_command(video, mask=[MASK], seconds=1.0, out=out, overwrite=True)


OUTSIDE = "1.5,1.5 1.9,1.5 1.9,1.9"
CROSSED = "0.1,0.1 0.4,0.4 0.4,0.1 0.1,0.4"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"mask": [OUTSIDE]}, "nothing to prove"),
        ({"mask": [MASK, CROSSED]}, "crosses or touches itself"),
        ({"mask": ["0.1,0.1"]}, "three points"),
        ({"masks": Path(__file__)}, "test_prove_masks.py: "),
        ({"masks": Path("nowhere")}, "nowhere: "),
    ],
)
def test_masks_that_cannot_be_proven_are_refused(video: Path, options: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused, match=why):
        masks_command(video, **options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mask": [MASK], "masks": Path("masks.json")},
        {"mask": [MASK], "seconds": 0.0},
        {"mask": [MASK], "seconds": -1.0},
        {"mask": [MASK], "seconds": float("nan")},
    ],
)
def test_options_that_make_no_sense_are_wrong_usage(video: Path, options: dict[str, Any]) -> None:
    with pytest.raises(typer.BadParameter):
        masks_command(video, **options)


def test_a_video_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "junk.mp4").write_bytes(b"junk" * 100)
    done = stolpe("prove", "masks", tmp_path / "junk.mp4", "--mask", MASK)
    assert (done.code, done.out, len(done.lines)) == (1, "", 1)


def guard_forgotten(right: MaskRaster) -> MaskRaster:
    return rasterise([np.array(INSIDE)], right.geometry, guard_px=0)


def colour_by_the_corner(right: MaskRaster) -> MaskRaster:
    return replace(right, main=StreamMask(right.main.luma, right.main.luma[::2, ::2]))


def lores_inwards(right: MaskRaster) -> MaskRaster:
    narrow = rasterise([np.array(INSIDE)], right.geometry, guard_px=12)
    return replace(right, lores=narrow.lores)


def one_pixel_less(right: MaskRaster) -> MaskRaster:
    luma = right.main.luma.copy()
    luma[tuple(np.argwhere(luma)[0])] = False
    return replace(right, main=StreamMask(luma, right.main.chroma))


@pytest.mark.parametrize(
    "forget", [guard_forgotten, colour_by_the_corner, lores_inwards, one_pixel_less], ids=lambda f: f.__name__
)
def test_masks_that_leak_anywhere_are_found_out(forget: Callable[[MaskRaster], MaskRaster]) -> None:
    """What is behind masks is worked out a second time: the raster that is on trial does not say it alone."""
    _, under, _ = masked_and_unmasked(GivenMasks(None, (INSIDE,)), VIEW, start_ns=EVENING)
    leaky = replace(under, raster=forget(under.raster))
    hidden = hidden_samples(on_main([np.array(INSIDE)]), leaky.raster, guard_px=16)
    assert "pictures" in compared(leaky, hidden)
    assert compared(under, hidden) == ()


def compared(under: Under, hidden: Hidden) -> tuple[str, ...]:
    """Where noise behind `hidden` makes a difference."""
    clock = SimulatedClock(start_utc_ns=EVENING)
    camera = Camera(VIEW, 10.0, 500_000, clock)
    filmed = Trial(camera=camera, under=under, alter=unchanged)
    other = Trial(camera=camera, under=under, alter=noise(hidden), against=filmed)
    picture = new_picture(VIEW.main)
    for number in range(FRAMES):
        picture.luma[:] = np.random.default_rng(number).integers(16, 236, picture.luma.shape)
        clock.wait_until(number * NS // 10)
        for trial in (filmed, other):
            trial.film(picture, number * NS // 10)
    for trial in (filmed, other):
        trial.finish()
    assert filmed.made.frames == FRAMES
    assert filmed.made.fragments
    return other.different


def test_what_the_pose_lock_says_is_compared_and_every_frame_is_though_the_camera_is_turned() -> None:
    """A view that is known, and after six seconds another one in one of the runs."""
    view, other = (World(seed, width=192, height=128).seen() for seed in (1, 2))
    clock = SimulatedClock(start_utc_ns=EVENING)
    camera, under = Camera(VIEW, 2.0, 500_000, clock), unmasked_under()

    def turned(picture: Picture, number: int) -> None:
        if number >= 18:
            picture.luma[:] = other

    filmed = Trial(camera=camera, under=under, alter=unchanged)
    away = Trial(camera=camera, under=under, alter=turned, against=filmed)
    picture = new_picture(VIEW.main)
    picture.luma[:] = view
    for number in range(26):
        clock.wait_until(number * NS // 2)
        for trial in (filmed, away):
            trial.film(picture, number * NS // 2)
    assert "pose" in away.different
    assert (filmed.made.pose[-1][1], away.made.pose[-1][1]) == (False, True)
    assert (away.made.frames, away.made.counts.black_frames) == (26, 0)


def unmasked_under() -> Under:
    return masked_and_unmasked(GivenMasks(None, (INSIDE,)), VIEW, start_ns=EVENING)[2]


def on_main(polygons: list[Points]) -> list[Points]:
    return [sensor_to_stream(polygon, VIEW, VIEW.main) for polygon in polygons]


@settings(AS_FOUND, max_examples=150)
@given(pictures())
def test_what_is_surely_masked_is_masked(picture: tuple[Size, list[Points], int]) -> None:
    size, polygons, margin = picture
    mask = touched(polygons, size, margin_px=margin)
    for polygon in polygons:
        assert not (surely_masked(polygon, size, guard_px=margin) & ~mask).any()


def test_and_hardly_a_pixel_is_missed_by_it() -> None:
    polygon = np.array(INSIDE) * (640, 480)
    mask = touched([polygon], (640, 480), margin_px=16)
    missed = mask & ~surely_masked(polygon, (640, 480), guard_px=16)
    assert missed.sum() < 0.001 * mask.sum()


def test_beside_a_mask_is_a_sample_that_is_not_hidden_and_touches_one_that_is() -> None:
    mask = np.zeros((6, 8), np.uint8)
    mask[2:4, 3:5] = 1
    place = beside(mask)
    assert place is not None
    row, column = place
    assert mask[row, column] == 0
    assert mask[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2].any()
    assert beside(np.ones((3, 3), np.uint8)) is None
    assert beside(np.zeros((3, 3), np.uint8)) is None
