"""From metres in the street to pixels of the picture, and back.

The camera hangs 5.5 m above the ground and looks along the street: X right, Y up, Z away from it, in metres.
Its lens is shifted instead of tilted, so that what is upright stays upright in the picture. The picture's shape
does not change the view: another size squeezes it, so fractions of the picture mean the same at every size.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from node.masks.geometry import Size

Floats = NDArray[np.float64]

CAMERA_M = 5.5
"""Height of the camera above the ground."""

FOCAL = 0.8
"""Focal length in picture widths: 64 degrees across."""

HORIZON = 0.30
"""The horizon's place, as a fraction of the picture's height."""

ASPECT = 16 / 9
"""The shape for which the view was composed."""


class View:
    """The perspective of one picture size."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self._scale = np.array((FOCAL * size[0], FOCAL * ASPECT * size[1]))
        self._centre = np.array((0.5 * size[0], HORIZON * size[1]))

    def project(self, points: Floats) -> Floats:
        """World points (..., 3) in front of the camera to pixels (..., 2): pixel i is [i, i+1]."""
        pixels = np.empty((*points.shape[:-1], 2))
        distance = points[..., 2]
        pixels[..., 0] = points[..., 0] / distance * self._scale[0] + self._centre[0]
        pixels[..., 1] = (CAMERA_M - points[..., 1]) / distance * self._scale[1] + self._centre[1]
        return pixels

    def metre(self, z: float) -> Floats:
        """Pixels per metre across and upwards, shape (2,), at distance `z`."""
        return self._scale / z

    def ground_distance(self) -> Floats:
        """Distance Z of the ground under each row, shape (height,); infinite above the horizon."""
        rows = np.arange(self.size[1]) + 0.5 - self._centre[1]
        return np.where(rows > 0, CAMERA_M * self._scale[1] / np.maximum(rows, 1e-3), np.inf)

    def world(self, distance: Floats) -> Floats:
        """World points (height, width, 3) of every pixel, given each one's distance (height, width)."""
        width, height = self.size
        across = (np.arange(width) + 0.5 - self._centre[0]) / self._scale[0]
        down = (np.arange(height) + 0.5 - self._centre[1]) / self._scale[1]
        x = across[None, :] * distance
        y = CAMERA_M - down[:, None] * distance
        return np.stack((x, y, distance), axis=2)


def ground(points: Sequence[tuple[float, float]]) -> Floats:
    """(X, Z) pairs as world points on the ground, shape (n, 3)."""
    flat = np.asarray(points, np.float64)
    return np.stack((flat[:, 0], np.zeros(len(flat)), flat[:, 1]), axis=1)


def rect(left: float, right: float, low: float, high: float, z: float) -> Floats:
    """An upright rectangle that faces the camera."""
    return np.array(((left, low, z), (right, low, z), (right, high, z), (left, high, z)))
