"""What lies over the whole picture: rain, and the sensor's noise.

Both come from tiles that are made once from the seed and laid at a random place on every frame. Never looks at
what happens in the street.
"""

import cv2
import numpy as np

from node.camera.source import Plane
from node.camera.street.canvas import GREY, Canvas
from node.camera.street.light import lamp_haze, light_at, yuv
from node.camera.street.scene import Moment
from node.camera.street.view import View

_PLAY = 128  # px by which a tile is larger than the picture, and so may be moved
_TILE_SIGMA = 32.0
_HEAVY = 0.3  # rain from which on drops near the lens are seen
_DAY_SIGMA, _NIGHT_SIGMA = 1.3, 3.4  # luma steps


class Noise:
    """Grain of an ordinary small sensor behind an ordinary noise filter: fine in luma, softer in chroma."""

    def __init__(self, *, view: View, random: np.random.Generator) -> None:
        width, height = view.size
        self._luma = _grain(random, height + _PLAY, width + _PLAY, soft=0.55)[:, :, 0]
        rows, columns = (height + 1) // 2 + _PLAY, (width + 1) // 2 + _PLAY
        self._chroma = _grain(random, rows, columns, soft=0.8, channels=2)

    def add(self, canvas: Canvas, *, random: np.random.Generator, sigma: float) -> None:
        """Add noise of that standard deviation, in luma steps, to a frame."""
        if sigma <= 0.0:
            return
        for tile, plane, strength in (
            (self._luma, canvas.luma, sigma / _TILE_SIGMA),
            (self._chroma, canvas.chroma, 0.35 * sigma / _TILE_SIGMA),
        ):
            piece = _piece(tile, plane, random)
            cv2.addWeighted(plane, 1.0, piece, strength, -128.0 * strength, dst=plane)


def noise_sigma(moment: Moment, noise: float) -> float:
    """Standard deviation in luma steps: the darker it is, the more a camera turns up its gain."""
    dark = 1.0 - moment.daylight
    return noise * (_DAY_SIGMA + (_NIGHT_SIGMA - _DAY_SIGMA) * dark)


class Rain:
    """Streaks near and far, splashes on the ground, and a veil over everything."""

    def __init__(self, *, view: View, random: np.random.Generator) -> None:
        self._view = view
        self._far = _streaks(view, random, count=900, length=0.028, bright=130)
        self._near = _streaks(view, random, count=80, length=0.095, bright=170)
        self._lamps = np.clip(lamp_haze(view) * 200.0, 0, 255).astype(np.uint8)
        self._shown, self._lit_for = np.zeros_like(self._lamps), -1.0

    def add(self, canvas: Canvas, *, random: np.random.Generator, moment: Moment) -> None:
        """Let it rain on a frame."""
        rain = moment.rain
        if rain <= 0.0:
            return
        self._splash(canvas, random, moment)
        drops = _piece(self._far, canvas.luma, random)
        near = _piece(self._near, canvas.luma, random)
        if rain > _HEAVY:
            drops = np.asarray(cv2.add(drops, near), np.uint8)
        day = moment.daylight
        if day < 1.0:
            drops = np.asarray(cv2.multiply(drops, self._lit(day), scale=1 / 255), np.uint8)
        veil = 0.10 * rain
        grey = float(yuv(np.array(light_at(day).ambient) * 0.62)[0])
        cv2.addWeighted(canvas.luma, 1.0 - veil, drops, 0.14 + 0.20 * rain, veil * grey, dst=canvas.luma)
        cv2.convertScaleAbs(canvas.chroma, canvas.chroma, 1.0 - 2 * veil, 2 * veil * GREY)

    def _lit(self, daylight: float) -> Plane:
        """How much of a drop's brightness is seen where; kept, because nights are long."""
        if daylight != self._lit_for:
            alpha, beta = 1.0 - daylight, 255.0 * (0.28 + 0.72 * daylight)
            cv2.convertScaleAbs(self._lamps, self._shown, alpha, beta)
            self._lit_for = daylight
        return self._shown

    def _splash(self, canvas: Canvas, random: np.random.Generator, moment: Moment) -> None:
        """Drops that burst on the ground: small rings, brighter than what they fall on."""
        count = round(60 * moment.rain)
        spots = random.uniform((-1.0, 11.3, 0.4), (1.0, 25.0, 1.0), (count, 3))
        world = np.stack((spots[:, 0] * 0.62 * spots[:, 1], 0 * spots[:, 0], spots[:, 1]), axis=1)
        height, width = canvas.luma.shape
        places = self._view.project(world).astype(int)
        radii = (0.10 * spots[:, 2] * self._view.metre(1.0)[0] / spots[:, 1]).tolist()
        brighter = round(14 + 8 * moment.daylight)
        for (x, y), radius in zip(places.tolist(), radii, strict=True):
            if 0 <= x < width and 0 <= y < height:
                bright = min(225, int(canvas.luma[y, x]) + brighter)
                axes = (max(1, round(radius)), max(1, round(radius * 0.35)))
                cv2.ellipse(canvas.luma, (x, y), axes, 0, 0, 360, bright, 1, cv2.LINE_8)


def _piece(tile: Plane, plane: Plane, random: np.random.Generator) -> Plane:
    """A part of a tile as large as a plane, from a random place."""
    top, left = random.integers(0, _PLAY, 2, endpoint=True).tolist()
    return tile[top : top + plane.shape[0], left : left + plane.shape[1]]


def _grain(random: np.random.Generator, rows: int, columns: int, *, soft: float, channels: int = 1) -> Plane:
    """Grey of mean 128 and standard deviation 32 (rows, columns, channels); `soft`: blur in pixels."""
    white = random.standard_normal((rows, columns, channels), np.float32)
    blurred = cv2.GaussianBlur(white, (0, 0), soft).reshape(white.shape)
    scaled = blurred * np.float32(_TILE_SIGMA / blurred.std()) + np.float32(128.0)
    return np.asarray(np.clip(np.rint(scaled), 0, 255), np.uint8)


def _streaks(view: View, random: np.random.Generator, *, count: int, length: float, bright: int) -> Plane:
    """A tile of falling drops; `length` as a fraction of the picture's height, `count` for one picture."""
    width, height = view.size
    tile = np.zeros((height + _PLAY, width + _PLAY), np.uint8)
    many = round(count * (tile.size / (width * height)))
    starts = random.uniform((0, -0.1), (1, 1), (many, 2)) * (tile.shape[1], tile.shape[0])
    lengths = random.uniform(0.6, 1.2, many) * length * height
    ends = starts + np.stack((-0.10 * lengths, lengths), axis=1)
    lines = np.rint(np.stack((starts, ends), axis=1) * 16).astype(np.int32)
    shades = random.uniform(0.45, 1.0, many) * bright
    for line, shade in zip(lines, shades.tolist(), strict=True):
        cv2.polylines(tile, [line], False, shade, 1, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(tile, (0, 0), 0.6).astype(np.uint8)
