"""Blacks out what must not be seen, in place, in every stream. The only maker of `MaskedFrame`.

If painting fails for whatever reason, two black pictures take their place: nothing unmasked gets past here.
"""

import math
from dataclasses import dataclass
from typing import final

import cv2
import numpy as np

from node.camera.patches import patches
from node.camera.source import Picture, Plane, Request, aligned, new_picture
from node.errors import one_line
from node.masks.geometry import Size
from node.masks.raster import Mask, MaskRaster, StreamMask

LUMA_BLACK = 16
CHROMA_BLACK = 128
_BYTE = np.dtype(np.uint8)


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


_Copy = tuple[tuple[slice, slice], Plane]
"""Where in a plane, and the black to copy there: 0 in the pixels that stay, so that it is its own mask."""


@dataclass(frozen=True, slots=True, eq=False)
class _StreamPlan:
    """What is copied into one stream's planes."""

    size: Size
    shape: tuple[int, int]
    planar: tuple[tuple[int, ...], ...]
    semi_planar: tuple[tuple[int, ...], ...]
    luma: tuple[_Copy, ...]
    chroma: tuple[_Copy, ...]
    interleaved: tuple[_Copy, ...]


@final
class Painter:
    """Paints one mask set's raster. Everything is prepared once, so that a frame costs only the copying."""

    def __init__(self, raster: MaskRaster) -> None:
        self._main = _plan(raster.main)
        self._lores = _plan(raster.lores)
        self._black: tuple[Picture, Picture] | None = None

    def paint(self, request: Request) -> MaskedFrame:
        """Mask both pictures of the request in place. The frame's pictures are the request's own buffers."""
        try:
            _paint(request.main, self._main)
            _paint(request.lores, self._lores)
        except Exception as error:  # noqa: BLE001 — whatever it is, nothing of the picture may be seen
            # Pictures of our own: what could not be painted may not be blackened either.
            fault = one_line(f"painting failed: {error}")
            main, lores = new_picture(self._main.size), new_picture(self._lores.size)
            return MaskedFrame(self, main=main, lores=lores, sensor_ns=request.sensor_ns, fault=fault)
        return MaskedFrame(
            self, main=request.main, lores=request.lores, sensor_ns=request.sensor_ns, fault=None
        )

    def black(self, frame: MaskedFrame, why: str) -> MaskedFrame:
        """Black pictures in the place of a frame that was masked, but must not be shown: the same two each time."""
        self._black = self._black or (_read_only(self._main.size), _read_only(self._lores.size))
        main, lores = self._black
        return MaskedFrame(self, main=main, lores=lores, sensor_ns=frame.sensor_ns, fault=why)


def _read_only(size: Size) -> Picture:
    """A black picture that nobody can draw in."""
    picture = new_picture(size)
    for plane in (picture.luma, *picture.chroma):
        plane.flags.writeable = False
    return picture


def _paint(picture: Picture, plan: _StreamPlan) -> None:
    """Every plane must lie as planned; memory in an order that OpenCV cannot write it refuses by itself.

    A tenth of a picture is painted in 35 us, so a microsecond of Python is seen: loops stand here unrolled.
    """
    luma, chroma = picture.luma, picture.chroma
    shapes = tuple([plane.shape for plane in chroma])
    if luma.shape != plan.shape or shapes not in (plan.planar, plan.semi_planar):
        raise ValueError(f"planes of {luma.shape}, {shapes} came where {plan.shape} in 4:2:0 was due")
    for plane in (luma, *chroma):
        if plane.dtype != _BYTE:
            raise ValueError("the planes are not of bytes")
    copy = cv2.copyTo
    for where, black in plan.luma:
        copy(black, black, luma[where])
    for where, black in plan.chroma if shapes == plan.planar else plan.interleaved:
        for plane in chroma:
            copy(black, black, plane[where])


def _plan(mask: StreamMask) -> _StreamPlan:
    (height, width), (rows, columns) = mask.luma.shape, mask.chroma.shape
    return _StreamPlan(
        size=(width, height),
        shape=(height, width),
        planar=((rows, columns), (rows, columns)),
        semi_planar=((rows, columns, 2),),
        luma=_copies(mask.luma, LUMA_BLACK, channels=1),
        chroma=_copies(mask.chroma, CHROMA_BLACK, channels=1),
        interleaved=_copies(mask.chroma, CHROMA_BLACK, channels=2),
    )


def _copies(mask: Mask, value: int, *, channels: int) -> tuple[_Copy, ...]:
    """The patches of a plane. As black and mask are one array, only two go through the processor's cache, not three."""
    return tuple(
        (patch.where, _black(patch.pixels, value, channels)) for patch in patches(mask, channels=channels)
    )


def _black(pixels: Plane, value: int, channels: int) -> Plane:
    """That value in every channel of every pixel that is set."""
    shape = pixels.shape if channels == 1 else (*pixels.shape, channels)
    black = aligned(math.prod(shape)).reshape(shape)
    black[:] = value * (pixels if channels == 1 else pixels[:, :, None])
    return black
