"""The planes of PyAV's frames as arrays: the one place that knows how they lie in memory."""

import numpy as np
from av.video.plane import VideoPlane

from node.camera.source import Plane


def plane_rows(plane: VideoPlane) -> Plane:
    """A view of the plane, one row of `line_size` bytes a line; what is right of the picture is padding."""
    view: Plane = np.frombuffer(memoryview(plane), np.uint8)
    return view.reshape(-1, plane.line_size)
