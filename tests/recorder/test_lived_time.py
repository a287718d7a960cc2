"""What time it is at least: no clock that is wrong destroys early, none that was set back keeps longer."""

from dataclasses import dataclass

from recorder.footage import START_NS

from node.clock import NS, Instant, TimeTrust
from node.recorder.lived_time import LivedTime

HOUR_NS = 3600 * NS


@dataclass
class SetClock:
    """A machine's clock that somebody sets."""

    utc_ns: int = START_NS
    trust: TimeTrust = "synchronised"
    lived_ns: int = 0
    floor_ns: int = 0

    def now(self) -> Instant:
        return Instant(self.utc_ns, self.trust if self.utc_ns >= self.floor_ns else "untrusted")

    def boottime_ns(self) -> int:
        return self.lived_ns

    def wait_until(self, boottime_ns: int) -> None:
        self.utc_ns += boottime_ns - self.lived_ns
        self.lived_ns = boottime_ns

    def raise_floor(self, utc_ns: int) -> None:
        self.floor_ns = max(self.floor_ns, utc_ns)


def after(clock: SetClock, hours: float) -> None:
    clock.wait_until(clock.lived_ns + int(hours * HOUR_NS))


def test_a_trusted_clock_counts_from_the_start_however_long_the_node_was_off() -> None:
    clock = SetClock()
    time = LivedTime(clock, floor_ns=START_NS - 1000 * HOUR_NS)
    assert time.now() == Instant(START_NS, "synchronised")
    after(clock, 5)
    assert time.now().utc_ns == START_NS + 5 * HOUR_NS


def test_an_untrusted_clock_counts_for_nothing_but_what_is_lived_through_does() -> None:
    for wrong_ns in (0, START_NS + 1000 * HOUR_NS):
        clock = SetClock(utc_ns=wrong_ns, trust="untrusted")
        time = LivedTime(clock, floor_ns=START_NS)
        assert time.now() == Instant(START_NS, "untrusted")
        after(clock, 2)
        assert time.now().utc_ns == START_NS + 2 * HOUR_NS


def test_a_clock_that_is_set_back_extends_nothing() -> None:
    clock = SetClock()
    time = LivedTime(clock, floor_ns=0)
    time.now()
    clock.utc_ns -= 100 * HOUR_NS
    after(clock, 3)
    assert time.now().utc_ns == START_NS + 3 * HOUR_NS


def test_a_leap_ahead_counts_for_an_hour_and_the_rest_must_be_lived_through() -> None:
    clock = SetClock()
    time = LivedTime(clock, floor_ns=0)
    time.now()
    clock.utc_ns += 72 * HOUR_NS
    assert time.now().utc_ns == START_NS + HOUR_NS
    after(clock, 10)
    assert time.now().utc_ns == START_NS + 11 * HOUR_NS


def test_a_small_correction_counts_at_once_and_never_backwards() -> None:
    clock = SetClock()
    time = LivedTime(clock, floor_ns=0)
    time.now()
    clock.utc_ns += HOUR_NS // 2
    assert time.now().utc_ns == START_NS + HOUR_NS // 2
    clock.utc_ns -= HOUR_NS // 2
    assert time.now().utc_ns == START_NS + HOUR_NS // 2


def test_a_time_before_the_floor_is_not_believed() -> None:
    clock = SetClock()
    time = LivedTime(clock, floor_ns=START_NS + HOUR_NS)
    assert time.now() == Instant(START_NS + HOUR_NS, "untrusted")


def test_when_a_clock_is_trusted_at_last_it_counts() -> None:
    clock = SetClock(trust="untrusted")
    time = LivedTime(clock, floor_ns=START_NS - 100 * HOUR_NS)
    time.now()
    after(clock, 1)
    clock.trust = "synchronised"
    assert time.now().utc_ns == START_NS + HOUR_NS


def test_a_clock_that_was_set_back_is_doubted_once_and_not_again_and_again() -> None:
    clock = SetClock(utc_ns=START_NS + 40 * NS, trust="battery")
    time = LivedTime(clock, floor_ns=0)
    clock.raise_floor(time.floor_ns)
    clock.utc_ns -= 40 * NS
    clock.trust = "synchronised"
    doubted_s = 0
    for second in range(3600):
        after(clock, 1 / 3600)
        doubted_s += time.now().trust == "untrusted"
        if second % 600 == 0:
            clock.raise_floor(time.floor_ns)
    assert doubted_s <= 41
    assert time.now().utc_ns > clock.utc_ns  # what is kept is kept no longer for it
