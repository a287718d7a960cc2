"""What a place looks like when nothing moves there, and which pixels now show something that does.

Owns the model of the empty scene: how bright each pixel is and how much it flickers by itself. Light that
falls on the scene is taken out (`node.analysis.light`); what is put into the scene becomes part of it. It
never looks at blind pixels, and never says what it is that moves.
"""

from dataclasses import dataclass
from math import e, exp
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from node.analysis.light import Brightness, EvenLight, Mask, Texture

Luma = NDArray[np.uint8]

LEAST_SIDE: Final = 32
"""A picture with a shorter side, in pixels, says nothing."""

_BLACK: Final = 16  # luma of black in limited range
_DARK: Final = 24.0  # luma above black at which contrast begins to count fully: below it is sensor noise

_FLICKERS: Final = 3.0  # a difference counts from so many mean flickers on
_SWAY: Final = 0.3  # ... and so much of the contrast between neighbours: leaves and poles sway
_FLICKER_FIRST: Final = 0.03  # what is believed of a pixel that was never watched
_FLICKER_MOST: Final = 0.25  # a passer-by is not flicker: he counts for no more than this
_STILL: Final = 1 / e  # a difference of which less came in the last `still_seconds` stands still
_UPHEAVAL: Final = 0.4  # where more of the picture moves, the picture has changed, not something in it
_EDGES_EVERY: Final = 8  # frames between two looks at the scene's edges, which hardly change


@dataclass(frozen=True, slots=True)
class LearningSettings:
    """How fast the empty scene is learned, and how faint a thing may be."""

    scene_seconds: float = 4.0
    """Time constant with which the scene follows what looks like it."""
    object_seconds: float = 12.0
    """Time constant with which it takes in what does not: a parked car becomes scenery."""
    still_seconds: float = 1.0
    """What looks the same for this long stands still."""
    flicker_seconds: float = 8.0
    """Time constant with which a pixel's own flicker is learned."""
    contrast: float = 0.09
    """The least difference that counts where nothing flickers."""


class Background:
    """The empty scene of one fixed camera, learned while it is watched.

    `blind` is (height, width), True where nothing may be looked at. A rim of two pixels around it is left
    out as well, so that not even the colour that a mask is painted with has an influence.
    """

    def __init__(self, *, blind: NDArray[np.bool_], settings: LearningSettings) -> None:
        height, width = blind.shape
        if min(height, width) < LEAST_SIDE:
            raise ValueError(f"{width}x{height} is too small: {LEAST_SIDE} px a side at least")
        self._settings = settings
        self._around = np.ones((3, 3), np.uint8)
        # Two pixels: one for the blur, one for the look at neighbours.
        seen = cv2.dilate(blind.astype(np.uint8), self._around, iterations=2) == 0
        self._light = EvenLight(seen=seen)
        self._texture = Texture(seen=seen)
        self._seen = seen.astype(np.uint8)
        luma = np.arange(256, dtype=np.float64)
        self._log = np.log1p(np.maximum(luma - _BLACK, 0) / _DARK).astype(np.float32)
        # Buffers live as long as the camera: fresh ones cost more than what is computed in them.
        self._now, self._scene, self._recent, self._flicker, self._edges, self._limit, self._spare = (
            np.zeros(blind.shape, np.float32) for _ in range(7)
        )
        self._differs, self._near = (np.zeros(blind.shape, np.uint8) for _ in range(2))
        self._frames = 0
        self.age_seconds = 0.0
        """How long the scene has been learned."""
        self.seen_pixels = int(np.count_nonzero(seen))
        """Pixels that are neither blind nor beside a blind one."""

    def moving(self, luma: Luma, elapsed: float) -> Mask:
        """Pixels of `luma` (height, width) that something hides now and did not a second ago.

        `elapsed` is the time since the frame before, in seconds. Learns from the frame. Nothing moves while
        there is nothing to compare with.
        """
        now, spare = self._now, self._spare
        cv2.LUT(luma, self._log, dst=spare)
        cv2.GaussianBlur(spare, (3, 3), 0, dst=now)
        if self._frames == 0 or self.seen_pixels == 0:
            return self._learn_anew()
        self._frames += 1
        self.age_seconds += elapsed
        light = self._light.change(now, self._scene, spare)
        np.subtract(now, light, out=now)
        if self._frames % _EDGES_EVERY == 2:  # noqa: PLR2004 — the first frame after the scene was learned
            cv2.morphologyEx(self._scene, cv2.MORPH_GRADIENT, self._around, dst=self._edges)
        limit = self._limit
        cv2.addWeighted(self._flicker, _FLICKERS, self._edges, _SWAY, self._settings.contrast, dst=limit)
        cv2.absdiff(now, self._scene, dst=spare)
        differs = np.greater(spare, limit, out=self._differs.view(np.bool_)).view(np.uint8)
        differs &= self._seen
        np.multiply(spare, np.float32(_STILL), out=spare)
        np.maximum(limit, spare, out=limit)
        cv2.absdiff(now, self._recent, dst=spare)
        moving = np.greater(spare, limit).view(np.uint8)
        moving &= differs
        if np.any(moving):
            moving &= self._texture.hidden(now, self._scene, self._flicker, moving)
        if cv2.countNonZero(moving) > _UPHEAVAL * self.seen_pixels:
            np.add(now, light, out=now)
            return self._learn_anew()
        self._learn(light, elapsed)
        return moving

    def forget(self) -> None:
        """Learn the scene anew from the next frame on."""
        self._frames = 0
        self.age_seconds = 0.0

    def _learn(self, light: Brightness, elapsed: float) -> None:
        """From `_now` without its change of light, its change in `_spare`, and what `_differs` in it."""
        settings, now, change = self._settings, self._now, self._spare
        at_first = 1 / self._frames
        still = max(_share(elapsed, settings.still_seconds), at_first)
        scene = max(_share(elapsed, settings.scene_seconds), at_first)
        things = (
            _share(elapsed, settings.object_seconds) if self.age_seconds > settings.still_seconds else scene
        )
        np.minimum(change, np.float32(_FLICKER_MOST), out=change)
        cv2.accumulateWeighted(change, self._flicker, _share(elapsed, settings.flicker_seconds))
        cv2.accumulateWeighted(now, self._recent, still)
        near = self._near
        cv2.dilate(self._differs, self._around, dst=near)
        cv2.accumulateWeighted(now, self._scene, things, near)
        np.subtract(1, near, out=near)
        cv2.accumulateWeighted(now, self._scene, scene, near)
        cv2.scaleAdd(light, scene, self._scene, dst=self._scene)
        cv2.scaleAdd(light, scene, self._recent, dst=self._recent)

    def _learn_anew(self) -> Mask:
        self._frames = 1
        self.age_seconds = 0.0
        np.copyto(self._scene, self._now)
        np.copyto(self._recent, self._now)
        self._flicker.fill(_FLICKER_FIRST)
        return np.zeros(self._now.shape, np.uint8)


def _share(elapsed: float, time_constant: float) -> float:
    return 1 - exp(-elapsed / time_constant)
