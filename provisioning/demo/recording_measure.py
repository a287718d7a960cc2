"""What recording costs once the pictures are encoded: sealing, the bus, and a real recorder's disk.

Two processes, as on a node. What cannot be told apart from recording counts as well: signs of life, answers, upkeep.
"""

import subprocess
import sys
from statistics import median
from typing import Final

import msgspec
import psutil  # type: ignore[import-untyped]  # it has no types of its own

from node.errors import Refused
from node.formats.measured import RUNS, Measured, Sent
from node.masks.geometry import Size
from provisioning.demo.children import Children
from provisioning.demo.place import Place, place

SIZE: Final[Size] = (1920, 1080)
GOAL: Final = 0.02
"""Of a core, both processes together."""
SENDING_S: Final = 60.0


def seal_bus_write(name: str) -> Measured:
    """A minute at 4 Mbit/s from a fragment to the recorder's disk: processor time of both, against encrypting alone."""
    with place(SIZE, broker=False) as here, here.daemons("recorder") as children:
        found = [_a_minute(here, children) for _ in range(RUNS)]
    share = median((sent.used_s + recorder_s) / sent.seconds for sent, recorder_s in found)
    alone = median(sent.encrypting_s / sent.seconds for sent, _ in found)
    a_second = found[0][0].size / found[0][0].seconds
    what = (
        f"encrypting alone, {a_second / alone / 1e9:.1f} GB/s; this: {a_second / share / 1e9:.2f} GB/s; "
        "the goal is for the value, camera's and recorder's part together"
    )
    return Measured(name, share, "of a core", alone, share / alone, GOAL, share <= GOAL, what)


def _a_minute(here: Place, children: Children) -> tuple[Sent, float]:
    """What the sender used, and the recorder meanwhile, in seconds."""
    recorder = psutil.Process(children.pids["recorder"])
    before_s = _used_s(recorder)
    command = (
        sys.executable, "-m", "node.cli.bench_sender",
        "--config", str(here.files.config_file), "--peers", str(here.peers),
    )  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE) as sender:  # noqa: S603 — our own program
        here.peers.write_bytes(msgspec.json.encode({**children.pids, "camera": sender.pid}))
        try:
            said, _ = sender.communicate(timeout=SENDING_S)
        except subprocess.TimeoutExpired:
            sender.kill()
            raise Refused("the sender did not end") from None
    if sender.returncode:
        raise Refused("the sender failed: it has said why")
    return msgspec.json.decode(said, type=Sent), _used_s(recorder) - before_s


def _used_s(process: "psutil.Process") -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
