"""The real program in a process of its own, and small videos for it."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
"""I420: (height * 3 / 2, width)."""

START = "2026-11-03T22:40:00+01:00"
MASK = "0.1,0.1 0.4,0.15 0.35,0.5 0.15,0.45"


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """What it said on stderr."""
        return self.err.strip().splitlines()


def stolpe(*arguments: str | Path) -> Done:
    """Run it."""
    command = [sys.executable, "-m", "node", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return Done(done.returncode, done.stdout, done.stderr)


def write_video(path: Path, frames: Sequence[Frame], *, rate: int = 10, codec: str = "ffv1") -> Path:
    """A video of exactly these pictures where the codec is lossless."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, av.VideoStream)
        height, width = frames[0].shape[0] * 2 // 3, frames[0].shape[1]
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = Fraction(1, rate)
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def walking_square(count: int, size: tuple[int, int] = (320, 240), seed: int = 1) -> list[Frame]:
    """A textured scene in which a bright square walks from left to right after the first third."""
    width, height = size
    random = np.random.default_rng(seed)
    scene = np.full((height * 3 // 2, width), 128, np.uint8)
    scene[:height] = np.kron(random.integers(60, 180, (height // 8, width // 8)), np.ones((8, 8))).astype(
        np.uint8
    )
    frames = []
    for number in range(count):
        picture = scene.copy()
        picture[:height] += random.integers(0, 3, (height, width), dtype=np.uint8)
        walked = number - count // 3
        if walked >= 0:
            x = min(10 + walked * 6, width - 40)
            picture[height // 2 : height // 2 + 60, x : x + 30] = 235
        frames.append(picture)
    return frames


def behind(frames: Sequence[Frame], inside: NDArray[np.bool_], change: Callable[[int], Frame]) -> list[Frame]:
    """The same pictures with other content where `inside` (height, width) is set, in luma and in chroma."""
    height, width = inside.shape
    chroma = (
        inside[: height // 2 * 2, : width // 2 * 2].reshape(height // 2, 2, width // 2, 2).all(axis=(1, 3))
    )
    changed = []
    for number, picture in enumerate(frames):
        other, copy = change(number), picture.copy()
        copy[:height][inside] = other[:height][inside]
        for plane in range(2):
            rows = slice(height + plane * height // 4, height + (plane + 1) * height // 4)
            target, source = copy[rows].reshape(-1, width // 2), other[rows].reshape(-1, width // 2)
            target[chroma] = source[chroma]
        changed.append(copy)
    return changed
