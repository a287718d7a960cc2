"""A camera that films a made-up street: for newcomers, who see the product with it, and for testing detectors.

Owns its buffers and its pace; the street itself is `node.camera.street`'s. It masks nothing: it delivers raw
frames, as a real sensor does, with people on their balconies in them.
"""

from collections.abc import Callable

from node.camera.source import Picture, new_picture, scale_into
from node.camera.street.house import BALCONIES
from node.camera.street.scene import DEMO, SCENES, StreetScene
from node.camera.street.street import Actor, Street
from node.clock import NS, Clock
from node.errors import Refused
from node.masks.geometry import Geometry, Size, full_view

__all__ = ["BALCONIES", "DEMO", "SCENES", "Actor", "StreetScene", "SyntheticStreet"]

BUFFERS = 4
"""How many requests may be out at once."""

MIN_SIDE_PX, MAX_FRAME_RATE = 16, 240.0


class SyntheticStreet:
    """A street of a Swedish housing estate, seen from a pole: a `FrameSource`.

    Two houses with balconies at the upper left (`BALCONIES` says where, in picture fractions: what a mask should
    cover), a car park before them, a road behind, trees and lamps. Pictures are 4:2:0 in three planes, 8 bits,
    BT.601 in limited range. Frame i is due i / `frame_rate` seconds after `open`, and is the same bytes for the
    same seed, scene, size and frame rate, with the same versions of numpy and OpenCV. After `seconds` the source
    is over; None is endless. Refuses sizes, rates and lengths that make no sense.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        size: Size = (1280, 720),
        lores: Size = (320, 180),
        frame_rate: float = 15.0,
        seed: int = 1,
        seconds: float | None = None,
        scene: StreetScene = DEMO,
    ) -> None:
        _check(size=size, lores=lores, frame_rate=frame_rate, seed=seed, seconds=seconds)
        self._clock = clock
        self._frame_rate = frame_rate
        self._frames = None if seconds is None else round(seconds * frame_rate)
        self._geometry = full_view(sensor="synthetic", main=size, lores=lores)
        self._street = Street(size=size, seed=seed, scene=scene, frame_rate=frame_rate)
        self._idle = [_Buffers(size, lores) for _ in range(BUFFERS)]
        self._start_ns: int | None = None
        self._next = 0

    @property
    def geometry(self) -> Geometry:
        """The whole picture, upright."""
        return self._geometry

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self._frame_rate

    def open(self) -> None:
        """Start with frame 0, now. Refuses if it is open already."""
        if self._start_ns is not None:
            raise Refused("the synthetic camera is open already")
        self._start_ns = self._clock.boottime_ns()
        self._next = 0

    def next_request(self) -> "SyntheticRequest | None":
        """The next frame, waited for; None past the end. Refuses while closed, or if no buffer was released."""
        if self._start_ns is None:
            raise Refused("the synthetic camera is closed: open it first")
        if self._frames is not None and self._next >= self._frames:
            return None
        if not self._idle:
            raise Refused(f"all {BUFFERS} buffers of the synthetic camera are out: release a request")
        self._clock.wait_until(self._start_ns + round(self._next * NS / self._frame_rate))
        sensor_ns = self._clock.boottime_ns()
        buffers = self._idle.pop(0)
        self._street.draw(self._next).deliver(buffers.main)
        scale_into(buffers.main, buffers.lores)
        self._next += 1
        return SyntheticRequest(buffers=buffers, sensor_ns=sensor_ns, give_back=self._idle.append)

    def close(self) -> None:
        """Stop. Requests that are out stay good until they are released."""
        self._start_ns = None

    def truth(self, frame_index: int) -> tuple[Actor, ...]:
        """What is to be seen in a frame, from near to far; a source need not be open for it."""
        return self._street.truth(frame_index)


class _Buffers:
    """Memory of one request."""

    def __init__(self, main: Size, lores: Size) -> None:
        self.main = new_picture(main)
        self.lores = new_picture(lores)


class SyntheticRequest:
    """One frame of the street: a `Request`."""

    def __init__(self, *, buffers: _Buffers, sensor_ns: int, give_back: Callable[[_Buffers], None]) -> None:
        self._buffers: _Buffers | None = buffers
        self._sensor_ns = sensor_ns
        self._give_back = give_back

    @property
    def main(self) -> Picture:
        """The stream that is recorded. Refuses once released."""
        return self._held().main

    @property
    def lores(self) -> Picture:
        """The stream that is analysed. Refuses once released."""
        return self._held().lores

    @property
    def sensor_ns(self) -> int:
        """When the frame was due, or drawn if that was later: nanoseconds since boot."""
        return self._sensor_ns

    def release(self) -> None:
        """Give the buffers back. Refuses the second time: they may be another frame's by then."""
        buffers = self._held()
        self._buffers = None
        self._give_back(buffers)

    def _held(self) -> _Buffers:
        if self._buffers is None:
            raise Refused("this request was released: its buffers belong to another frame")
        return self._buffers


def _check(*, size: Size, lores: Size, frame_rate: float, seed: int, seconds: float | None) -> None:
    """Refuse what cannot be filmed."""
    if min(*size, *lores) < MIN_SIDE_PX:
        raise Refused(f"synthetic camera: a picture must have {MIN_SIDE_PX} px a side at least")
    if lores[0] > size[0] or lores[1] > size[1]:
        raise Refused("synthetic camera: lores must not be larger than main")
    if not 0.0 < frame_rate <= MAX_FRAME_RATE:
        raise Refused(f"synthetic camera: frame_rate must be above 0 and up to {MAX_FRAME_RATE:g}")
    if seed < 0:
        raise Refused("synthetic camera: seed must be 0 or more")
    if seconds is not None and not seconds >= 0.0:
        raise Refused("synthetic camera: seconds must be 0 or more")
