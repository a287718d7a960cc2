"""`stolpe pose`: a reference is made from footage, named by the mask set, obeyed by the node that has both."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import msgspec
import numpy as np
import pytest
from system.program import Done, Frame, write_video

from node.camera.pose.kept import PoseReferences
from node.camera.source import Picture
from node.clock import NS
from node.formats.pose import LEAST_LANDMARKS
from node.mandate.documents import MaskSet, decode
from node.mandate.signatures import parse
from node.masks.geometry import full_view
from node.sealing.keys import new_keys, write_key_files
from tests.fakes.camera_alone import Node, filming
from tests.fakes.node_place import NodePlace
from tests.fakes.rig import EVENING
from tests.fakes.scripted import Pictures, filmed
from tests.fakes.turned import IN_PLACE, Pose, World, noisy

SIZE = WIDTH, HEIGHT = 320, 240
MASKS = ["--masks", "masks.json", "--camera-key", "camera.pub.json", "--out", "named.json"]
MAKE = ["pose", "street.mkv", *MASKS]
TURNED = Pose(pan=12)


@cache
def world() -> World:
    return World(60, width=WIDTH, height=HEIGHT)


def footage(poses: Sequence[Pose], *, plain: bool = False) -> list[Frame]:
    """One picture for each pose; there are two a second."""
    frames = []
    for number, pose in enumerate(poses):
        luma = np.full((HEIGHT, WIDTH), 110) if plain else world().seen(pose)
        frame = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
        frame[:HEIGHT] = noisy(luma, number)
        frames.append(frame)
    return frames


@pytest.fixture
def desk(here: Path) -> Path:
    """The office's papers, the camera's keys, and half a minute of its footage."""
    write_key_files(here / "camera.key", new_keys("camera"))
    write_video(here / "street.mkv", footage([IN_PLACE] * 60), rate=2)
    return here


def told(done: Done) -> str:
    assert (done.code, done.err) == (0, ""), done
    return done.out


def test_the_reference_is_named_by_the_mask_set_and_opens_for_that_camera_alone(
    stolpe: Callable[..., Done], desk: Path
) -> None:
    said = told(stolpe(*MAKE))
    named, before = (decode((desk / f"{name}.json").read_bytes(), MaskSet) for name in ("named", "masks"))
    assert named == msgspec.structs.replace(before, pose_reference=named.pose_reference)
    assert named.pose_reference is not None
    (sealed,) = desk.glob("pose-*.sealed")
    assert sealed.name in said
    references = PoseReferences(directory=desk, key_file=desk / "camera.key", node="n-1")
    assert len(references.read(named.pose_reference).landmarks) > LEAST_LANDMARKS
    assert f"pose reference: {named.pose_reference}" in told(
        stolpe("masks", "show", "named.json", "--out", "m.png")
    )


def test_a_folder_is_its_videos_by_name(stolpe: Callable[..., Done], desk: Path) -> None:
    (desk / "evening").mkdir()
    for name in ("1.mkv", "2.MKV"):
        write_video(desk / "evening" / name, footage([IN_PLACE] * 12), rate=2)
    (desk / "evening" / "notes.txt").write_text("not a video")
    told(stolpe("pose", "evening", *MASKS))


def test_the_edge_of_an_earlier_mask_is_no_landmark(stolpe: Callable[..., Done], desk: Path) -> None:
    """It stays where it is however the camera is turned."""
    frames = footage([IN_PLACE] * 30)
    for frame in frames:
        frame[40:200, 180:280] = 17
    write_video(desk / "masked.mkv", frames, rate=2)
    told(stolpe("pose", "masked.mkv", *MASKS))
    digest = decode((desk / "named.json").read_bytes(), MaskSet).pose_reference or ""
    found = PoseReferences(directory=desk, key_file=desk / "camera.key", node="n-1").read(digest).landmarks
    places = [(mark.x * WIDTH / 65_536, mark.y * HEIGHT / 65_536) for mark in found]
    assert not [(x, y) for x, y in places if 176 <= x <= 284 and 36 <= y <= 204]


def spoil(desk: Path, how: str) -> list[str]:
    """What is asked for when that is wrong."""
    asked = list(MAKE)
    match how:
        case "no video" | "not a video":
            asked[1] = "none.mkv" if how == "no video" else "masks.json"
        case "empty folder":
            (desk / "empty").mkdir()
            asked[1] = "empty"
        case "short":
            write_video(desk / "street.mkv", footage([IN_PLACE] * 12), rate=2)
        case "plain":
            write_video(desk / "street.mkv", footage([IN_PLACE] * 30, plain=True), rate=2)
        case "turned" | "turned early" | "turned half the time":
            away = {"turned": 20, "turned early": 54, "turned half the time": 30}[how]
            write_video(desk / "street.mkv", footage([IN_PLACE] * (60 - away) + [TURNED] * away), rate=2)
        case "another size":
            write_video(desk / "street.mkv", [np.full((480, 400), 90, np.uint8)] * 40, rate=2)
        case "private key":
            asked[5] = "camera.key"
        case "no key file":
            asked[5] = "geometry.json"
        case "no mask set":
            asked[3] = "mandate.json"
        case "signed":
            asked[3] = "signed.json"
        case _:
            asked[7] = "masks.json"
    return asked


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("no video", "none.mkv"),
        ("not a video", "masks.json"),
        ("empty folder", "no video in this folder"),
        ("short", "are too little"),
        ("plain", "shows too little"),
        ("turned", "the camera moves"),
        ("turned early", "the camera moves"),
        ("turned half the time", "the camera moves"),
        ("another size", "is 400x320, the mask set's pictures are"),
        ("private key", "give its .pub.json"),
        ("no key file", "not a key file"),
        ("no mask set", "masks"),
        ("signed", "start from the unsigned one"),
        ("written over", "is not written over"),
    ],
)
def test_what_makes_no_reference_is_refused_in_one_line_and_leaves_nothing(
    stolpe: Callable[..., Done], desk: Path, how: str, why: str
) -> None:
    told(stolpe("masks", "sign", "masks.json", "--key", "p-11.key", "--out", "signed.json"))
    asked = spoil(desk, how)
    before = {path.name for path in desk.iterdir()}
    done = stolpe(*asked)
    assert (done.code, done.out, len(done.lines)) == (1, "", 1), done
    assert why in done.err
    assert {path.name for path in desk.iterdir()} == before


# Obeyed


VIEW = full_view(sensor="s", main=SIZE, lores=(160, 120))
CORNER = ((0.0, 0.0), (0.2, 0.0), (0.0, 0.2))
AWAY, BACK = 24, 40
"""Frames; there are two a second."""


@pytest.fixture
def node(stolpe: Callable[..., Done], tmp_path: Path) -> Iterator[Node]:
    """A node that was given a mask set with the reference that `stolpe pose` made for it."""
    folder = tmp_path / "n"
    folder.mkdir()
    place = NodePlace.made(folder, start_ns=EVENING, geometry=VIEW, polygons=[CORNER], pids=[os.getpid()])
    write_key_files(tmp_path / "camera.key", new_keys("camera"))
    paths = msgspec.structs.replace(place.config.paths, camera_key=f"{tmp_path}/camera.key")
    place = replace(place, config=msgspec.structs.replace(place.config, paths=paths))
    write_video(tmp_path / "street.mkv", footage([IN_PLACE] * 60), rate=2)
    masks = json.loads(parse(place.documents.masks or b"").payload) | {"version": 2}
    (tmp_path / "masks.json").write_text(json.dumps(masks))
    told(stolpe(*MAKE))
    for signer in ("technician-1", "approver-1"):
        told(stolpe("masks", "sign", "named.json", "--key", f"n/keys/{signer}.key", "--out", "named.json"))
    (sealed,) = tmp_path.glob("pose-*.sealed")
    sealed.rename(folder / "documents" / sealed.name)
    for kind in ("masks", "approved_masks"):
        place.store.commit(kind, (tmp_path / "named.json").read_bytes())
    made = Node(place, geometry=VIEW)
    yield made
    made.close()


def film(number: int, *, away: range) -> Pictures:
    def draw(picture: Picture) -> None:
        picture.luma[:] = noisy(world().seen(TURNED if number in away else IN_PLACE), 1000 + number)

    return filmed(VIEW, draw)


def until_frame(node: Node, frame: int) -> None:
    while not node.source.requests or node.source.requests[-1].sensor_ns < frame * NS // 2:
        node.steps(1)
    node.steps(1)


def test_a_node_that_was_given_the_reference_goes_black_when_it_is_turned_and_films_again_when_it_is_back(
    node: Node,
) -> None:
    filming(node, film=partial(film, away=range(AWAY, BACK)), seconds=60)
    until_frame(node, AWAY - 2)
    assert (node.last_report.dark, node.last_report.pose) == (None, "reference")
    until_frame(node, AWAY + 4)
    assert node.last_report.dark == "pose_lost"
    until_frame(node, BACK + 12)
    assert (node.last_report.dark, node.last_report.pose) == (None, "reference")


def test_a_node_that_was_turned_before_its_start_shows_nothing_by_the_reference_it_was_given(
    node: Node,
) -> None:
    filming(node, film=partial(film, away=range(1000)), seconds=30)
    until_frame(node, 12)
    assert (node.last_report.dark, node.last_report.pose) == ("pose_lost", "reference")
