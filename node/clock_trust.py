"""Whether this machine's wall time can be believed: judged from the kernel and a battery clock, never from the network.

A node that was dark because it doubted its clock opens when the kernel says that the clock is disciplined, or
when a battery clock that never stopped agrees with it. A time before the floor is never believed.
"""

import ctypes
import errno
import fcntl
import os
import struct
from pathlib import Path
from typing import Final, Protocol

from node.clock import NS, Clock, Instant, SystemClock, TimeTrust

_STA_UNSYNC: Final = 0x0040
_TIME_ERROR: Final = 5
_RTC_VL_READ: Final = 0x80047013  # _IOR('p', 0x13, unsigned int), linux/rtc.h
# RTC_VL_DATA_INVALID, _BACKUP_LOW, _BACKUP_EMPTY, _ACCURACY_LOW; that it runs on its battery (0x10) is no doubt.
_RTC_VL_DOUBTFUL: Final = 0x1 | 0x2 | 0x4 | 0x8
AGREES_WITHIN_S: Final = 60
JUDGED_EVERY_NS: Final = 10 * NS
JUMP_NS: Final = NS  # a wall clock that was set is judged anew at once
RTC = Path("/dev/rtc0")
RTC_TRIES, RTC_AGAIN_NS = 5, NS // 100
RTC_SECONDS = Path("/sys/class/rtc/rtc0/since_epoch")


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2); only `modes` and `status` are used here."""

    _fields_ = (  # type: ignore[mutable-override]  # ctypes reads it once
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),  # at least as much as the kernel writes, of whatever word size
    )


class TrustSource(Protocol):
    """What a wall time's trust is judged from."""

    def synchronised(self) -> bool:
        """Whether the kernel's clock is disciplined."""
        ...

    def battery_seconds(self) -> int | None:
        """UTC seconds of a battery clock that never stopped; None if there is none."""
        ...


class Machine:
    """This machine's kernel and battery clock."""

    def synchronised(self) -> bool:
        """adjtimex(2): the kernel gives up after about nine hours without correction (maxerror above 16 s)."""
        adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
        if adjtimex is None:  # a C library without it: then nothing is known of the clock
            return False
        timex = _Timex()
        state = adjtimex(ctypes.byref(timex))
        return 0 <= state != _TIME_ERROR and not timex.status & _STA_UNSYNC

    def battery_seconds(self) -> int | None:
        """Of /dev/rtc0, if its driver can say that the oscillator never stopped (RTC_VL_READ)."""
        try:
            device = self._opened()
            try:
                answer = fcntl.ioctl(device, _RTC_VL_READ, struct.pack("I", 0))
            finally:
                os.close(device)
            seconds = int(RTC_SECONDS.read_text())
        except (OSError, ValueError):
            return None
        return None if struct.unpack("I", answer)[0] & _RTC_VL_DOUBTFUL else seconds

    def _opened(self) -> int:
        """The device, which only one process may have open: another daemon may be judging just now."""
        clock = SystemClock()
        for _ in range(RTC_TRIES):
            try:
                return os.open(RTC, os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                if error.errno != errno.EBUSY:
                    raise
            clock.wait_until(clock.boottime_ns() + RTC_AGAIN_NS)
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(RTC))


class JudgedClock:
    """This machine's clock with the trust that it deserves now; what `machine` says of its own trust counts nothing."""

    def __init__(self, *, source: TrustSource, machine: Clock | None = None) -> None:
        self._source = source
        self._machine = machine or SystemClock()
        self._floor_ns = 0
        self._judged: TimeTrust = "untrusted"
        self._judged_ns: int | None = None
        self._offset_ns = 0

    def now(self) -> Instant:
        """Wall time, and why it can be believed."""
        utc_ns = self._machine.now().utc_ns
        return Instant(utc_ns, self._trust_of(utc_ns) if utc_ns >= self._floor_ns else "untrusted")

    def raise_floor(self, utc_ns: int) -> None:
        """Believe no earlier time any more."""
        self._floor_ns = max(self._floor_ns, utc_ns)

    def boottime_ns(self) -> int:
        """The machine's."""
        return self._machine.boottime_ns()

    def wait_until(self, boottime_ns: int) -> None:
        """Wait on the machine's clock."""
        self._machine.wait_until(boottime_ns)

    def _trust_of(self, utc_ns: int) -> TimeTrust:
        boottime_ns = self.boottime_ns()
        offset_ns = utc_ns - boottime_ns
        if (
            self._judged_ns is None
            or boottime_ns - self._judged_ns >= JUDGED_EVERY_NS
            or abs(offset_ns - self._offset_ns) >= JUMP_NS
        ):
            self._judged_ns, self._offset_ns, self._judged = boottime_ns, offset_ns, self._judge(utc_ns)
        return self._judged

    def _judge(self, utc_ns: int) -> TimeTrust:
        if self._source.synchronised():
            return "synchronised"
        battery = self._source.battery_seconds()
        if battery is not None and abs(battery - utc_ns // NS) <= AGREES_WITHIN_S:
            return "battery"
        return "untrusted"
