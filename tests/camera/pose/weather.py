"""What happens before a camera that stays where it is: light, weather, people, hands. Pictures are 960 x 540."""

from collections.abc import Callable

import cv2
import numpy as np

from node.camera.source import Plane
from tests.fakes.turned import noisy

Weather = Callable[[Plane, float], Plane]
"""A picture, and the seconds since the start: the picture then. Each begins at 6 s or later."""


def dusk(picture: Plane, s: float) -> Plane:
    """Dusk and dawn, down to a twentieth of the light, in half a minute."""
    light = max(0.05, abs(s - 14) / 14)
    return noisy(16 + (picture - 16.0) * light, round(s * 1000), sigma=3)


def lamps(picture: Plane, s: float) -> Plane:
    """Lamps go on in the dark, and off."""
    height, width = picture.shape
    y, x = np.mgrid[0:height, 0:width]
    pools = sum(np.exp(-(((x - width * c) / 120) ** 2) - ((y - 300) / 120) ** 2) for c in (0.3, 0.7))
    lit = 0.15 + (pools if 9 <= s < 18 else 0.0)
    return noisy(16 + (picture - 16.0) * np.clip(lit, 0, 1.2), round(s * 1000), sigma=3)


def switched(picture: Plane, s: float) -> Plane:
    """Light is switched off and on."""
    return noisy(picture if int(s) % 6 < 4 else 16 + (picture - 16.0) * 0.05, round(s * 1000), sigma=3)


def fog(picture: Plane, s: float) -> Plane:
    """Fog, up to 96 %."""
    return noisy(picture + (190.0 - picture) * min(0.96, max(0, s - 6) / 10), round(s * 1000))


def rain(picture: Plane, s: float) -> Plane:
    """Heavy rain."""
    random, wet = np.random.default_rng(round(s * 1000)), picture.copy()
    for x, y, length in random.uniform(0, 1, (400 if s > 6 else 0, 3)) * (960, 540, 60):
        cv2.line(wet, (int(x), int(y)), (int(x + length / 5), int(y + length)), 190, 1)
    return noisy(wet, round(s * 1000))


def snow(picture: Plane, s: float) -> Plane:
    """Snow falls, and stays."""
    random = np.random.default_rng(round(s * 1000))
    depth = np.linspace(-0.3, 1, picture.shape[0]).clip(0)[:, None] * min(0.9, max(0, s - 6) / 15)
    white = np.ascontiguousarray((picture * (1 - depth) + 215 * depth).astype(np.uint8))
    for x, y, size in random.uniform(0, 1, (500 if s > 6 else 0, 3)) * (960, 540, 5):
        cv2.circle(white, (int(x), int(y)), int(1 + size), 235, -1)
    return noisy(white, round(s * 1000))


def drops(picture: Plane, s: float) -> Plane:
    """Twenty drops on the glass."""
    if s < 6:
        return noisy(picture, round(s * 1000))
    wet = np.zeros(picture.shape, np.float32)
    for x, y, size in np.random.default_rng(4).uniform(0, 1, (20, 3)) * (960, 540, 40):
        cv2.circle(wet, (int(x), int(y)), int(15 + size), 1.0, -1)
    blurred = cv2.GaussianBlur(picture, (0, 0), 12)
    return noisy(picture * (1 - wet) + blurred * wet, round(s * 1000))


def crowd(picture: Plane, s: float) -> Plane:
    """Thirty people and cars pass in front."""
    full = picture.copy()
    for x, y, size, speed in np.random.default_rng(5).uniform(0, 1, (30, 4)) * (1200, 400, 150, 120):
        left = int((x + (30 + speed) * s) % 1200) - 120
        cv2.rectangle(
            full, (left, int(y)), (left + int(30 + size / 2), int(y + 60 + size)), int(40 + size), -1
        )
        cv2.rectangle(full, (left + 5, int(y + 10)), (left + 20, int(y + 40)), int(220 - size), -1)
    return noisy(full if s > 6 else picture, round(s * 1000))


def hand(picture: Plane, s: float) -> Plane:
    """A hand covers the lens for six seconds."""
    if not 8 <= s < 14:
        return noisy(picture, round(s * 1000))
    grain = np.random.default_rng(6).normal(0, 1, picture.shape).astype(np.float32)
    skin = cv2.GaussianBlur(grain, (0, 0), 25)
    return noisy(70 + 20 * skin / skin.std(), round(s * 1000))


def half_covered(picture: Plane, s: float) -> Plane:
    """A van stops before more than half of the view."""
    half = picture.copy()
    if s >= 6:
        half[:, :560] = np.roll(picture, 271, axis=0)[::-1, :560]
    return noisy(half, round(s * 1000))


WEATHER: tuple[Weather, ...] = (
    dusk, lamps, switched, fog, rain, snow, drops, crowd, hand, half_covered,
)  # fmt: skip
