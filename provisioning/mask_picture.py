"""Pictures of masks, for people who decide about them: what is black, what is guard band, what comes into sight."""

from pathlib import Path

import av
import cv2
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from node.errors import Refused
from node.files import create_whole, replace_whole
from node.mandate.documents import MaskSet
from node.masks.coverage import Comparison
from node.masks.geometry import sensor_to_stream
from node.masks.raster import rasterise

Bgr = NDArray[np.uint8]
RED, GREEN, GREY, WHITE = (40, 40, 230), (80, 200, 80), (150, 150, 150), (235, 235, 235)
GRID_LINES = 10
PNG = b"\x89PNG\r\n\x1a\n"


def mask_set_picture(mask_set: MaskSet, picture: Path | None) -> tuple[Bgr, float]:
    """The main picture with its masks black, polygons outlined, zones green; and which share of it is black."""
    width, height = mask_set.geometry.main
    canvas = _grid(width, height) if picture is None else _first_picture(picture, width, height)
    black = rasterise(mask_set.outlines, mask_set.geometry, guard_px=mask_set.guard_band_px).main.luma
    canvas[black] = 0
    for polygon in mask_set.outlines:
        _outline(canvas, sensor_to_stream(polygon, mask_set.geometry, mask_set.geometry.main), WHITE)
    for zone in mask_set.zones:
        points = sensor_to_stream(np.asarray(zone.points), mask_set.geometry, mask_set.geometry.main)
        _outline(canvas, points, GREEN)
    return canvas, float(black.mean())


def comparison_picture(difference: Comparison) -> tuple[Bgr, float]:
    """The pixel array: red what comes into sight, grey what goes out of it; and the red share."""
    canvas = np.full((*difference.uncovered.shape, 3), WHITE, np.uint8)
    canvas[difference.hidden] = GREY
    canvas[difference.uncovered] = RED
    return canvas, difference.uncovered_share


def write_picture(path: Path, picture: Bgr, share: float) -> float:
    """Write a PNG, over another PNG or nothing, and hand the share on."""
    coded, data = cv2.imencode(".png", picture)
    if not coded:
        raise Refused(f"{path}: the picture cannot be written as PNG")
    if not path.exists():
        create_whole(path, data.tobytes())
    elif _is_png(path):
        replace_whole(path, data.tobytes())
    else:
        raise Refused(f"{path} exists, is no PNG picture and is not written over: name another file")
    return share


def _is_png(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(PNG)) == PNG


def _first_picture(path: Path, width: int, height: int) -> Bgr:
    try:
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0))
    except (FFmpegError, OSError, StopIteration, IndexError) as error:
        raise Refused(f"{path}: no picture in it can be read") from error
    return cv2.resize(frame.to_ndarray(format="bgr24"), (width, height), interpolation=cv2.INTER_AREA).astype(
        np.uint8
    )


def _grid(width: int, height: int) -> Bgr:
    canvas = np.full((height, width, 3), GREY, np.uint8)
    for n in range(1, GRID_LINES):
        canvas[:, width * n // GRID_LINES] = WHITE
        canvas[height * n // GRID_LINES] = WHITE
    return canvas


def _outline(canvas: Bgr, points: NDArray[np.float64], colour: tuple[int, int, int]) -> None:
    cv2.polylines(canvas, [np.round(points).astype(np.int32)], isClosed=True, color=colour, thickness=2)
