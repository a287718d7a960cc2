"""Views that are hard to know again: a facade, detail in one corner alone, night. Pictures are 960 x 540."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from node.camera.source import Plane
from node.masks.geometry import Points
from tests.fakes.turned import HEIGHT, IN_PLACE, WIDTH, Pose, World, noisy

Film = Callable[[float], Plane]
PLAIN = 115


class Facade:
    """Windows every `period` px, each lit and curtained its own way, above a street; as seen from `x` further right."""

    def __init__(self, seed: int, *, period: int, street: float = 0.3) -> None:
        random = np.random.default_rng(seed)
        wide, high = 2 * WIDTH, HEIGHT
        wall = np.clip(140 + random.normal(0, 3, (high, wide)), 16, 235).astype(np.uint8)
        for y in range(12, high, int(period * 1.2)):
            for x in range(10, wide, period):
                right, bottom = x + period // 2, y + int(period * 0.7)
                cv2.rectangle(wall, (x, y), (right, bottom), 230, 3)
                cv2.rectangle(wall, (x + 3, y + 3), (right - 3, bottom - 3), int(random.uniform(30, 90)), -1)
                if random.random() < 0.5:
                    curtain = int(random.uniform(x + 10, right)), int(random.uniform(y + 12, bottom))
                    cv2.rectangle(wall, (x + 6, y + 8), curtain, int(random.uniform(90, 200)), -1)
        ground = int(high * (1 - street))
        below = cv2.resize(World(seed).seen(), (wide, high))
        wall[ground:] = below[: high - ground]
        self._wall = wall

    def seen(self, x: int = 0) -> Plane:
        """The picture, without noise."""
        left = WIDTH // 2 + x
        return np.ascontiguousarray(self._wall[:, left : left + WIDTH])


def detail(
    seed: int, *, share: float, middle: tuple[float, float] = (0.5, 0.5), pose: Pose = IN_PLACE
) -> Plane:
    """A plain wall, but for one piece with everything on it: that share of the picture, about that place."""
    width, height = int(WIDTH * share**0.5), int(HEIGHT * share**0.5)
    left, top = int((WIDTH - width) * middle[0]), int((HEIGHT - height) * middle[1])
    view = np.full((HEIGHT, WIDTH), PLAIN, np.uint8)
    view[top : top + height, left : left + width] = World(seed).seen()[
        top : top + height, left : left + width
    ]
    matrix = pose.matrix(WIDTH, HEIGHT)
    turned = cv2.warpPerspective(view, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, np.uint8)


def morning(seed: int, *, sigma: float, dawn_s: float = 12.0) -> Film:
    """A night in which there is nothing but the noise of a sensor, and then a day."""
    view = World(seed).seen()

    def film(s: float) -> Plane:
        light = float(np.clip((s - dawn_s) / 15, 0.0, 1.0))
        return noisy(16 + (view - 16.0) * light + 6, round(s * 1000), sigma=sigma)

    return film


@dataclass(frozen=True, slots=True)
class Turning:
    """A film, and when the camera is turned in it; never if that is None."""

    before: Plane
    film: Film
    turn_s: float | None
    masks: tuple[Points, ...] = ()
    closed_meanwhile: bool = False


def turning(before: Plane, after: Plane, turn_s: float = 12.4) -> Turning:
    """From one view to another."""
    return Turning(before, lambda s: noisy(after if s >= turn_s else before, round(s * 1000)), turn_s)


@dataclass(frozen=True, slots=True)
class Hard:
    """A row of the table, and its cases."""

    case: str
    turnings: Callable[[], Iterator[Turning]]


def _windows() -> Iterator[Turning]:
    for seed, period in enumerate((48, 60, 75, 90, 120, 150), 500):
        facade = Facade(seed, period=period)
        yield turning(facade.seen(), facade.seen(period))


def _facades() -> Iterator[Turning]:
    for seed, away in enumerate((23, 58, 101, 144, 187, 230), 510):
        facade = Facade(seed, period=90)
        yield turning(facade.seen(), facade.seen(away))


def _facades_in_place() -> Iterator[Turning]:
    """A van stands before the street, the only part that is not like the others."""
    for seed, period in enumerate((60, 90, 120), 520):
        facade = Facade(seed, period=period).seen()
        van = facade.copy()
        van[HEIGHT // 2 :, 100:800] = World(seed + 5).seen()[HEIGHT // 2 :, 100:800]
        yield replace(turning(facade, van), turn_s=None)


def _rolls(roll: float) -> Iterator[Turning]:
    for seed, (x, y) in enumerate(((0.02, 0.4), (0.86, 0.4), (0.02, 0.05), (0.8, 0.8)), 530):
        mask = np.array(((x, y), (x + 0.12, y), (x + 0.12, y + 0.15), (x, y + 0.15)))
        before, after = (detail(seed, share=0.09, pose=Pose(roll=degrees)) for degrees in (0.0, roll))
        made = turning(before, after)
        yield replace(made, masks=(mask,), turn_s=made.turn_s if roll else None)


def _details() -> Iterator[Turning]:
    for seed, share in enumerate((0.3, 0.35, 0.4, 0.5), 540):
        yield turning(World(seed).seen(), detail(seed + 10, share=share, middle=(0.2, 0.6)))


def _reopenings(*, turned: bool) -> Iterator[Turning]:
    for seed, pan in enumerate((1.5, 5.0, 12.0, 40.0), 560):
        world = World(seed)
        made = turning(world.seen(), world.seen(Pose(pan=pan)) if turned else world.seen(), turn_s=12.0)
        yield replace(made, turn_s=12.0 if turned else None, closed_meanwhile=True)


def _nights() -> Iterator[Turning]:
    for seed, sigma in enumerate((3.0, 4.0, 6.0, 8.0, 12.0), 570):
        yield Turning(World(seed).seen(), morning(seed, sigma=sigma, dawn_s=4.0), None)


HARD = (
    Hard("a facade, turned by one window", _windows),
    Hard("a facade, turned by anything", _facades),
    Hard("a facade, a van before all that is not like the rest", _facades_in_place),
    Hard("roll 3° about the middle, masks far from all detail", lambda: _rolls(3.0)),
    Hard("the same, not turned", lambda: _rolls(0.0)),
    Hard("turned to a wall with 30-50 % detail", _details),
    Hard("opened again, turned meanwhile", lambda: _reopenings(turned=True)),
    Hard("opened again, in place", lambda: _reopenings(turned=False)),
    Hard("started in the noise of a night, then dawn", _nights),
)
