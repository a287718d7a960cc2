"""Makes the pose reference of a view: once, when it is commissioned, from masked pictures alone."""

from collections.abc import Iterable

import numpy as np

from node.camera.pose.landmarks import LEAST, Average, Landmarks
from node.camera.pose.matching import Matcher, Shift
from node.camera.pose.structure import Sight
from node.camera.source import Plane
from node.errors import Refused
from node.formats.pose import PoseReference

MOST_PICTURES = 1000


def reference_from(pictures: Iterable[Plane], sight: Sight) -> PoseReference:
    """What a commissioning keeps: landmarks of a run of masked main luma pictures, half a minute of them or more.

    The camera may sway meanwhile: the middle of its ways is its place. Refuses a view that shows too little.
    """
    average: Average | None = None
    matcher: Matcher | None = None
    shifts: list[Shift] = []
    for picture in pictures:
        structure = sight.structure(picture)
        average = average or Average(structure)
        shift = matcher.near(structure, shifts[-1]).shift if matcher is not None else (0.0, 0.0)
        average.add(structure, shift=shift, most=MOST_PICTURES)
        shifts.append(shift)
        if matcher is None and len(first := average.landmarks(sight)) >= LEAST:
            matcher = Matcher(first, sight)
    if average is None:
        raise Refused("pose reference: no pictures")
    landmarks = average.landmarks(sight)
    middle = np.mean(np.array(shifts), axis=0).astype(np.float32)
    return Landmarks(landmarks.places + middle, landmarks.directions).reference(sight.size)
