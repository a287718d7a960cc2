"""Finds landmarks again in a picture: where they have gone together, and how surely.

A shift is found by correlating landmarks and edges over the whole picture; turn and size by fitting what each
landmark sees across its own edge. How surely is measured against the same landmarks at places where they are not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from node.camera.pose.landmarks import Landmarks, Vectors
from node.camera.pose.structure import CELL_PX, Field, Sight, Structure, in_cells
from node.masks.geometry import Size

Shift = tuple[float, float]
"""x, y in working pixels."""
Pose = NDArray[np.float64]
"""Shift in x and y, roll, growth."""

DECOYS = 24
_REACHES_PX = (6, 4, 2)
_NEARNESS = 0.04  # a landmark prefers an edge that is near, a little
_CLEAR, _LEAST_CLEAR = 0.4, 8
_LEAST_SPREAD = 0.01
_POOR = 0.6
_CLEARER, _CLEARER_BY, _LEAST_BOTH = 1.1, 0.06, 0.25
_PRIOR = np.diag((1e-6, 1e-6, 2500.0, 2500.0))
"""Roll and growth are 0, give or take a fiftieth, to who knows the place of one landmark to one pixel."""


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """Where landmarks are: moved by (x, y), turned and grown about the picture's middle; working pixels, radians.

    `surety`: how many standard deviations the agreement lies above that at decoys. `agreement`: the mean of all
    landmarks' agreement, 1 at most; `each` landmark's, NaN of one that is not in the picture. `moves`: x, y by which
    each corner of the box around landmarks and masks moved. `unmoved`: the agreement where the camera hangs, 0 if
    nobody said where that is.
    """

    shift: Shift
    roll: float
    growth: float
    surety: float
    agreement: float
    each: NDArray[np.float32]
    moves: tuple[float, ...]
    unmoved: float

    def is_clearer_than(self, other: "Match") -> bool:
        """Whether the landmarks that are in the picture by both agree far better here than there."""
        both = ~np.isnan(self.each) & ~np.isnan(other.each)
        if both.sum() < _LEAST_BOTH * len(both):
            return False
        return float(self.each[both].mean()) > _CLEARER * float(other.each[both].mean()) + _CLEARER_BY


class Matcher:
    """One set of landmarks in one sight."""

    def __init__(self, landmarks: Landmarks, sight: Sight) -> None:
        self._places = landmarks.places
        self._across = np.ascontiguousarray(landmarks.normals)
        # Conjugates: a product's real part is the cosine of the (double) angle between landmark and edge.
        self._directions = (landmarks.directions[:, 0] - 1j * landmarks.directions[:, 1]).astype(np.complex64)
        width, height = self._size = sight.size
        middle = np.array((width / 2, height / 2), np.float32)
        self._arms = self._places - middle
        # What must not come into sight is moved furthest where it is far from all landmarks.
        span = (
            self._arms if sight.covered is None else np.vstack((self._arms, np.array(sight.covered) - middle))
        )
        low, high = span.min(axis=0), span.max(axis=0)
        self._corners = np.array(((low[0], low[1]), (low[0], high[1]), (high[0], low[1]), (high[0], high[1])))
        self._design = _design(self._across, self._arms)
        self._all = np.arange(len(landmarks))
        self._coarse = (width // CELL_PX, height // CELL_PX)
        self._frame = tuple(cv2.getOptimalDFTSize(side * 3 // 2) for side in self._coarse)
        self._spectrum = self._template()
        self._decoys = _ring(min(width, height) * 0.08, min(width, height) * 0.2, DECOYS)

    def near(self, structure: Structure, start: Shift, *, home: Shift | None = None) -> Match:
        """The best place within a few working pixels of a shift; `home` is where the camera hangs."""
        edges = _Edges(structure, self._size)
        still = np.array((*start, 0.0, 0.0))
        at_home = np.array((*home, 0.0, 0.0)) if home is not None else None
        unmoved = float(self._each(edges, at_home).mean()) if at_home is not None else 0.0
        pose = self._fitted(edges, still, _REACHES_PX)
        each = self._each(edges, pose)
        if float(each.mean()) < _POOR:
            # Where much is covered, edges of what covers it may have drawn the landmarks far away: they stay nearer.
            nearer = self._fitted(edges, still, _REACHES_PX[-1:])
            there = self._each(edges, nearer)
            if there.mean() > each.mean():
                pose, each = nearer, there
        here, agreement = self._moved(pose), float(each.mean())
        at = here + self._decoys[:, None, :]
        elsewhere = edges.alike(at, self._directions).mean(axis=1)
        x, y, roll, growth = (float(part) for part in pose)
        return Match(
            shift=(x, y),
            roll=roll,
            growth=growth,
            surety=float((agreement - elsewhere.mean()) / (elsewhere.std() + _LEAST_SPREAD)),
            agreement=agreement,
            each=np.where(edges.inside(here), each, np.float32(np.nan)),
            moves=tuple(float(part) for part in _displaced(pose, self._corners).ravel()),
            unmoved=unmoved,
        )

    def _fitted(self, edges: "_Edges", pose: Pose, reaches: Sequence[int]) -> Pose:
        for reach in reaches:
            pose = self._closer(edges, pose, reach)
        return pose

    def _each(self, edges: "_Edges", pose: Pose) -> NDArray[np.float32]:
        return edges.alike(self._moved(pose), self._directions)

    def anywhere(self, structure: Structure) -> Match:
        """The best place in the whole picture."""
        canvas = np.zeros((self._frame[1], self._frame[0], 2), np.float32)
        columns, rows = self._coarse
        canvas[:rows, :columns] = in_cells(structure.field)
        spectrum = cv2.dft(canvas, flags=cv2.DFT_COMPLEX_INPUT, nonzeroRows=rows)
        both = cv2.mulSpectrums(spectrum, self._spectrum, 0, conjB=True)
        surface = cv2.dft(both, flags=cv2.DFT_INVERSE | cv2.DFT_COMPLEX_INPUT)[:, :, 0]
        y, x = divmod(int(surface.argmax()), surface.shape[1])
        dy = y - surface.shape[0] if y > surface.shape[0] // 2 else y
        dx = x - surface.shape[1] if x > surface.shape[1] // 2 else x
        return self.near(structure, (float(dx * CELL_PX), float(dy * CELL_PX)))

    def _template(self) -> Field:
        canvas = np.zeros((self._frame[1], self._frame[0], 2), np.float32)
        x, y = np.minimum(self._places // CELL_PX, np.array(self._coarse) - 1).astype(np.intp).T
        np.add.at(canvas, (y, x), np.stack((self._directions.real, -self._directions.imag), axis=1))
        return np.asarray(cv2.dft(canvas, flags=cv2.DFT_COMPLEX_INPUT), np.float32)

    def _moved(self, pose: Pose) -> Vectors:
        return self._places + _displaced(pose, self._arms)

    def _closer(self, edges: "_Edges", pose: Pose, reach: int) -> Pose:
        """One step of fitting: each landmark looks across its edge for the steepest place in its own direction."""
        steps = np.arange(-reach, reach + 1, dtype=np.float32)
        at: Vectors = np.asarray(self._moved(pose) + steps[:, None, None] * self._across, np.float32)
        alike, steepness = edges.seen(at, self._directions)
        found = np.maximum(alike, 0.0) * np.sqrt(steepness)
        best = (found * (1.0 - _NEARNESS * np.abs(steps))[:, None]).argmax(axis=0)
        each = self._all
        clear = alike[best, each] > _CLEAR
        if int(clear.sum()) < _LEAST_CLEAR:
            return pose
        middle = np.clip(best, 1, 2 * reach - 1)
        before, here, behind = (found[middle + k, each] for k in (-1, 0, 1))
        curve = np.maximum(2 * here - before - behind, 1e-6)
        top = np.where(best == middle, (behind - before) / (2 * curve), 0.0)
        across = steps[best] + np.clip(top, -0.5, 0.5)
        return pose + _robust(self._design[clear], across[clear].astype(np.float64), pose, reach)


class _Edges:
    """One picture's edges, asked for at places; outside the picture there are none."""

    def __init__(self, structure: Structure, size: Size) -> None:
        self._field = structure.field.view(np.complex64).reshape(-1)
        self._steepness = structure.steepness.reshape(-1)
        self._size = size

    def alike(self, at: Vectors, directions: NDArray[np.complex64]) -> NDArray[np.float32]:
        """How well the edge at each place (..., n, 2) agrees with its landmark: -1 to 1, 0 where there is none."""
        flat, inside = self._pixels(at)
        found: NDArray[np.float32] = (self._field.take(flat) * directions).real * inside
        return found

    def seen(
        self, at: Vectors, directions: NDArray[np.complex64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The same, and how steep it is there."""
        flat, inside = self._pixels(at)
        return (self._field.take(flat) * directions).real * inside, self._steepness.take(flat)

    def inside(self, at: Vectors) -> NDArray[np.bool_]:
        """Whether each place is in the picture."""
        return self._pixels(at)[1]

    def _pixels(self, at: Vectors) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        width, height = self._size
        x, y = np.moveaxis((at + np.float32(0.5)).astype(np.int32), -1, 0)  # what is negative does not count
        inside = (x.view(np.uint32) < width) & (y.view(np.uint32) < height)
        return (y * width + x) * inside, inside


def _design(normals: Vectors, arms: Vectors) -> NDArray[np.float64]:
    """What a shift in x and y, a roll and a growth move across each edge: (n, 4)."""
    turned = normals[:, 1] * arms[:, 0] - normals[:, 0] * arms[:, 1]
    return np.column_stack((normals, turned, (normals * arms).sum(axis=1))).astype(np.float64)


def _displaced(pose: Pose, arms: Vectors) -> Vectors:
    x, y, roll, growth = (float(part) for part in pose)
    turn = np.array(((growth, roll), (-roll, growth)), np.float32)
    return np.asarray(arms @ turn + np.array((x, y), np.float32), np.float32)


def _robust(design: NDArray[np.float64], across: NDArray[np.float64], pose: Pose, reach: int) -> Pose:
    """Least squares in which what lies far off counts little; roll and growth are held near none."""
    weights: Pose = np.ones(len(across))
    step: Pose = np.zeros(4)
    for width in (reach, max(1.0, reach / 3)):
        weighted = design * weights[:, None]
        normal = design.T @ weighted + _PRIOR
        step = np.asarray(np.linalg.solve(normal, weighted.T @ across - _PRIOR @ pose), np.float64)
        weights = np.asarray(1.0 / np.square(1.0 + np.square((across - design @ step) / width)), np.float64)
    return step


def _ring(inner: float, outer: float, count: int) -> Vectors:
    angle = np.arange(count) * 2.399963  # the golden angle: all directions alike
    radius = inner + (outer - inner) * (np.arange(count) % 5) / 4
    return np.stack((np.cos(angle) * radius, np.sin(angle) * radius), axis=1).astype(np.float32)
