"""Scenes that no rule of the lock was fitted on: other cuts of the clips, other streets, facades and worlds, and what
stands or drives close by. A row is some cases; each says when it must be black, or that it never may be.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np
from camera.pose.scenes import SHARED, Scene, scene
from camera.pose.views import Facade, detail, morning
from camera.pose.weather import WEATHER

from node.camera.source import Plane
from node.camera.street.scene import StreetScene
from node.camera.synthetic import SyntheticStreet
from node.clock import SimulatedClock
from tests.fakes.turned import IN_PLACE, Pose, World, noisy, turned

SIZE, GUARD_PX = (960, 540), 8
Film = Callable[[float], Plane]


@dataclass(frozen=True, slots=True)
class Case:
    """A film. `turn_s`: when it must go black, at the latest 2 s later; None: never."""

    row: str
    name: str
    film: Film
    turn_s: float | None
    seconds: float = 22.0
    frame_rate: float = 10.0
    lag_s: float = 2.0


CLIPS = (
    "bgs_video.avi",
    "cdnet_highway.mp4",
    "intel_one-by-one-person.mp4",
    "navid_fire4.mp4",
    "thaitin_input.mp4",
    "vanni_nofire1.mp4",
    "youngsoul_bicycle.mp4",
    "youngsoul_walkers.mp4",
)
PED = ("ucsdped2_test01", "ucsdped2_test06", "ucsdped2_train03", "ucsdped2_train10")


class Cut:
    """A part of a clip as a picture of its own; what is beside it is known, so it can be turned there."""

    def __init__(
        self, name: str, clip: Scene, *, by: float, at: tuple[float, float], from_s: float = 0.0
    ) -> None:
        self.name = f"{name}/{by:g}@{at[0]:g},{at[1]:g}"
        self._clip, self._from_s = clip, from_s
        height, width = clip.pictures[0].shape
        self._scale = SIZE[0] * by / width
        wide, high = width / by, width / by * SIZE[1] / SIZE[0]
        if high > height:
            high, wide = height, height * SIZE[0] / SIZE[1]
            self._scale = SIZE[1] / height
        left, top = (width - wide) * at[0], (height - high) * at[1]
        self._cut = np.array(
            ((self._scale, 0, -left * self._scale), (0, self._scale, -top * self._scale), (0, 0, 1))
        )

    def seen(self, s: float, pose: Pose = IN_PLACE) -> Plane:
        picture = self._clip.at(self._from_s + s)
        matrix = pose.matrix(*SIZE) @ self._cut
        return np.asarray(
            cv2.warpPerspective(
                picture,
                matrix,
                SIZE,
                flags=cv2.INTER_AREA if self._scale < 1 else cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REFLECT_101,
            ),
            np.uint8,
        )


class Street:
    def __init__(self, seed: int, how: StreetScene) -> None:
        self.name = f"street {seed}"
        street = SyntheticStreet(
            clock=SimulatedClock(start_utc_ns=0), size=SIZE, frame_rate=4, seconds=12, seed=seed, scene=how
        )
        pictures = []
        street.open()
        while (request := street.next_request()) is not None:
            pictures.append(request.main.luma.copy())
            request.release()
        self._scene = Scene(self.name, pictures, 4)

    def seen(self, s: float, pose: Pose = IN_PLACE) -> Plane:
        return turned(self._scene.at(s), pose)


class Still:
    def __init__(self, seed: int, shapes: int) -> None:
        self.name = f"world {seed}/{shapes}"
        self._world = World(seed, shapes=shapes)

    def seen(self, s: float, pose: Pose = IN_PLACE) -> Plane:
        return self._world.seen(pose)


class Front:
    def __init__(self, seed: int, period: int, street: float) -> None:
        self.name = f"facade {seed}/{period}/{street:g}"
        self._facade = Facade(seed, period=period, street=street)

    def seen(self, s: float, pose: Pose = IN_PLACE) -> Plane:
        # turned about both axes by shifting the wide wall
        wall = self._facade._wall
        cut = np.array(((1, 0, -SIZE[0] // 2), (0, 1, 0), (0, 0, 1)), np.float64)
        return np.asarray(
            cv2.warpPerspective(wall, pose.matrix(*SIZE) @ cut, SIZE, borderMode=cv2.BORDER_REFLECT_101),
            np.uint8,
        )


def views():
    if SHARED.exists():
        for n, name in enumerate(CLIPS):
            clip = scene(SHARED / "clips" / name)
            yield Cut(name[:8], clip, by=1.4, at=(0.5, 0.5), from_s=20)
            yield Cut(name[:8], clip, by=2.0, at=((0.2, 0.7), (0.8, 0.8))[n % 2], from_s=7)
        for name in PED:
            yield Cut(name[8:], scene(SHARED / "ped2" / f"{name}.mp4"), by=1.2, at=(0.5, 0.5))
    for seed, daylight, rain, wind in (
        (11, 1.0, 0.0, 0.9),
        (12, 0.4, 0.3, 0.5),
        (13, 0.0, 0.0, 0.2),
        (14, 0.0, 1.0, 1.0),
    ):
        yield Street(
            seed,
            StreetScene(
                daylight=daylight, rain=rain, wind=wind, cars_per_minute=20, walkers_per_minute=20, noise=1.5
            ),
        )
    for seed, shapes in ((2100, 12), (2101, 30), (2102, 80), (2103, 400), (2104, 160)):
        yield Still(seed, shapes)
    for seed, period, street in ((2200, 55, 0.15), (2201, 80, 0.2), (2202, 110, 0.4), (2203, 140, 0.1)):
        yield Front(seed, period, street)


POSES = {
    "0.2°": (Pose(pan=0.2), Pose(tilt=0.2)),
    "0.7°": (Pose(pan=-0.8), Pose(tilt=0.8)),
    "1.5°": (Pose(pan=1.5), Pose(tilt=-1.5)),
    "3°": (Pose(pan=-3), Pose(tilt=3, pan=1)),
    "6°": (Pose(pan=6, roll=1), Pose(tilt=-6)),
    "10°": (Pose(pan=10), Pose(tilt=10, pan=-3)),
    "20°": (Pose(pan=-20),),
    "roll 4°": (Pose(roll=4), Pose(roll=-5)),
    "slip 12 px": (Pose(x=12), Pose(y=-12), Pose(x=8.5, y=8.5)),
}


def _noisy(film: Film, sigma: float = 1.0) -> Film:
    return lambda s: noisy(film(s), round(s * 1000), sigma=sigma)


def vehicle(
    view,
    *,
    seed: int,
    wide: float,
    high: float,
    speed: float,
    stops_s: float | None,
    texture: int,
    start_s: float = 9.0,
) -> Film:
    """Something close drives through the picture: `wide` and `high` of it, `speed` widths a second; stops in the middle."""
    body = World(seed, shapes=texture).seen()
    w, h = int(SIZE[0] * wide), int(SIZE[1] * high)
    body = np.asarray(cv2.resize(body, (w, h)), np.uint8)
    body[: h // 12] = 20
    body[:, :4] = 220

    def film(s: float) -> Plane:
        picture = view.seen(s).copy()
        x = -w + max(0.0, s - start_s) * speed * SIZE[0]
        if stops_s is not None:
            rest = (SIZE[0] - w) / 2
            at = (rest + w) / (speed * SIZE[0]) + start_s
            if s > at:
                x = rest + max(0.0, s - at - stops_s) * speed * SIZE[0]
        left, right = max(0, round(x)), min(SIZE[0], round(x) + w)
        if right > left and s >= start_s:
            top = SIZE[1] - h
            picture[top:, left:right] = body[:, left - round(x) : right - round(x)]
        return picture

    return _noisy(film)


def cases() -> Iterator[Case]:
    random = np.random.default_rng(77)
    every = list(views())
    for view in every:
        yield Case("as it is", view.name, _noisy(view.seen), None, seconds=60, frame_rate=5)
        for label, poses in POSES.items():
            for pose in poses:
                turn_s = 11 + float(random.uniform(0, 2))
                film = lambda s, view=view, pose=pose, turn_s=turn_s: view.seen(
                    s, pose if s >= turn_s else IN_PLACE
                )
                yield Case(
                    f"turn {label}",
                    f"{view.name} {pose}",
                    _noisy(film),
                    None if label == "0.2°" else turn_s,
                    seconds=turn_s + 6,
                )
        for wide, high, speed, stops, texture in (
            (0.5, 0.6, 0.5, None, 60),
            (0.8, 0.8, 1.0, None, 30),
            (0.5, 0.7, 0.4, 8.0, 160),
            (0.75, 0.75, 0.5, 6.0, 90),
            (0.35, 0.9, 0.15, None, 10),
            (0.95, 0.85, 0.7, 0.0, 60),
            (1.1, 0.85, 0.7, 4.0, 60),
        ):
            yield Case(
                f"vehicle {wide:g}x{high:g}" + (" stops" if stops else ""),
                view.name,
                vehicle(
                    view,
                    seed=3000 + int(random.integers(99)),
                    wide=wide,
                    high=high,
                    speed=speed,
                    stops_s=stops,
                    texture=texture,
                ),
                None,
                seconds=24,
            )
        # turned while something close stands there
        turn_s = 15.3
        base = vehicle(view, seed=3200, wide=0.5, high=0.7, speed=1.0, stops_s=60, texture=90)
        yield Case(
            "turn 3°, half covered",
            view.name,
            lambda s, base=base: turned(base(s), Pose(pan=3)) if s >= 15.3 else base(s),
            turn_s,
            seconds=20,
        )
        yield Case(
            "turn 10°, half covered",
            view.name,
            lambda s, base=base: turned(base(s), Pose(tilt=8, pan=6)) if s >= 15.3 else base(s),
            turn_s,
            seconds=20,
        )
        for amplitude, hertz in ((4, 0.3), (5, 1.3), (5, 3.1), (20, 0.9), (35, 1.7)):

            def sway(s: float, view=view, amplitude=amplitude, hertz=hertz) -> Plane:
                blows = amplitude < GUARD_PX or 12 <= s < 15
                swing = amplitude * np.sin(2 * np.pi * hertz * s + 2) if blows else 0.0
                return view.seen(s, Pose(x=0.7 * swing, y=0.6 * swing, roll=0.01 * swing))

            yield Case(f"sway {amplitude} px", f"{view.name} {hertz}", _noisy(sway), None)
        for weather in WEATHER:
            yield Case(
                f"weather {weather.__name__}",
                view.name,
                lambda s, view=view, weather=weather: weather(view.seen(s), s),
                None,
                seconds=24,
                frame_rate=5,
            )
        for weather in WEATHER[:8]:
            if weather.__name__ in ("fog",):
                continue
            film = lambda s, view=view, weather=weather: weather(
                view.seen(s, Pose(pan=4) if s >= 12.3 else IN_PLACE), s
            )
            yield Case("turn 4° in weather", f"{view.name} {weather.__name__}", film, 12.3, seconds=18)

        # shadows: half the view darkens within two seconds, a shadow's edge wanders
        def shadow(s: float, view=view) -> Plane:
            picture = view.seen(s).astype(np.float32)
            edge = (s - 6) * 60
            y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
            dark = (x + 0.4 * y < edge) & (x + 0.4 * y > edge - 420)
            return np.where(dark, 16 + (picture - 16) * 0.45, picture).astype(np.uint8)

        yield Case("a shadow wanders", view.name, _noisy(shadow), None, seconds=24, frame_rate=5)
