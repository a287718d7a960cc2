"""The street at any moment: draws its frames, and knows what is to be seen in them.

Every frame is a function of (seed, scene, size, frame rate, index) alone: nothing is carried from one to the next.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from node.camera.street.backdrop import Backdrop
from node.camera.street.canvas import Canvas
from node.camera.street.headlights import SWEEP_FAR_M, SWEEP_NEAR_M, Headlights, sweep_strength
from node.camera.street.light import Faces, light_at, one_face
from node.camera.street.scene import DAYLIGHT, Moment, StreetScene
from node.camera.street.script import Script, sweep_corners
from node.camera.street.things import LAMPS_BELOW, Kind, Things
from node.camera.street.view import View
from node.camera.street.weather import Noise, Rain, noise_sigma
from node.masks.geometry import Size

_LEAST_SEEN = 0.10  # a thing of which less can be seen is not in the truth
_SWEEP_SEEN = 0.03  # share of full light at which a sweep is
_FRAME, _NOISE, _RAIN = 11, 12, 13  # salts of the seed

Box = tuple[float, float, float, float]
"""Left, top, right, bottom as picture fractions, cut at the picture's edges."""


@dataclass(frozen=True, slots=True)
class Actor:
    """What is to be seen in one frame: `number` stays with it from frame to frame.

    The box is drawn round the whole thing, hidden parts too, without its shadow or the light it throws; `seen` is
    the share of the thing that nothing hides, of what lies within the picture. A *sweep* is light alone; `resident`
    and `television` are behind the balconies' rails.
    """

    kind: Kind
    number: int
    box: Box
    seen: float


class Street:
    """One street in one size. Frames may be asked for in any order."""

    def __init__(self, *, size: Size, seed: int, scene: StreetScene, frame_rate: float) -> None:
        self._seed = seed
        self._scene = scene
        self._frame_rate = frame_rate
        self._view = View(size)
        self._backdrop = Backdrop(size)
        self._backdrop.prepare(*scene.daylight_range())
        if scene.sweeps_per_minute:
            self._backdrop.prepare(DAYLIGHT, DAYLIGHT)
        self._things = Things(script=Script(seed=seed, scene=scene), residents=scene.residents)
        self._headlights = Headlights()
        self._noise = Noise(view=self._view, random=np.random.default_rng((seed, _NOISE)))
        self._rain = Rain(view=self._view, random=np.random.default_rng((seed, _RAIN)))
        self._canvas = Canvas(self._view)

    def draw(self, index: int) -> Canvas:
        """Frame `index`. The canvas is the street's own: valid until the next call."""
        seconds = index / self._frame_rate
        moment = self._scene.at(seconds)
        light = light_at(moment.daylight)
        canvas, backdrop = self._canvas, self._backdrop.at(moment.daylight)
        canvas.start(backdrop)
        things = self._things.at(seconds, moment)
        outlined = canvas.outline([thing.faces for thing in things], light)
        for thing, drawing in zip(things, outlined, strict=True):
            if drawing.window is not None:
                for ground, shade in thing.shades(light):
                    canvas.shade(ground, shade)
                canvas.paint(drawing)
                canvas.put_behind(drawing.window, thing.distance, backdrop, self._backdrop.depth)
        self._add_lights(canvas, seconds, moment)
        random = np.random.default_rng((self._seed, _FRAME, index))
        self._rain.add(canvas, random=random, moment=moment)
        self._noise.add(canvas, random=random, sigma=noise_sigma(moment, self._scene.noise))
        return canvas

    def truth(self, index: int) -> tuple[Actor, ...]:
        """Who and what is to be seen in frame `index`, from near to far; sweeps last."""
        seconds = index / self._frame_rate
        moment = self._scene.at(seconds)
        depth = self._backdrop.depth
        free = np.ones(depth.shape, bool)  # of nearer things
        actors = []
        for thing in reversed(self._things.at(seconds, moment)):
            shape = _silhouette(self._view, thing.faces)
            visible = shape & free & (depth >= thing.distance)
            free &= ~shape
            if thing.kind is not None:
                actors += self._seen(thing.kind, thing.number, thing.faces, _share(visible, shape))
        for sweep in self._things.script.sweeps(seconds):
            if sweep_strength(sweep, _dark(moment)) > _SWEEP_SEEN:
                patch = one_face(sweep_corners(sweep))
                shape = _silhouette(self._view, patch)
                visible = shape & (depth >= SWEEP_NEAR_M) & (depth <= SWEEP_FAR_M)
                actors += self._seen("sweep", sweep.number, patch, _share(visible, shape))
        return tuple(actors)

    def _seen(self, kind: Kind, number: int, faces: Faces, share: float) -> list[Actor]:
        """The actor, if enough of it is in sight."""
        if share < _LEAST_SEEN:
            return []
        size = np.array(self._view.size, np.float64)
        fractions = self._view.project(faces.points) / size
        left, top = np.clip(fractions.min(axis=0), 0.0, 1.0).tolist()
        right, bottom = np.clip(fractions.max(axis=0), 0.0, 1.0).tolist()
        return [Actor(kind, number, (left, top, right, bottom), share)]

    def _add_lights(self, canvas: Canvas, seconds: float, moment: Moment) -> None:
        """Headlights, once it is half dark."""
        dark = _dark(moment)
        if dark <= 0.0:
            return
        depth = self._backdrop.depth
        for sweep in self._things.script.sweeps(seconds):
            by_day = self._backdrop.at(DAYLIGHT).luma
            self._headlights.sweep(canvas, sweep, dark=dark, depth=depth, by_day=by_day)
        for car in self._things.script.cars(seconds):
            self._headlights.shine(canvas, car, dark=dark, depth=depth)


def _dark(moment: Moment) -> float:
    """How clearly headlights show: 0 by day, 1 at night."""
    return min(1.0, max(0.0, 1.6 * (LAMPS_BELOW - moment.daylight) / LAMPS_BELOW))


def _silhouette(view: View, faces: Faces) -> NDArray[np.bool_]:
    """The pixels of the picture that faces fill, (height, width)."""
    mask = np.zeros((view.size[1], view.size[0]), np.uint8)
    for points, _ in faces.each():
        cv2.fillConvexPoly(mask, np.rint(view.project(points) - 0.5).astype(np.int32), 1)
    return mask.astype(bool)


def _share(visible: NDArray[np.bool_], shape: NDArray[np.bool_]) -> float:
    """How much of a shape is visible, 0 to 1."""
    return float(visible.sum() / max(1, int(shape.sum())))
