"""Masked frames for tests of what comes after the painter: made by a real one, with nothing to mask."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from node.camera.painter import MaskedFrame, Painter
from node.camera.source import Picture
from node.masks.geometry import Size, full_view
from node.masks.raster import rasterise
from tests.fakes.scripted import ScriptedRequest, filmed


def masked_frames(times_ns: Sequence[int], size: Size, *, seed: int = 1) -> list[MaskedFrame]:
    """One frame at each time: a moving bar over noise that `seed` decides."""
    geometry = full_view(sensor="s", main=size, lores=size)
    painter = Painter(rasterise([], geometry, guard_px=0))
    noise = np.random.default_rng(seed).integers(60, 90, size[::-1]).astype(np.uint8)

    def draw(picture: Picture, number: int) -> None:
        picture.luma[:] = np.roll(noise, number, axis=1)
        picture.luma[:, 4 * number % size[0] :][:, :4] = 200

    requests = [
        ScriptedRequest(filmed(geometry, partial(draw, number=number)), sensor_ns=sensor_ns)
        for number, sensor_ns in enumerate(times_ns)
    ]
    return [painter.paint(request) for request in requests]
