"""What a car looks like: some flat faces around a heading, with wheels, windows and lights.

Pure: a pose and a paint in, faces in drawing order out. Who drives where is `script.py`'s.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from node.camera.street.light import Faces, Rgb
from node.camera.street.view import CAMERA_M, Floats

LENGTH_M, WIDTH_M, HEIGHT_M = 4.3, 1.78, 1.46

_COLOURS: dict[str, Rgb] = {
    "glass": (0.19, 0.24, 0.30),
    "tyre": (0.08, 0.08, 0.09),
    "hub": (0.60, 0.62, 0.64),
    "sill": (0.14, 0.14, 0.15),
    "plate": (0.86, 0.87, 0.88),
    "head": (0.95, 0.95, 0.90),
    "tail": (0.66, 0.09, 0.08),
}
_LIT: dict[str, Rgb] = {"head": (1.0, 0.98, 0.88), "tail": (1.0, 0.14, 0.10)}

_SUN = (-0.45, 0.80, -0.40)  # towards it, in world axes

# Outlines (forward, up) in metres: convex, and seen from the car's left.
_BODY = (
    (-2.15, 0.30),
    (-2.15, 0.80),
    (-2.05, 0.95),
    (0.95, 0.93),
    (1.90, 0.80),
    (2.15, 0.64),
    (2.15, 0.30),
)
_CABIN = ((-2.00, 0.94), (-1.55, 1.46), (0.10, 1.46), (1.00, 0.93))


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a thing stands on the ground, in metres, and where it heads: 0 is to the right, pi/2 away."""

    x: float
    z: float
    heading: float


@dataclass(frozen=True, slots=True)
class CarStyle:
    """Paint, and how tall the car is compared with a saloon."""

    paint: Rgb
    height: float = 1.0


def axes_of(pose: Pose) -> Floats:
    """World vectors (3, 3) of forward, right and up."""
    cosine, sine = math.cos(pose.heading), math.sin(pose.heading)
    return np.array(((cosine, 0.0, sine), (sine, 0.0, -cosine), (0.0, 1.0, 0.0)))


def footprint(pose: Pose, margin: float = 0.0) -> Floats:
    """The ground under a car, widened by `margin` metres: world points (4, 3)."""
    long, wide = LENGTH_M / 2 + margin, WIDTH_M / 2 + margin
    corners = np.array(((-long, -wide, 0), (long, -wide, 0), (long, wide, 0), (-long, wide, 0)))
    return corners @ axes_of(pose) + (pose.x, 0.0, pose.z)


class CarModel:
    """The shape of every car, in its own axes (forward, right, up), as arrays."""

    def __init__(self) -> None:
        pieces = [
            *_prism(_BODY, 0.87, 0.87),
            *_side((-2.0, 0.30), (2.0, 0.30), (2.0, 0.40), (-2.0, 0.40), role="sill", aside=0.88),
            *_wheels(),
            *_prism(_CABIN, 0.80, 0.62),
            *_windows(),
            *_ends(),
        ]
        self._points = np.concatenate([piece.outline for piece in pieces])
        self._sizes = np.array([len(piece.outline) for piece in pieces])
        self._firsts = np.concatenate(((0,), np.cumsum(self._sizes)[:-1]))
        self._normals = np.array([piece.normal for piece in pieces])
        roles = [piece.role for piece in pieces]
        self._rgb = np.array([_COLOURS.get(role, (0.0, 0.0, 0.0)) for role in roles])
        self._lit = np.array([_LIT.get(role, (0.0, 0.0, 0.0)) for role in roles])
        self._painted = np.array([role == "paint" for role in roles])
        self._shaded = np.array([role in ("paint", "glass") for role in roles])
        self._lamp = np.array([role in _LIT for role in roles])

    def faces(self, pose: Pose, style: CarStyle, *, lit: bool) -> Faces:
        """The faces of a car that the camera sees, in drawing order; `lit`: its lamps are on."""
        axes = axes_of(pose) * ((1.0,), (1.0,), (style.height,))
        place = np.array((pose.x, 0.0, pose.z))
        points, normals = self._points @ axes, self._normals @ axes
        sight = (0.0, CAMERA_M, 0.0) - place - points[self._firsts]
        seen = np.einsum("ij,ij->i", normals, sight) > 0.0
        rgb = np.where(self._painted[:, None], style.paint, self._rgb)
        shade = np.where(self._shaded, 0.70 + 0.30 * np.maximum(0.0, normals @ _SUN), 1.0)
        rgb = rgb * shade[:, None]
        glow = np.zeros(len(seen))
        if lit:
            rgb[self._lamp] = self._lit[self._lamp]
            glow[self._lamp] = 1.0
        corners = np.repeat(seen, self._sizes)
        return Faces(points[corners] + place, self._sizes[seen].tolist(), rgb[seen], glow[seen])


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """A flat part of a car: outline (n, 3), outward normal, what it is."""

    outline: Floats
    normal: Floats
    role: str


def _prism(profile: Sequence[tuple[float, float]], low: float, high: float) -> Iterator[_Piece]:
    """Walls over a convex profile; half as wide as `low` at its foot and `high` at its top."""
    heights = [up for _, up in profile]
    bottom, top = min(heights), max(heights)

    def corner(point: tuple[float, float], side: float) -> tuple[float, float, float]:
        share = (point[1] - bottom) / (top - bottom)
        return point[0], side * (low + share * (high - low)), point[1]

    middle = np.mean([corner(point, 0.0) for point in profile], axis=0)
    for start, end in pairwise(profile):
        quad = (corner(start, -1), corner(end, -1), corner(end, 1), corner(start, 1))
        yield _piece(quad, middle, "paint")
    for side in (-1.0, 1.0):
        yield _piece([corner(point, side) for point in profile], middle, "paint")


def _piece(points: Sequence[tuple[float, float, float]], middle: Floats, role: str) -> _Piece:
    outline = np.array(points)
    normal = np.cross(outline[1] - outline[0], outline[2] - outline[0])
    normal /= np.linalg.norm(normal)
    outwards = 1.0 if normal @ (outline.mean(axis=0) - middle) > 0 else -1.0
    return _Piece(outline, normal * outwards, role)


def _side(*profile: tuple[float, float], role: str, aside: float) -> Iterator[_Piece]:
    """The same flat piece on both sides of the car, `aside` metres from its middle."""
    for side in (-1.0, 1.0):
        points = np.array([(forward, side * aside, up) for forward, up in profile])
        yield _Piece(points, np.array((0.0, side, 0.0)), role)


def _wheels() -> Iterator[_Piece]:
    turn = np.linspace(0.0, 2 * math.pi, 14, endpoint=False)
    for forward in (-1.32, 1.32):
        for radius, aside, role in ((0.355, 0.885, "sill"), (0.315, 0.89, "tyre"), (0.18, 0.895, "hub")):
            rim = [(forward + radius * math.cos(a), 0.32 + radius * math.sin(a)) for a in turn]
            yield from _side(*rim, role=role, aside=aside)


def _windows() -> Iterator[_Piece]:
    """Two panes on each side, one in front and one behind, lying on the cabin's walls."""
    for side in (-1.0, 1.0):
        for low_back, low_front, high_back, high_front in (
            (-1.72, -0.52, -1.42, -0.52),
            (-0.44, 0.80, -0.44, 0.06),
        ):
            quad = np.array(
                (
                    (low_back, side * 0.795, 0.99),
                    (high_back, side * 0.645, 1.41),
                    (high_front, side * 0.645, 1.41),
                    (low_front, side * 0.795, 0.99),
                )
            )
            yield _Piece(quad, np.array((0.0, side * 0.94, 0.33)), "glass")
    for low, high, facing in (((0.93, 0.97), (0.16, 1.42), 1.0), ((-1.95, 1.0), (-1.59, 1.42), -1.0)):
        quad = np.array(
            (
                (low[0], -0.74, low[1]),
                (high[0], -0.58, high[1]),
                (high[0], 0.58, high[1]),
                (low[0], 0.74, low[1]),
            )
        )
        yield _Piece(quad, np.array((facing * 0.62, 0.0, 0.78)), "glass")


def _ends() -> Iterator[_Piece]:
    """Head lamps, tail lamps and number plates."""
    for forward, role in ((2.16, "head"), (-2.16, "tail")):
        normal = np.array((math.copysign(1.0, forward), 0.0, 0.0))
        boxes = ((-0.82, -0.46, 0.52, 0.70, role), (0.46, 0.82, 0.52, 0.70, role))
        for left, right, low, high, what in (*boxes, (-0.26, 0.26, 0.40, 0.52, "plate")):
            quad = np.array(
                (
                    (forward, left, low),
                    (forward, right, low),
                    (forward, right, high),
                    (forward, left, high),
                )
            )
            yield _Piece(quad, normal, what)
