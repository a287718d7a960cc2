"""P1 over the whole camera daemon: two scenes that differ only behind masks make the same of everything.

Each example films two such scenes under signed documents, through `node.camera.daemon.build` and on a real bus.
Footage is compared byte for byte before sealing (opened with the releasers' keys); what goes over the bus, by
receiver, order, type, length and every field that is not random by its nature. `make property` runs many more.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

import msgspec
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from node.camera.source import Picture
from node.mandate.documents import Mandate, MaskPolygon, MaskSet, decode, encode
from node.mandate.signatures import add_signature, parse, sign
from node.masks.geometry import TRANSFORMS, Geometry, Points, Size, full_view
from node.messages import CameraReport, EventHappened, SealedRecord
from node.sealing.keys import SigningKey
from tests.fakes.alarm_mandate import on_alarm
from tests.fakes.layouts import Layout
from tests.fakes.node_place import NodePlace
from tests.fakes.overheard import Overheard, overheard
from tests.fakes.rig import EVENING
from tests.fakes.scripted import Pictures
from tests.fakes.two_scenes import Behind, Hidden, scene
from tests.masks.shapes import AS_FOUND, combs, stars

MORE = int(os.environ.get("STOLPE_EXAMPLES", "1"))
"""So many times as many examples: `make property`."""
FRAMES, FRAME_RATE = 45, 15.0
PLAIN = Layout()
CORNER = ((0.0, 0.0), (0.2, 0.0), (0.0, 0.2))
VIEW = full_view(sensor="s", main=(160, 120), lores=(80, 60))
BALCONY = np.array([(0.05, 0.1), (0.42, 0.12), (0.4, 0.3), (0.2, 0.2), (0.07, 0.34)])
"""Concave, far enough from the walker's way that he is seen."""


Recording = Literal["continuous", "on_alarm", "nothing"]
"""`nothing` is on alarms that no detector tells of."""


@dataclass(frozen=True, slots=True)
class Case:
    """One camera under one mask set, and how its pictures lie in memory."""

    geometry: Geometry = VIEW
    polygons: tuple[Points, ...] = (BALCONY,)
    guard_px: int = 16
    recording: Recording = "continuous"
    main: Layout = PLAIN
    lores: Layout = PLAIN


ALL_AT_ONCE = Case(
    geometry=Geometry(
        sensor="s",
        pixel_array=(231, 317),
        mode=(231, 317),
        crop=(7, 11, 201, 283),
        transform="rotate90",
        main=(178, 122),
        lores=(57, 101),
    ),
    polygons=(
        np.array([(-0.3, -0.2), (0.32, 0.1), (0.2, 0.4)]),
        np.array([(0.9, 0.8), (1.4, 0.9), (0.95, 1.2)]),
    ),
    main=Layout(interleaved=True, padding=(14, 6)),
    lores=Layout(padding=(7, 3)),
)
"""Turned, cropped, lores of another aspect and odd, NV12, wide rows; polygons that reach out of the picture."""
ODD = Case(
    geometry=full_view(sensor="s", main=(161, 121), lores=(67, 45)),
    recording="nothing",  # H.264 in 4:2:0 has even sides
    lores=Layout(interleaved=True, padding=(1, 2)),
)


class Node:
    """A place for one daemon after another; every case puts its own mask set in force."""

    def __init__(self, place: NodePlace) -> None:
        self._place = place

    def masks(self, case: Case) -> MaskSet:
        """The case's mask set, signed by two persons, and a mandate that lets it be recorded or not."""
        keys, documents, store = self._place.keys, self._place.documents, self._place.store
        store.commit("mandate", _recorded(case.recording, documents.mandate, keys["controller-1"].signing))
        masks = msgspec.structs.replace(
            decode(parse(documents.masks or b"").payload, MaskSet),
            geometry=case.geometry,
            guard_band_px=case.guard_px,
            polygons=tuple(
                MaskPolygon(f"mask {n}", tuple((float(x), float(y)) for x, y in polygon))
                for n, polygon in enumerate(case.polygons, 1)
            ),
        )
        signed = add_signature(sign(encode(masks), keys["technician-1"].signing), keys["approver-1"].signing)
        store.commit("approved_masks", signed)
        store.commit("masks", signed)
        return masks

    def films(self, case: Case, film: Callable[[int], Pictures]) -> Overheard:
        """One whole run of the daemon."""
        return overheard(self._place, geometry=case.geometry, film=film, frames=FRAMES, frame_rate=FRAME_RATE)


def _recorded(how: Recording, signed: bytes, signing: SigningKey) -> bytes:
    if how == "continuous":
        return signed
    mandate = decode(parse(on_alarm(signed, signing, pre=1, post=1)).payload, Mandate)
    alarms = mandate.alarms if how == "on_alarm" else ()
    return sign(encode(msgspec.structs.replace(mandate, alarms=alarms)), signing)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    folder = tmp_path_factory.mktemp("p1")
    place = NodePlace.made(folder, start_ns=EVENING, geometry=VIEW, polygons=[CORNER], pids=[os.getpid()])
    return Node(place)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    recording: Recording = draw(st.sampled_from(get_args(Recording)))
    main = draw(st.tuples(st.integers(72, 200), st.integers(72, 160)))
    main = main if recording == "nothing" else (main[0] & ~1, main[1] & ~1)
    lores = draw(st.tuples(st.integers(32, min(96, main[0])), st.integers(32, min(96, main[1]))))
    padding = st.tuples(st.integers(0, 9), st.integers(0, 9))
    layouts = st.builds(Layout, interleaved=st.booleans(), padding=padding)
    shapes = st.one_of(stars(nearest=-0.2, farthest=1.2).map(_smaller), combs().map(_smaller))
    return Case(
        geometry=_through(draw(st.sampled_from(sorted(TRANSFORMS))), main, lores, draw(st.integers(1, 3))),
        polygons=tuple(draw(st.lists(shapes, min_size=1, max_size=3))),
        guard_px=draw(st.sampled_from([16, 16, 17, 23])),
        recording=recording,
        main=draw(layouts),
        lores=draw(layouts),
    )


def _smaller(points: Points) -> Points:
    """A star or comb may fill the picture; a third of it leaves something to be seen."""
    centre = points.mean(axis=0)
    return centre + (points - centre) / 3


def _through(transform: str, main: Size, lores: Size, zoom: int) -> Geometry:
    """A crop that is not in the middle, of a sensor whose pixels are finer than main's, or coarser."""
    array = (211 * zoom, 157 * zoom)
    crop = (5 * zoom, 3, array[0] - 40 * zoom, array[1] - 9)
    return msgspec.structs.replace(
        VIEW, pixel_array=array, mode=array, crop=crop, transform=transform, main=main, lores=lores
    )


hidden = st.sampled_from(get_args(Hidden))


@settings(AS_FOUND, max_examples=14 * MORE)
@example(case=Case(), one="painted", other="mover")
@example(case=ALL_AT_ONCE, one="noise", other="black")
@example(case=ODD, one="noise", other="flicker")
@example(case=Case(recording="on_alarm"), one="black", other="mover")
@given(case=cases(), one=hidden, other=hidden)
def test_scenes_that_differ_only_behind_masks_make_the_same_of_everything(
    node: Node, *, case: Case, one: Hidden, other: Hidden
) -> None:
    behind = Behind.of(node.masks(case))
    assume(behind.luma.any() and not behind.luma.all())
    first = node.films(case, scene(case.geometry, behind, one, seed=1, main=case.main, lores=case.lores))
    second = node.films(case, scene(case.geometry, behind, other, seed=2, main=case.main, lores=case.lores))
    assert_same(first, second)
    assert first.of_type(CameraReport)[-1]["frames"] == FRAMES
    assert first.of_type(CameraReport)[-1]["black_frames"] == 0
    if case.recording != "on_alarm":  # there it is the scene before the masks that decides
        assert bool(first.of_type(SealedRecord)) == (case.recording == "continuous")


@pytest.mark.parametrize(("number", "transform"), list(enumerate(sorted(TRANSFORMS))))
def test_whichever_way_the_camera_is_mounted_nothing_behind_a_mask_makes_a_difference(
    node: Node, number: int, transform: str
) -> None:
    layout = Layout(interleaved=number % 2 == 1, padding=(6, 4))
    case = Case(geometry=_through(transform, (160, 120), (72, 64), 1), main=layout, lores=layout)
    behind = Behind.of(node.masks(case))
    assert behind.luma.any()
    first, second = (
        node.films(case, scene(case.geometry, behind, kind, main=layout, lores=layout))
        for kind in ("noise", "white")
    )
    assert_same(first, second)


def _one_pixel(picture: Picture) -> None:
    picture.luma[-1, -1] ^= 0x80


def _one_colour(picture: Picture) -> None:
    picture.chroma[1][-1, -1] ^= 0x80


@pytest.mark.parametrize("alter", [_one_pixel, _one_colour])
def test_a_single_sample_that_is_not_masked_makes_a_difference(
    node: Node, alter: Callable[[Picture], object]
) -> None:
    """So that the comparison above can fail."""
    behind = Behind.of(node.masks(Case()))
    first, second = (
        node.films(Case(), scene(VIEW, behind, "noise", unhidden=unhidden))
        for unhidden in (lambda _: None, alter)
    )
    assert first.records != second.records


def test_somebody_who_walks_before_the_masks_is_an_event_and_behind_them_is_none(node: Node) -> None:
    """So that events are compared, too, and not only their absence."""
    walked = node.films(Case(), scene(VIEW, Behind.of(node.masks(Case())), "noise"))
    assert {event["kind"] for event in walked.of_type(EventHappened)} == {"motion"}
    everywhere = Case(polygons=(np.array([(-0.1, -0.1), (1.1, -0.1), (1.1, 1.1), (-0.1, 1.1)]),))
    behind = Behind.of(node.masks(everywhere))
    assert behind.luma.all()
    nobody = node.films(everywhere, scene(VIEW, behind, "mover"))
    assert nobody.of_type(EventHappened) == []


def test_on_alarm_a_clip_is_of_who_walks_before_the_masks_and_there_is_none_of_who_walks_behind_them(
    node: Node,
) -> None:
    """So that clips are compared, too, and not only their absence."""
    alarm = Case(recording="on_alarm")
    walked = node.films(alarm, scene(VIEW, Behind.of(node.masks(alarm)), "noise"))
    assert walked.records
    everywhere = replace(alarm, polygons=(np.array([(-0.1, -0.1), (1.1, -0.1), (1.1, 1.1), (-0.1, 1.1)]),))
    nobody = node.films(everywhere, scene(VIEW, Behind.of(node.masks(everywhere)), "mover"))
    assert nobody.records == []


def assert_same(first: Overheard, second: Overheard) -> None:
    """Before sealing byte for byte; after it in length, number and topic."""
    assert first.records == second.records, "footage differs before sealing"
    for one, other in zip(first.said, second.said, strict=True):
        assert one == other, "something that is said differs"
