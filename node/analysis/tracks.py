"""Blobs followed from frame to frame, and how surely each is something that moves.

Foliage, flames, webs and noise change, but stay about where they are; a drop, a flake or an insect near
the lens is gone at once. What moves leaves the place where it was first seen, steadily and on a straight
enough way, and takes no more room than it took before. Owns that judgement; knows no pixels. Lengths are
fractions of the picture's longer side, x right and y down.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import exp, hypot, sqrt
from typing import Final

import numpy as np

MAX_TRACKS: Final = 48

_STEP_SECONDS: Final = 0.15  # between two points of a way: shorter steps are mostly jitter of the box
_FEWEST_POINTS: Final = 4
_AREA_SECONDS: Final = 0.25  # an area is believed when it has lasted for about this long
_SIZE_FOLLOWS: Final = 0.3  # by this share of a change with each sighting
_SIZE_DIFFERS: Final = 0.3  # a blob this much of the size difference further off is as good a match
_STRICTNESS: Final = 4  # power of the proof: what is half proven is nothing


@dataclass(frozen=True, slots=True)
class Blob:
    """One connected piece of what moves: its box's centre and size, and its area."""

    x: float
    y: float
    width: float
    height: float
    area: float
    """Share of the seen picture, 0..1."""

    @property
    def size(self) -> float:
        """Side of the square that is as large as the box."""
        return sqrt(self.width * self.height)


@dataclass(frozen=True, slots=True)
class TravelSettings:
    """What must have been seen of a blob before it is believed to move through the picture."""

    half_area: float = 0.0013
    """A blob of this share of the seen picture scores 0.5 once all else is proven."""
    sightings: int = 8
    """It must have been seen in so many frames, ..."""
    seconds: float = 0.4
    """... for so long, ..."""
    steadiness: float = 0.7
    """... and in this share of the frames since it was first seen."""
    leave: float = 0.05
    """It must have gone so far from where it was first seen: more than branches sway, ..."""
    own_sizes: float = 0.6
    """... and so many times its own size, ..."""
    long_seconds: float = 1.0
    """... and have taken so long for it, ..."""
    far: float = 0.25
    """... or have gone so far that this cannot be swaying either."""
    straightness: float = 0.7
    """The distance between two points over the way in between."""
    window_seconds: float = 2.0
    """Straightness is judged over so much of its way, ..."""
    pace: float = 0.012
    """... in which it must have gone so far, else it has stopped."""
    reach: float = 0.35
    """In a second it may be this far from where its speed would have brought it, ..."""
    own_sizes_reach: float = 10.0
    """... but not further than so many times its own size: only what is near the lens is so fast."""
    growth: float = 2.0
    """From one sighting to the next its size may change by this factor."""
    patience_seconds: float = 0.3
    """After so long unseen it is lost."""


@dataclass(slots=True)
class _Track:
    blob: Blob
    born: float
    seen: float
    birthplace: tuple[float, float]
    size: float
    area: float
    sightings: int = 1
    frames: int = 1
    way: deque[tuple[float, float, float]] = field(default_factory=deque)  # seconds, x, y
    velocity: tuple[float, float] = (0.0, 0.0)


class Tracks:
    """The blobs of one camera, followed."""

    def __init__(self, *, settings: TravelSettings) -> None:
        self._settings = settings
        self._tracks: list[_Track] = []

    def follow(self, blobs: Sequence[Blob], seconds: float, elapsed: float) -> None:
        """Take in the blobs of the frame at `seconds`, `elapsed` after the one before.

        Each track goes on with the blob that fits it best, if one does; the other blobs begin new tracks.
        """
        free = dict(enumerate(blobs))
        waiting = dict(enumerate(self._tracks))
        for at, index in self._matches(blobs, seconds):
            if at in waiting and index in free:
                self._go_on(waiting.pop(at), free.pop(index), seconds)
        patience = max(self._settings.patience_seconds, 1.5 * elapsed)
        self._tracks = [track for track in self._tracks if seconds - track.seen <= patience]
        for track in self._tracks:
            track.frames += 1
        room = MAX_TRACKS - len(self._tracks)
        self._tracks += [_begun(blob, seconds) for blob in list(free.values())[:room]]

    def forget(self) -> None:
        """Drop all tracks: the picture itself has changed."""
        self._tracks = []

    def proven(self, seconds: float) -> list[tuple[float, Blob]]:
        """Score 0..1 and place of what was seen at `seconds` and has proven anything."""
        scored = [(self._score(track), track.blob) for track in self._tracks if track.seen == seconds]
        return [(score, blob) for score, blob in scored if score > 0]

    def _matches(self, blobs: Sequence[Blob], seconds: float) -> list[tuple[int, int]]:
        """Pairs of track and blob that may be the same thing, the best first."""
        if not blobs or not self._tracks:
            return []
        settings = self._settings
        tracks = np.array([(t.blob.x, t.blob.y, *t.velocity, t.size, seconds - t.seen) for t in self._tracks])
        x, y, u, v, size, elapsed = tracks.T[:, :, np.newaxis]
        there = np.array([(b.x, b.y, b.size) for b in blobs]).T
        distance = np.hypot(x + u * elapsed - there[0], y + v * elapsed - there[1])
        small, large = np.minimum(size, there[2]), np.maximum(size, there[2])
        reach = small / 2 + np.minimum(settings.reach, settings.own_sizes_reach * small) * elapsed
        at, index = np.nonzero((distance <= reach) & (large <= settings.growth * small))
        cost = distance[at, index] + _SIZE_DIFFERS * (large - small)[at, index]
        best = np.argsort(cost, kind="stable")
        return list(zip(at[best].tolist(), index[best].tolist(), strict=True))

    def _go_on(self, track: _Track, blob: Blob, seconds: float) -> None:
        track.area += (1 - exp((track.seen - seconds) / _AREA_SECONDS)) * (blob.area - track.area)
        track.size += _SIZE_FOLLOWS * (blob.size - track.size)
        track.blob, track.seen, track.sightings = blob, seconds, track.sightings + 1
        way = track.way
        if len(way) > 1 and seconds - way[-2][0] < _STEP_SECONDS:
            way.pop()
        way.append((seconds, blob.x, blob.y))
        while len(way) > _FEWEST_POINTS and seconds - way[1][0] > self._settings.window_seconds:
            way.popleft()
        then, x, y = way[max(0, len(way) - 3)]
        if seconds > then:
            track.velocity = (blob.x - x) / (seconds - then), (blob.y - y) / (seconds - then)

    def _score(self, track: _Track) -> float:
        settings, blob = self._settings, track.blob
        seconds = track.seen - track.born
        if track.sightings < max(settings.sightings, settings.steadiness * track.frames):
            return 0.0
        if seconds < settings.seconds:
            return 0.0
        left = hypot(blob.x - track.birthplace[0], blob.y - track.birthplace[1])
        _, x, y = track.way[0]
        gone = hypot(blob.x - x, blob.y - y)
        way = sum(hypot(b[1] - a[1], b[2] - a[2]) for a, b in pairwise(track.way))
        if way == 0:
            return 0.0
        proof = (
            min(1.0, left / max(settings.leave, settings.own_sizes * track.size))
            * min(1.0, max(seconds / settings.long_seconds, left / settings.far))
            * min(1.0, gone / settings.pace)
            * min(1.0, gone / way / settings.straightness)
        )
        return proof**_STRICTNESS * track.area / (track.area + settings.half_area)


def _begun(blob: Blob, seconds: float) -> _Track:
    return _Track(
        blob=blob,
        born=seconds,
        seen=seconds,
        birthplace=(blob.x, blob.y),
        size=blob.size,
        area=blob.area,
        way=deque([(seconds, blob.x, blob.y)]),
    )
