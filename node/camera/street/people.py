"""What people look like: walkers whose legs move, and somebody at a balcony's rail.

Pure: flat figures that face the camera, made of rounded limbs; faces in drawing order. Who walks where is
`script.py`'s.
"""

import math
from dataclasses import dataclass

import numpy as np

from node.camera.street.light import Faces, Rgb, tint
from node.camera.street.view import Floats

STRIDE_M = 1.45
"""Ground covered by two steps of a grown-up."""

GAIT_STEPS = 32
"""Pictures of which a stride is made: finer than any frame rate shows, and few enough to be kept."""

TALL_M = 1.76
"""Height of a figure of scale 1, hair included."""

_ROUND = 5  # points of a limb's rounded end
_QUARTERS = np.linspace(-math.pi / 2, math.pi / 2, _ROUND)
_DOME = np.linspace(0.0, math.pi, 2 * _ROUND)
_COSINES, _SINES = np.cos(_QUARTERS), np.sin(_QUARTERS)


@dataclass(frozen=True, slots=True)
class Look:
    """How one person is dressed and built; `height` is a share of a grown-up's."""

    coat: Rgb
    trousers: Rgb
    skin: Rgb
    hair: Rgb
    height: float = 1.0
    bag: bool = False
    umbrella: Rgb | None = None


Point = tuple[float, float]


class Figure:
    """Limbs of one upright figure, in metres across (towards the picture's right) and up."""

    def __init__(self) -> None:
        self._limbs: list[tuple[float, ...]] = []
        self._colours: list[Rgb] = []
        self._pieces: dict[int, Floats] = {}

    def limb(self, start: Point, end: Point, widths: Point, rgb: Rgb) -> None:
        """A limb with round ends of the given radii."""
        self._limbs.append((*start, *end, *widths))
        self._colours.append(rgb)

    def disc(self, centre: Point, radius: float, rgb: Rgb) -> None:
        """A round piece."""
        self.limb(centre, centre, (radius, radius), rgb)

    def piece(self, points: Floats, rgb: Rgb) -> None:
        """Any convex piece of as many corners as a limb: points (2 * 5, 2)."""
        self._pieces[len(self._limbs)] = points
        self.disc((0.0, 0.0), 1.0, rgb)

    def faces(self, *, x: float, z: float, scale: float = 1.0) -> Faces:
        """The figure standing at (x, z), made larger or smaller."""
        x0, y0, x1, y1, start, end = np.array(self._limbs).T[:, :, None]
        along, up = x1 - x0, y1 - y0
        length = np.hypot(along, up)
        point = length == 0.0
        length[point] = along[point] = 1.0  # a disc lies along nothing: any way will do
        along, up = along / length, up / length
        across, rise = along * _COSINES - up * _SINES, up * _COSINES + along * _SINES
        points = np.zeros((len(self._limbs), 2 * _ROUND, 3))
        points[:, :_ROUND, 0], points[:, :_ROUND, 1] = x1 + end * across, y1 + end * rise
        points[:, _ROUND:, 0], points[:, _ROUND:, 1] = x0 - start * across, y0 - start * rise
        for index, corners in self._pieces.items():
            points[index, :, :2] = corners
        points *= scale
        points += (x, 0.0, z)
        sizes = [2 * _ROUND] * len(points)
        return Faces(points.reshape(-1, 3), sizes, np.array(self._colours), np.zeros(len(points)))


def walker_figure(look: Look, heading: float, step: int, *, umbrella: bool) -> Faces:
    """A walker at (0, 0) who heads for `heading`; `step` of `GAIT_STEPS` says how the legs are.

    `umbrella`: it is up, if the walker has one.
    """
    figure = Figure()
    phase = 2 * math.pi * step / GAIT_STEPS
    along, across = math.cos(heading), abs(math.sin(heading))
    bob = 0.02 * math.cos(2 * phase)
    hip, neck = (0.0, 0.90 + bob), (0.03 * along, 1.44 + bob)
    spread = 0.085 * across
    far = phase + math.pi
    _leg(figure, hip, phase=far, along=along, aside=-spread, rgb=tint(look.trousers, 0.78))
    dark, near, reach = tint(look.coat, 0.78), tint(look.coat, 0.9), 0.24 * across
    _arm(figure, neck, phase=phase, along=along, aside=-reach, rgb=dark, skin=look.skin)
    if look.bag:
        figure.limb((-0.20 * along, 1.08), (-0.20 * along, 1.34), (0.13, 0.12), tint(look.trousers, 0.6))
    _leg(figure, hip, phase=phase, along=along, aside=spread, rgb=look.trousers)
    broad = 0.04 * across
    figure.limb(hip, (neck[0], 1.34 + bob), (0.15 + broad, 0.175 + broad), look.coat)
    _head(figure, neck, along, look, from_behind=math.sin(heading) > abs(along))
    _arm(figure, neck, phase=far, along=along, aside=reach, rgb=near, skin=look.skin)
    if umbrella and look.umbrella is not None:
        _umbrella(figure, neck, along, look.umbrella)
    return figure.faces(x=0.0, z=0.0, scale=look.height)


def _leg(figure: Figure, hip: Point, *, phase: float, along: float, aside: float, rgb: Rgb) -> None:
    thigh = 0.46 * math.sin(phase)
    forward = max(0.0, math.cos(phase))  # the foot is in the air and the knee bends
    shin = thigh - 0.12 - 0.75 * forward * (0.4 + 0.6 * max(0.0, -math.sin(phase)))
    knee = (hip[0] + aside + 0.44 * math.sin(thigh) * along, hip[1] - 0.43 * math.cos(thigh))
    lift = 0.06 * forward
    ankle = (
        knee[0] + 0.43 * math.sin(shin) * along,
        max(0.06, knee[1] - 0.42 * math.cos(shin) + lift * abs(1 - abs(along))),
    )
    start = (hip[0] + aside, hip[1])
    figure.limb(start, knee, (0.115, 0.085), rgb)
    figure.limb(knee, ankle, (0.085, 0.06), rgb)
    toe = (ankle[0] + 0.15 * along, ankle[1] - 0.02)
    figure.limb(ankle, toe, (0.06, 0.045), tint(rgb, 0.45))


def _arm(
    figure: Figure, neck: Point, *, phase: float, along: float, aside: float, rgb: Rgb, skin: Rgb
) -> None:
    upper = 0.40 * math.sin(phase)
    lower = upper + 0.35
    shoulder = (neck[0] + aside * 0.75, neck[1] - 0.08)
    elbow = (
        shoulder[0] + aside * 0.2 + 0.28 * math.sin(upper) * along,
        shoulder[1] - 0.28 * math.cos(upper),
    )
    hand = (elbow[0] + 0.26 * math.sin(lower) * along, elbow[1] - 0.26 * math.cos(lower))
    figure.limb(shoulder, elbow, (0.075, 0.06), rgb)
    figure.limb(elbow, hand, (0.06, 0.045), rgb)
    figure.disc(hand, 0.05, skin)


def _head(figure: Figure, neck: Point, along: float, look: Look, *, from_behind: bool = False) -> None:
    middle = (neck[0] + 0.02 * along, neck[1] + 0.17)
    figure.limb(neck, middle, (0.05, 0.05), tint(look.skin, 0.85))
    figure.limb((middle[0], middle[1] - 0.03), middle, (0.09, 0.115), look.skin)
    back = (middle[0] - 0.045 * along, middle[1] + 0.045)
    figure.limb(back, (back[0], back[1] - (0.09 if from_behind else 0.01)), (0.098, 0.09), look.hair)


def _umbrella(figure: Figure, neck: Point, along: float, rgb: Rgb) -> None:
    hand = (neck[0] + 0.18 * along, neck[1] - 0.25)
    top = (hand[0], 2.08)
    figure.limb(hand, top, (0.015, 0.015), (0.2, 0.2, 0.2))
    dome = np.stack((0.60 * np.cos(_DOME), 0.34 * np.sin(_DOME) - 0.30), axis=1)
    figure.piece(dome + top, rgb)
    figure.piece(dome * (0.36, 1.0) + top, tint(rgb, 0.86))


def resident_faces(look: Look, *, x: float, y: float, z: float, seconds: float) -> Faces:
    """Somebody at a rail whose floor lies `y` metres up, who leans, looks about and lifts a cup."""
    figure = Figure()
    lean = 0.05 * math.sin(seconds * 0.9)
    sip = max(0.0, math.sin(seconds * 0.7)) ** 3
    neck = (lean, y + 1.42)
    figure.limb((0.0, y + 0.4), (lean * 0.8, y + 1.32), (0.17, 0.20), look.coat)
    _head(figure, neck, math.copysign(1.0, math.sin(seconds * 0.35)), look)
    for side in (-1.0, 1.0):
        shoulder = (lean + side * 0.20, y + 1.32)
        raised = sip if side > 0 else 0.0
        elbow = (shoulder[0] + side * 0.14, y + 1.06 + 0.06 * raised)
        hand = (elbow[0] - side * (0.10 + 0.12 * raised), y + 1.08 + 0.36 * raised)
        figure.limb(shoulder, elbow, (0.075, 0.06), tint(look.coat, 0.88))
        figure.limb(elbow, hand, (0.06, 0.05), tint(look.coat, 0.88))
        figure.disc(hand, 0.055, look.skin)
    return figure.faces(x=x, z=z)
