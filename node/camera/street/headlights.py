"""Light that moves: the beams and lamps of cars, and headlights from elsewhere that wander over the walls.

Only adds light to what is drawn already; in daylight it does nothing.
"""

import math

import numpy as np

from node.camera.source import Plane
from node.camera.street.canvas import Canvas, Depth, Limits
from node.camera.street.cars import LENGTH_M, axes_of
from node.camera.street.script import Car, Sweep, sweep_corners
from node.camera.street.view import CAMERA_M, Floats, rect

SWEEP_NEAR_M, SWEEP_FAR_M = 26.0, 60.0
"""Sweeps light nothing that is nearer or farther: only what stands between."""

_SIDE = 64  # px of a texture
_BEAM_M, _BEAM_WIDE_M = 8.5, 2.3
_WARM, _RED = (-9.0, 5.0), (-12.0, 70.0)  # what full light adds to U and V


class Headlights:
    """Textures of light, made once."""

    def __init__(self) -> None:
        across = np.linspace(-1.0, 1.0, _SIDE)
        ahead = np.linspace(0.0, 1.0, _SIDE)[:, None]
        spread = np.exp(-((across / 0.45) ** 2))[None, :] * (1.0 - across[None, :] ** 4)
        along = (1.0 - ahead) ** 1.4 * np.minimum(1.0, 0.35 + 5.0 * ahead)
        self._beam = _bytes(spread * along)
        round_ = np.clip(1.0 - np.hypot(across[None, :], across[:, None]), 0.0, 1.0)
        self._halo = _bytes(round_**2.2)
        edge = np.clip((1.0 - np.abs(across)) * 3.0, 0.0, 1.0)
        self._patch = _bytes(edge[None, :] * edge[:, None])

    def shine(self, canvas: Canvas, car: Car, *, dark: float, depth: Depth) -> None:
        """The lamps of one car, `dark` 0 to 1; nothing nearer than the car is lit."""
        if dark <= 0.0 or not car.running:
            return
        axes, place = axes_of(car.pose), np.array((car.pose.x, 0.0, car.pose.z))
        limits = Limits(depth, car.pose.z - 1.0, math.inf)
        beam = np.array(
            (
                (LENGTH_M / 2, -0.8, 0.0),
                (LENGTH_M / 2, 0.8, 0.0),
                (LENGTH_M / 2 + _BEAM_M, _BEAM_WIDE_M, 0.0),
                (LENGTH_M / 2 + _BEAM_M, -_BEAM_WIDE_M, 0.0),
            )
        )
        canvas.add_light(self._beam, beam @ axes + place, strength=0.50 * dark, colour=_WARM, limits=limits)
        for end, radius, strength, colour in ((1.0, 1.15, 0.9, (0.0, 0.0)), (-1.0, 0.6, 0.35, _RED)):
            middle = axes.T @ (end * LENGTH_M / 2, 0.0, 0.6) + place
            sight = np.array((0.0, CAMERA_M, 0.0)) - middle
            facing = float(end * axes[0] @ sight) / float(np.linalg.norm(sight))
            if facing <= 0.0:
                continue
            for side in (-0.64, 0.64):
                x, y, z = (middle + axes[1] * side).tolist()
                square = rect(x - radius, x + radius, y + radius, y - radius, z)
                power = strength * dark * math.sqrt(facing)
                canvas.add_light(
                    self._halo, square, strength=power, colour=colour, limits=Limits(depth, z - 2.5, math.inf)
                )

    def sweep(self, canvas: Canvas, sweep: Sweep, *, dark: float, depth: Depth, by_day: Plane) -> None:
        """A patch of light on walls and hedges; `by_day`: luma of the street by day."""
        strength = sweep_strength(sweep, dark)
        if strength > 0.0:
            limits = Limits(depth, SWEEP_NEAR_M, SWEEP_FAR_M)
            corners = sweep_corners(sweep)
            canvas.add_light(
                self._patch, corners, strength=strength, colour=_WARM, limits=limits, onto=by_day
            )


def sweep_strength(sweep: Sweep, dark: float) -> float:
    """How bright a sweep is, 0 to 1: it comes and goes."""
    return 0.5 * dark * math.sin(math.pi * sweep.share)


def _bytes(texture: Floats) -> Plane:
    return np.asarray(np.rint(np.clip(texture, 0.0, 1.0) * 255.0), np.uint8)
