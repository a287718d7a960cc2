"""Each thing is done in a child process, which reads from the kernel what has become of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from node import memory_lock
from node.errors import Refused

NOBODY = 65534
HEADING = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"


def in_a_child(code: str) -> subprocess.CompletedProcess[str]:
    """What a fresh process prints that runs `code` with `memory_lock` at hand."""
    program = f"import ctypes, os, resource\nfrom node import memory_lock\n{code}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_no_core_file_is_written_however_high_the_limit_was() -> None:
    done = in_a_child("memory_lock.forbid_core_dumps()\nprint(resource.getrlimit(resource.RLIMIT_CORE))")
    assert (done.stdout.strip(), done.stderr) == ("(0, 0)", "")


def test_no_debugger_may_look_in() -> None:
    get = "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    assert in_a_child(get).stdout.split() == ["1"]
    assert in_a_child(f"memory_lock.forbid_reading()\n{get}").stdout.split() == ["0"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: others may not lock so much")
def test_what_is_allocated_later_is_locked_and_what_is_not_touched_costs_nothing() -> None:
    code = """
import mmap
from pathlib import Path
memory_lock.lock()
size = 64 << 20
before = int(Path("/proc/self/statm").read_text().split()[1])
later = mmap.mmap(-1, size)
pages = int(Path("/proc/self/statm").read_text().split()[1]) - before
status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
print(int(status["VmLck"].split()[0]) >= size >> 10, pages * mmap.PAGESIZE < size // 8)
"""
    done = in_a_child(code)
    assert (done.stdout.split(), done.stderr) == (["True", "True"], "")


def test_a_process_that_may_not_lock_its_memory_says_what_it_needs() -> None:
    code = f"""
resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))
if os.getuid() == 0:
    os.setuid({NOBODY})
memory_lock.lock()
"""
    assert in_a_child(code).stderr.splitlines()[-1].endswith("the service needs LimitMEMLOCK=infinity")


@pytest.mark.parametrize("listing", [HEADING, ""])
def test_a_machine_without_swap_is_taken(tmp_path: Path, listing: str) -> None:
    (tmp_path / "swaps").write_text(listing)
    memory_lock.forbid_swap(tmp_path / "swaps")


def test_a_kernel_without_swap_is_taken(tmp_path: Path) -> None:
    memory_lock.forbid_swap(tmp_path / "swaps")


def test_a_machine_that_swaps_is_refused_by_the_name_of_the_place(tmp_path: Path) -> None:
    (tmp_path / "swaps").write_text(f"{HEADING}/dev/zram0   partition\t1048572\t0\t100\n")
    with pytest.raises(Refused, match="swaps to /dev/zram0"):
        memory_lock.forbid_swap(tmp_path / "swaps")
