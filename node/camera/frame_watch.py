"""Sees to it that a camera that hangs is noticed: a thread that only looks at the clock.

The main thread may be stuck in the camera's driver for ever; nothing in this process can free it then. So the
process ends, and whoever supervises it starts another.
"""

import os
import sys
import threading
from collections.abc import Callable

from node.clock import NS, Clock

LOOKS_EVERY_S = 0.5
EXIT_HUNG = 70


class FrameWatch:
    """`hung` is called once, in the watch's own thread, when no frame came for `limit_s` although one was due."""

    def __init__(self, *, clock: Clock, limit_s: float, hung: Callable[[str], None]) -> None:
        self._clock = clock
        self._limit_ns = int(limit_s * NS)
        self._hung = hung
        self._expecting_since_ns: int | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="frame-watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def expect(self) -> None:
        """A frame is due from now on: the camera was opened, or has just delivered one."""
        self._expecting_since_ns = self._clock.boottime_ns()

    def rest(self) -> None:
        """No frame is due: the camera is closed, as it should be."""
        self._expecting_since_ns = None

    @property
    def age_ns(self) -> int | None:
        """How long a frame has been due; None if none is."""
        since_ns = self._expecting_since_ns
        return None if since_ns is None else self._clock.boottime_ns() - since_ns

    def look(self) -> bool:
        """Whether the camera hangs; then `hung` was called."""
        age_ns = self.age_ns
        if age_ns is None or age_ns <= self._limit_ns:
            return False
        self._hung(f"no frame for {age_ns / NS:.1f} s")
        return True

    def _watch(self) -> None:
        while not self._stop.wait(LOOKS_EVERY_S):
            if self.look():
                return


def end_process(reason: str) -> None:
    """Leave at once, without any clean-up that could hang as well."""
    os.write(sys.stderr.fileno(), f"stolpe camera: {reason}: ending, to be started again\n".encode())
    os._exit(EXIT_HUNG)
