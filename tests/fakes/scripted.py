"""A camera that films what a test tells it to, when the test tells it to. It records what was done to it."""

from collections.abc import Callable, Sequence

from node.camera.source import Picture, new_picture, scale_into
from node.clock import Clock
from node.errors import Refused
from node.masks.geometry import Geometry

Pictures = tuple[Picture, Picture]
"""Main and lores."""


class ScriptedRequest:
    """A request that knows whether it was released."""

    def __init__(self, pictures: Pictures, *, sensor_ns: int) -> None:
        self.main, self.lores = pictures
        self.sensor_ns = sensor_ns
        self.releases = 0

    def release(self) -> None:
        """Count it."""
        self.releases += 1


class ScriptedSource:
    """A `FrameSource` with a frame at each of `times_ns` since boot; `film` makes the pictures of frame n.

    What was due while it was closed is passed over.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        geometry: Geometry,
        times_ns: Sequence[int],
        film: Callable[[int], Pictures],
        frame_rate: float = 10.0,
    ) -> None:
        self.geometry = geometry
        self.frame_rate = frame_rate
        self.requests: list[ScriptedRequest] = []
        self.opened_ns: list[int] = []
        self.closed_ns: list[int] = []
        self._clock = clock
        self._left = list(enumerate(times_ns))
        self._film = film

    @property
    def is_open(self) -> bool:
        """Whether it films now."""
        return len(self.opened_ns) > len(self.closed_ns)

    def open(self) -> None:
        """Note when."""
        if self.is_open:
            raise Refused("the scripted camera is open already")
        self.opened_ns.append(self._clock.boottime_ns())

    def close(self) -> None:
        """Note when."""
        if self.is_open:
            self.closed_ns.append(self._clock.boottime_ns())

    def next_request(self) -> ScriptedRequest | None:
        """The next frame that is still to come, waited for; None after the last."""
        if not self.is_open:
            raise Refused("the scripted camera is closed")
        while self._left:
            number, due_ns = self._left.pop(0)
            if due_ns >= self._clock.boottime_ns():
                self._clock.wait_until(due_ns)
                request = ScriptedRequest(self._film(number), sensor_ns=due_ns)
                self.requests.append(request)
                return request
        return None


def plain(geometry: Geometry) -> Callable[[int], Pictures]:
    """Grey pictures, a little lighter with every frame."""

    def film(number: int) -> Pictures:
        return filmed(geometry, lambda main: main.luma.fill(40 + 5 * (number % 40)))

    return film


def filmed(geometry: Geometry, draw: Callable[[Picture], None]) -> Pictures:
    """A main picture that `draw` has filled, and lores scaled down from it as a camera does."""
    main, lores = new_picture(geometry.main), new_picture(geometry.lores)
    draw(main)
    scale_into(main, lores)
    return main, lores
