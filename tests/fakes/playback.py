"""What any player makes of the pictures that a node kept: PyAV, and a look at the boxes of an MP4."""

import io
from collections.abc import Iterable

import av
import numpy as np

from node.camera.encoder import TIMESCALE
from node.camera.planes import plane_rows
from node.camera.source import Plane


def played(video: bytes) -> list[tuple[int, Plane]]:
    """Every picture of an MP4: when it is shown, in 1/90000 s, and its luma."""
    with av.open(io.BytesIO(video), "r") as container:
        stream = container.streams.video[0]
        return [
            (
                round((frame.pts or 0) * (frame.time_base or 0) * TIMESCALE),
                plane_rows(frame.planes[0])[:, : frame.width],
            )
            for frame in container.decode(stream)
        ]


def boxes(data: bytes) -> list[str]:
    """The types of the top-level boxes, which must fill the data to the last byte."""
    found, position = [], 0
    while position < len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        found.append(data[position + 4 : position + 8].decode())
        assert 8 <= size <= len(data) - position, "a box reaches past the end"
        position += size
    return found


def resemble(some: Iterable[Plane], others: Iterable[Plane]) -> bool:
    """Whether pictures are the same but for what encoding costs, one by one."""
    return all(
        np.abs(one.astype(int) - other.astype(int)).mean() < 8
        for one, other in zip(some, others, strict=True)
    )
