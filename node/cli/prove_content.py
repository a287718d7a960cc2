"""What somebody could put behind masks so that it leaks, and which samples of a raw picture that is.

Which samples: all that the node's own raster blackens, to the last pixel of the guard band, and all that a second,
simpler reckoning of the polygons says it must blacken. So a raster that forgets pixels is found out as well.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from node.camera.source import Picture, Plane
from node.masks.geometry import Points, Size
from node.masks.raster import Mask, MaskRaster

Alter = Callable[[Picture, int], None]
"""Changes the raw main picture of frame n, in place."""

_EDGE_STEP_PX = 0.0625
_STRIPE_PX, _STEP_PX = 8, 3


@dataclass(frozen=True, slots=True, eq=False)
class Hidden:
    """Samples of the main picture that nobody may see: 1 where hidden, else 0; shapes as the planes'."""

    luma: Plane
    chroma: Plane

    def planes(self, picture: Picture) -> list[tuple[Plane, Plane]]:
        """Each plane of a planar picture with what is hidden of it."""
        return [(picture.luma, self.luma), *((plane, self.chroma) for plane in picture.chroma)]


def hidden_samples(outlines: Sequence[Points], raster: MaskRaster, *, guard_px: int) -> Hidden:
    """`outlines` in pixels of main. A colour sample is hidden with any of its four pixels."""
    luma = raster.main.luma.copy()
    for outline in outlines:
        luma |= surely_masked(outline, raster.geometry.main, guard_px=guard_px)
    height, width = luma.shape
    padded = np.pad(luma, ((0, height % 2), (0, width % 2)))
    of_blocks = np.logical_or.reduce(padded.reshape(len(padded) // 2, 2, -1, 2), axis=(1, 3))
    return Hidden(luma.astype(np.uint8), (raster.main.chroma | of_blocks).astype(np.uint8))


def surely_masked(outline: Points, size: Size, *, guard_px: int) -> Mask:
    """Pixels whose centre lies in the polygon, or that its outline crosses, and all within `guard_px` of them.

    Never more than must be masked, and hardly less: nothing of `node.masks.raster` is used.
    """
    width, height = size[0] + 2 * guard_px, size[1] + 2 * guard_px
    x, y = np.arange(width) + 0.5 - guard_px, np.arange(height) + 0.5 - guard_px
    seen = np.zeros((height, width), np.bool_)
    for start, end in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        rows = (start[1] <= y) != (end[1] <= y)
        crossing = start[0] + (y[rows] - start[1]) * (end[0] - start[0]) / ((end[1] - start[1]) or 1.0)
        seen[rows] ^= x > crossing[:, None]
    for start, end in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        steps = np.linspace(0, 1, 2 + int(np.abs(end - start).max() / _EDGE_STEP_PX))
        points = np.floor(start + steps[:, None] * (end - start)).astype(np.intp) + guard_px
        inside = ((points >= 0) & (points < (width, height))).all(axis=1)
        seen[points[inside, 1], points[inside, 0]] = True
    square = np.ones((2 * guard_px + 1, 2 * guard_px + 1), np.uint8)
    wide = cv2.dilate(seen.astype(np.uint8), square)
    return np.asarray(wide[guard_px : guard_px + size[1], guard_px : guard_px + size[0]] > 0)


def unchanged(_picture: Picture, _number: int) -> None:
    """As it was filmed."""


def noise(hidden: Hidden) -> Alter:
    """Other random bytes in every frame, also such as no video has."""
    height, width = hidden.luma.shape
    random = np.random.default_rng(1)
    sheet = random.integers(0, 256, (2 * height, 2 * width)).astype(np.uint8)

    def alter(picture: Picture, _number: int) -> None:
        for plane, mask in hidden.planes(picture):
            top, left = random.integers(0, (height, width)).tolist()
            rows, columns = plane.shape
            cv2.copyTo(np.ascontiguousarray(sheet[top:][:rows, left:][:, :columns]), mask, plane)

    return alter


def inverted(hidden: Hidden) -> Alter:
    """The negative of what was filmed there: it moves as the world does, with its sharpness."""

    def alter(picture: Picture, _number: int) -> None:
        for plane, mask in hidden.planes(picture):
            cv2.copyTo(cv2.bitwise_not(plane), mask, plane)

    return alter


def moving(hidden: Hidden) -> Alter:
    """Black and white stripes that march across, in colours that change: what a motion detector cannot miss."""

    def alter(picture: Picture, number: int) -> None:
        for plane, mask in hidden.planes(picture):
            rows, columns = plane.shape
            stripes = (np.arange(columns) + _STEP_PX * number) // _STRIPE_PX % 2 * 219 + 16
            cv2.copyTo(np.tile(stripes.astype(np.uint8), (rows, 1)), mask, plane)

    return alter


def one_sample(plane: int, at: tuple[int, int]) -> Alter:
    """A single sample of one plane (0 luma, 1 and 2 colour) made much brighter or darker."""

    def alter(picture: Picture, _number: int) -> None:
        (picture.luma, *picture.chroma)[plane][at] ^= 0x80

    return alter


def beside(mask: Plane) -> tuple[int, int] | None:
    """Row and column of a sample that is not hidden, next to one that is; None if all or nothing is hidden."""
    near = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    places = np.argwhere((near > 0) & (mask == 0))
    if not len(places):
        return None
    row, column = places[len(places) // 2].tolist()
    return row, column
