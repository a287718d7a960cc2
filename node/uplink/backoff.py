"""How long to wait before the next attempt to connect: quick at first, for a broker that was only restarted."""

from collections.abc import Callable
from typing import Final

QUICK_S: Final = 1.0
QUICK_ATTEMPTS: Final = 5
MOST_S: Final = 60.0
STEADY_S: Final = 30.0
"""A session that lasted so long was one: after it everything is quick again."""


class Backoff:
    """One second a few times, then doubled up to a minute; each time between a half and the whole of it.

    `chance` gives a number from 0 to 1: a thousand nodes must not come back at the same moment.
    """

    def __init__(self, *, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._attempts = 0

    def after(self, lasted_s: float) -> float:
        """Seconds to wait after an attempt or a session of that length has ended."""
        self._attempts = 0 if lasted_s >= STEADY_S else self._attempts + 1
        doublings = max(0, self._attempts - QUICK_ATTEMPTS)
        whole = MOST_S if doublings > 10 else min(MOST_S, QUICK_S * 2**doublings)  # noqa: PLR2004 — far beyond MOST_S
        return whole * (0.5 + self._chance() / 2)
