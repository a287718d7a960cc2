"""How a point of the sensor's pixel array lands in a stream's picture.

Polygons are stored as fractions of the **sensor's pixel array** (x right, y down, in the sensor's own
orientation), so that crop, rotation and resolution cannot move them over the world. This module owns the
way from there to a stream: pixel array → crop (libcamera's ScalerCrop) → transform → stream pixels.
"""

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from node.errors import Refused

Transform = Literal[
    "identity",
    "hflip",
    "vflip",
    "rotate180",
    "transpose",
    "rotate90",
    "rotate270",
    "rotate180transpose",
]
"""The eight ways to lay a rectangle on itself, by libcamera's names (`Transform`): rotations are clockwise."""

Points = NDArray[np.float64]
"""Vertices, shape (n, 2): x, y."""

Size = tuple[int, int]
"""Width, height in pixels."""

MAX_SIDE_PX = 16_384
MAX_PICTURE_PX = 1 << 26


class Geometry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way of looking through one sensor: everything that decides which world point lands on which pixel."""

    sensor: str
    pixel_array: tuple[int, int]
    mode: tuple[int, int]
    crop: tuple[int, int, int, int]
    transform: Transform
    main: tuple[int, int]
    lores: tuple[int, int]

    def __post_init__(self) -> None:
        for name in ("pixel_array", "mode", "main", "lores"):
            width, height = getattr(self, name)
            if not (0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX):
                raise Refused(f"geometry: {name} must be 1 to {MAX_SIDE_PX} px a side")
        for name in ("main", "lores"):
            width, height = getattr(self, name)
            if width * height > MAX_PICTURE_PX:
                raise Refused(f"geometry: {name} has more than {MAX_PICTURE_PX} px")
        x, y, width, height = self.crop
        inside = x >= 0 and y >= 0 and x + width <= self.pixel_array[0] and y + height <= self.pixel_array[1]
        if width <= 0 or height <= 0 or not inside:
            raise Refused("geometry: crop lies outside the pixel array")


def full_view(*, sensor: str, main: Size, lores: Size) -> Geometry:
    """The geometry of a source that delivers its whole pixel array upright: recorded or made-up video."""
    return Geometry(
        sensor=sensor,
        pixel_array=main,
        mode=main,
        crop=(0, 0, *main),
        transform="identity",
        main=main,
        lores=lores,
    )


# What each transform does to a point (u, v) of the unit square; the picture's own u runs right, v down.
# The axes are swapped first here, then flipped. libcamera's bits mean the flips first: see `libcamera_transform`.
TRANSFORMS: dict[Transform, tuple[bool, bool, bool]] = {  # (swap axes, then flip u, flip v)
    "identity": (False, False, False),
    "hflip": (False, True, False),
    "vflip": (False, False, True),
    "rotate180": (False, True, True),
    "transpose": (True, False, False),
    "rotate90": (True, True, False),
    "rotate270": (True, False, True),
    "rotate180transpose": (True, True, True),
}


def libcamera_transform(*, hflip: bool, vflip: bool, transpose: bool) -> Transform:
    """The transform that libcamera's three bits mean: it flips first and transposes last."""
    swapped_first = (transpose, vflip, hflip) if transpose else (False, hflip, vflip)
    return next(name for name, steps in TRANSFORMS.items() if steps == swapped_first)


def sensor_to_stream(points: Points, geometry: Geometry, stream: Size) -> Points:
    """Fractions of the pixel array, shape (n, 2), to pixels of a stream of this geometry.

    The result is continuous: pixel (i, j) is the square [i, i+1] x [j, j+1]. Points outside the crop land
    outside the picture.
    """
    x, y, width, height = geometry.crop
    uv = (points * np.asarray(geometry.pixel_array, np.float64) - (x, y)) / (width, height)
    swap, flip_u, flip_v = TRANSFORMS[geometry.transform]
    if swap:
        uv = uv[:, ::-1]
    u = 1.0 - uv[:, 0] if flip_u else uv[:, 0]
    v = 1.0 - uv[:, 1] if flip_v else uv[:, 1]
    return np.stack((u * stream[0], v * stream[1]), axis=1)


def stream_to_sensor(points: Points, geometry: Geometry, stream: Size) -> Points:
    """The inverse of `sensor_to_stream`: stream pixels, shape (n, 2), to fractions of the pixel array."""
    u, v = points[:, 0] / stream[0], points[:, 1] / stream[1]
    swap, flip_u, flip_v = TRANSFORMS[geometry.transform]
    uv = np.stack((1.0 - u if flip_u else u, 1.0 - v if flip_v else v), axis=1)
    if swap:
        uv = uv[:, ::-1]
    x, y, width, height = geometry.crop
    return (uv * (width, height) + (x, y)) / np.asarray(geometry.pixel_array, np.float64)
