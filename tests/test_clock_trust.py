"""Wall time is believed for a reason that is named, or not at all."""

import os
from dataclasses import dataclass

import pytest

from node import clock_trust
from node.clock import NS, SystemClock
from node.clock_trust import JUDGED_EVERY_NS, JudgedClock, Machine


@dataclass
class Says:
    """A machine that says what a test tells it to."""

    disciplined: bool = False
    battery_ahead_s: int | None = None
    asked: int = 0

    def synchronised(self) -> bool:
        self.asked += 1
        return self.disciplined

    def battery_seconds(self) -> int | None:
        now_s = SystemClock().now().utc_ns // NS
        return None if self.battery_ahead_s is None else now_s + self.battery_ahead_s


@pytest.mark.parametrize(
    ("says", "trust"),
    [
        (Says(), "untrusted"),
        (Says(disciplined=True), "synchronised"),
        (Says(battery_ahead_s=0), "battery"),
        (Says(battery_ahead_s=-58), "battery"),
        (Says(battery_ahead_s=63), "untrusted"),
        (Says(battery_ahead_s=-86_400), "untrusted"),
        (Says(disciplined=True, battery_ahead_s=86_400), "synchronised"),
    ],
)
def test_the_kernel_decides_and_else_a_battery_clock_that_agrees(says: Says, trust: str) -> None:
    assert JudgedClock(source=says).now().trust == trust


def test_before_the_floor_nothing_is_believed_and_a_floor_is_never_lowered() -> None:
    clock = JudgedClock(source=Says(disciplined=True))
    now_ns = clock.now().utc_ns
    clock.raise_floor(now_ns + 3600 * NS)
    assert clock.now().trust == "untrusted"
    clock.raise_floor(0)
    assert clock.now().trust == "untrusted"


def test_it_is_not_judged_for_every_frame_but_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    says = Says(disciplined=True)
    clock = JudgedClock(source=says)
    at = [0]
    monkeypatch.setattr(clock, "boottime_ns", lambda: at[0])
    for _ in range(50):
        assert clock.now().trust == "synchronised"
    assert says.asked == 1
    says.disciplined, at[0] = False, JUDGED_EVERY_NS
    assert clock.now().trust == "untrusted"


def test_this_machine_can_be_asked() -> None:
    assert Machine().synchronised() in {True, False}
    assert Machine().battery_seconds() is None or isinstance(Machine().battery_seconds(), int)


def test_no_variable_of_the_environment_makes_time_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ, "STOLPE_TIME_TRUST", "STOLPE_DEMO", "STOLPE_TRUST"]:
        monkeypatch.setenv(name, "synchronised")
    assert JudgedClock(source=Says()).now().trust == "untrusted"


def test_the_numbers_are_the_kernels() -> None:
    """linux/rtc.h: RTC_VL_READ is _IOR('p', 0x13, unsigned int); linux/timex.h: STA_UNSYNC, TIME_ERROR."""
    assert (2 << 30) | (4 << 16) | (ord("p") << 8) | 0x13 == clock_trust._RTC_VL_READ
    assert (clock_trust._STA_UNSYNC, clock_trust._TIME_ERROR) == (0x40, 5)
