"""Trees: where they stand, what they look like, and how the wind moves them.

Pure: seconds and wind in, faces out. Trunks stand still and belong to the backdrop; crowns sway and do not.
"""

import math
from dataclasses import dataclass

import numpy as np

from node.camera.street.light import Faces, Rgb
from node.camera.street.view import Floats

_CORNERS = 11  # of one clump of leaves


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree: its foot (x, z), its crown's middle and half sizes in metres, its leaves, and its shape's number."""

    x: float
    z: float
    middle: float
    wide: float
    high: float
    leaves: Rgb
    shape: int
    clumps: int = 30


TREES = (
    Tree(10.6, 28.6, 5.3, 3.0, 3.1, (0.36, 0.52, 0.22), 1, 30),
    Tree(17.2, 34.0, 5.6, 3.2, 3.3, (0.30, 0.46, 0.20), 2, 24),
    Tree(5.3, 30.4, 3.7, 1.7, 1.9, (0.47, 0.55, 0.22), 3, 20),
)


class Crown:
    """The leaves of one tree: clumps around its crown's middle."""

    def __init__(self, tree: Tree) -> None:
        random = np.random.default_rng(tree.shape)
        turn = random.uniform(0.0, 2 * math.pi, tree.clumps)
        out = np.sqrt(random.uniform(0.0, 1.0, tree.clumps)) * 0.82
        across, up = out * np.cos(turn), out * np.sin(turn)
        order = np.argsort(0.9 * up - 0.45 * across)  # the sun's side is drawn last
        across, up = across[order], up[order]
        self.tree = tree
        self._middles = np.stack((across * tree.wide, up * tree.high + tree.middle), axis=1)
        self._phases = random.uniform(0.0, 2 * math.pi, tree.clumps)
        radii = random.uniform(0.26, 0.40, tree.clumps) * (1.15 - 0.35 * out)
        self._clumps = _clumps(random, radii * min(tree.wide, tree.high))
        bright = 0.78 + 0.24 * up - 0.13 * across + random.uniform(-0.06, 0.06, tree.clumps)
        bright = np.clip(bright * np.linspace(0.72, 1.10, tree.clumps), 0.42, 1.18)
        warm = random.uniform(0.94, 1.08, tree.clumps)
        self._rgb = np.array(tree.leaves) * bright[:, None]
        self._rgb[:, 0] *= warm
        self._glow = np.zeros(tree.clumps)
        self._sizes = [_CORNERS] * tree.clumps

    def faces(self, *, seconds: float, wind: float) -> Faces:
        """The crown as the wind holds it at that moment."""
        height = self._middles[:, 1] / (self.tree.middle + self.tree.high)
        gust = 0.65 + 0.35 * math.sin(0.43 * seconds + self.tree.shape)
        swing = 0.16 + 0.34 * math.sin(1.5 * seconds + 1.3 * self.tree.shape)
        flutter = np.sin(5.1 * seconds + self._phases)
        push = wind * (gust * swing * 1.3 * height**1.5 + 0.11 * flutter)
        lift = wind * 0.07 * np.sin(4.3 * seconds + 2 * self._phases)
        flat = self._clumps + (self._middles + np.stack((push, lift), axis=1))[:, None, :]
        points = np.empty((len(flat), _CORNERS, 3))
        points[..., :2] = flat
        points[..., 0] += self.tree.x
        points[..., 2] = self.tree.z
        return Faces(points.reshape(-1, 3), self._sizes, self._rgb, self._glow)


def _clumps(random: np.random.Generator, radii: Floats) -> Floats:
    """Outlines around zero, shape (clumps, corners, 2): a little uneven, but convex enough to be filled."""
    turn = np.linspace(0.0, 2 * math.pi, _CORNERS, endpoint=False)
    turns = turn[None, :] + random.uniform(0.0, 1.0, (len(radii), 1))
    uneven = radii[:, None] * random.uniform(0.93, 1.07, (len(radii), _CORNERS))
    return np.stack((uneven * np.cos(turns) * 1.12, uneven * np.sin(turns) * 0.92), axis=2)
