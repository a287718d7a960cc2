"""Time as a dependency: wall time with its trust, and time since boot.

Everything that asks what time it is takes a `Clock`. Wall time is UTC in nanoseconds since the Unix epoch
and carries how far it can be trusted; time since boot is CLOCK_BOOTTIME, so it also counts suspension.
"""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

from node.errors import Refused

NS = 1_000_000_000

TimeTrust = Literal["synchronised", "battery", "simulated", "demo", "untrusted"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
# Without leap seconds: no clock of ours knows one.
_RFC3339 = re.compile(
    rf"({_DATE})[Tt]({_CLOCK_TIME}:[0-5][0-9])(?:\.([0-9]{{1,9}}))?([Zz]|[+-]{_CLOCK_TIME})"
)
_WITHOUT_OFFSET = re.compile(rf"{_DATE}(?:[Tt ][0-9:.]+)?")


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment: `utc_ns` nanoseconds since the Unix epoch, and why (or that not) it can be believed."""

    utc_ns: int
    trust: TimeTrust


class Clock(Protocol):
    """What time it is, and how to wait."""

    def now(self) -> Instant:
        """Wall time with its trust."""
        ...

    def boottime_ns(self) -> int:
        """Nanoseconds since boot; never goes backwards."""
        ...

    def wait_until(self, boottime_ns: int) -> None:
        """Return when `boottime_ns()` has reached the given value."""
        ...

    def raise_floor(self, utc_ns: int) -> None:
        """Believe no earlier time any more; a floor is never lowered."""
        ...


class SystemClock:
    """This machine's clock. It judges no trust: `trust` is what its owner found at start."""

    def __init__(self, *, trust: TimeTrust = "untrusted") -> None:
        self._trust: TimeTrust = trust
        self._floor_ns = 0

    def now(self) -> Instant:
        """Wall time of this machine."""
        utc_ns = time.time_ns()
        return Instant(utc_ns, self._trust if utc_ns >= self._floor_ns else "untrusted")

    def raise_floor(self, utc_ns: int) -> None:
        """Believe no earlier time any more."""
        self._floor_ns = max(self._floor_ns, utc_ns)

    def boottime_ns(self) -> int:
        """CLOCK_BOOTTIME of this machine."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def wait_until(self, boottime_ns: int) -> None:
        """Sleep until the given time since boot."""
        while (left := boottime_ns - self.boottime_ns()) > 0:
            time.sleep(left / NS)  # noqa: TID251 — this is the clock that others take


class SimulatedClock:
    """A clock that moves only when it is told to; waiting moves it. For replay, simulations and tests."""

    def __init__(self, *, start_utc_ns: int, trust: TimeTrust = "simulated") -> None:
        self._start_utc_ns = start_utc_ns
        self._trust: TimeTrust = trust
        self._boottime_ns = 0
        self._floor_ns = 0

    def now(self) -> Instant:
        """Start plus all that has been waited."""
        utc_ns = self._start_utc_ns + self._boottime_ns
        return Instant(utc_ns, self._trust if utc_ns >= self._floor_ns else "untrusted")

    def raise_floor(self, utc_ns: int) -> None:
        """Believe no earlier time any more."""
        self._floor_ns = max(self._floor_ns, utc_ns)

    def boottime_ns(self) -> int:
        """All that has been waited."""
        return self._boottime_ns

    def wait_until(self, boottime_ns: int) -> None:
        """Jump to the given time; a time that has passed changes nothing."""
        self._boottime_ns = max(self._boottime_ns, boottime_ns)


class PacedClock(SimulatedClock):
    """A simulated clock that moves no faster than real time: waiting on it really waits."""

    def __init__(self, *, start_utc_ns: int, trust: TimeTrust = "simulated") -> None:
        super().__init__(start_utc_ns=start_utc_ns, trust=trust)
        self._machine = SystemClock()
        self._origin_ns = self._machine.boottime_ns()

    def wait_until(self, boottime_ns: int) -> None:
        """Wait in real time, then move there."""
        self._machine.wait_until(self._origin_ns + boottime_ns)
        super().wait_until(boottime_ns)


def parse_rfc3339(text: str) -> int:
    """UTC nanoseconds of an RFC 3339 date-time, which must carry its offset. Refuses anything else of ISO 8601."""
    if _WITHOUT_OFFSET.fullmatch(text):
        raise Refused(f"a time without an offset says nothing: {text!r} (add Z or +01:00)")
    no_time = Refused(f"not an RFC 3339 time: {text!r} (like 2026-11-03T22:40:00+01:00)")
    found = _RFC3339.fullmatch(text)
    if found is None:
        raise no_time
    date, clock_time, fraction, offset = found.groups(default="")
    try:
        moment = datetime.fromisoformat(f"{date}T{clock_time}{offset.upper()}")
    except ValueError as error:
        raise no_time from error
    return utc_ns(moment) + int(fraction.ljust(9, "0"))


def utc_ns(moment: datetime) -> int:
    """UTC nanoseconds of an aware datetime, exact to its microsecond."""
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * NS + delta.microseconds * 1_000


def utc_moment(when_utc_ns: int) -> datetime:
    """The datetime in UTC, cut to its microsecond. Refuses what lies outside the years 1 to 9999."""
    try:
        return _EPOCH + timedelta(microseconds=when_utc_ns // 1_000)
    except OverflowError as error:
        raise Refused("a time must lie in the years 1 to 9999 (UTC)") from error


def rfc3339(when_utc_ns: int, *, digits: Literal[0, 3, 6] = 3) -> str:
    """RFC 3339 text in UTC, cut (not rounded) to 0, 3 or 6 fractional digits. Refuses what `utc_moment` refuses."""
    moment = utc_moment(when_utc_ns)
    text = moment.replace(microsecond=0, tzinfo=None).isoformat()
    return f"{text}.{moment.microsecond // 10 ** (6 - digits):0{digits}d}Z" if digits else f"{text}Z"
