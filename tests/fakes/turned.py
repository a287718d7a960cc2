"""Made-up views that a camera can be turned in: random shapes, also beside the picture, filmed with noise."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from node.camera.painter import MaskedFrame, Painter
from node.camera.pose.lock import PoseLock
from node.camera.pose.making import reference_from
from node.camera.pose.structure import Sight
from node.camera.source import Picture, Plane
from node.clock import NS
from node.formats.pose import PoseReference
from node.masks.geometry import Points, full_view
from node.masks.raster import MaskRaster, rasterise
from tests.fakes.scripted import ScriptedRequest, filmed

WIDTH, HEIGHT = 960, 540
GUARD_PX = 16
MARGIN = 2
"""The world is so many times as wide and high as a picture."""
FIELD_OF_VIEW = 66.0
FULL_HD_PX = 1920
_GRAIN_MARGIN = 64


@dataclass(frozen=True, slots=True)
class Pose:
    """How the camera is turned (degrees), shifted (main pixels) and zoomed."""

    pan: float = 0.0
    tilt: float = 0.0
    roll: float = 0.0
    zoom: float = 1.0
    x: float = 0.0
    y: float = 0.0

    def matrix(self, width: int, height: int) -> NDArray[np.float64]:
        """The homography from the picture in place to the picture that is seen."""
        focal = width / 2 / np.tan(np.radians(FIELD_OF_VIEW / 2))
        lens = np.array(((focal, 0, width / 2), (0, focal, height / 2), (0, 0, 1)))
        pan, tilt, roll = np.radians((self.pan, self.tilt, self.roll))
        about_y = np.array(((np.cos(pan), 0, np.sin(pan)), (0, 1, 0), (-np.sin(pan), 0, np.cos(pan))))
        about_x = np.array(((1, 0, 0), (0, np.cos(tilt), -np.sin(tilt)), (0, np.sin(tilt), np.cos(tilt))))
        about_z = np.array(((np.cos(roll), -np.sin(roll), 0), (np.sin(roll), np.cos(roll), 0), (0, 0, 1)))
        shift = np.array(((1, 0, self.x), (0, 1, self.y), (0, 0, 1)))
        zoom = np.diag((self.zoom, self.zoom, 1.0))
        return np.asarray(shift @ lens @ zoom @ about_z @ about_x @ about_y @ np.linalg.inv(lens))


IN_PLACE = Pose()


def turned(picture: Plane, pose: Pose) -> Plane:
    """A picture of known edges as a turned camera sees it; beyond its border it goes on mirrored."""
    if pose == IN_PLACE:
        return picture
    height, width = picture.shape
    matrix = pose.matrix(width, height)
    return np.asarray(
        cv2.warpPerspective(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101), np.uint8
    )


class World:
    """A random view: what is beside the picture is known, so a camera can be turned there."""

    def __init__(self, seed: int, *, width: int = WIDTH, height: int = HEIGHT, shapes: int = 160) -> None:
        random = np.random.default_rng(seed)
        self.size = (width, height)
        self._around = (MARGIN - 1) * width // 2, (MARGIN - 1) * height // 2
        wide, high = MARGIN * width, MARGIN * height
        grain = random.normal(0, 1, (high // 8, wide // 8)).astype(np.float32)
        canvas = (
            np.asarray(cv2.resize(grain, (wide, high), interpolation=cv2.INTER_CUBIC), np.float32) * 14 + 110
        )
        for _ in range(shapes * MARGIN * MARGIN):
            x, y = float(random.uniform(0, wide)), float(random.uniform(0, high))
            box = (
                (x, y),
                tuple(random.uniform(8, width / 6, 2)),
                float(random.choice((0, 0, 90, random.uniform(0, 90)))),
            )
            corners = np.asarray(cv2.boxPoints(box)).astype(np.int32)
            cv2.fillConvexPoly(canvas, corners, float(random.uniform(30, 220)))
        self._canvas: Plane = np.clip(cv2.GaussianBlur(canvas, (0, 0), 0.8), 16, 235).astype(np.uint8)

    def seen(self, pose: Pose = IN_PLACE) -> Plane:
        """The picture, without noise."""
        width, height = self.size
        x, y = self._around
        inside = np.array(((1, 0, -x), (0, 1, -y), (0, 0, 1)), np.float64)
        matrix = pose.matrix(width, height) @ inside
        return np.asarray(cv2.warpPerspective(self._canvas, matrix, (width, height)), np.uint8)


@cache
def _grain(height: int, width: int) -> NDArray[np.float32]:
    """Noise enough for frames that are cut from it at different places."""
    random = np.random.default_rng(99)
    return random.standard_normal((height + _GRAIN_MARGIN, width + _GRAIN_MARGIN), np.float32)


def noisy(picture: NDArray[np.generic], seed: int, sigma: float = 2.0) -> Plane:
    """With a sensor's noise."""
    height, width = picture.shape
    y, x = np.random.default_rng(seed).integers(0, _GRAIN_MARGIN, 2)
    grain = _grain(height, width)[y : y + height, x : x + width]
    return np.asarray(np.clip(np.asarray(picture, np.float32) + np.float32(sigma) * grain, 16, 235), np.uint8)


@dataclass(slots=True)
class Watched:
    """When a lock shut and opened, in seconds, and what it looked at."""

    changes: list[tuple[float, bool]] = field(default_factory=list)
    looks: int = 0

    def black_after(self, turn_s: float) -> float | None:
        """Seconds from the turn until nothing was shown; None if that never came."""
        return next((at - turn_s for at, shut in self.changes if shut and at >= turn_s), None)


def watched(
    film: Callable[[float], Plane],
    *,
    seconds: float,
    frame_rate: float = 10.0,
    guard_px: int = GUARD_PX,
    masks: Sequence[Points] = (),
    reference: PoseReference | None = None,
    lock: PoseLock | None = None,
    start_s: float = 0.0,
) -> Watched:
    """Film so many seconds under a lock, and note what it does."""
    height, width = film(start_s).shape
    raster = raster_of(width, height, masks, guard_px=guard_px)
    lock = lock or PoseLock(
        size=(width, height), blind=raster.main.luma, guard_px=guard_px, reference=reference
    )
    painter, found = Painter(raster), Watched()
    frame = masked(painter, film(start_s), start_s)
    for number in range(round(seconds * frame_rate)):
        at_s = start_s + number / frame_rate
        if lock.due(round(at_s * NS)):  # what is not looked at need not be drawn
            frame = masked(painter, film(at_s), at_s)
        frame.sensor_ns = round(at_s * NS)
        lock.observe(frame)
        if lock.shut != (bool(found.changes) and found.changes[-1][1]):
            found.changes.append((at_s, lock.shut))
    found.looks = lock.looks
    return found


def locked(
    view: Plane, *, with_reference: bool, masks: Sequence[Points] = (), guard_px: int = GUARD_PX
) -> PoseLock:
    """A lock for that view under these masks, with a reference that was made of it or without."""
    height, width = view.shape
    blind = raster_of(width, height, masks, guard_px=guard_px).main.luma
    pictures = (np.where(blind, 16, noisy(view, n)).astype(np.uint8) for n in range(8))
    reference = reference_from(pictures, Sight(size=(width, height), blind=blind)) if with_reference else None
    return PoseLock(size=(width, height), blind=blind, guard_px=guard_px, reference=reference)


def raster_of(width: int, height: int, masks: Sequence[Points], *, guard_px: int = GUARD_PX) -> MaskRaster:
    """Masks of polygons in fractions."""
    geometry = full_view(sensor="s", main=(width, height), lores=(width // 4 * 2, height // 4 * 2))
    return rasterise(masks, geometry, guard_px=guard_px)


def masked(painter: Painter, luma: Plane, at_s: float) -> MaskedFrame:
    """A frame with that luma, masked."""
    height, width = luma.shape
    geometry = full_view(sensor="s", main=(width, height), lores=(width // 4 * 2, height // 4 * 2))

    def draw(picture: Picture) -> None:
        picture.luma[:] = luma

    return painter.paint(ScriptedRequest(filmed(geometry, draw), sensor_ns=round(at_s * NS)))
