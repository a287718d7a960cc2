"""The sheet that what never moves is drawn on, once: colour, shine, shadow and distance of every pixel.

Drawn at twice the size and scaled down, so that edges are smooth. It becomes a picture only under a light.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from node.camera.street.light import LAMP_RGB, Light, Rgb, lamp_light
from node.camera.street.view import Floats, View
from node.masks.geometry import Size

Image = NDArray[np.float32]

FAR_M = 1000.0
"""The distance of the sky."""

_SHIFT = 4
_STEPS = 1 << _SHIFT
_OVER = 2  # drawn this much larger


class Sheet:
    """What stands still."""

    def __init__(self, size: Size) -> None:
        width, height = size[0] * _OVER, size[1] * _OVER
        self.view = View(size)
        self._fine = View((width, height))
        self._colour = np.zeros((height, width, 4), np.uint8)  # the fourth: how much is not sky
        self._shine = np.zeros((height, width, 3), np.uint8)
        self._shadow = np.zeros((height, width), np.uint8)
        self.depth: Image = np.full((size[1], size[0]), FAR_M, np.float32)
        """Distance Z in metres of what stands in each pixel (height, width); `FAR_M` for sky and ground."""

    def lay(self, points: Floats, rgb: Rgb) -> None:
        """Something flat on the ground: world points (n, 3)."""
        self._draw(self._fine.project(points), rgb, (0.0, 0.0, 0.0))

    def stand(
        self, points: Floats, rgb: Rgb, *, shine: Rgb = (0.0, 0.0, 0.0), distance: float | None = None
    ) -> None:
        """Something upright, at one distance (that of its middle if none is given); `shine`: its own light."""
        pixels = self._fine.project(points)
        self._draw(pixels, rgb, shine)
        z = float(points[:, 2].mean()) if distance is None else distance
        cv2.fillPoly(self.depth, [self._fixed(pixels / _OVER)], z, cv2.LINE_8, _SHIFT)

    def shade(self, points: Floats) -> None:
        """A shadow that the sun casts on the ground: the hull of world points (n, 3)."""
        pixels = self._fixed(self._fine.project(points))
        cv2.fillConvexPoly(self._shadow, cv2.convexHull(pixels), 255, cv2.LINE_AA, _SHIFT)

    def _draw(self, pixels: Floats, rgb: Rgb, shine: Rgb) -> None:
        outline = [self._fixed(pixels)]
        cv2.fillPoly(self._colour, outline, (*_bytes(rgb), 255), cv2.LINE_AA, _SHIFT)
        cv2.fillPoly(self._shine, outline, _bytes(shine), cv2.LINE_AA, _SHIFT)
        cv2.fillPoly(self._shadow, outline, 0, cv2.LINE_AA, _SHIFT)

    @staticmethod
    def _fixed(pixels: Floats) -> NDArray[np.int32]:
        return np.rint((pixels - 0.5) * _STEPS).astype(np.int32)

    def finished(self) -> "Finished":
        """What was drawn, at the picture's own size."""
        colour = _smaller(self._colour, self.view.size)
        ground = np.minimum(self.view.ground_distance(), FAR_M)[:, None]
        distance = np.where(self.depth < FAR_M, self.depth, ground)
        lamps = lamp_light(self.view.world(distance))
        return Finished(
            colour=colour[:, :, :3],
            cover=colour[:, :, 3:],
            shine=_smaller(self._shine, self.view.size),
            shadow=_smaller(self._shadow, self.view.size)[:, :, None],
            lamps=np.clip(lamps, 0.0, 1.4).astype(np.float32)[:, :, None],
        )


class Finished:
    """A sheet's layers, each (height, width, channels), 0 to 1."""

    def __init__(self, *, colour: Image, cover: Image, shine: Image, shadow: Image, lamps: Image) -> None:
        self._colour = colour
        self._cover = cover
        self._shine = shine
        self._shadow = shadow
        self._lamps = lamps

    def under(self, light: Light, sky: Image) -> Image:
        """The picture under this light, before this sky: red, green, blue, 0 to 1."""
        ambient = np.array(light.ambient, np.float32) * (1.0 - light.shadows * self._shadow)
        lamps = light.lamps * self._lamps * np.array(LAMP_RGB, np.float32)
        shine = self._shine * light.glow
        picture = np.maximum(self._colour * (ambient + lamps), shine)
        picture += sky * (1.0 - self._cover)
        picture += _bloom(shine)
        return np.asarray(np.clip(picture, 0.0, 1.0), np.float32)


def _bloom(shine: Image) -> Image:
    """The haze of light around what shines."""
    height, width = shine.shape[:2]
    small = cv2.resize(shine, (max(8, width // 4), max(8, height // 4)), interpolation=cv2.INTER_AREA)
    near = cv2.GaussianBlur(small, (0, 0), max(0.5, width / 480))
    wide = cv2.GaussianBlur(small, (0, 0), max(1.0, width / 110))
    haze = 0.40 * near + 0.75 * wide
    return np.asarray(cv2.resize(haze, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _smaller(image: NDArray[np.uint8], size: Size) -> Image:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32) / 255.0


def _bytes(rgb: Rgb) -> tuple[float, float, float]:
    red, green, blue = (min(255.0, max(0.0, 255.0 * part)) for part in rgb)
    return red, green, blue
