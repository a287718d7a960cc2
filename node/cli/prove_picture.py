"""A picture for people who read a proof: masked frames, and where the content was changed. Never an unmasked frame."""

import cv2
import numpy as np
from numpy.typing import NDArray

from node.camera.painter import MaskedFrame
from node.camera.source import Picture
from node.cli.prove_content import Hidden
from node.errors import Refused

Bgr = NDArray[np.uint8]

TILES, TILE_WIDTH = 4, 640
_RED, _HATCH_PX = (40, 40, 230), 12


class ContactSheet:
    """Keeps a few of the frames as the painter left them; the first one a second time, the masks hatched in red."""

    def __init__(self, hidden: Hidden, *, expected_frames: int | None) -> None:
        self._hidden = hidden
        last = max(0, (expected_frames or 1) - 1)
        self._wanted = {last * n // (TILES - 2) for n in range(TILES - 1)}
        self._tiles: list[Bgr] = []

    def look(self, number: int, frame: MaskedFrame) -> None:
        """Keep this frame, if it is one of those that are wanted."""
        if number in self._wanted:
            picture = _bgr(frame.main)
            if not self._tiles:
                self._tiles.append(_tile(_hatched(picture, self._hidden)))
            self._tiles.append(_tile(picture))

    def png(self) -> bytes:
        """All tiles, two in a row."""
        tiles = [*self._tiles, *[np.zeros_like(self._tiles[0])] * (len(self._tiles) % 2)]
        rows = [np.hstack(tiles[n : n + 2]) for n in range(0, len(tiles), 2)]
        coded, data = cv2.imencode(".png", np.vstack(rows))
        if not coded:
            raise Refused("the picture of the proof cannot be written as PNG")
        return data.tobytes()


def _bgr(picture: Picture) -> Bgr:
    height, width = picture.luma.shape
    planes = (picture.luma, *picture.chroma)
    i420 = np.concatenate([np.ascontiguousarray(plane).ravel() for plane in planes])
    return cv2.cvtColor(i420.reshape(height * 3 // 2, width), cv2.COLOR_YUV2BGR_I420).astype(np.uint8)


def _hatched(picture: Bgr, hidden: Hidden) -> Bgr:
    rows, columns = np.indices(hidden.luma.shape)
    stripes = (rows + columns) // _HATCH_PX % 2 == 0
    hatched = picture.copy()
    hatched[stripes & (hidden.luma > 0)] = _RED
    return hatched


def _tile(picture: Bgr) -> Bgr:
    height, width = picture.shape[:2]
    size = min(width, TILE_WIDTH), max(1, height * min(width, TILE_WIDTH) // width)
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
