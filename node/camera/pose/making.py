"""Makes the pose reference of a view: once, when it is commissioned, from masked pictures alone; and proves it there.

What it is made from must show the camera in place from the first picture to the last: it is filmed twice, and the
second time a lock that goes by the new reference watches.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import median

import cv2
import numpy as np

from node.camera.painter import LUMA_BLACK, MaskedFrame
from node.camera.pose.landmarks import LEAST, Average, Landmarks
from node.camera.pose.lock import PoseLock
from node.camera.pose.matching import Matcher, Shift
from node.camera.pose.structure import Sight
from node.camera.source import Plane
from node.clock import NS
from node.errors import Refused
from node.formats.pose import PoseReference
from node.masks.geometry import Size
from node.masks.raster import Mask

Film = Callable[[], Iterable[MaskedFrame]]
"""The footage of one camera from its beginning, each time it is asked for."""

LEAST_PICTURES, MOST_PICTURES = 10, 1000
"""One a second: the camera may sway meanwhile, and the middle of its ways is its place."""
_EVERY_NS = NS
_NEARLY_BLACK = LUMA_BLACK + 4
_SOLID_PX = 15
_RUN, _AS_BEFORE = 3, 0.6
"""Pictures of which one that somebody passes does not count; of the best agreement."""
_MOVED = "the camera moves or its view is covered: take footage in which it stays, with little before it"


def proven_reference(film: Film, *, size: Size, blind: Mask, guard_px: int) -> PoseReference:
    """The reference of what is filmed under these masks (`blind`, the main stream's luma mask, guard band included).

    Refuses footage that is too short, shows too little, or in which the camera, by that reference, is not in place
    all the time.
    """
    beside = blind | _covered_before(film, blind)
    reference = reference_from(_each_second(film), Sight(size=size, blind=beside), least=LEAST_PICTURES)
    lock = PoseLock(size=size, blind=blind, guard_px=guard_px, reference=reference)
    start_ns: int | None = None
    for frame in film():
        start_ns = frame.sensor_ns if start_ns is None else start_ns
        lock.observe(frame)
        if lock.shut:
            seconds = (frame.sensor_ns - start_ns) / NS
            raise Refused(f"pose reference: after {seconds:.0f} s {_MOVED}")
    if not lock.found:
        raise Refused(
            "pose reference: the view is not recognised again in the same footage: it shows too little"
        )
    return reference


def reference_from(pictures: Iterable[Plane], sight: Sight, *, least: int = 1) -> PoseReference:
    """Landmarks of a run of masked main luma pictures. Refuses a view that shows too little, and too short a run."""
    average: Average | None = None
    matcher: Matcher | None = None
    shifts: list[Shift] = []
    agreed: list[float] = []
    for picture in pictures:
        structure = sight.structure(picture)
        average = average or Average(structure)
        shift: Shift = (0.0, 0.0)
        if matcher is not None:
            match = matcher.near(structure, shifts[-1])
            shift = match.shift
            agreed.append(match.agreement)
        average.add(structure, shift=shift, most=MOST_PICTURES)
        shifts.append(shift)
        if matcher is None and len(first := average.landmarks(sight)) >= LEAST:
            matcher = Matcher(first, sight)
    if average is None or len(shifts) < least:
        raise Refused(
            f"pose reference: {len(shifts)} s of footage are too little: {least} at least, 30 are better"
        )
    landmarks = average.landmarks(sight)
    if len(landmarks) < LEAST:
        raise Refused(
            f"pose reference: the view shows too little: {len(landmarks)} landmarks, {LEAST} are needed"
        )
    _check_one_view(agreed)
    middle = np.mean(np.array(shifts), axis=0).astype(np.float32)
    return Landmarks(landmarks.places + middle, landmarks.directions).reference(sight.size)


def _check_one_view(agreed: Sequence[float]) -> None:
    """Refuse footage that shows the first picture's landmarks at one time and not at another: of two views the camera
    would be in place in both."""
    lately = [median(agreed[n : n + _RUN]) for n in range(len(agreed) - _RUN + 1)]
    if lately and min(lately) < _AS_BEFORE * max(lately):
        second = lately.index(min(lately))
        raise Refused(f"pose reference: after {second + 1} s {_MOVED}")


def _each_second(film: Film) -> Iterator[Plane]:
    """One picture a second; what could not be masked is none."""
    taken, next_ns = 0, 0
    for frame in film():
        if frame.fault is None and frame.sensor_ns >= next_ns:
            yield frame.main.luma
            taken, next_ns = taken + 1, frame.sensor_ns + _EVERY_NS
        if taken == MOST_PICTURES:
            return


def _covered_before(film: Film, blind: Mask) -> Mask:
    """What is black from the first picture to the last: masks that the footage was filmed under.

    Their edges stay where they are however the camera is turned, so that they are no landmarks.
    """
    brightest = np.zeros(blind.shape, np.uint8)
    for picture in _each_second(film):
        np.maximum(brightest, picture, out=brightest)
    dark = (brightest <= _NEARLY_BLACK).astype(np.uint8)
    solid = cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((_SOLID_PX, _SOLID_PX), np.uint8))
    return np.asarray(solid, np.bool_)
