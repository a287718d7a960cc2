"""Patches: together they are the mask, pixel for pixel, in boxes that are worth a call each."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from node.camera.patches import CACHE_LINE, MOST_PARTS, patches
from node.masks.geometry import full_view
from node.masks.raster import Mask, rasterise

PLANE = (1080, 1920)


def union(mask: Mask, *, channels: int) -> Mask:
    painted = np.zeros(mask.shape, np.bool_)
    for patch in patches(mask, channels=channels):
        painted[patch.where] |= patch.pixels.astype(np.bool_)
    return painted


@given(
    mask=arrays(np.bool_, st.tuples(st.integers(1, 40), st.integers(1, 200))),
    channels=st.sampled_from((1, 2)),
)
def test_patches_together_are_the_mask(mask: Mask, channels: int) -> None:
    assert (union(mask, channels=channels) == mask).all()


def test_nothing_masked_is_no_patch() -> None:
    assert patches(np.zeros(PLANE, np.bool_), channels=1) == ()


def test_parts_that_lie_far_apart_are_copied_one_by_one() -> None:
    mask = np.zeros(PLANE, np.bool_)
    mask[10:200, 100:300] = mask[700:900, 1500:1700] = True
    assert len(patches(mask, channels=1)) == 2


def test_small_neighbours_share_a_call() -> None:
    mask = np.zeros(PLANE, np.bool_)
    mask[10:14, 100:110] = mask[16:20, 100:110] = True
    assert len(patches(mask, channels=1)) == 1


@pytest.mark.parametrize("channels", [1, 2])
def test_every_row_begins_on_a_cache_line(channels: int) -> None:
    mask = np.zeros(PLANE, np.bool_)
    mask[10:200, 101:303] = mask[700:900, 1501:1719] = True
    for patch in patches(mask, channels=channels):
        assert patch.where[1].start * channels % CACHE_LINE == 0


def test_more_parts_than_polygons_are_copied_at_once() -> None:
    mask = np.zeros(PLANE, np.bool_)
    mask[::20, ::400] = True
    (patch,) = patches(mask, channels=1)
    assert mask.sum() > MOST_PARTS
    assert patch.pixels.sum() == mask.sum()


def test_a_mask_over_the_whole_picture_is_one_box() -> None:
    whole = np.array([[-1.0, -1.0], [2.0, -1.0], [2.0, 2.0], [-1.0, 2.0]])
    raster = rasterise((whole,), full_view(sensor="test", main=(1920, 1080), lores=(320, 180)), guard_px=0)
    (patch,) = patches(raster.main.luma, channels=1)
    assert patch.where == (slice(0, 1080), slice(0, 1920))
