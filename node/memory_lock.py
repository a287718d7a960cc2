"""What keeps keys off the disk and out of others' hands: no core dumps, no swap, memory that stays in memory.

Each function does or checks one thing for this process and refuses in one line if it cannot be had. A daemon
calls them before it reads a key; whether a refusal ends it is its caller's business.
"""

import ctypes
import os
import resource
from pathlib import Path
from typing import Final

from node.errors import Refused

_PR_SET_DUMPABLE: Final = 4  # linux/prctl.h
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4  # asm-generic/mman.h
SWAPS = Path("/proc/swaps")


def forbid_core_dumps() -> None:
    """RLIMIT_CORE 0, for this process and its children (setrlimit(2)): no core file, whoever asks for one."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def forbid_reading() -> None:
    """PR_SET_DUMPABLE 0 (prctl(2)): no debugger of the same user, and no core dump to a program either.

    It also closes `/proc/PID/smaps` and the like to the same user, so a demo, which measures that, leaves it out.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise Refused(f"memory: it cannot be closed to debuggers ({os.strerror(ctypes.get_errno())})")


def lock() -> None:
    """Every page that is used from now on stays in memory (mlockall(2) with MCL_FUTURE).

    MCL_ONFAULT: a page is locked when it is first touched, which a key's is. Without it every page of every
    mapped library would be read in and held, several hundred MiB for a camera that uses a fraction of them.
    """
    flags = _MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT
    if ctypes.CDLL(None, use_errno=True).mlockall(flags) != 0:
        why = os.strerror(ctypes.get_errno())
        raise Refused(f"memory: it cannot be locked ({why}): the service needs LimitMEMLOCK=infinity")


def forbid_swap(listing: Path = SWAPS) -> None:
    """Nothing may be listed in /proc/swaps (proc(5)); a kernel without swap has no such file."""
    try:
        _, *areas = listing.read_text().splitlines() or [""]
    except FileNotFoundError:
        return
    if areas:
        raise Refused(f"memory: this machine swaps to {areas[0].split()[0]}: switch it off (swapoff -a)")
