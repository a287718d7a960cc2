"""Edges are read beside masks, never behind them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.camera.pose.landmarks import Average
from node.camera.pose.structure import Sight
from node.camera.source import Plane
from tests.fakes.turned import World, noisy, raster_of

POLYGON = np.array(((0.2, 0.1), (0.7, 0.2), (0.5, 0.8), (0.3, 0.5)))


def same_but_behind(picture: Plane, blind: np.ndarray, seed: int) -> Plane:
    """The picture with something else behind the masks."""
    other = np.random.default_rng(seed).integers(0, 256, picture.shape).astype(np.uint8)
    return np.where(blind, other, picture).astype(np.uint8)


@given(seed=st.integers(0, 1 << 16), behind=st.integers(0, 1 << 16), guard=st.sampled_from((0, 16, 40)))
@settings(max_examples=15, deadline=None, derandomize=True)
@pytest.mark.parametrize("size", [(320, 240), (961, 541), (1920, 1080)], ids=str)
def test_nothing_behind_a_mask_changes_anything(
    size: tuple[int, int], seed: int, behind: int, guard: int
) -> None:
    blind = raster_of(*size, [POLYGON], guard_px=guard).main.luma
    picture = np.random.default_rng(seed).integers(16, 235, size[::-1]).astype(np.uint8)
    sight = Sight(size=size, blind=blind)
    one, other = sight.structure(picture), sight.structure(same_but_behind(picture, blind, behind))
    assert np.array_equal(one.field, other.field)
    assert np.array_equal(one.steepness, other.steepness)
    assert sight.texture(one) == sight.texture(other)


def test_no_landmark_lies_at_the_edge_of_a_mask() -> None:
    """It is the sharpest edge of all, and stays where it is however the camera is turned."""
    world = World(1)
    raster = raster_of(*world.size, [POLYGON])
    picture = np.where(raster.main.luma, 16, world.seen()).astype(np.uint8)
    sight = Sight(size=world.size, blind=raster.main.luma)
    average = Average(sight.structure(picture))
    average.add(sight.structure(picture), most=1)
    places = average.landmarks(sight).places / sight.scale
    rows, columns = np.nonzero(raster.main.luma)
    nearest = min(np.abs(np.stack((columns - x, rows - y))).max(axis=0).min() for x, y in places)
    assert nearest > 4


@pytest.mark.parametrize(
    ("picture", "shows"), [("world", True), ("noise", False), ("grey", False), ("haze", False)]
)
def test_only_sharp_edges_that_go_on_are_something_to_recognise(picture: str, shows: bool) -> None:
    width, height = 960, 540
    shades = 120 + 60 * np.sin(np.linspace(0, 9, width))[None, :] * np.cos(np.linspace(0, 5, height))[:, None]
    pictures = {
        "world": World(3).seen(),
        "noise": noisy(np.full((height, width), 100), 1, sigma=12),
        "grey": np.full((height, width), 100, np.uint8),
        "haze": noisy(shades, 2, sigma=1),
    }
    sight = Sight(size=(width, height), blind=np.zeros((height, width), np.bool_))
    assert (sight.texture(sight.structure(pictures[picture])).share > 0.02) is shows
