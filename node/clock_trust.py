"""Whether this machine's wall time can be believed: judged from the kernel and a battery clock, never from the network.

A node that was dark because it doubted its clock opens when the kernel says that the clock is disciplined, or
when a battery clock that never stopped agrees with it. A time before the floor is never believed.
"""

import ctypes
import fcntl
import os
import struct
from pathlib import Path
from typing import Final, Protocol

from node.clock import NS, Instant, SystemClock, TimeTrust

_STA_UNSYNC: Final = 0x0040
_TIME_ERROR: Final = 5
_RTC_VL_READ: Final = 0x80047013  # _IOR('p', 0x13, unsigned int), linux/rtc.h
_RTC_VL_INVALID: Final = 0x1 | 0x2  # RTC_VL_DATA_INVALID, RTC_VL_BACKUP_LOW: the oscillator may have stopped
AGREES_WITHIN_S: Final = 60
JUDGED_EVERY_NS: Final = 10 * NS
RTC = Path("/dev/rtc0")
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
        ("rest", ctypes.c_byte * 160),
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
        timex = _Timex()
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
        return 0 <= state != _TIME_ERROR and not timex.status & _STA_UNSYNC

    def battery_seconds(self) -> int | None:
        """Of /dev/rtc0, if its driver can say that the oscillator never stopped (RTC_VL_READ)."""
        try:
            device = os.open(RTC, os.O_RDONLY | os.O_CLOEXEC)
            try:
                answer = fcntl.ioctl(device, _RTC_VL_READ, struct.pack("I", 0))
            finally:
                os.close(device)
            seconds = int(RTC_SECONDS.read_text())
        except (OSError, ValueError):
            return None
        return None if struct.unpack("I", answer)[0] & _RTC_VL_INVALID else seconds


class JudgedClock(SystemClock):
    """This machine's clock with the trust that it deserves now."""

    def __init__(self, *, source: TrustSource) -> None:
        super().__init__(trust="synchronised")
        self._source = source
        self._judged_ns: int | None = None
        self._judged: TimeTrust = "untrusted"

    def now(self) -> Instant:
        """Wall time, and why it can be believed."""
        instant = super().now()
        if instant.trust == "untrusted":  # before the floor
            return instant
        return Instant(instant.utc_ns, self._trust_of(instant.utc_ns))

    def _trust_of(self, utc_ns: int) -> TimeTrust:
        boottime_ns = self.boottime_ns()
        if self._judged_ns is None or boottime_ns - self._judged_ns >= JUDGED_EVERY_NS:
            self._judged_ns, self._judged = boottime_ns, self._judge(utc_ns)
        return self._judged

    def _judge(self, utc_ns: int) -> TimeTrust:
        if self._source.synchronised():
            return "synchronised"
        battery = self._source.battery_seconds()
        if battery is not None and abs(battery - utc_ns // NS) <= AGREES_WITHIN_S:
            return "battery"
        return "untrusted"
