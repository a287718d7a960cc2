"""A node's year in some seconds: nights filmed in local time, reboots, power cuts, weeks off, clocks that jump."""

import random
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from fakes.part import Part, PowerCut
from recorder.footage import footage
from vectors.make_keys import signing_key

from node.clock import NS, Instant, TimeTrust
from node.messages import CloseSegment
from node.recorder.epochs import EpochKeys
from node.recorder.lived_time import LEAP_NS, LivedTime
from node.recorder.ring import Ring

HOUR_NS = 3600 * NS
RETENTION_NS = 72 * HOUR_NS
LOCAL = ZoneInfo("Europe/Stockholm")
START = datetime(2026, 1, 1, tzinfo=UTC)


class Wall:
    """A clock that is wrong by `error_ns`, on a machine that was started at `booted_ns` of the true time."""

    def __init__(self, true_ns: int) -> None:
        self.true_ns = true_ns
        self.booted_ns = true_ns
        self.error_ns = 0
        self.trust: TimeTrust = "synchronised"
        self._floor_ns = 0

    def boot(self) -> None:
        self.booted_ns, self._floor_ns = self.true_ns, 0

    def now(self) -> Instant:
        wall_ns = self.true_ns + self.error_ns
        return Instant(wall_ns, self.trust if wall_ns >= self._floor_ns else "untrusted")

    def boottime_ns(self) -> int:
        return self.true_ns - self.booted_ns

    def wait_until(self, boottime_ns: int) -> None:
        raise AssertionError("nobody waits here")

    def raise_floor(self, utc_ns: int) -> None:
        self._floor_ns = max(self._floor_ns, utc_ns)


@dataclass
class Counts:
    """What happened, and what was looked at."""

    filmed: int = 0
    samples: int = 0
    openable: int = 0
    boots: int = 0
    power_cuts: int = 0
    leaps: int = 0
    too_long: list[str] = field(default_factory=list)
    too_short: list[str] = field(default_factory=list)


class Year:
    """One node. `run` lives through days, and looks at every step what could be opened."""

    def __init__(self, folder: Path, *, seed: int, step_minutes: int = 30) -> None:
        self._folder = folder
        self._random = random.Random(seed)  # noqa: S311 — a year that can be had again
        self._step_ns = step_minutes * 60 * NS
        self._wall = Wall(int(START.timestamp()) * NS)
        self._slot = folder / "eeprom"
        self._slot.write_bytes(b"\xff" * 4096)
        (folder / "ring").mkdir()
        self._filmed: deque[tuple[int, int]] = deque()  # when it really was, under which epoch
        self._calm_since_ns = self._wall.true_ns
        self._number = 0
        self.counts = Counts()
        self._boot()

    def run(self, days: int) -> Counts:
        end_ns = self._wall.true_ns + days * 24 * HOUR_NS
        while self._wall.true_ns < end_ns:
            self._wall.true_ns += self._step_ns
            try:
                self._live()
            except PowerCut:
                self.counts.power_cuts += 1
                self._off()
            self._sample()
        self._keys.close()
        return self.counts

    def _boot(self) -> None:
        """As `node.recorder.start` does: what is overdue goes first."""
        self.counts.boots += 1
        self._wall.boot()
        self._part = Part()
        while True:
            try:
                self._keys = EpochKeys(self._slot, medium="part", volume=self._part)
                break
            except PowerCut:
                self._part = Part()
        self._time = LivedTime(self._wall, floor_ns=self._keys.header.time_floor_ns)
        self._keys.destroy_due(self._time.now().utc_ns)
        self._ring = Ring(
            directory=self._folder / "ring",
            keys=self._keys,
            signing=signing_key("test-node"),
            clock=self._time,
            capacity_bytes=1 << 30,
            preallocate_bytes=0,
            latest_start=self._time.lived_ns,
        )

    def _off(self, hours: float = 0.0) -> None:
        """No power for a while; the clock of the next start is right, or not trusted."""
        self._ring.close()
        self._keys.close()
        self._wall.true_ns += int(hours * HOUR_NS)
        self._wall.error_ns = 0
        if self._random.random() < 0.2:
            self._wall.trust, self._wall.error_ns = "untrusted", -20 * 365 * 24 * HOUR_NS
        else:
            self._wall.trust = "synchronised"
        self._calm_since_ns = self._wall.true_ns
        self._boot()

    def _live(self) -> None:
        chance = self._random.random()
        if chance < 0.001:
            self._off(hours=self._random.uniform(24, 24 * 21))
        elif chance < 0.01:
            self._off(hours=self._random.uniform(0, 3))
        elif chance < 0.02:
            self._part.cut_after = self._part.writes.total() + self._random.randrange(6)
        elif chance < 0.03 and self._wall.trust == "synchronised":
            self._wall.error_ns = int(self._random.uniform(-5 * 24, 5 * 24) * HOUR_NS)
            self._calm_since_ns = self._wall.true_ns
            self.counts.leaps += 1
        elif chance < 0.1:
            if self._wall.error_ns:
                self._calm_since_ns = self._wall.true_ns
            self._wall.error_ns, self._wall.trust = 0, "synchronised"
        self._ring.expire()
        if self._is_night() and self._time.now().trust != "untrusted":
            self._film()
        header = self._keys.header
        self._keys.commit_header(header.next(time_floor_ns=max(header.time_floor_ns, self._time.lived_ns())))

    def _is_night(self) -> bool:
        """By the clock on the wall of the town, summer and winter."""
        utc = START + timedelta(seconds=(self._wall.true_ns - int(START.timestamp()) * NS) / NS)
        return not 6 <= utc.astimezone(LOCAL).hour < 20

    def _film(self) -> None:
        self._number += 1
        one = footage(self._number, start_ns=self._wall.now().utc_ns, payloads=())
        self._ring.write(one.opening)
        assert self._ring._open is not None
        self._filmed.append((self._wall.true_ns, self._ring._open[1]))
        self._ring.write(CloseSegment(one.header.segment, 0))
        self.counts.filmed += 1

    def _sample(self) -> None:
        """Of what was filmed, what opens: nothing that is older than its retention, if the time is known at all."""
        self.counts.samples += 1
        while self._filmed and self._wall.true_ns - self._filmed[0][0] >= RETENTION_NS:
            was_ns, epoch = self._filmed[0]
            if self._keys.key(epoch) is not None:
                if self._wall.trust == "untrusted":
                    return  # how long it was off, the node cannot know: it destroys with the first trusted time
                age = (self._wall.true_ns - was_ns) / HOUR_NS
                self.counts.too_long.append(f"epoch {epoch} opens after {age:.1f} h")
            self._filmed.popleft()
        young_ns = RETENTION_NS - 2 * HOUR_NS - LEAP_NS
        for was_ns, epoch in self._filmed if self._wall.error_ns == 0 else ():
            if was_ns > self._calm_since_ns and self._wall.true_ns - was_ns < young_ns:
                self.counts.openable += 1
                if self._keys.key(epoch) is None:
                    self.counts.too_short.append(f"epoch {epoch} is gone early")
