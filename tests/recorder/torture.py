"""`make torture`: the real recorder daemon on ext4, killed with -9 thirty times, and at each kill the power goes, too.

The disk is a loop device. What its backing file holds at the moment of the kill is what a power cut would have left:
blocks that the kernel had not written yet are not in it. That image is mounted, started on and checked; the daemon
itself goes on with the living disk. The camera is this process: a fragment a second of 4 Mbit/s, kept until it is
answered. Loss is the time from the end of the last whole fragment on the image to the kill.
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from fakes.loop_disk import CannotRun, mounted, new_image
from recorder.footage import Footage, footage
from recorder.station import Station, config_in

from node.clock import NS, SystemClock
from node.config import NodeConfig
from node.mandate.ids import new_ulid
from node.messages import AuditCommitted, AuditRequest, RecordsStored
from node.recorder.audit_check import check_audit
from node.recorder.epochs import EpochKeys
from node.recorder.recovery import check_ring, check_slot, recover
from node.recorder.ring import segment_paths
from node.sealing.keys import new_keys, read_private_keys, write_key_files

KILLS = 30
DISK_BYTES = 160 << 20
FRAGMENT_BYTES = 500_000
MOST_LOSS_S = 2.0
SECONDS = (1.0, 4.0)
"""Between which the daemon is killed, after its segment began."""


@dataclass
class Kill:
    """What one kill came to."""

    number: int
    lived_s: float
    stored: int
    left: int
    loss_s: float
    broken: list[str]


@contextmanager
def disk(folder: Path) -> Iterator[tuple[Path, Path]]:
    """The image's file, and where it is mounted."""
    new_image(folder / "disk.img", DISK_BYTES)
    with mounted(folder / "disk.img", folder / "disk"):
        yield folder / "disk.img", folder / "disk"


class Torture:
    """One camera's side, and the daemon that is killed."""

    def __init__(self, folder: Path, live: Path, image: Path, run_folder: Path) -> None:
        self._folder, self._live, self._image = folder, live, image
        write_key_files(live / "node.key", new_keys("node"))
        self._config = config_in(live, run_folder, capacity_bytes=64 << 20)
        self._config = msgspec.structs.replace(
            self._config, sensor=msgspec.structs.replace(self._config.sensor, bits_per_second=4_000_000)
        )
        self._toml = folder / "node.toml"
        self._toml.write_text(_toml(self._config))
        self._clock = SystemClock(trust="demo")
        self.station = Station(self._config)
        self._random = random.Random(20261124)  # noqa: S311 — a kill's time is no secret
        self._stored: dict[str, tuple[Footage, int]] = {}
        self._entries: dict[str, int] = {}

    def kill(self, number: int) -> Kill:
        """One life of the daemon: it starts, records, is killed; the power goes; what is left is looked at."""
        command = [sys.executable, "-m", "node.cli.demo_daemon", "recorder", "--config", str(self._toml)]
        command += ["--peers", str(Path(self._config.paths.run) / "daemons")]
        with subprocess.Popen(command) as process:
            pids = dict.fromkeys(("camera", "uplink"), os.getpid()) | {"recorder": process.pid}
            self.station.spawned(pids)
            self.station.turn = None
            self._wait_for_turn()
            one, lived_s = self._film(number, self._random.uniform(*SECONDS))
            killed_ns = self._clock.now().utc_ns
            process.kill()
            process.wait()
        shutil.copyfile(self._image, self._folder / "cut.img")
        broken, left = self._look_at_what_is_left(one)
        loss_s = (killed_ns - one.header.start_ns) / NS - left
        if loss_s > MOST_LOSS_S:
            broken.append(f"{loss_s:.2f} s were lost")
        return Kill(number, lived_s, self._stored[one.header.segment][1], left, loss_s, broken)

    def _wait_for_turn(self) -> None:
        for _ in range(400):
            self.station.listen()
            if self.station.turn is not None:
                return
            self.station.ends["camera"].inbox.poll(50)
        raise AssertionError("the recorder does not start")

    def _film(self, number: int, until_s: float) -> tuple[Footage, float]:
        start_ns = self._clock.now().utc_ns
        one = footage(number + 1, start_ns=start_ns, payloads=[bytes([number + 1]) * FRAGMENT_BYTES] * 8)
        self._stored[one.header.segment] = one, 0
        camera = self.station.ends["camera"]
        camera.send(self.station.in_turn(one.opening), to="recorder")
        camera.send(one.sealed[0], to="recorder")
        camera.send(AuditRequest(new_ulid(start_ns), "live", f"grant {number}"), to="recorder")
        sent = 1
        while (now_s := (self._clock.now().utc_ns - start_ns) / NS) < until_s:
            if now_s >= sent and sent < len(one.sealed) - 1:
                camera.send(one.sealed[sent], to="recorder")
                sent += 1
            self._hear(one, min(until_s, float(sent)) - now_s)
        return one, until_s

    def _hear(self, one: Footage, seconds: float) -> None:
        message = self.station.ends["camera"].receive(timeout_s=max(seconds, 0.001))
        if isinstance(message, RecordsStored) and message.segment == one.header.segment:
            self._stored[message.segment] = one, message.count
        if isinstance(message, AuditCommitted):
            self._entries[message.id] = message.index

    def _look_at_what_is_left(self, one: Footage) -> tuple[list[str], int]:
        """On the image: what a start finds, every numbered invariant, everything that was answered."""
        with mounted(self._folder / "cut.img", self._folder / "cut"):
            place = self._folder / "cut"
            keys = EpochKeys(place / "epochs.slot")
            keys.close()
            signing = read_private_keys(place / "node.key").signing
            recover(place / "ring", signing)
            image = (place / "epochs.slot").read_bytes()
            node = signing.private.public_key()
            found = [
                *check_ring(place / "ring", slot_image=image, node=node),
                *check_slot(image, now_ns=None),
            ]
            broken = [f"{one.number} {one.where}: {one.what}" for one in found]
            broken += [
                f"C6 {v.where}: {v.what}"
                for v in check_audit(_log(place), said=None, node=None)
                if v.number != "A1"
            ]
            log = _log(place).read_bytes()
            broken += [
                f"C6: entry {index} is not there"
                for id, index in self._entries.items()
                if id.encode() not in log
            ]
            left = {path.stem.partition("_")[2]: path.read_bytes() for path in segment_paths(place / "ring")}
            for segment, (filmed, count) in self._stored.items():
                whole = len(filmed.opened(left[segment]).records) if segment in left else -1
                if whole < count and segment not in self._evicted(left):
                    broken.append(f"C1 {segment}: {count} records were stored, {whole} are there")
            mine = left.get(one.header.segment)
            return broken, len(one.opened(mine).records) - 1 if mine is not None else 0

    def _wrong_in_the_log(self, place: Path) -> Iterator[str]:
        for violation in check_audit(_log(place), said=None, node=None):
            if violation.number != "A1":  # a last line that was torn is cut off by the log's next opening
                yield f"C6 {violation.where}: {violation.what}"
        log = _log(place).read_bytes()
        for one, index in self._entries.items():
            if one.encode() not in log:
                yield f"C6 entry {index}: it was answered, and is not there"

    def _evicted(self, left: dict[str, bytes]) -> set[str]:
        """The oldest make room: what is older than everything that is left."""
        return {segment for segment in self._stored if left and segment < min(left)}


def _log(place: Path) -> Path:
    return place / "audit" / "audit.jsonl"


def _toml(config: NodeConfig) -> str:
    """Only what differs from what is set by itself."""
    lines = []
    for section in ("node", "broker", "sensor", "ring", "paths"):
        lines.append(f"[{section}]")
        for key, value in msgspec.to_builtins(getattr(config, section)).items():
            lines.append(f"{key} = {msgspec.json.encode(value).decode()}")
    return "\n".join(lines) + "\n"


def main() -> int:
    """All kills, a line each."""
    with (
        tempfile.TemporaryDirectory(prefix="stolpe-torture-") as folder,
        tempfile.TemporaryDirectory(prefix="stolpe-") as run_folder,
    ):
        try:
            with disk(Path(folder)) as (image, live):
                torture = Torture(Path(folder), live, image, Path(run_folder))
                try:
                    return _tell(torture)
                finally:
                    torture.station.close()
        except CannotRun as reason:
            print(f"torture is left out here: {reason}")  # noqa: T201
            return 0


def _tell(torture: Torture) -> int:
    kills = []
    print(f"{'kill':>4} {'lived s':>8} {'answered':>9} {'fragments left':>15} {'loss s':>7}  broken")  # noqa: T201
    for number in range(KILLS):
        kills.append(torture.kill(number))
        one = kills[-1]
        print(  # noqa: T201
            f"{one.number:>4} {one.lived_s:>8.2f} {one.stored:>9} {one.left:>15} {one.loss_s:>7.2f}  "
            f"{'; '.join(one.broken) or 'nothing'}",
            flush=True,
        )
    worst = max(one.loss_s for one in kills)
    broken = sum(bool(one.broken) for one in kills)
    print(f"{len(kills)} kills, {broken} with something broken, at most {worst:.2f} s lost")  # noqa: T201
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
