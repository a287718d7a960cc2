"""How often something may happen: so that whoever owns the uplink fills the audit log slowly, if at all."""

from node.clock import NS, Clock

HOUR_NS = 3600 * NS


class Allowance:
    """So many an hour; after a quiet time `at_once`, or else as many as in an hour."""

    def __init__(self, an_hour: int, *, clock: Clock, at_once: int | None = None) -> None:
        self._an_hour = an_hour
        self._most = an_hour if at_once is None else at_once
        self._clock = clock
        self._left = float(self._most)
        self._counted_ns = clock.boottime_ns()

    @property
    def used_up(self) -> bool:
        """Whether none is left now."""
        now_ns = self._clock.boottime_ns()
        gained = (now_ns - self._counted_ns) * self._an_hour / HOUR_NS
        self._left, self._counted_ns = min(self._most, self._left + gained), now_ns
        return self._left < 1

    def use(self, count: int = 1) -> None:
        """So many have happened; the last one may be more than was left."""
        self._left -= count
