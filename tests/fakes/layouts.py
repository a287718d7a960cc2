"""Pictures as cameras lay them in memory: planar or interleaved colour, rows longer than the picture."""

from dataclasses import dataclass

import numpy as np

from node.camera.source import Picture, Plane
from node.masks.geometry import Size

UNUSED = 7
"""What lies behind the end of each row."""


@dataclass(frozen=True, slots=True)
class Layout:
    """NV12 if `interleaved`, else YUV420; `padding` bytes follow each row of luma, and each of chroma."""

    interleaved: bool = False
    padding: tuple[int, int] = (0, 0)

    def laid(self, picture: Picture) -> Picture:
        """The same samples (`picture` is planar) in this layout, in memory of their own."""
        if self.interleaved:
            both = np.stack(picture.chroma, axis=2)
            rows = _wide(both.reshape(len(both), -1), self.padding[1])
            return Picture(_wide(picture.luma, self.padding[0]), (rows.reshape(both.shape),))
        return Picture(
            _wide(picture.luma, self.padding[0]),
            tuple(_wide(plane, self.padding[1]) for plane in picture.chroma),
        )


def planar(size: Size) -> Picture:
    """A writable planar picture of any size, odd ones too."""
    half = (size[1] + 1) // 2, (size[0] + 1) // 2
    return Picture(
        np.full(size[::-1], 16, np.uint8), (np.full(half, 128, np.uint8), np.full(half, 128, np.uint8))
    )


def _wide(samples: Plane, padding: int) -> Plane:
    height, width = samples.shape
    memory = np.full((height, width + padding), UNUSED, np.uint8)
    memory[:, :width] = samples
    return memory[:, :width]
