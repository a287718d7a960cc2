"""How often something may happen: so that whoever owns the uplink fills the audit log slowly, if at all."""

from node.clock import NS, Clock

HOUR_NS = 3600 * NS


class Allowance:
    """So many an hour, and as many at once after an hour of quiet."""

    def __init__(self, an_hour: int, *, clock: Clock) -> None:
        self._most = an_hour
        self._clock = clock
        self._left = float(an_hour)
        self._counted_ns = clock.boottime_ns()

    @property
    def used_up(self) -> bool:
        """Whether none is left now."""
        now_ns = self._clock.boottime_ns()
        gained = (now_ns - self._counted_ns) * self._most / HOUR_NS
        self._left, self._counted_ns = min(self._most, self._left + gained), now_ns
        return self._left < 1

    def use(self) -> None:
        """One has happened."""
        self._left -= 1
