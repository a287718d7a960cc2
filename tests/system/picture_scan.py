"""Looks for pictures in bytes that should have none: MP4 structure, H.264 that decodes, and rows of known pixels.

A scan that finds nothing proves something only beside one that finds it: every test that uses it has a control.
"""

import io
import re
from collections.abc import Iterable

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

BOXES = (b"ftyp", b"moov", b"moof", b"mdat", b"avcC", b"trak")
ROW_BYTES = 48
# An Annex B start code and a sequence parameter set, or an IDR slice with its length in front.
_PARAMETER_SET = re.compile(rb"\x00\x00\x01[\x67\x27]", re.DOTALL)


def found(data: bytes, rows: Iterable[bytes] = ()) -> list[str]:
    """What of a picture is in `data`: one line for each kind of trace."""
    traces = [f"box {box.decode()}" for box in BOXES if data.count(box) > _by_chance(len(data), len(box))]
    if _decodes(data):
        traces.append("H.264 that decodes")
    if any(row in data for row in rows):
        traces.append("a row of the picture")
    return traces


def telling_rows(luma: NDArray[np.uint8]) -> list[bytes]:
    """Pieces of the picture's rows with enough detail that they cannot occur by chance."""
    pieces = []
    for row in luma[:: max(1, len(luma) // 40)]:
        for start in range(0, len(row) - ROW_BYTES, ROW_BYTES):
            piece = row[start : start + ROW_BYTES]
            if len(np.unique(piece)) >= 8:
                pieces.append(piece.tobytes())
    return pieces


def _decodes(data: bytes) -> bool:
    for match in _PARAMETER_SET.finditer(data):
        try:
            with av.open(io.BytesIO(data[match.start() :]), "r", format="h264") as container:
                return next(container.decode(video=0), None) is not None
        except (FFmpegError, IndexError):
            continue
    return False


def _by_chance(length: int, size: int) -> int:
    """How often a word of `size` bytes may stand in random data: its expectation, and a wide margin."""
    return int(2 * length / 256**size + 1) if length > 256**size // 64 else 0
