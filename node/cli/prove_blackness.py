"""Whether every sample that must be black is exactly that, in every plane of both streams of a masked frame."""

import cv2

from node.camera.painter import CHROMA_BLACK, LUMA_BLACK, MaskedFrame
from node.camera.source import Plane
from node.cli.prove_content import Hidden
from node.masks.raster import MaskRaster


class Blackness:
    """Counts samples that must be exactly black, and those that are not, in every plane of both streams."""

    def __init__(self, raster: MaskRaster, hidden: Hidden) -> None:
        lores = raster.lores
        self._hidden = hidden, Hidden(lores.luma.astype("u1"), lores.chroma.astype("u1"))
        self._of_a_frame = sum(
            cv2.countNonZero(h.luma) + 2 * cv2.countNonZero(h.chroma) for h in self._hidden
        )
        self.checked = 0
        self.wrong = 0

    def check(self, frame: MaskedFrame | None) -> None:
        """A frame that did not come out is all wrong."""
        self.checked += self._of_a_frame
        if frame is None:
            self.wrong += self._of_a_frame
            return
        for picture, hidden in zip((frame.main, frame.lores), self._hidden, strict=True):
            for (plane, mask), black in zip(
                hidden.planes(picture), (LUMA_BLACK, CHROMA_BLACK, CHROMA_BLACK), strict=True
            ):
                self.wrong += cv2.countNonZero(mask) - cv2.countNonZero(_where(plane, black) & mask)


def _where(plane: Plane, value: int) -> Plane:
    """1 where the plane has that value, else 0."""
    found: Plane = (plane == value).view("u1")
    return found
