"""Landmarks: short pieces of edges that stayed where they are over several pictures. A few hundred, far apart.

What is kept of one is a place and a direction, to 3 degrees: no brightness, no patch, nothing of what lies between.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from node.camera.pose.structure import Field, Levels, Sight, Structure
from node.formats.pose import DIRECTIONS, LEAST_LANDMARKS, PoseLandmark, PoseReference
from node.masks.geometry import Size

Vectors = NDArray[np.float32]
"""(n, 2)."""

MOST = 256
LEAST = LEAST_LANDMARKS
"""Of fewer nothing is concluded."""
SPACING_PX = 6
"""Working pixels: one landmark at most in each square of that side, so that they are dots and not a drawing."""
_WHOLE = 65_536  # a picture's side in a reference
_STEADY = 0.45
"""The mean vector's length from which an edge stayed: 1 is always there, clear, and in one direction."""
_REGIONS = (6, 4)
_SECTORS = 4
_EXACT_PX = 0.03


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """`places` (n, 2) x, y in working pixels; `directions` (n, 2), unit vectors of twice the gradient's angle."""

    places: Vectors
    directions: Vectors

    def __len__(self) -> int:
        return len(self.places)

    @property
    def normals(self) -> Vectors:
        """(n, 2) unit vectors across the edges."""
        return _normals(self.directions)

    @classmethod
    def of(cls, reference: PoseReference, size: Size) -> "Landmarks":
        """A reference's, in a picture of that working size."""
        y, x, direction = np.array(reference.landmarks, np.float64).T
        places = np.stack((x * size[0], y * size[1]), axis=1) / _WHOLE
        angle = 2 * np.pi * direction / DIRECTIONS
        return cls(
            places.astype(np.float32), np.stack((np.cos(angle), np.sin(angle)), axis=1).astype(np.float32)
        )

    def reference(self, size: Size) -> PoseReference:
        """The same as a reference. Refuses too few."""
        x, y = np.clip(np.rint(self.places.T / np.array(size)[:, None] * _WHOLE), 0, _WHOLE - 1).astype(int)
        angle = np.arctan2(self.directions[:, 1], self.directions[:, 0])
        direction = np.rint(angle * DIRECTIONS / (2 * np.pi)).astype(int) % DIRECTIONS
        marks = zip(y.tolist(), x.tolist(), direction.tolist(), strict=True)
        return PoseReference(tuple(sorted(PoseLandmark(*mark) for mark in marks)))

    def within(self, sight: Sight) -> "Landmarks":
        """Those that can be seen between the masks."""
        x, y = self.places.astype(np.intp).T
        seen = sight.clear[y, x]
        return Landmarks(self.places[seen], self.directions[seen])


class Average:
    """The mean structure of the pictures of one view, each laid over the others; older ones fade."""

    def __init__(self, first: Structure) -> None:
        self._field: Field = np.zeros_like(first.field)
        self._steepness: Levels = np.zeros_like(first.steepness)
        self.count = 0

    def add(self, structure: Structure, *, shift: tuple[float, float] = (0.0, 0.0), most: int) -> None:
        """Take in a picture that lies `shift` (x, y working pixels) beside the average; it counts 1 in `most`.

        It is laid over exactly: of whole pixels alone, the average would go along with a camera that slips slowly.
        """
        self.count += 1
        weight = 1.0 / min(self.count, most)
        field, steepness = structure.field, structure.steepness
        if max(abs(shift[0]), abs(shift[1])) >= _EXACT_PX:
            back = np.array(((1.0, 0.0, -shift[0]), (0.0, 1.0, -shift[1])))
            size = (field.shape[1], field.shape[0])
            field = np.asarray(cv2.warpAffine(field, back, size, flags=cv2.INTER_LINEAR))
            steepness = np.asarray(cv2.warpAffine(steepness, back, size, flags=cv2.INTER_LINEAR))
        cv2.accumulateWeighted(field, self._field, weight)
        cv2.accumulateWeighted(steepness, self._steepness, weight)

    def hide(self, sight: Sight) -> None:
        """Forget what other masks cover."""
        self._field[~sight.clear] = 0.0
        self._steepness[~sight.clear] = 0.0

    def landmarks(self, sight: Sight) -> Landmarks:
        """The edges that stayed: spread over the picture and over all directions, the clearest first."""
        steady = cv2.magnitude(self._field[:, :, 0], self._field[:, :, 1])
        worth = np.where(sight.clear & (steady > _STEADY), self._steepness * steady, 0.0)
        places = _peaks(worth)
        ridge, offset = _ridge(self._steepness, places, _normals(self._field[places[:, 1], places[:, 0]]))
        places, offset = places[ridge], offset[ridge]
        directions = self._field[places[:, 1], places[:, 0]]
        chosen = _spread(places, directions, worth[places[:, 1], places[:, 0]], sight.size)
        directions = directions[chosen] / np.linalg.norm(directions[chosen], axis=1, keepdims=True)
        exact = places[chosen] + offset[chosen, None] * _normals(directions)
        return Landmarks(exact.astype(np.float32), directions.astype(np.float32))


def _normals(directions: Vectors) -> Vectors:
    angle = np.arctan2(directions[:, 1], directions[:, 0]) / 2
    return np.stack((np.cos(angle), np.sin(angle)), axis=1).astype(np.float32)


def _peaks(worth: NDArray[np.float32]) -> NDArray[np.intp]:
    """(m, 2) x, y of the best pixel of each square that has one."""
    height, width = (side // SPACING_PX * SPACING_PX for side in worth.shape)
    squares = worth[:height, :width].reshape(
        height // SPACING_PX, SPACING_PX, width // SPACING_PX, SPACING_PX
    )
    flat = squares.swapaxes(1, 2).reshape(height // SPACING_PX, width // SPACING_PX, -1)
    best = flat.argmax(axis=2)
    rows, columns = np.nonzero(flat.max(axis=2) > 0)
    inside = best[rows, columns]
    return np.stack(
        (columns * SPACING_PX + inside % SPACING_PX, rows * SPACING_PX + inside // SPACING_PX), axis=1
    )


def _ridge(
    steepness: Levels, places: NDArray[np.intp], normals: NDArray[np.float32]
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Which places are the steepest of their surroundings across the edge, and how far the very top is beside them."""
    ahead, behind = np.rint(places + normals).astype(np.intp), np.rint(places - normals).astype(np.intp)
    here = steepness[places[:, 1], places[:, 0]]
    left, right = steepness[behind[:, 1], behind[:, 0]], steepness[ahead[:, 1], ahead[:, 0]]
    curve = 2 * here - left - right
    offset = np.where(curve > 0, (right - left) / (2 * np.maximum(curve, 1e-3)), 0.0)
    return (here >= left) & (here >= right), np.clip(offset, -0.5, 0.5).astype(np.float32)


def _spread(
    places: NDArray[np.intp], directions: Vectors, worth: NDArray[np.float32], size: tuple[int, int]
) -> NDArray[np.intp]:
    """Which to keep: in turn from every region and sector of directions its best one, until there are enough."""
    region = places[:, 0] * _REGIONS[0] // size[0] + _REGIONS[0] * (places[:, 1] * _REGIONS[1] // size[1])
    angle = np.arctan2(directions[:, 1], directions[:, 0]) + np.pi / _SECTORS
    sector = (angle % (2 * np.pi) * _SECTORS / (2 * np.pi)).astype(np.intp) % _SECTORS
    group = region * _SECTORS + sector
    order = np.lexsort((-worth, group))
    starts = np.searchsorted(group[order], group[order])
    turn = np.empty(len(order), np.intp)
    turn[order] = np.arange(len(order)) - starts
    return np.sort(np.lexsort((-worth, turn))[:MOST])
