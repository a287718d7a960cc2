"""Cuts a mask into few boxes that are quick to copy black into. Pure; which pixels become black is the mask's alone.

Copying costs by the call, by the row and by the byte. So neighbours share a box where that is cheaper, and every row
begins on a cache line: a store that lies across two lines costs twice (300 rows of 256 bytes were measured to take
2.8 us on the line and 7.3 us off it).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from node.masks.raster import Mask, blocks

CALL_NS, ROW_NS, BYTE_NS = 800.0, 2.0, 0.02
"""What one `cv2.copyTo` costs: measured on boxes of 32 to 1920 columns and 100 to 300 rows."""

CACHE_LINE = 64
MOST_PARTS = 64
"""As many polygons as a mask set may have. More parts than that are copied as one."""

Boxes = NDArray[np.int64]
"""Shape (n, 4): top, left, bottom, right of each; the last row and column are excluded."""


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A box in a plane, and which of its pixels are masked (bytes, 1 where they are)."""

    where: tuple[slice, slice]
    pixels: NDArray[np.uint8]


def patches(mask: Mask, *, channels: int) -> tuple[Patch, ...]:
    """Patches that together hold every set pixel of `mask`, of a plane with so many bytes a pixel."""
    found = []
    for top, left, bottom, right in _on_cache_lines(_joined(_parts(mask), channels), mask.shape[1], channels):
        where = slice(int(top), int(bottom)), slice(int(left), int(right))
        found.append(Patch(where, mask[where].astype(np.uint8)))
    return tuple(found)


def _parts(mask: Mask) -> Boxes:
    """A box around each connected part, or one of all. Sought among 2x2 blocks: a pixel wider, thrice as fast."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(blocks(mask).view(np.uint8), connectivity=8)
    left, top, width, height = 2 * stats[1:, :4].astype(np.int64).T
    parts = np.minimum(np.stack((top, left, top + height, left + width), axis=1), 2 * mask.shape)
    return parts if count - 1 <= MOST_PARTS else _around(parts)[None]


def _joined(parts: Boxes, channels: int) -> Boxes:
    """Neighbours are put into one box as long as that saves anything, the best pair first."""
    while len(parts) > 1:
        pairs = np.concatenate(
            (
                np.minimum(parts[:, None, :2], parts[None, :, :2]),
                np.maximum(parts[:, None, 2:], parts[None, :, 2:]),
            ),
            axis=2,
        )
        alone = _cost_ns(parts, channels)
        extra = _cost_ns(pairs, channels) - alone[:, None] - alone[None, :]
        np.fill_diagonal(extra, np.inf)
        one, other = np.unravel_index(extra.argmin(), extra.shape)
        if extra[one, other] >= 0:
            break
        parts = np.concatenate((np.delete(parts, (one, other), axis=0), pairs[one, other][None]))
    return parts


def _around(parts: Boxes) -> Boxes:
    return np.concatenate((parts[:, :2].min(axis=0), parts[:, 2:].max(axis=0)))


def _cost_ns(box: Boxes, channels: int) -> NDArray[np.float64]:
    """What copying into each box is expected to take; boxes lie along the last axis."""
    height, width = box[..., 2] - box[..., 0], box[..., 3] - box[..., 1]
    return np.asarray(CALL_NS + height * (ROW_NS + BYTE_NS * channels * width), np.float64)


def _on_cache_lines(box: Boxes, width: int, channels: int) -> Boxes:
    """Widened to whole cache lines of a plane that begins on one, within the plane's width."""
    line = CACHE_LINE // channels
    widened = box.copy()
    widened[:, 1] -= widened[:, 1] % line
    widened[:, 3] = np.minimum(width, -(-widened[:, 3] // line) * line)
    return widened
