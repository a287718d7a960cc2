"""The planes that a frame is drawn into: faces, shadows, light and what stands before them.

Chroma is one interleaved plane here, so that a shape costs two calls and not three. Never touches a request.
"""

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from node.camera.source import Picture, Plane
from node.camera.street.light import Faces, Light, illumination, joined, yuv
from node.camera.street.view import Floats, View

BLACK, WHITE, GREY = 16, 235, 128
"""Luma of black and white, and chroma of grey, in limited range."""

_RICH = 240  # the most that chroma may be

_SHIFT = 4  # cv2's fixed point: sixteenths of a pixel
_STEPS = 1 << _SHIFT


_SOFT = 4  # light is worked out this much smaller

Depth = NDArray[np.float32]
"""Distance in metres of what stands in each pixel (height, width)."""


_Layer = TypeVar("_Layer", Plane, Depth)


class Limits(NamedTuple):
    """Between which distances something is to happen, given the distance of every pixel."""

    depth: Depth
    near: float
    far: float


class Planes(NamedTuple):
    """Luma (h, w), interleaved chroma (h/2, w/2, 2)."""

    luma: Plane
    chroma: Plane


class Window(NamedTuple):
    """A part of the picture, in whole blocks of 2x2 pixels: pixels [left, right) x [top, bottom)."""

    left: int
    top: int
    right: int
    bottom: int

    def luma(self, plane: _Layer) -> _Layer:
        """This part of a plane of full size."""
        return plane[self.top : self.bottom, self.left : self.right]

    def chroma(self, plane: Plane) -> Plane:
        """This part of a plane of half size."""
        return plane[self.top // 2 : (self.bottom + 1) // 2, self.left // 2 : (self.right + 1) // 2]


class Outlined(NamedTuple):
    """A thing in pixels: the part of the picture it may fill, and its pieces for luma and chroma with Y, U, V."""

    window: Window | None
    pieces: list[tuple[NDArray[np.int32], NDArray[np.int32], list[int]]]


class Canvas:
    """One frame in the making."""

    def __init__(self, view: View) -> None:
        width, height = view.size
        self.view = view
        self.luma: Plane = np.full((height, width), BLACK, np.uint8)
        self.chroma: Plane = np.full(((height + 1) // 2, (width + 1) // 2, 2), GREY, np.uint8)

    def start(self, backdrop: Planes) -> None:
        """Begin a frame: everything as the backdrop has it."""
        np.copyto(self.luma, backdrop.luma)
        np.copyto(self.chroma, backdrop.chroma)

    def window(self, pixels: Floats, margin: float = 2.0) -> Window | None:
        """The part around points (n, 2) in pixels; None if it lies outside the picture."""
        return self._window(pixels.min(axis=0).tolist(), pixels.max(axis=0).tolist(), margin)

    def _window(self, low: list[float], high: list[float], margin: float) -> Window | None:
        width, height = self.view.size
        left, top = (max(0, math.floor(value - margin)) & ~1 for value in low)
        right, bottom = (math.ceil(value + margin) for value in high)
        right, bottom = min(width, right + right % 2), min(height, bottom + bottom % 2)
        return Window(left, top, right, bottom) if left < right and top < bottom else None

    def outline(self, things: Sequence[Faces], light: Light) -> list[Outlined]:
        """Things in pixels and in the colours that they have where they stand; all at once, which is cheaper."""
        if not things:
            return []
        whole = joined(things)
        pixels = self.view.project(whole.points)
        fine = np.rint(pixels * _STEPS - _STEPS / 2).astype(np.int32)
        coarse = (fine >> 1) - _STEPS // 4
        colours, ends = _lit(whole, light), list(accumulate(whole.sizes))
        corners = [0, *accumulate(len(faces.points) for faces in things)]
        lows = np.minimum.reduceat(pixels, corners[:-1]).tolist()
        highs = np.maximum.reduceat(pixels, corners[:-1]).tolist()
        outlined, start, piece = [], 0, 0
        for faces, low, high in zip(things, lows, highs, strict=True):
            pieces = []
            for end, colour in zip(ends[piece:], colours[piece : piece + len(faces.sizes)], strict=False):
                pieces.append((fine[start:end], coarse[start:end], colour))
                start = end
            piece += len(faces.sizes)
            outlined.append(Outlined(self._window(low, high, 2.0), pieces))
        return outlined

    def paint(self, outlined: Outlined) -> None:
        """Draw a thing's pieces over what is there, in their order."""
        for fine, coarse, (luma, *chroma) in outlined.pieces:
            cv2.fillConvexPoly(self.luma, fine, luma, cv2.LINE_AA, _SHIFT)
            cv2.fillConvexPoly(self.chroma, coarse, chroma, cv2.LINE_8, _SHIFT)

    def put_behind(self, window: Window, distance: float, backdrop: Planes, depth: Depth) -> None:
        """Bring back, within a window, what of the backdrop is nearer than `distance`."""
        nearer = _between(window.luma(depth), 0.0, distance)
        if not cv2.hasNonZero(nearer):
            return
        cv2.copyTo(window.luma(backdrop.luma), nearer, window.luma(self.luma))
        coarse = nearer[::2, ::2].copy()
        cv2.copyTo(window.chroma(backdrop.chroma), coarse, window.chroma(self.chroma))

    def shade(self, outline: Floats, strength: float) -> None:
        """Darken what lies within the hull of world points (n, 3) by a share 0 to 1."""
        pixels = self.view.project(outline)
        window = self.window(pixels)
        if window is None or strength <= 0.0:
            return
        mask = np.zeros((window.bottom - window.top, window.right - window.left), np.uint8)
        corner = (window.left + 0.5, window.top + 0.5)
        fixed = np.rint((pixels - corner) * _STEPS).astype(np.int32)
        cv2.fillConvexPoly(mask, cv2.convexHull(fixed), 255, cv2.LINE_8, _SHIFT)
        target = window.luma(self.luma)
        darker = cv2.convertScaleAbs(target, alpha=1.0 - strength, beta=strength * BLACK)
        cv2.copyTo(darker, mask, target)

    def add_light(
        self,
        texture: Plane,
        corners: Floats,
        *,
        strength: float,
        colour: tuple[float, float] = (0.0, 0.0),
        limits: Limits | None = None,
        onto: Plane | None = None,
    ) -> None:
        """Add a texture of light, stretched to four world points (4, 3): clockwise from the texture's top left.

        `strength` scales it to luma steps / 255, `colour` is what full strength adds to U and V. Only what stands
        within `limits` is lit, in proportion to its luma in `onto` (the street by day).
        """
        pixels = self.view.project(corners)
        window = self.window(pixels, margin=0.0)
        if window is None or strength <= 0.0:
            return
        patch = _stretched(texture, pixels, window)
        if limits is not None:
            within = _between(window.luma(limits.depth), limits.near, limits.far)
            patch = np.bitwise_and(patch, within)
        if onto is not None:
            patch = np.asarray(cv2.multiply(patch, window.luma(onto), scale=1 / WHITE), np.uint8)
        part = window.luma(self.luma)
        cv2.addWeighted(part, 1.0, patch, strength, 0.0, dst=part)
        if colour != (0.0, 0.0):
            self._tint(window, patch, colour)

    def _tint(self, window: Window, patch: Plane, colour: tuple[float, float]) -> None:
        """Shift chroma where a patch shines."""
        part = window.chroma(self.chroma)
        rows, columns = part.shape[:2]
        coarse = cv2.resize(patch, (columns, rows), interpolation=cv2.INTER_AREA)
        for plane, shift in enumerate(colour):
            sample = np.ascontiguousarray(part[:, :, plane])
            part[:, :, plane] = cv2.addWeighted(sample, 1.0, coarse, shift / 255.0, 0.0)

    def deliver(self, picture: Picture) -> None:
        """Copy the frame, held within limited range, into a picture of the same size (YUV420)."""
        np.clip(self.luma, BLACK, WHITE, out=picture.luma)
        np.clip(self.chroma, BLACK, _RICH, out=self.chroma)
        for plane, target in enumerate(picture.chroma):
            np.copyto(target, cv2.extractChannel(self.chroma, plane))


def _between(depth: Depth, near: float, far: float) -> Plane:
    """255 where the distance lies from `near` to `far`, else 0."""
    return np.asarray(cv2.inRange(depth, np.array(near), np.array(far)), np.uint8)


def _stretched(texture: Plane, pixels: Floats, window: Window) -> Plane:
    """A texture on a quadrilateral, cut to a window. Worked out at a quarter of the size: light is soft."""
    high, wide = texture.shape
    width, height = window.right - window.left, window.bottom - window.top
    coarse = max(1, width // _SOFT), max(1, height // _SOFT)
    source = np.array(((0, 0), (wide, 0), (wide, high), (0, high)), np.float32)
    scale = coarse[0] / width, coarse[1] / height
    target = ((pixels - (window.left, window.top)) * scale).astype(np.float32)
    warp = cv2.getPerspectiveTransform(source, target)
    patch = cv2.warpPerspective(texture, warp, coarse, flags=cv2.INTER_LINEAR)
    return np.asarray(cv2.resize(patch, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _lit(faces: Faces, light: Light) -> list[list[int]]:
    """Y, U, V of each face under this light."""
    starts = [0, *accumulate(faces.sizes[:-1])]
    centres = np.add.reduceat(faces.points, starts) / np.array(faces.sizes)[:, None]
    lit = np.maximum(faces.rgb * illumination(centres, light), faces.rgb * faces.glow[:, None])
    colours: list[list[int]] = np.rint(yuv(lit)).astype(int).tolist()
    return colours
