"""Light that falls on a scene, told from things that hide it.

Owns the two ways to tell: exposure, clouds and dusk change a whole neighbourhood evenly; a beam or a soft
shadow leaves the scene's texture as it was. Brightness is logarithmic, so that a change of light adds the
same everywhere: 0.01 is about one per cent of contrast. It never looks at what is not seen.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Brightness = NDArray[np.float32]
"""Log brightness, (height, width)."""
Mask = NDArray[np.uint8]
"""1 where it holds, else 0; (height, width)."""

_COARSE: Final = 4  # light is judged in blocks of this many pixels a side
_LIGHT_SPAN: Final = 1 / 6  # light is even over this fraction of the picture's width
_WHOLE: Final = 0.99  # share of a block that makes it a whole one, but for rounding
_LITTLE: Final = 1e-3  # a mean of less than this share is nothing, but can be divided by
_MEDIAN_OF: Final = 3  # every third block tells the median as well as all of them
_LIGHT_STEP: Final = 0.15  # what differs more is no light, and may pull the estimate no further

_FINE: Final = 2  # texture is compared in blocks of this many pixels a side
_CELL: Final = 8  # ... and judged in cells of this many, three by three of them
_TEXTURE_SHARE: Final = 0.4  # of the texture there must be new, else the scene still shows through
_TEXTURE_LEAST: Final = 0.0004  # a thing has at least this much texture, in energy, edges counted
_TEXTURE_NOISES: Final = 1.5  # ... and this many times the noise's


class EvenLight:
    """How much brighter it has become, overall and in each neighbourhood."""

    def __init__(self, *, seen: NDArray[np.bool_]) -> None:
        height, width = seen.shape
        self._seen = seen.astype(np.float32)
        self._blocks = width // _COARSE, height // _COARSE
        side = max(3, round(width * _LIGHT_SPAN / _COARSE) | 1)
        self._window = side, side
        self._share = self._coarse(self._seen)
        self._whole = np.flatnonzero(self._share > _WHOLE)[::_MEDIAN_OF]
        self._weight = 1 / np.maximum(cv2.boxFilter(self._share, -1, self._window), np.float32(_LITTLE))
        self._change = np.zeros(seen.shape, np.float32)

    def change(self, now: Brightness, scene: Brightness, spare: Brightness) -> Brightness:
        """The change from `scene` to `now` that is even over a neighbourhood; (height, width).

        What differs much is a thing and not light: overall it is outvoted, in a neighbourhood cut short.
        """
        np.subtract(now, scene, out=spare)
        np.multiply(spare, self._seen, out=spare)
        coarse = self._coarse(spare)
        overall = self._median(coarse)
        coarse -= overall * self._share
        np.clip(coarse, -_LIGHT_STEP, _LIGHT_STEP, out=coarse)
        local = cv2.boxFilter(coarse, -1, self._window) * self._weight
        local += overall
        height, width = now.shape
        cv2.resize(local, (width, height), dst=self._change, interpolation=cv2.INTER_LINEAR)
        return self._change

    def _median(self, coarse: Brightness) -> np.float32:
        whole = coarse.ravel()[self._whole]
        middle = whole.size // 2
        return np.float32(np.partition(whole, middle)[middle]) if whole.size else np.float32(0)

    def _coarse(self, fine: Brightness) -> Brightness:
        width, height = self._blocks
        blocks = fine[: height * _COARSE, : width * _COARSE]
        return _brightness(cv2.resize(blocks, self._blocks, interpolation=cv2.INTER_AREA))


class Texture:
    """Whether the scene's texture still shows: under light and shadow it does, behind a thing it does not.

    Shadows with sharp edges pass for things.
    """

    def __init__(self, *, seen: NDArray[np.bool_]) -> None:
        self._seen = np.floor(_blocks(seen.astype(np.float32)) + (1 - _WHOLE))

    def hidden(self, now: Brightness, scene: Brightness, flicker: Brightness, where: Mask) -> Mask:
        """1 in cells where the texture no longer shows, judged by the pixels that are 1 in `where`."""
        x, y, width, height = cv2.boundingRect(where)
        left, top = max(0, x // _CELL - 2) * _CELL, max(0, y // _CELL - 2) * _CELL
        right, bottom = ((x + width) // _CELL + 2) * _CELL, ((y + height) // _CELL + 2) * _CELL
        part = np.s_[top:bottom, left:right]
        seen = self._seen[top // _FINE : bottom // _FINE, left // _FINE : right // _FINE]
        weight = _blocks(where[part].astype(np.float32)) * seen
        new, old = _detail(now[part], seen), _detail(scene[part], seen)
        texture = _around(weight * (np.square(new) + np.square(old)))
        change = _around(weight * np.square(new - old))
        noise = weight * np.square(_blocks(flicker[part]))
        least = _TEXTURE_LEAST * _around(weight) + _TEXTURE_NOISES * _around(noise)
        cells = np.logical_and(change > _TEXTURE_SHARE * texture, change > least).view(np.uint8)
        return _spread(cells, left, top, where.shape)


def _spread(cells: Mask, left: int, top: int, shape: tuple[int, ...]) -> Mask:
    """Each cell's value in all its pixels, the first cell at `left`, `top` of a picture of `shape`.

    The last row and column of cells reach to the picture's edge, which may lie within the next cell.
    """
    rows, columns = cells.shape[0] * _CELL, cells.shape[1] * _CELL
    picture = np.zeros(shape, np.uint8)
    picture[top : top + rows, left : left + columns] = cv2.resize(
        cells, (columns, rows), interpolation=cv2.INTER_NEAREST
    )
    picture[top + rows :] = picture[top + rows - 1]
    picture[:, left + columns :] = picture[:, left + columns - 1 : left + columns]
    return picture


def _blocks(pixels: Brightness) -> Brightness:
    """Means of blocks of `_FINE` pixels a side, of whole cells."""
    height, width = pixels.shape[0] // _CELL * _CELL, pixels.shape[1] // _CELL * _CELL
    size = width // _FINE, height // _FINE
    return _brightness(cv2.resize(pixels[:height, :width], size, interpolation=cv2.INTER_AREA))


def _around(blocks: Brightness) -> Brightness:
    """Means around each cell."""
    size = blocks.shape[1] * _FINE // _CELL, blocks.shape[0] * _FINE // _CELL
    return _brightness(cv2.blur(cv2.resize(blocks, size, interpolation=cv2.INTER_AREA), (3, 3)))


def _detail(pixels: Brightness, seen: Brightness) -> Brightness:
    """How blocks differ from the mean around them, where all of it that is `seen` counts."""
    blocks = _blocks(pixels) * seen
    mean = _around(blocks) / np.maximum(_around(seen), np.float32(_LITTLE))
    size = blocks.shape[1], blocks.shape[0]
    return _brightness(blocks - seen * cv2.resize(mean, size, interpolation=cv2.INTER_LINEAR))


def _brightness(picture: cv2.typing.MatLike) -> Brightness:
    """OpenCV's types forget what went in."""
    return picture.view(np.float32)
