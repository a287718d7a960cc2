"""How bright the street is where: daylight, street lamps, and colours as YUV.

Light is worked out in the picture's own scale (0 to 1, as displayed), not in physical units: it has to look
right and to be cheap, and mixing two painted light levels must equal painting the one between.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from node.camera.street.scene import DAYLIGHT, DUSK_LIGHT, NIGHT_LIGHT
from node.camera.street.view import Floats, View

Rgb = tuple[float, float, float]
"""Red, green, blue, 0 to 1."""

LAMP_HEADS = (
    (6.3, 6.6, 12.0, 1.0),
    (1.2, 6.7, 23.8, 1.1),
    (-3.4, 6.4, 32.6, 0.8),
    (13.2, 6.6, 33.0, 1.0),
)
"""The street lamps' heads: X, Y, Z in metres, and strength."""

LAMP_REACH_M = 6.0

SUN_CASTS = (0.50, 0.0, 0.28)
"""Where the sun throws the shadow of one metre of height, in metres on the ground."""

LAMP_RGB: Rgb = (1.0, 0.83, 0.56)

LEVELS = (DAYLIGHT, DUSK_LIGHT, NIGHT_LIGHT)
"""The daylight values that the backdrop is painted for."""

# For each of LEVELS: ambient red, green, blue; lamps; strength of the sun's shadows; how much lit things glow.
_TABLE = np.array(
    (
        (1.00, 1.00, 1.00, 0.00, 0.42, 0.10),
        (0.50, 0.45, 0.54, 0.45, 0.10, 0.80),
        (0.17, 0.195, 0.28, 0.95, 0.00, 1.00),
    )
)

# ITU-R BT.601 in limited range, as cv2.cvtColor's I420 codes read it.
_YUV = np.array(((65.481, 128.553, 24.966), (-37.797, -74.203, 112.0), (112.0, -93.786, -18.214)))
_YUV_ZERO = np.array((16.0, 128.0, 128.0))


@dataclass(frozen=True, slots=True)
class Light:
    """The light of one moment: `ambient` colour, and shares 0 to 1 of lamps, cast shadows and glow."""

    ambient: Rgb
    lamps: float
    shadows: float
    glow: float


class Faces(NamedTuple):
    """Flat convex pieces of a thing, in drawing order: their corners one after another, and one row per piece.

    `points` (n, 3) in metres, `sizes` how many of them each piece has, `rgb` (m, 3), and `glow` (m,): how much of its
    colour a piece shows without any light.
    """

    points: Floats
    sizes: Sequence[int]
    rgb: Floats
    glow: Floats

    def each(self) -> Iterator[tuple[Floats, Rgb]]:
        """Corners and colour of every piece."""
        ends = accumulate(self.sizes)
        for end, size, rgb in zip(ends, self.sizes, self.rgb.tolist(), strict=True):
            yield self.points[end - size : end], (rgb[0], rgb[1], rgb[2])


def one_face(points: Floats, rgb: Rgb = (1.0, 1.0, 1.0), glow: float = 0.0) -> Faces:
    """A thing of a single piece."""
    return Faces(points, [len(points)], np.array((rgb,)), np.array((glow,)))


def joined(things: Sequence[Faces]) -> Faces:
    """Several things' faces as one."""
    return Faces(
        np.concatenate([faces.points for faces in things]),
        [size for faces in things for size in faces.sizes],
        np.concatenate([faces.rgb for faces in things]),
        np.concatenate([faces.glow for faces in things]),
    )


def light_at(daylight: float) -> Light:
    """The light for `daylight` from 0 (night) to 1 (day), mixed from the two levels around it."""
    values = [np.interp(daylight, LEVELS[::-1], column[::-1]) for column in _TABLE.T]
    red, green, blue, lamps, shadows, glow = (float(value) for value in values)
    return Light((red, green, blue), lamps, shadows, glow)


def lamp_light(points: Floats) -> Floats:
    """How strongly the street lamps light world points (..., 3); about 1 under a lamp."""
    total = np.zeros(points.shape[:-1])
    for x, y, z, strength in LAMP_HEADS:
        aside = (points[..., 0] - x) ** 2 + (points[..., 2] - z) ** 2
        below = np.clip((y + 0.6 - points[..., 1]) / 2.5, 0.0, 1.0)
        spread = 1.0 + aside / LAMP_REACH_M**2
        total += strength * below / (spread * np.sqrt(spread))
    return total


def lamp_haze(view: View) -> Floats:
    """What drops and dust in the air show of the lamps: a cone below each, (height, width), about 0 to 1."""
    width, height = view.size
    rows, columns = np.arange(height)[:, None] + 0.5, np.arange(width)[None, :] + 0.5
    haze = np.zeros((height, width))
    for x, y, z, strength in LAMP_HEADS:
        across, upright = view.metre(z)
        head = view.project(np.array((x, y, z)))
        aside, down = (columns - head[0]) / across, (rows - head[1]) / upright
        below = np.maximum(down, 0.0)
        cone = np.exp(-((aside / (0.5 + 0.55 * below)) ** 2)) / (1.0 + below**2 / 12.0)
        fade = np.clip((down + 0.5) / 0.5, 0.0, 1.0)
        haze += strength * cone * fade
    return haze


def illumination(points: Floats, light: Light) -> Floats:
    """What colours at world points (..., 3) are multiplied with, shape (..., 3)."""
    if light.lamps <= 0.0:
        return np.broadcast_to(np.array(light.ambient), points.shape)
    lamps = (light.lamps * lamp_light(points))[..., None] * LAMP_RGB
    lit: Floats = lamps + light.ambient
    return lit


def yuv(rgb: Floats) -> Floats:
    """Red, green, blue from 0 to 1 (..., 3) to Y, U, V in 8-bit limited range, not yet rounded."""
    mixed: Floats = np.clip(rgb, 0.0, 1.0) @ _YUV.T + _YUV_ZERO
    return mixed


def yuv_image(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """`yuv` for a whole picture (height, width, 3)."""
    matrix = np.column_stack((_YUV, _YUV_ZERO)).astype(np.float32)
    return np.asarray(cv2.transform(np.clip(picture, 0.0, 1.0), matrix), np.float32)


def tint(rgb: Rgb, factor: float) -> Rgb:
    """A colour made darker or lighter."""
    return rgb[0] * factor, rgb[1] * factor, rgb[2] * factor
