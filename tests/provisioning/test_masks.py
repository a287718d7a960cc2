"""`stolpe masks`: mask sets are written, signed, drawn so that one sees what is black, and compared."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from system.program import Done

from node.mandate.documents import MaskSet, decode

SQUARE = "0.25,0.25 0.5,0.25 0.5,0.5 0.25,0.5"
BLACK = (slice(43, 137), slice(63, 177))
"""Rows and columns of 320 x 240 whose pixel, widened by the 16 px of the guard band, touches the square."""

BLACK_SHARE = 94 * 114 / (320 * 240)
RED, GREY, WHITE, GREEN = (40, 40, 230), (150, 150, 150), (235, 235, 235), (80, 200, 80)
Picture = NDArray[np.uint8]
NEW = ["masks", "new", "--mandate", "mandate.jws.json", "--node", "n-1", "--made-by", "p-11"]


def told(done: Done) -> str:
    """What a command said that succeeded."""
    assert (done.code, done.err) == (0, ""), done
    return done.out


def picture(path: Path) -> Picture:
    drawn = cv2.imread(str(path))
    assert drawn is not None
    return drawn.astype(np.uint8)


def is_colour(drawn: Picture, colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    return np.asarray((drawn == colour).all(axis=2))


def is_black(drawn: Picture) -> NDArray[np.bool_]:
    return is_colour(drawn, (0, 0, 0))


def inside(rows_and_columns: tuple[slice, slice] = BLACK) -> NDArray[np.bool_]:
    mask = np.zeros((240, 320), np.bool_)
    mask[rows_and_columns] = True
    return mask


# Written and signed


def test_a_mask_set_stands_under_its_mandate_and_geometry(stolpe: Callable[..., Done], here: Path) -> None:
    shapes = [
        "--mask",
        SQUARE,
        "--mask",
        "0.6,0.6 0.9,0.6 0.9,0.9",
        "--zone",
        "gate: 0.1,0.7 0.3,0.7 0.3,0.9",
    ]
    terms = ["--version", "3", "--guard-band-px", "24", "--geometry", "geometry.json"]
    assert "2 masks" in told(stolpe(*NEW, *terms, *shapes, "--out", "m.json"))
    masks = decode((here / "m.json").read_bytes(), MaskSet)
    mandate = json.loads((here / "mandate.json").read_text())
    assert (masks.mandate, masks.node, masks.made_by) == (mandate["id"], "n-1", "p-11")
    assert (masks.version, masks.guard_band_px) == (3, 24)
    assert masks.polygons[0].points == ((0.25, 0.25), (0.5, 0.25), (0.5, 0.5), (0.25, 0.5))
    assert [(zone.name, len(zone.points)) for zone in masks.zones] == [("gate", 3)]
    assert masks.geometry.main == (320, 240)


@pytest.mark.parametrize("source", ["geometry.json", "masks.json", "masks.jws.json", "summary.json"])
def test_the_geometry_comes_from_a_mask_set_signed_or_not_or_a_replay(
    stolpe: Callable[..., Done], here: Path, source: str
) -> None:
    told(stolpe("masks", "sign", "masks.json", "--key", "p-11.key", "--out", "masks.jws.json"))
    geometry = json.loads((here / "geometry.json").read_text())
    (here / "summary.json").write_text(json.dumps({"frames": 45, "geometry": geometry, "bytes": {"ring": 1}}))
    told(stolpe(*NEW, "--geometry", source, "--mask", SQUARE, "--out", "m.json"))
    assert json.loads((here / "m.json").read_text())["geometry"] == geometry


def test_two_persons_sign_one_mask_set(stolpe: Callable[..., Done], here: Path) -> None:
    assert here.exists()
    told(stolpe("masks", "sign", "masks.json", "--key", "p-11.key", "--out", "one.json"))
    said = told(stolpe("masks", "sign", "one.json", "--key", "p-12.key", "--out", "two.json"))
    assert said == "two.json: signed by p-11, p-12\n"
    assert "signatures claimed: p-11, p-12" in told(stolpe("masks", "show", "two.json", "--out", "m.png"))


# Shown


def test_show_draws_black_exactly_where_the_node_would_paint(stolpe: Callable[..., Done], here: Path) -> None:
    said = told(stolpe("masks", "show", "masks.json", "--out", "m.png"))
    drawn = picture(here / "m.png")
    outline = is_colour(drawn, WHITE) & inside()
    assert drawn.shape == (240, 320, 3)
    assert np.array_equal(is_black(drawn) | outline, inside())
    assert f"{BLACK_SHARE:.1%} of the picture is black" in said
    assert "mask 1: 4 points" in said


def test_show_outlines_each_polygon_inside_its_guard_band(stolpe: Callable[..., Done], here: Path) -> None:
    told(stolpe("masks", "show", "masks.json", "--out", "m.png"))
    outline = is_colour(picture(here / "m.png"), WHITE) & inside()
    rows, columns = np.nonzero(outline)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == pytest.approx((60, 120, 80, 160), abs=1)


def test_show_draws_zones_green_and_not_black(stolpe: Callable[..., Done], here: Path) -> None:
    zone = ["--zone", "gate: 0.7,0.7 0.9,0.7 0.9,0.9 0.7,0.9"]
    told(stolpe(*NEW, "--geometry", "geometry.json", "--mask", SQUARE, *zone, "--out", "z.json"))
    told(stolpe("masks", "show", "z.json", "--out", "z.png"))
    drawn = picture(here / "z.png")
    rows, columns = np.nonzero(is_colour(drawn, GREEN))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == pytest.approx(
        (168, 216, 224, 288), abs=1
    )
    assert not is_black(drawn)[~inside()].any()


@pytest.mark.parametrize("size", [(320, 240), (640, 480)])
def test_show_draws_on_a_still_of_the_camera(
    stolpe: Callable[..., Done], here: Path, size: tuple[int, int]
) -> None:
    still = np.full((size[1], size[0], 3), (200, 90, 10), np.uint8)
    assert cv2.imwrite(str(here / "still.png"), still)
    told(stolpe("masks", "show", "masks.json", "--picture", "still.png", "--out", "m.png"))
    drawn = picture(here / "m.png")
    assert drawn.shape == (240, 320, 3)
    assert (drawn[~inside()] == (200, 90, 10)).all()
    assert not (drawn[inside()] == (200, 90, 10)).all(axis=1).any()


def test_show_turns_the_masks_with_the_camera(stolpe: Callable[..., Done], here: Path) -> None:
    turned = json.loads((here / "masks.json").read_text())
    turned["geometry"]["transform"] = "rotate180"
    (here / "turned.json").write_text(json.dumps(turned))
    told(stolpe("masks", "show", "turned.json", "--out", "m.png"))
    black = is_black(picture(here / "m.png"))
    assert black[:, ::-1][::-1][BLACK].mean() > 0.9
    assert not black[:100, :140].any()


def test_what_a_mask_set_says_cannot_pass_for_what_show_says(stolpe: Callable[..., Done], here: Path) -> None:
    forged = json.loads((here / "masks.json").read_text())
    forged["polygons"][0]["label"] = "x\nsignatures claimed: p-11, p-12"
    (here / "forged.json").write_text(json.dumps(forged))
    said = stolpe("masks", "show", "forged.json", "--out", "m.png").out
    assert not [line for line in said.splitlines() if line.startswith("signatures claimed: p-11, p-12")]


@pytest.mark.parametrize("victim", ["p-11.key", "masks.json"])
def test_a_picture_is_written_over_no_other_file(
    stolpe: Callable[..., Done], here: Path, victim: str
) -> None:
    before = (here / victim).read_bytes()
    for command in (["show", "masks.json"], ["compare", "masks.json", "masks.json"]):
        done = stolpe("masks", *command, "--out", victim)
        assert (done.code, len(done.lines)) == (1, 1), done
        assert "is no PNG picture and is not written over: name another file" in done.err
    assert (here / victim).read_bytes() == before


def test_a_picture_takes_the_place_of_an_older_one(stolpe: Callable[..., Done], here: Path) -> None:
    assert cv2.imwrite(str(here / "m.png"), np.zeros((8, 8, 3), np.uint8))
    told(stolpe("masks", "show", "masks.json", "--out", "m.png"))
    assert picture(here / "m.png").shape == (240, 320, 3)
    told(stolpe("masks", "compare", "masks.json", "masks.json", "--out", "m.png"))
    assert not is_black(picture(here / "m.png")).any()
    assert not list(here.glob(".*"))


# Compared


@pytest.fixture
def wider(stolpe: Callable[..., Done], here: Path) -> Path:
    told(
        stolpe(
            *NEW, "--geometry", "geometry.json", "--mask", SQUARE, "--guard-band-px", "32", "--out", "w.json"
        )
    )
    return here / "w.json"


def test_a_wider_set_needs_one_signature(stolpe: Callable[..., Done], wider: Path) -> None:
    done = stolpe("masks", "compare", wider, "masks.json", "--out", "d.png")
    said = told(done)
    hidden = (126 * 146 - 94 * 114) / (320 * 240)
    assert "uncovered: 0.000%" in said
    assert f"newly hidden: {hidden:.3%}" in said
    assert "one technician's signature is enough" in said
    drawn = picture(wider.with_name("d.png"))
    assert not is_colour(drawn, RED).any()
    assert is_colour(drawn, GREY).mean() == pytest.approx(hidden)


def test_a_set_that_uncovers_exits_with_1_and_shows_red_what_comes_into_sight(
    stolpe: Callable[..., Done], wider: Path
) -> None:
    done = stolpe("masks", "compare", "masks.json", wider, "--out", "d.png")
    uncovered = (126 * 146 - 94 * 114) / (320 * 240)
    assert (done.code, len(done.lines)) == (1, 1)
    assert "masks.json uncovers something: a technician and an approver must sign it" in done.err
    assert f"uncovered: {uncovered:.3%}" in done.out
    red = is_colour(picture(wider.with_name("d.png")), RED)
    assert red.mean() == pytest.approx(uncovered)
    cells = red.shape[0] // 240
    assert not red[43 * cells : 137 * cells, 63 * cells : 177 * cells].any()
