"""The sky over the street: a gradient, clouds, and stars when it is dark."""

import cv2
import numpy as np

from node.camera.street.light import LEVELS
from node.camera.street.sheet import Image
from node.camera.street.view import HORIZON, View

# For each of LEVELS: top, middle and horizon of the sky, the clouds' upper side, and how clearly stars are seen.
_TOPS = np.array(((0.36, 0.58, 0.84), (0.20, 0.24, 0.42), (0.040, 0.052, 0.105)), np.float32)
_MIDDLES = np.array(((0.60, 0.76, 0.92), (0.62, 0.44, 0.50), (0.080, 0.095, 0.165)), np.float32)
_ENDS = np.array(((0.86, 0.91, 0.93), (0.99, 0.70, 0.44), (0.185, 0.175, 0.215)), np.float32)
_CLOUDS = np.array(((0.97, 0.98, 0.99), (0.86, 0.56, 0.54), (0.110, 0.122, 0.185)), np.float32)
_STARS = (0.0, 0.0, 0.7)

# Clouds as flat heaps: middle (picture fractions), half width, and puffs (offset, rise, radius in half widths).
_HEAPS = ((0.52, 0.115, 0.085), (0.80, 0.055, 0.075), (0.965, 0.150, 0.060), (0.36, 0.035, 0.045))
_PUFFS = ((-0.62, 0.02, 0.26), (-0.25, 0.16, 0.36), (0.18, 0.22, 0.42), (0.55, 0.08, 0.30))


def sky(view: View, daylight: float) -> Image:
    """Red, green, blue (height, width, 3), 0 to 1, for one of `light.LEVELS`."""
    level = LEVELS.index(daylight)
    width, height = view.size
    down = np.clip((np.arange(height) + 0.5) / (HORIZON * height), 0.0, 1.0)
    stops = np.stack((_TOPS[level], _MIDDLES[level], _ENDS[level]))
    columns = [np.interp(down, (0.0, 0.55, 1.0), stops[:, channel]) for channel in range(3)]
    picture = np.repeat(np.stack(columns, axis=1)[:, None, :], width, axis=1).astype(np.float32)
    if _STARS[level]:
        _add_stars(picture, _STARS[level])
    cover = _clouds(view)[:, :, None]
    return np.asarray(picture * (1.0 - cover) + _CLOUDS[level] * cover, np.float32)


def _add_stars(picture: Image, strength: float) -> None:
    random = np.random.default_rng(3)
    height, width = picture.shape[:2]
    for x, y, bright in random.uniform(0.0, 1.0, (70, 3)):
        place = int(y * 0.8 * HORIZON * height), int(x * width)
        picture[place] += np.float32(strength * bright**3)


def _clouds(view: View) -> Image:
    """How much of the sky a cloud covers, 0 to 1: flat below, heaped above."""
    width, height = 2 * view.size[0], 2 * view.size[1]
    cover = np.zeros((height, width), np.uint8)
    for x, y, half in _HEAPS:
        heap = np.zeros_like(cover)
        for aside, rise, radius in _PUFFS:
            middle = (round((x + aside * half) * width), round(height * (y - rise * half)))
            axes = (max(1, round(radius * half * width)), max(1, round(radius * half * height)))
            cv2.ellipse(heap, middle, axes, 0, 0, 360, 255, cv2.FILLED, cv2.LINE_AA)
        heap[round(height * (y + 0.012)) :] = 0
        np.maximum(cover, heap, out=cover)
    small = cv2.resize(cover, view.size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) * np.float32(0.80 / 255)
