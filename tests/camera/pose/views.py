"""Views that are hard to know again: a facade, detail in one corner alone, night. Pictures are 960 x 540."""

from collections.abc import Callable

import cv2
import numpy as np

from node.camera.source import Plane
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
