"""What time it is at least: the clock that retention goes by. Never goes back, and forward only for a reason.

A recording must not be destroyed early because a clock is wrong, nor kept longer because it was set back. So a
clock that is not trusted counts for nothing: then it is the time that was last trusted, plus what was lived through
since. A trusted clock that leaps ahead while the node runs counts for an hour; the rest must be lived through, or
be said again by the trusted clock of the next start.
"""

from node.clock import NS, Clock, Instant

LEAP_NS = 3600 * NS


class LivedTime:
    """A `Clock` made of another one and of the time floor that was persisted, before which neither believes any."""

    def __init__(self, clock: Clock, *, floor_ns: int) -> None:
        clock.raise_floor(floor_ns)
        self._clock = clock
        self._base_ns = floor_ns
        self._base_boottime_ns = clock.boottime_ns()
        self._trusted_once = False
        self._latest_ns = floor_ns

    def now(self) -> Instant:
        """The earliest that it can be, and the trust that the wall time of this moment has."""
        boottime_ns, wall = self._clock.boottime_ns(), self._clock.now()
        lived_ns = self._base_ns + boottime_ns - self._base_boottime_ns
        trusted = wall.trust != "untrusted"
        if trusted and not self._trusted_once:
            # How long the node was off, only this clock knows.
            self._trusted_once = True
            lived_ns = max(lived_ns, wall.utc_ns)
            self._base_ns, self._base_boottime_ns = lived_ns, boottime_ns
        if trusted:
            lived_ns = max(lived_ns, min(wall.utc_ns, lived_ns + LEAP_NS))
        self._latest_ns = max(self._latest_ns, lived_ns)
        return Instant(self._latest_ns, wall.trust)

    @property
    def floor_ns(self) -> int:
        """What may be persisted as the time that it is at least.

        Not later than a wall clock that is trusted now: one that was set right by going back would else be doubted
        until it has caught up with its own mistake.
        """
        lived_ns, wall = self.lived_ns(), self._clock.now()
        return lived_ns if wall.trust == "untrusted" else min(lived_ns, wall.utc_ns)

    def lived_ns(self) -> int:
        """The last time that was believed, and what was lived through since: no leap counts.

        It is never later than it really is, unless the clock of the start was wrong: so long from here on a key
        may live, whatever the clock says now.
        """
        self.now()
        return self._base_ns + self._clock.boottime_ns() - self._base_boottime_ns

    def boottime_ns(self) -> int:
        """As the other clock."""
        return self._clock.boottime_ns()

    def wait_until(self, boottime_ns: int) -> None:
        """As the other clock."""
        self._clock.wait_until(boottime_ns)

    def raise_floor(self, utc_ns: int) -> None:
        """As the other clock."""
        self._clock.raise_floor(utc_ns)
