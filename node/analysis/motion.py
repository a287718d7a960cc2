"""Motion: whether something moves through the picture, how surely, and where.

Owns the way from a masked luma picture to a `MotionObservation`; what becomes of observations is
`node.analysis.events`' business. It keeps no picture of anybody: only the brightness of the empty scene,
and places where something moved. It never sees what a mask hides.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from node.analysis.background import Background, LearningSettings, Luma
from node.analysis.light import Mask
from node.analysis.tracks import Blob, Tracks, TravelSettings
from node.masks.geometry import Size

MAX_BOXES: Final = 16
MOVING_SCORE: Final = 0.5
"""From this score on something moves."""

_MAX_BLOBS: Final = 32
_WORKING_SIDE: Final = 320  # a larger picture costs more and shows no more of what counts
_JOIN: Final = 0.015  # pieces that are nearer to each other are one thing
_SPECK: Final = 0.00012  # a smaller piece, as share of the seen picture, is not followed
_SPECK_PIXELS: Final = 5
_SEEN_SHARE: Final = 0.25  # shares are of no less than this of the picture, however much is blind
_SETTLE_SECONDS: Final = 0.3  # a scene that has been learned for less says nothing
_GAP_SECONDS: Final = 5.0  # after a longer gap the scene may be another

Box = tuple[float, float, float, float]
"""Left, top, width, height as fractions of the picture's width and height."""


@dataclass(frozen=True, slots=True)
class MotionObservation:
    """What the frames up to one say about motion in it."""

    score: float
    """How surely something moves, and how large it is, 0..1."""
    moving: bool
    """Whether that is enough."""
    boxes: tuple[Box, ...]
    """What moves, the largest first, `MAX_BOXES` at most."""


class MotionDetector:
    """Finds what moves in the pictures of one fixed camera.

    `size` is width, height of the pictures; `blind` is (height, width), True where a mask lies. Nothing in
    the blind part has an influence, not even the colour that it is painted with, and shares of the picture
    are shares of what is seen. Raises ValueError if the two do not fit, or the picture is too small.

    The scene is a running mean of log brightness with a flicker threshold; light is told from things by
    whether the scene's texture persists (after Rosin and Ellis 1995, Li and Leung 2002); what is left must
    travel (`node.analysis.tracks`).
    """

    def __init__(
        self,
        *,
        size: Size,
        blind: NDArray[np.bool_],
        learning: LearningSettings | None = None,
        travel: TravelSettings | None = None,
    ) -> None:
        width, height = size
        if blind.shape != (height, width):
            raise ValueError(f"blind is {blind.shape}, the picture {(height, width)}")
        self._shape = height, width
        self._shrink = max(1, round(max(size) / _WORKING_SIDE))
        self._size = width // self._shrink, height // self._shrink
        self._background = Background(
            blind=self._shrunk_blind(blind), settings=learning or LearningSettings()
        )
        self._tracks = Tracks(settings=travel or TravelSettings())
        self._whole = max(self._background.seen_pixels, round(_SEEN_SHARE * self._size[0] * self._size[1]))
        self._seconds: float | None = None
        reach = max(1, round(_JOIN * max(self._size) / 4))  # half of it, in blocks of two pixels
        self._join = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)

    def observe(self, luma: Luma, seconds: float) -> MotionObservation:
        """Take in one masked picture, uint8 (height, width), and say what moves in it.

        `seconds` is when it was taken, on any scale; only differences count. Raises ValueError for a
        picture of another size.
        """
        if luma.shape != self._shape:
            raise ValueError(f"a picture of {luma.shape}, not {self._shape}")
        elapsed = 0.0 if self._seconds is None else seconds - self._seconds
        self._seconds = seconds
        if not 0 <= elapsed <= _GAP_SECONDS:
            self._background.forget()
        moving = self._background.moving(self._shrunk(luma), elapsed)
        if self._background.age_seconds < _SETTLE_SECONDS:
            self._tracks.forget()
            return MotionObservation(0.0, False, ())
        self._tracks.follow(self._blobs(moving), seconds, elapsed)
        proven = self._tracks.proven(seconds)
        score = max((score for score, _ in proven), default=0.0)
        blobs = sorted((blob for _, blob in proven), key=lambda blob: -blob.size)[:MAX_BOXES]
        return MotionObservation(score, score >= MOVING_SCORE, tuple(map(self._box, blobs)))

    def _shrunk(self, luma: Luma) -> Luma:
        if self._shrink == 1:
            return np.ascontiguousarray(luma)
        width, height = self._size
        whole = luma[: height * self._shrink, : width * self._shrink]
        return cv2.resize(whole, self._size, interpolation=cv2.INTER_AREA).view(np.uint8)

    def _shrunk_blind(self, blind: NDArray[np.bool_]) -> NDArray[np.bool_]:
        (width, height), by = self._size, self._shrink
        blocks = blind[: height * by, : width * by].reshape(height, by, width, by)
        shrunk: NDArray[np.bool_] = np.logical_or.reduce(blocks, axis=(1, 3))
        return shrunk

    def _blobs(self, moving: Mask) -> list[Blob]:
        """The largest connected pieces, the largest first."""
        width, height = self._size
        rows, columns = np.divmod(np.flatnonzero(moving.view(np.bool_)), width)
        if rows.size < _SPECK_PIXELS:
            return []
        halved = np.zeros(((height + 1) // 2, (width + 1) // 2), np.uint8)
        halved[rows // 2, columns // 2] = 1
        count, labels = cv2.connectedComponents(cv2.dilate(halved, self._join), connectivity=8)
        owner = labels[rows // 2, columns // 2]
        order = np.argsort(owner, kind="stable")
        owner, rows, columns = owner[order], rows[order], columns[order]
        starts = np.searchsorted(owner, np.arange(1, count + 1))
        first, pixels = starts[:-1], starts[1:] - starts[:-1]
        left, right = np.minimum.reduceat(columns, first), np.maximum.reduceat(columns, first) + 1
        top, bottom = np.minimum.reduceat(rows, first), np.maximum.reduceat(rows, first) + 1
        large = np.argsort(-pixels, kind="stable")[:_MAX_BLOBS]
        large = large[pixels[large] >= max(_SPECK_PIXELS, _SPECK * self._whole)]
        side = max(self._size)
        boxes = np.stack((left + right, top + bottom, 2 * (right - left), 2 * (bottom - top)))[:, large]
        places = (boxes / (2 * side)).T.tolist()
        shares = (pixels[large] / self._whole).tolist()
        return [
            Blob(x, y, across, down, area) for (x, y, across, down), area in zip(places, shares, strict=True)
        ]

    def _box(self, blob: Blob) -> Box:
        width, height = self._size
        across, down = max(self._size) / width, max(self._size) / height
        return (
            (blob.x - blob.width / 2) * across,
            (blob.y - blob.height / 2) * down,
            blob.width * across,
            blob.height * down,
        )
