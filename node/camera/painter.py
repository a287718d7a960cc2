"""Blacks out what must not be seen, in place, in every stream. The only maker of `MaskedFrame`.

If painting fails for whatever reason, two black pictures take their place: nothing unmasked gets past here.
"""

from dataclasses import dataclass
from typing import final

import cv2
import numpy as np

from node.camera.source import Picture, Plane, Request, new_picture
from node.masks.raster import Mask, MaskRaster, StreamMask

LUMA_BLACK = 16
CHROMA_BLACK = 128


@final
class MaskedFrame:
    """Both pictures of one moment after masking. Only a `Painter` can make one."""

    __slots__ = ("fault", "lores", "main", "sensor_ns")

    def __init__(
        self, maker: "Painter", *, main: Picture, lores: Picture, sensor_ns: int, fault: str | None
    ) -> None:
        if type(maker) is not Painter:
            raise TypeError("only a Painter makes masked frames")
        self.main = main
        self.lores = lores
        self.sensor_ns = sensor_ns
        self.fault = fault
        """Why the frame is black as a whole; None if it was masked as it should be."""


@dataclass(frozen=True, slots=True, eq=False)
class _Patch:
    """A connected part of a mask in its bounding box: where, which pixels, and the black to copy there."""

    rows: slice
    columns: slice
    pixels: Plane
    black: Plane


@dataclass(frozen=True, slots=True, eq=False)
class _StreamPlan:
    size: tuple[int, int]
    luma: tuple[_Patch, ...]
    chroma: tuple[_Patch, ...]
    interleaved: tuple[_Patch, ...]


@final
class Painter:
    """Paints one mask set's raster. Everything is prepared once, so that a frame costs only the copying."""

    def __init__(self, raster: MaskRaster) -> None:
        self._main = _plan(raster.main)
        self._lores = _plan(raster.lores)

    def paint(self, request: Request) -> MaskedFrame:
        """Mask both pictures of the request in place. The frame's pictures are the request's own buffers."""
        try:
            _paint(request.main, self._main)
            _paint(request.lores, self._lores)
        except (ValueError, TypeError, IndexError, cv2.error) as error:
            # Pictures of our own: what could not be painted may not be blackened either.
            fault = f"painting failed: {error}".splitlines()[0]
            main, lores = new_picture(self._main.size), new_picture(self._lores.size)
            return MaskedFrame(self, main=main, lores=lores, sensor_ns=request.sensor_ns, fault=fault)
        return MaskedFrame(
            self, main=request.main, lores=request.lores, sensor_ns=request.sensor_ns, fault=None
        )

    def black(self, frame: MaskedFrame, why: str) -> MaskedFrame:
        """Black pictures in the place of a frame that was masked, but must not be shown."""
        main, lores = new_picture(frame.main.size), new_picture(frame.lores.size)
        return MaskedFrame(self, main=main, lores=lores, sensor_ns=frame.sensor_ns, fault=why)


def _paint(picture: Picture, plan: _StreamPlan) -> None:
    """Every plane must lie as planned: into another layout OpenCV would paint a copy, and say nothing."""
    width, height = plan.size
    rows, columns = (height + 1) // 2, (width + 1) // 2
    shapes = [plane.shape for plane in (picture.luma, *picture.chroma)]
    planar, interleaved = [(rows, columns)] * 2, [(rows, columns, 2)]
    if shapes[0] != (height, width) or shapes[1:] not in (planar, interleaved):
        raise ValueError(f"planes of {shapes} came where {width}x{height} in 4:2:0 was due")
    if any(plane.dtype != np.uint8 for plane in (picture.luma, *picture.chroma)):
        raise ValueError("the planes are not of bytes")
    _copy(picture.luma, plan.luma)
    for plane in picture.chroma:
        _copy(plane, plan.chroma if shapes[1:] == planar else plan.interleaved)


def _copy(plane: Plane, patches: tuple[_Patch, ...]) -> None:
    for patch in patches:
        cv2.copyTo(patch.black, patch.pixels, plane[patch.rows, patch.columns])


def _plan(mask: StreamMask) -> _StreamPlan:
    height, width = mask.luma.shape
    return _StreamPlan(
        size=(width, height),
        luma=_patches(mask.luma, LUMA_BLACK, channels=1),
        chroma=_patches(mask.chroma, CHROMA_BLACK, channels=1),
        interleaved=_patches(mask.chroma, CHROMA_BLACK, channels=2),
    )


def _patches(mask: Mask, value: int, *, channels: int) -> tuple[_Patch, ...]:
    """One patch for each connected part: a bounding box around all of them would copy what lies between."""
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    patches = []
    for label in range(1, count):
        x, y, width, height = (int(part) for part in boxes[label][:4])
        rows, columns = slice(y, y + height), slice(x, x + width)
        pixels = (labels[rows, columns] == label).astype(np.uint8)
        shape = (height, width) if channels == 1 else (height, width, channels)
        patches.append(_Patch(rows, columns, pixels, np.full(shape, value, np.uint8)))
    return tuple(patches)
