"""Whether wall time is believed: by the kernel's word or a battery clock's, never before the floor, nothing else."""

import ctypes
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from node import clock_trust
from node.clock import NS, Instant, TimeTrust
from node.clock_trust import AGREES_WITHIN_S, JUDGED_EVERY_NS, JudgedClock, Machine

NOON_NS = 1_793_000_000 * NS
RTC_HEADER = Path("/usr/include/linux/rtc.h")


@dataclass
class Known:
    """What a machine is known to say; counts how often it was asked."""

    synced: bool = False
    battery: int | None = None
    asked: int = 0

    def synchronised(self) -> bool:
        self.asked += 1
        return self.synced

    def battery_seconds(self) -> int | None:
        return self.battery


@dataclass
class Hands:
    """A clock whose two hands are set by the test."""

    utc_ns: int = NOON_NS
    since_boot_ns: int = 0
    claims: TimeTrust = "demo"

    def now(self) -> Instant:
        return Instant(self.utc_ns, self.claims)

    def boottime_ns(self) -> int:
        return self.since_boot_ns

    def wait_until(self, boottime_ns: int) -> None:
        self.utc_ns += boottime_ns - self.since_boot_ns
        self.since_boot_ns = boottime_ns

    def raise_floor(self, utc_ns: int) -> None:
        raise AssertionError("the judge keeps the floor itself")


def judged(source: Known, hands: Hands | None = None) -> JudgedClock:
    return JudgedClock(source=source, machine=hands or Hands())


@pytest.mark.parametrize(
    ("synced", "battery_off_by", "trust"),
    [
        (True, None, "synchronised"),
        (True, 86_400, "synchronised"),
        (False, 0, "battery"),
        (False, AGREES_WITHIN_S, "battery"),
        (False, -AGREES_WITHIN_S, "battery"),
        (False, AGREES_WITHIN_S + 1, "untrusted"),
        (False, -AGREES_WITHIN_S - 1, "untrusted"),
        (False, None, "untrusted"),
    ],
)
def test_a_time_is_believed_if_the_kernel_or_a_battery_clock_says_so(
    synced: bool, battery_off_by: int | None, trust: TimeTrust
) -> None:
    battery = None if battery_off_by is None else NOON_NS // NS + battery_off_by
    assert judged(Known(synced, battery)).now() == Instant(NOON_NS, trust)


@pytest.mark.parametrize("claims", ["synchronised", "battery", "simulated", "demo"])
def test_what_the_clock_says_of_itself_counts_nothing(claims: TimeTrust) -> None:
    assert judged(Known(), Hands(claims=claims)).now().trust == "untrusted"


def test_a_time_before_the_floor_is_believed_from_nobody_and_the_floor_never_sinks() -> None:
    hands = Hands()
    clock = judged(Known(synced=True, battery=NOON_NS // NS), hands)
    clock.raise_floor(NOON_NS + 1)
    clock.raise_floor(NOON_NS - 5)
    assert clock.now() == Instant(NOON_NS, "untrusted")
    hands.utc_ns += 1
    assert clock.now() == Instant(NOON_NS + 1, "synchronised")


def test_the_machine_is_asked_again_after_ten_seconds_and_not_before() -> None:
    source, hands = Known(synced=True), Hands()
    clock = judged(source, hands)
    assert clock.now().trust == "synchronised"
    source.synced = False
    hands.wait_until(JUDGED_EVERY_NS - 1)
    assert (clock.now().trust, source.asked) == ("synchronised", 1)
    hands.wait_until(JUDGED_EVERY_NS)
    assert (clock.now().trust, source.asked) == ("untrusted", 2)


@pytest.mark.parametrize("jump_ns", [NS, -NS, 86_400 * NS, -7 * 86_400 * NS])
def test_a_clock_that_was_set_is_judged_anew_at_once(jump_ns: int) -> None:
    source, hands = Known(battery=NOON_NS // NS), Hands()
    clock = judged(source, hands)
    assert clock.now().trust == "battery"
    hands.utc_ns += jump_ns
    still = abs(jump_ns) <= AGREES_WITHIN_S * NS
    assert (clock.now().trust, source.asked) == ("battery" if still else "untrusted", 2)


def test_a_clock_that_is_slewed_is_not_judged_at_every_look() -> None:
    source, hands = Known(synced=True), Hands()
    clock = judged(source, hands)
    for _ in range(9):
        hands.wait_until(hands.since_boot_ns + NS)
        hands.utc_ns += 500_000  # 500 ppm, the most that the kernel slews
        clock.now()
    assert source.asked == 1


def test_it_waits_on_the_machine_s_clock() -> None:
    hands = Hands()
    clock = judged(Known(), hands)
    clock.wait_until(3 * NS)
    assert (clock.boottime_ns(), hands.since_boot_ns) == (3 * NS, 3 * NS)


def test_this_machine_s_kernel_answers() -> None:
    assert isinstance(Machine().synchronised(), bool)


def test_this_machine_s_battery_clock_is_near_its_time_if_it_has_one_to_believe() -> None:
    seconds = Machine().battery_seconds()
    if not clock_trust.RTC.exists():
        assert seconds is None
    assert seconds is None or isinstance(seconds, int)


def test_no_environment_variable_makes_a_time_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = JudgedClock(source=Machine()).now().trust
    for name in ("STOLPE_TIME_TRUST", "TIME_TRUST", "STOLPE_CLOCK", "FAKETIME", "SOURCE_DATE_EPOCH", "TZ"):
        monkeypatch.setenv(name, "demo")
    assert JudgedClock(source=Machine()).now().trust == before != "demo"
    assert not re.search(r"environ|getenv|argv", Path(clock_trust.__file__).read_text())


def test_the_kernel_s_structure_has_its_fields_where_the_kernel_writes_them() -> None:
    long = ctypes.sizeof(ctypes.c_long)
    timex = clock_trust._Timex
    assert timex.offset.offset == long
    assert timex.status.offset == 5 * long
    assert ctypes.sizeof(timex) >= 208


def test_a_c_library_without_the_call_means_that_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_trust.ctypes, "CDLL", lambda _: object())
    assert Machine().synchronised() is False


def test_the_question_about_the_battery_has_the_kernel_s_number() -> None:
    read, size, kind, number = 2, ctypes.sizeof(ctypes.c_uint), ord("p"), 0x13
    assert (read << 30) + (size << 16) + (kind << 8) + number == clock_trust._RTC_VL_READ


@pytest.mark.skipif(not RTC_HEADER.exists(), reason="linux-libc-dev is not installed")
def test_every_doubt_that_the_kernel_has_a_flag_for_is_one() -> None:
    flags = {
        name: 1 << int(bit)
        for name, bit in re.findall(r"RTC_VL_(\w+)\s+_BITUL\((\d+)\)", RTC_HEADER.read_text())
    }
    doubts = {"DATA_INVALID", "BACKUP_LOW", "BACKUP_EMPTY", "ACCURACY_LOW"}
    assert sum(flags[name] for name in doubts) == clock_trust._RTC_VL_DOUBTFUL
    assert set(flags) - doubts == {"BACKUP_SWITCH"}
