"""What this machine says of itself: boot id, load, memory, disk, temperature; and this process' own size."""

import hashlib
import platform
import sqlite3
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil  # type: ignore[import-untyped]  # it comes without types

import node
from node.formats.payloads import MachineNumbers

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_TEMPERATURE: Final = Path("/sys/class/thermal/thermal_zone0/temp")  # thousandths of a degree
_THROTTLED: Final = Path(
    "/sys/devices/platform/soc/soc:firmware/get_throttled"
)  # Raspberry Pi: bits 0-3 are now
_THROTTLED_NOW: Final = 0xF


@dataclass(frozen=True, slots=True)
class ProcessNumbers:
    """This process: its proportional set size, and its share of one processor since the last time."""

    pss_bytes: int
    cpu_percent: float


class Machine:
    """This machine. `place` is on the disk that counts."""

    def __init__(self, *, place: Path) -> None:
        self._place = place
        self._process = psutil.Process()
        self._process.cpu_percent()

    def measure(self) -> MachineNumbers:
        """Its numbers now."""
        memory = psutil.virtual_memory()
        disk = psutil.disk_usage(str(self._place))
        temperature = _read(_TEMPERATURE, base=10)
        throttled = _read(_THROTTLED, base=16)
        return MachineNumbers(
            load_1min=psutil.getloadavg()[0],
            memory_available_bytes=memory.available,
            memory_bytes=memory.total,
            disk_free_bytes=disk.free,
            disk_bytes=disk.total,
            temperature_c=None if temperature is None else temperature / 1000,
            throttled=None if throttled is None else bool(throttled & _THROTTLED_NOW),
        )

    def process(self) -> ProcessNumbers:
        """This process' numbers now."""
        return ProcessNumbers(self._process.memory_full_info().pss, self._process.cpu_percent())


def boot_id() -> str:
    """The kernel's id of this boot."""
    return _BOOT_ID.read_text().strip()


def versions() -> dict[str, str]:
    """What the node's code stands on."""
    return {
        "python": platform.python_version(),
        "kernel": platform.release()[:64],
        "machine": platform.machine()[:64],
        "openssl": ssl.OPENSSL_VERSION[:64],
        "sqlite": sqlite3.sqlite_version,
    }


def program_digest() -> str:
    """SHA-256 over the node's own source files, by name: which code this is, whatever it calls itself."""
    digest = hashlib.sha256()
    folder = Path(node.__path__[0])
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return f"sha256:{digest.hexdigest()}"


def _read(path: Path, *, base: int) -> int | None:
    try:
        return int(path.read_text().strip(), base)
    except (OSError, ValueError):
        return None
