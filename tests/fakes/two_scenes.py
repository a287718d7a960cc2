"""Scenes in front of masks and behind them: a street with somebody walking, and whatever an adversary puts there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from node.camera.source import Picture, Plane, scale_into
from node.mandate.documents import MaskSet
from node.masks.geometry import Geometry, sensor_to_stream
from node.masks.raster import Mask, touched
from tests.fakes.layouts import Layout, planar
from tests.fakes.scripted import Pictures

Hidden = Literal["noise", "black", "white", "flicker", "mover", "painted"]
"""What may be behind masks: any bytes; `painted` is the colour that masks have."""


@dataclass(frozen=True, slots=True, eq=False)
class Behind:
    """Which samples of the raw main picture nobody may see. Worked out here, not by what paints them."""

    luma: Mask
    chroma: Mask

    @classmethod
    def of(cls, masks: MaskSet) -> "Behind":
        """Pixels within the guard band of a polygon; colour samples that belong to at least one of them."""
        outlines = [sensor_to_stream(p, masks.geometry, masks.geometry.main) for p in masks.outlines]
        luma = touched(outlines, masks.geometry.main, margin_px=masks.guard_band_px)
        height, width = luma.shape
        padded = np.pad(luma, ((0, height % 2), (0, width % 2)))
        of_blocks = padded.reshape(len(padded) // 2, 2, -1, 2)
        return cls(luma, np.logical_or.reduce(of_blocks, axis=(1, 3)))


def scene(
    geometry: Geometry,
    behind: Behind,
    hidden: Hidden,
    *,
    seed: int = 0,
    main: Layout | None = None,
    lores: Layout | None = None,
    unhidden: Callable[[Picture], object] = lambda _: None,
) -> Callable[[int], Pictures]:
    """Films the same street whatever is `hidden` behind the masks; lores is scaled down from the raw main picture.

    `unhidden` may alter the main picture anywhere: for showing that a difference is seen.
    """
    texture = np.random.default_rng(1).integers(60, 150, (256, 256)).astype(np.uint8)

    def film(number: int) -> Pictures:
        raw, small = planar(geometry.main), planar(geometry.lores)
        _street(raw, texture, number)
        random = np.random.default_rng([seed, number])
        for plane, mask in ((raw.luma, behind.luma), *((plane, behind.chroma) for plane in raw.chroma)):
            plane[mask] = _content(hidden, mask, number, random, luma=plane is raw.luma)
        unhidden(raw)
        scale_into(raw, small)
        return (main or Layout()).laid(raw), (lores or Layout()).laid(small)

    return film


def _street(picture: Picture, texture: Plane, number: int) -> None:
    height, width = picture.luma.shape
    picture.luma[:] = np.kron(texture, np.ones((4, 4), np.uint8))[:height, :width]
    side = max(6, min(height, width) // 4)
    left = (number * max(1, width // 24)) % width
    picture.luma[height // 2 :][:side, left : left + side] = 235
    picture.chroma[0][height // 4 :][: side // 2, left // 2 : (left + side) // 2] = 200
    picture.chroma[1][:] = 120


def _content(
    kind: Hidden, mask: Mask, number: int, random: np.random.Generator, *, luma: bool
) -> Plane | int:
    match kind:
        case "noise":
            return random.integers(0, 256, int(mask.sum())).astype(np.uint8)
        case "black":
            return 0
        case "white":
            return 255
        case "flicker":
            return 255 * (number % 2)
        case "mover":
            columns = np.nonzero(mask)[1]
            return np.where((columns + 3 * number) % 24 < 8, 235, 16).astype(np.uint8)
        case "painted":
            return 16 if luma else 128
