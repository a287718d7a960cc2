"""All that never moves, painted once for day, dusk and night, and mixed for the light in between."""

import cv2
import numpy as np

from node.camera.street.canvas import BLACK, WHITE, Planes
from node.camera.street.estate import draw_estate
from node.camera.street.light import LAMP_RGB, LEVELS, lamp_haze, light_at, yuv_image
from node.camera.street.sheet import Finished, Image, Sheet
from node.camera.street.sky import sky
from node.masks.geometry import Size

_HAZE = 0.10  # of the lamps' light that dry air shows


class Backdrop:
    """The street without anything that moves, as planes, for any daylight."""

    def __init__(self, size: Size) -> None:
        sheet = Sheet(size)
        draw_estate(sheet)
        self.depth = sheet.depth
        haze: Image = (lamp_haze(sheet.view)[:, :, None] * np.array(LAMP_RGB)).astype(np.float32)
        haze *= _HAZE
        self._materials: tuple[Finished, Image] | None = (sheet.finished(), haze)
        self._view = sheet.view
        self._painted: dict[float, Planes] = {}
        self._mixed_for = -1.0
        width, height = size
        self._mixed = Planes(
            np.empty((height, width), np.uint8),
            np.empty(((height + 1) // 2, (width + 1) // 2, 2), np.uint8),
        )

    def prepare(self, darkest: float, brightest: float) -> None:
        """Paint all that daylight between these needs, so that no frame has to wait for it."""
        for brighter, level, darker in zip((2.0, *LEVELS), LEVELS, (*LEVELS[1:], -1.0), strict=False):
            if darkest < brighter and brightest > darker:
                self._level(level)

    def at(self, daylight: float) -> Planes:
        """The planes for a daylight of 0 to 1. Valid until the next call; not to be written to."""
        if daylight in LEVELS:
            return self._level(daylight)
        if daylight != self._mixed_for:
            above = min(level for level in LEVELS if level > daylight)
            below = max(level for level in LEVELS if level < daylight)
            share = (daylight - below) / (above - below)
            for low, high, target in zip(self._level(below), self._level(above), self._mixed, strict=True):
                cv2.addWeighted(low, 1.0 - share, high, share, 0.0, dst=target)
            self._mixed_for = daylight
        return self._mixed

    def _level(self, daylight: float) -> Planes:
        if daylight not in self._painted and self._materials is not None:
            sheet, haze = self._materials
            light = light_at(daylight)
            picture = sheet.under(light, sky(self._view, daylight))
            picture += light.lamps * haze
            self._painted[daylight] = _planes(picture)
            if len(self._painted) == len(LEVELS):
                self._materials = None  # 50 bytes a pixel, and nothing is left to paint
        return self._painted[daylight]


def _planes(picture: Image) -> Planes:
    """Red, green, blue (h, w, 3) to planes in limited range."""
    height, width = picture.shape[:2]
    half = ((width + 1) // 2, (height + 1) // 2)
    full = yuv_image(picture)
    grain = np.random.default_rng(0).normal(0.0, 1.2, (height, width))  # hides banding
    luma = np.clip(np.rint(full[:, :, 0] + grain), BLACK, WHITE).astype(np.uint8)
    chroma = cv2.resize(full[:, :, 1:], half, interpolation=cv2.INTER_AREA)
    return Planes(luma, np.rint(chroma).astype(np.uint8))
