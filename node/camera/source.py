"""What a camera is to the rest of `node.camera`: requests that carry two streams of the same moment."""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from node.masks.geometry import Geometry, Size

Plane = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Picture:
    """Writable views of one stream's planes in 8-bit 4:2:0, limited range.

    `luma` is (height, width). `chroma` is two planes (ceil(height/2), ceil(width/2)) for YUV420, or one
    (ceil(height/2), ceil(width/2), 2) for NV12. The views may have strides wider than the picture.
    """

    luma: Plane
    chroma: tuple[Plane, ...]

    @property
    def size(self) -> Size:
        """Width, height of the luma plane."""
        return self.luma.shape[1], self.luma.shape[0]


def yuv420(buffer: Plane, size: Size, stride: int | None = None) -> Picture:
    """Views of a contiguous I420 buffer (uint8, flat): luma rows of `stride` bytes, chroma rows of half that."""
    width, height = size
    stride = width + width % 2 if stride is None else stride
    half, rows = stride // 2, (height + 1) // 2
    luma = buffer[: stride * height].reshape(height, stride)[:, :width]
    chroma = buffer[stride * height : stride * height + 2 * half * rows].reshape(2, rows, half)
    columns = (width + 1) // 2
    return Picture(luma, (chroma[0, :, :columns], chroma[1, :, :columns]))


ALIGNMENT = 64


def aligned(length: int) -> Plane:
    """So many bytes of memory, not cleared, beginning on a cache line: copying across two lines takes twice as long."""
    memory = np.empty(length + ALIGNMENT - 1, np.uint8)
    skipped = -memory.ctypes.data % ALIGNMENT
    return memory[skipped : skipped + length]


def new_picture(size: Size) -> Picture:
    """A picture of its own, black, its luma beginning on a cache line as a camera's buffers do."""
    width, height = size
    length = (width + width % 2) * height + 2 * ((width + 1) // 2) * ((height + 1) // 2)
    picture = yuv420(aligned(length), size)
    picture.luma[:] = 16
    for plane in picture.chroma:
        plane[:] = 128
    return picture


LORES_WIDTH = 320
NATIVE_LORES_WIDTH = 400


def lores_size(main: Size) -> Size:
    """The lores size of sources that may choose: 320 wide, or main's own where that is hardly more; even sides."""
    if main[0] <= NATIVE_LORES_WIDTH:
        return main
    height = round(main[1] * LORES_WIDTH / main[0])
    return LORES_WIDTH, max(2, height - height % 2)


def scale_into(raw: Picture, small: Picture) -> None:
    """Scale a raw picture down as a camera's image processor does: each pixel is the mean of what it overlaps."""
    for source, target in zip((raw.luma, *raw.chroma), (small.luma, *small.chroma), strict=True):
        if source.shape == target.shape:
            target[...] = source
        else:
            cv2.resize(source, target.shape[::-1], dst=target, interpolation=cv2.INTER_AREA)


class Request(Protocol):
    """One moment of the camera: its main and lores pictures, raw. Whoever takes it must release it."""

    @property
    def main(self) -> Picture:
        """The stream that is recorded."""
        ...

    @property
    def lores(self) -> Picture:
        """The stream that is analysed."""
        ...

    @property
    def sensor_ns(self) -> int:
        """When the exposure began, in nanoseconds since boot."""
        ...

    def release(self) -> None:
        """Give the buffers back to the camera; the pictures must not be touched afterwards."""
        ...


class FrameSource(Protocol):
    """A camera. Closed until `open`; nothing is filmed while it is closed. `tests/contracts` holds every one to it."""

    @property
    def geometry(self) -> Geometry:
        """How this source looks at the world; masks are made for exactly one geometry."""
        ...

    @property
    def frame_rate(self) -> float:
        """Frames per second that the source aims at."""
        ...

    def open(self) -> None:
        """Start delivering. Refuses if it is open already, or if the device, file or scene cannot be had."""
        ...

    def next_request(self) -> Request | None:
        """The next moment, waited for; None when a recorded scene is over.

        Refuses while closed, and while no buffer is free: what is out is never drawn over.
        """
        ...

    def close(self) -> None:
        """Stop, and release the device. Closing twice is allowed."""
        ...
