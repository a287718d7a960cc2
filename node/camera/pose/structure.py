"""Edges of a masked picture, as one vector a pixel: where, how clear, in which direction. Never reads behind a mask."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from node.camera.source import Plane
from node.masks.geometry import Size
from node.masks.raster import Mask

Field = NDArray[np.float32]
"""(height, width, 2): cosine and sine of twice the gradient's angle, times how clear the edge is (0 to 1). Twice,
because a lamp may turn a dark edge on a bright wall into its opposite."""

Levels = NDArray[np.float32]

WORK_WIDTH = 640
"""Pictures are halved until they are no wider: a full HD picture to 480."""
FAINT = 8.0
"""The gradient (Sobel, grey levels) at which an edge counts half in a picture without noise."""
_NOISE_FACTOR = 2.0
_SUPPORT_PX = 4
"""How far a vector's support reaches: blur 2, Sobel 1, and one more."""
_BORDER_PX = 3
_EVERY = 4  # enough pixels for a median
_CELL_HALVINGS, _AROUND_PX = 2, 15
CELL_PX = 2**_CELL_HALVINGS
_SHARP, _LEAST_SHARP, _GOES_ON = 1.8, 0.15, 0.3
_PARTS, _LEAST_OPEN, _LEAST_FILLED = (8, 6), 0.25, 0.03


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """One picture's edges: `field`, and `steepness` (height, width), the gradient in grey levels."""

    field: Field
    steepness: Levels


@dataclass(frozen=True, slots=True)
class Texture:
    """The `share` of what is in sight that has sharp edges, and the share over which they are `spread`."""

    share: float
    spread: float


class Sight:
    """One view's working size, and where edges may be read: nowhere near a mask or the picture's border."""

    def __init__(self, *, size: Size, blind: Mask) -> None:
        """`blind` (height, width) is the main stream's mask, guard band included."""
        self.halvings = 0
        width, height = size
        while width > WORK_WIDTH:
            width, height, self.halvings = width // 2, height // 2, self.halvings + 1
        self.size: Size = (width, height)
        self.scale = 0.5**self.halvings
        """Working pixels a main pixel."""
        covered = blind.astype(np.uint8)
        for _ in range(self.halvings):
            rows, columns = covered.shape[0] // 2 * 2, covered.shape[1] // 2 * 2
            even = covered[:rows, :columns]
            covered = even[::2, ::2] | even[1::2, ::2] | even[::2, 1::2] | even[1::2, 1::2]
        rows_covered, columns_covered = (
            np.flatnonzero(covered.any(axis=1)),
            np.flatnonzero(covered.any(axis=0)),
        )
        self.covered: tuple[tuple[int, int], tuple[int, int]] | None = None
        """The box around all that is covered, in working pixels: left and top, right and bottom."""
        if len(rows_covered):
            left, right = int(columns_covered[0]), int(columns_covered[-1]) + 1
            self.covered = (left, int(rows_covered[0])), (right, int(rows_covered[-1]) + 1)
        reach = np.ones((2 * _SUPPORT_PX + 1,) * 2, np.uint8)
        clear = cv2.dilate(covered, reach) == 0
        clear[:_BORDER_PX], clear[-_BORDER_PX:] = False, False
        clear[:, :_BORDER_PX], clear[:, -_BORDER_PX:] = False, False
        self.clear: Mask = clear
        self._clear = clear.astype(np.float32)
        seen = in_cells(self._clear)
        self._open_cells = max(1.0, float(seen.sum()))
        self._open_parts = np.asarray(cv2.resize(seen, _PARTS, interpolation=cv2.INTER_AREA), np.float32)
        sampled = clear[::_EVERY, ::_EVERY]
        self._sampled = sampled if sampled.any() else None

    def reduced(self, luma: Plane) -> Plane:
        """The main luma in the working size: each pixel is the mean of what it covers."""
        for _ in range(self.halvings):
            rows, columns = luma.shape[0] // 2, luma.shape[1] // 2
            even = luma[: 2 * rows, : 2 * columns]
            luma = np.asarray(cv2.resize(even, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
        return luma

    def structure(self, luma: Plane) -> Structure:
        """Edges of a masked main luma."""
        smooth = cv2.GaussianBlur(self.reduced(luma), (5, 5), 1.0)
        dx, dy = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
        xx, yy = cv2.multiply(dx, dx), cv2.multiply(dy, dy)
        steep = cv2.sqrt(cv2.add(xx, yy))
        noise = 0.0 if self._sampled is None else float(np.median(steep[::_EVERY, ::_EVERY][self._sampled]))
        faint = max(FAINT, _NOISE_FACTOR * noise)
        share = cv2.divide(self._clear, np.add(cv2.add(xx, yy), np.float32(faint * faint)))
        real = cv2.multiply(cv2.subtract(xx, yy), share)
        imaginary = cv2.multiply(cv2.multiply(dx, dy), share, scale=2.0)
        return Structure(
            np.asarray(cv2.merge((real, imaginary)), np.float32),
            np.asarray(cv2.multiply(steep, self._clear), np.float32),
        )

    def coarse(self, structure: Structure) -> Field:
        """Its field in cells of a few pixels, so that what sways a little is the same."""
        return in_cells(structure.field)

    def texture(self, structure: Structure) -> Texture:
        """How much a picture shows that could be recognised.

        A hand, fog or a picture out of focus has shades, but no sharp edges; noise has no edges that go on.
        """
        wide = self._open_parts > _LEAST_OPEN
        if not wide.any():
            return Texture(0.0, 0.0)
        field = self.coarse(structure)
        around = cv2.boxFilter(structure.steepness, -1, (_AROUND_PX, _AROUND_PX))
        sharp = (structure.steepness > _SHARP * around).astype(np.float32) * self._clear
        edges = cv2.magnitude(field[:, :, 0], field[:, :, 1]) > _GOES_ON
        edges &= in_cells(sharp) > _LEAST_SHARP
        here = cv2.resize(edges.astype(np.float32), _PARTS, interpolation=cv2.INTER_AREA)
        spread = float((here[wide] > _LEAST_FILLED * self._open_parts[wide]).mean())
        return Texture(float(edges.sum()) / self._open_cells, spread)


def in_cells(plane: Levels) -> Levels:
    """The mean of each cell of `CELL_PX` a side: halved twice, which is far faster than any other way."""
    for _ in range(_CELL_HALVINGS):
        rows, columns = plane.shape[0] // 2, plane.shape[1] // 2
        even = plane[: 2 * rows, : 2 * columns]
        plane = np.asarray(cv2.resize(even, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)
    return plane


def alike(one: Field, other: Field) -> float:
    """How far two fields are the same: 1 if they are, about 0 if they have nothing to do with each other."""
    first, second = one.ravel(), other.ravel()
    lengths = float(np.sqrt(float(first @ first) * float(second @ second)))
    return float(first @ second) / lengths if lengths else 0.0
