"""The recorded scenes as a camera films them, turned or not: what `test_lock_shared` and the pose table look at."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from node.camera.source import Plane
from tests.fakes.turned import FULL_HD_PX, IN_PLACE, Pose, Watched, noisy, turned, watched

SHARED = Path(os.environ.get("STOLPE_SHARED", Path(__file__).parents[4] / "shared")) / "data"
CLIPS = (
    "bgs_video.avi", "cdnet_highway.mp4", "intel_car-detection.mp4", "intel_one-by-one-person.mp4",
    "mirafra_tamper1.mp4", "navid_fire4.mp4", "thaitin_input.mp4", "vanni_nofire1.mp4", "youngsoul_bicycle.mp4",
    "youngsoul_walkers.mp4",
)  # fmt: skip
MOST_WIDTH = 960
LOOKED_AT = 10.0
"""Frames a second that are shown to the lock, at most."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Pictures and their times in seconds."""

    name: str
    pictures: list[Plane]
    frame_rate: float

    @property
    def guard_px(self) -> int:
        """16 px of a full HD picture, in this one's; never less than 3."""
        return max(3, round(16 * self.pictures[0].shape[1] / FULL_HD_PX))

    def at(self, seconds: float) -> Plane:
        """The picture of that time; the scene goes on backwards at its end, and so on."""
        count = len(self.pictures)
        number = int(seconds * self.frame_rate) % (2 * count)
        return self.pictures[number if number < count else 2 * count - 1 - number]


def scene(path: Path, *, seconds: float = 1e9) -> Scene:
    """A clip's first seconds in grey, at most ten frames a second, halved to at most 960 px wide."""
    pictures: list[Plane] = []
    with av.open(str(path)) as container:
        rate = float(container.streams.video[0].average_rate or 25)
        every = max(1, round(rate / LOOKED_AT))
        for number, frame in enumerate(container.decode(video=0)):
            if number / rate >= seconds:
                break
            if number % every == 0:
                pictures.append(_grey(frame))
    return Scene(path.stem, pictures, rate / every)


def _grey(frame: av.VideoFrame) -> Plane:
    luma = frame.to_ndarray(format="gray")
    while luma.shape[1] > MOST_WIDTH:
        luma = cv2.resize(luma, (luma.shape[1] // 2, luma.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(luma[: luma.shape[0] // 2 * 2, : luma.shape[1] // 2 * 2], np.uint8)


def turned_at(scene: Scene, pose: Pose, turn_s: float) -> Callable[[float], Plane]:
    """The scene, from another pose from that time on, with half the noise of a sensor added."""
    return lambda s: noisy(turned(scene.at(s), pose if s >= turn_s else IN_PLACE), round(s * 1000), sigma=1)


def as_it_is(scene: Scene, *, guard_px: int = 16) -> Watched:
    """The whole clip under a lock, unchanged."""
    return watched(
        scene.at,
        seconds=len(scene.pictures) / scene.frame_rate,
        frame_rate=scene.frame_rate,
        guard_px=guard_px,
    )


def all_scenes(*, seconds: float = 1e9) -> Iterator[Scene]:
    """Every clip."""
    for name in CLIPS:
        yield scene(SHARED / "clips" / name, seconds=seconds)
