"""Scenes that no rule of the lock was fitted on: other cuts of the clips, other streets, facades and worlds, and what
stands or drives close by. Pictures are 960 x 540, the guard band 8 px.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal, Protocol

import cv2
import numpy as np
from camera.pose.scenes import SHARED, Scene, scene
from camera.pose.views import Facade
from camera.pose.weather import WEATHER, Weather, dusk
from cv2.typing import MatLike

from node.camera.source import Plane
from node.camera.street.scene import StreetScene
from node.camera.synthetic import SyntheticStreet
from node.clock import SimulatedClock
from tests.fakes.turned import IN_PLACE, Pose, World, noisy, turned

SIZE, GUARD_PX = (960, 540), 8
Film = Callable[[float], Plane]
CUT = (
    "bgs_video.avi", "cdnet_highway.mp4", "intel_one-by-one-person.mp4", "navid_fire4.mp4", "thaitin_input.mp4",
    "vanni_nofire1.mp4", "youngsoul_bicycle.mp4", "youngsoul_walkers.mp4",
)  # fmt: skip
PED = ("ucsdped2_test01", "ucsdped2_test06", "ucsdped2_train03", "ucsdped2_train10")
POSES = {
    "0.2°": (Pose(pan=0.2), Pose(tilt=0.2)),
    "0.8°": (Pose(pan=-0.8), Pose(tilt=0.8)),
    "1.5°": (Pose(pan=1.5), Pose(tilt=-1.5)),
    "3°": (Pose(pan=-3), Pose(tilt=3, pan=1)),
    "6°": (Pose(pan=6, roll=1), Pose(tilt=-6)),
    "10°": (Pose(pan=10), Pose(tilt=10, pan=-3)),
    "20°": (Pose(pan=-20),),
    "roll 4°": (Pose(roll=4), Pose(roll=-5)),
    "slip 24 px": (Pose(x=12), Pose(y=-12), Pose(x=8.5, y=8.5)),
}
HARMLESS = "0.2°"


@dataclass(frozen=True, slots=True)
class Case:
    """A film, and when the camera is turned in it; never, if that is None."""

    row: str
    due: Literal["black", "never", "not judged"]
    film: Film
    turn_s: float | None = None
    seconds: float = 22.0
    frame_rate: float = 10.0


class View(Protocol):
    """What a camera looks at, and can be turned in."""

    few_landmarks: bool
    """A facade on which there is hardly anything but windows."""

    def seen(self, s: float, pose: Pose = IN_PLACE) -> Plane:
        """The picture of that second, without noise."""
        ...


class Cut:
    """A part of a clip as a picture of its own: what is beside it is known."""

    few_landmarks = False

    def __init__(self, clip: Scene, *, by: float, at: tuple[float, float], from_s: float = 0.0) -> None:
        self._clip, self._from_s = clip, from_s
        height, width = clip.pictures[0].shape
        high, wide = min((height / by, width / by), (width / by * SIZE[1] / SIZE[0], width / by))
        if high / wide < SIZE[1] / SIZE[0]:
            wide = high * SIZE[0] / SIZE[1]
        scale, left, top = SIZE[0] / wide, (width - wide) * at[0], (height - high) * at[1]
        self._matrix = np.array(((scale, 0, -left * scale), (0, scale, -top * scale), (0, 0, 1)))

    def seen(self, s: float, pose: Pose = IN_PLACE) -> Plane:
        """The picture."""
        matrix = pose.matrix(*SIZE) @ self._matrix
        picture = self._clip.at(self._from_s + s)
        return np.asarray(
            cv2.warpPerspective(picture, matrix, SIZE, borderMode=cv2.BORDER_REFLECT_101), np.uint8
        )


class Street:
    """Another made-up street, in another weather."""

    few_landmarks = False

    def __init__(self, seed: int, how: StreetScene) -> None:
        street = SyntheticStreet(
            clock=SimulatedClock(start_utc_ns=0), size=SIZE, frame_rate=4, seconds=12, seed=seed, scene=how
        )
        pictures = []
        street.open()
        while (request := street.next_request()) is not None:
            pictures.append(request.main.luma.copy())
            request.release()
        self._scene = Scene("street", pictures, 4)

    def seen(self, s: float, pose: Pose = IN_PLACE) -> Plane:
        """The picture."""
        return turned(self._scene.at(s), pose)


class Still:
    """A random world of few or many shapes."""

    few_landmarks = False

    def __init__(self, seed: int, shapes: int) -> None:
        self._world = World(seed, shapes=shapes)

    def seen(self, s: float, pose: Pose = IN_PLACE) -> Plane:
        """The picture."""
        return self._world.seen(pose)


class Front:
    """A facade, and a street below it of that share."""

    def __init__(self, seed: int, *, period: int, street: float) -> None:
        self.few_landmarks = street < 0.2
        self._wall = Facade(seed, period=period, street=street)._wall

    def seen(self, s: float, pose: Pose = IN_PLACE) -> Plane:
        """The picture."""
        cut = np.array(((1, 0, -SIZE[0] // 2), (0, 1, 0), (0, 0, 1)), np.float64)
        matrix = pose.matrix(*SIZE) @ cut
        return np.asarray(
            cv2.warpPerspective(self._wall, matrix, SIZE, borderMode=cv2.BORDER_REFLECT_101), np.uint8
        )


def views() -> Iterator[View]:
    """All of them."""
    if SHARED.exists():
        for number, name in enumerate(CUT):
            clip = scene(SHARED / "clips" / name)
            yield Cut(clip, by=1.4, at=(0.5, 0.5), from_s=20)
            yield Cut(clip, by=2.0, at=((0.2, 0.7), (0.8, 0.8))[number % 2], from_s=7)
        for name in PED:
            yield Cut(scene(SHARED / "ped2" / f"{name}.mp4"), by=1.2, at=(0.5, 0.5))
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
        yield Front(seed, period=period, street=street)


@dataclass(frozen=True, slots=True)
class Vehicle:
    """Something close drives through the picture: `wide` and `high` of it, `speed` widths a second; it may stop."""

    wide: float
    high: float
    speed: float
    stops_s: float
    shapes: int
    judged: bool = True

    def before(self, view: View, seed: int, s: float) -> Plane:
        """The view, and the vehicle before it; it comes at 9 s."""
        width, height = int(SIZE[0] * self.wide), int(SIZE[1] * self.high)
        picture, driven = view.seen(s).copy(), max(0.0, s - 9) * self.speed * SIZE[0]
        rest = (SIZE[0] - width) / 2
        stopped = max(0.0, driven - rest - width) / (self.speed * SIZE[0])
        x = driven - width - min(stopped, self.stops_s) * self.speed * SIZE[0]
        left, right = max(0, round(x)), min(SIZE[0], round(x) + width)
        if s >= 9 and right > left:
            body = np.asarray(cv2.resize(_body(seed, self.shapes), (width, height)), np.uint8)
            picture[SIZE[1] - height :, left:right] = body[:, left - round(x) : right - round(x)]
        return picture


VEHICLES = (
    Vehicle(0.5, 0.6, 0.5, 0.0, 60),
    Vehicle(0.8, 0.8, 1.0, 0.0, 30),
    Vehicle(0.5, 0.7, 0.4, 8.0, 160),
    Vehicle(0.35, 0.9, 0.15, 0.0, 10),
    Vehicle(0.95, 0.85, 0.7, 0.0, 60),
    Vehicle(0.75, 0.75, 0.5, 6.0, 90),
    Vehicle(1.1, 0.85, 0.7, 4.0, 60, judged=False),
)
"""Of one that hides nearly all of the view and stays nothing is promised."""


@cache
def _body(seed: int, shapes: int) -> Plane:
    body = World(seed, shapes=shapes).seen()
    body[: SIZE[1] // 12], body[:, :8] = 20, 220
    return body


def cases() -> Iterator[Case]:
    """All of them, row by row of each view."""
    random = np.random.default_rng(77)
    for view in views():
        yield Case("held out: as it is", "never", _noisy(view.seen), seconds=60, frame_rate=5)
        yield from _turns(view, random)
        yield from _vehicles(view, random)
        yield from _sways(view)
        yield from _weathers(view)


def _noisy(film: Film) -> Film:
    return lambda s: noisy(film(s), round(s * 1000), sigma=1.0)


def _turns(view: View, random: np.random.Generator) -> Iterator[Case]:
    for label, poses in POSES.items():
        for pose in poses:
            turn_s = 11 + float(random.uniform(0, 2))
            film = _noisy(partial(_turned, view, pose, turn_s))
            if label == HARMLESS:
                yield Case(f"held out: turn {label}", "never", film, None, seconds=turn_s + 6)
            elif view.few_landmarks:
                yield Case(
                    "held out: a turn before windows alone", "not judged", film, turn_s, seconds=turn_s + 6
                )
            else:
                yield Case(f"held out: turn {label}", "black", film, turn_s, seconds=turn_s + 6)


def _turned(view: View, pose: Pose, turn_s: float, s: float) -> Plane:
    return view.seen(s, pose if s >= turn_s else IN_PLACE)


def _vehicles(view: View, random: np.random.Generator) -> Iterator[Case]:
    for vehicle in VEHICLES:
        film = _noisy(partial(vehicle.before, view, 3000 + int(random.integers(9))))
        how = "stands" if vehicle.stops_s else "drives past"
        case = f"held out: {vehicle.wide:.0%} x {vehicle.high:.0%} of the view {how}"
        yield Case(case, "never" if vehicle.judged else "not judged", film, seconds=24)
    if view.few_landmarks:
        return
    standing = Vehicle(0.5, 0.7, 1.0, 60.0, 90)
    for degrees, pose in ((3, Pose(pan=3)), (10, Pose(tilt=8, pan=6))):
        film = _noisy(partial(_turned_before, standing, view, pose))
        yield Case(f"held out: turn {degrees}°, half covered", "black", film, 15.3, seconds=20)


def _turned_before(vehicle: Vehicle, view: View, pose: Pose, s: float) -> Plane:
    picture = vehicle.before(view, 3008, s)
    return turned(picture, pose) if s >= 15.3 else picture


def _sways(view: View) -> Iterator[Case]:
    for amplitude_px, hertz in ((4, 0.3), (5, 1.3), (5, 3.1), (20, 0.9), (35, 1.7)):
        what = "sway" if amplitude_px < GUARD_PX else "gust of 3 s"
        film = _noisy(partial(_swaying, view, amplitude_px, hertz))
        yield Case(f"held out: {what} {2 * amplitude_px} px", "never", film)


def _swaying(view: View, amplitude_px: float, hertz: float, s: float) -> Plane:
    blows = amplitude_px < GUARD_PX or 12 <= s < 15
    swing = amplitude_px * float(np.sin(2 * np.pi * hertz * s + 2)) if blows else 0.0
    return view.seen(s, Pose(x=0.7 * swing, y=0.6 * swing, roll=0.01 * swing))


def _weathers(view: View) -> Iterator[Case]:
    for weather in WEATHER:
        film = partial(_under, view, weather, None)
        yield Case(f"held out: {weather.__name__}", "never", film, seconds=24, frame_rate=5)
    yield Case(
        "held out: a shadow wanders", "never", _noisy(partial(_shadowed, view)), seconds=24, frame_rate=5
    )
    for weather in WEATHER[:8]:
        if weather.__name__ == "fog" or view.few_landmarks:
            continue
        row = "turn 4° in the last light" if weather is dusk else f"turn 4° in {weather.__name__}"
        judged = weather is not dusk
        film = partial(_under, view, weather, 12.3)
        yield Case(f"held out: {row}", "black" if judged else "not judged", film, 12.3, seconds=18)


def _under(view: View, weather: Weather, turn_s: float | None, s: float) -> Plane:
    return weather(view.seen(s, Pose(pan=4) if turn_s is not None and s >= turn_s else IN_PLACE), s)


def _shadowed(view: View, s: float) -> Plane:
    """Of something large that moves in the sun."""
    picture = view.seen(s).astype(np.float32)
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    edge, at = (s - 6) * 60, x + 0.4 * y
    return np.where((at < edge) & (at > edge - 420), 16 + (picture - 16) * 0.45, picture).astype(np.uint8)


def held_still(clip: Scene) -> Scene:
    """A clip whose camera slips, with its slip taken out: as far as it is known from the first picture."""
    first, times, shifts = clip.pictures[0], [], []
    corners = cv2.goodFeaturesToTrack(first, 1200, 0.003, 6)
    for number, picture in enumerate(clip.pictures[::3]):
        there, _ = _followed(first, picture, corners)
        back, known = _followed(picture, first, there)
        good = (known[:, 0] == 1) & (np.linalg.norm((back - corners)[:, 0], axis=1) < 0.5)
        if good.sum() >= 90:
            times.append(3 * number)
            shifts.append(np.median((there - corners)[good][:, 0], axis=0))
    x, y = (np.interp(np.arange(len(clip.pictures)), times, np.array(shifts)[:, axis]) for axis in (0, 1))
    height, width = first.shape
    still = [
        cv2.warpAffine(
            picture,
            np.array(((1.0, 0, -x[n]), (0, 1.0, -y[n]))),
            (width, height),
            borderMode=cv2.BORDER_REPLICATE,
        )
        for n, picture in enumerate(clip.pictures)
    ]
    return Scene(
        f"{clip.name}, held still", [np.asarray(picture, np.uint8) for picture in still], clip.frame_rate
    )


def _followed(picture: Plane, following: Plane, places: MatLike) -> tuple[MatLike, MatLike]:
    found = np.empty_like(places)
    there, known, _ = cv2.calcOpticalFlowPyrLK(
        picture, following, places, found, winSize=(31, 31), maxLevel=4
    )
    return there, known


CAR_CUTS = ((1.4, (0.5, 0.5)), (1.4, (0.0, 1.0)), (2.0, (0.3, 0.3)), (2.0, (0.7, 0.7)), (2.0, (0.5, 1.0)))


def cars_close_by() -> Iterator[Case]:
    """Cars drive close past a plain car park, which is all there is to recognise."""
    clip = held_still(scene(SHARED / "clips" / "intel_car-detection.mp4"))
    seconds = len(clip.pictures) / clip.frame_rate - 0.2
    for by, at in CAR_CUTS:
        film = _noisy(Cut(clip, by=by, at=at).seen)
        yield Case("held out: cars close by", "never", film, seconds=seconds, frame_rate=clip.frame_rate)
