"""What recording costs once the pictures are encoded: sealing here as the camera does, the bus, a real recorder's disk.

Two processes, as on a node. What cannot be told apart from recording counts as well: signs of life, answers, upkeep.
"""

import os
import time
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
import psutil  # type: ignore[import-untyped]  # it has no types of its own

from node.bus import Bus, SpawnedPeers
from node.camera.delivery import Delivery
from node.camera.fragments import Fragment
from node.camera.segments import SealedUnder
from node.clock import NS, Instant
from node.errors import Refused
from node.formats.measured import RUNS, Measured
from node.mandate import trust
from node.mandate.ids import new_ulid
from node.mandate.store import DocumentStore
from node.masks.geometry import Size
from node.messages import CameraAlive, RecorderAlive, RecordsStored, SegmentRefused
from node.sealing.aead import Aead, fastest_aead, new_key
from provisioning.demo.children import Children
from provisioning.demo.node_files import NodeFiles
from provisioning.demo.place import PATIENCE_S, Place, place

SIZE: Final[Size] = (1920, 1080)
BITS_PER_SECOND: Final = 4_000_000
FRAGMENT_BYTES: Final = BITS_PER_SECOND // 8
SECONDS: Final = 60
GOAL: Final = 0.02
"""Of a core, both processes together."""
MOST_WAITING: Final = 4
"""Fragments on their way at once; a camera has one."""
ANSWER_S: Final = 0.1


def seal_bus_write(name: str) -> Measured:
    """A minute at 4 Mbit/s from a fragment to the recorder's disk: processor time of both, against encrypting alone."""
    shares, raw = [], []
    with place(SIZE, broker=False) as here, here.daemons("recorder") as children:
        for _ in range(RUNS):
            shares.append(_a_minute_s(here, children) / SECONDS)
            raw.append(_encrypting_s() / SECONDS)
    share = median(shares)
    pace = FRAGMENT_BYTES / share / 1e9
    what = (
        f"{fastest_aead()} alone, {FRAGMENT_BYTES / median(raw) / 1e9:.1f} GB/s; this: {pace:.2f} GB/s; "
        "the goal is for the value, camera's and recorder's part together"
    )
    return Measured(name, share, "of a core", median(raw), share / median(raw), GOAL, share <= GOAL, what)


def _a_minute_s(here: Place, children: Children) -> float:
    """Seconds of processor time until a minute of footage is stored. This process speaks as the camera."""
    here.peers.write_bytes(msgspec.json.encode({**children.pids, "camera": os.getpid()}))
    recorder = psutil.Process(children.pids["recorder"])
    with Bus("camera", run=here.files.run, peers=SpawnedPeers(here.peers)) as bus:
        camera = _Camera(here, bus)
        camera.meet(children)
        before_s, mine_s = _used_s(recorder), time.process_time()
        camera.deliver()
        return _used_s(recorder) - before_s + time.process_time() - mine_s


class _Camera:
    """The camera's side: its own delivery, over its own bus."""

    def __init__(self, here: Place, bus: Bus) -> None:
        self._here = here
        self._bus = bus
        self._instance = new_ulid(here.clock.now().utc_ns)
        self._delivery = Delivery(clock=here.clock, send=lambda message: bus.send(message, to="recorder"))
        self._delivery.begin(_documents(here.files))

    def meet(self, children: Children) -> None:
        """Say that a camera is there until the recorder has answered with its turn."""
        met = False

        def look() -> bool:
            nonlocal met
            self._say_alive()
            met = self._hear() or met
            return met

        self._here.until(look, children, what="a recorder's sign of life")

    def deliver(self) -> None:
        """A minute of footage, as fast as the recorder takes it."""
        data = bytes(FRAGMENT_BYTES)
        start_ns = self._here.clock.now().utc_ns - SECONDS * NS
        for second in range(SECONDS):
            fragment = Fragment(b"init", data, second * NS, 15)
            self._delivery.add(fragment, Instant(start_ns + second * NS, "demo"))
            self._wait_until_no_more_than(MOST_WAITING - 1)
        self._delivery.finish(start_ns + SECONDS * NS)
        self._wait_until_no_more_than(0)
        if self._delivery.dropped:
            raise Refused(f"the recorder did not take {self._delivery.dropped} fragments")

    def _wait_until_no_more_than(self, waiting: int) -> None:
        began_ns = self._here.clock.boottime_ns()
        while self._delivery.waiting > waiting:
            if self._here.since_s(began_ns) > PATIENCE_S:
                raise Refused("the recorder does not store what it is sent")
            if not self._hear():
                self._say_alive()
                self._delivery.pump()

    def _hear(self) -> bool:
        """Whether a sign of life of the recorder was the next thing that came."""
        message = self._bus.receive(timeout_s=ANSWER_S)
        match message:
            case RecordsStored():
                self._delivery.stored(message.segment, message.count)
            case SegmentRefused():
                raise Refused(f"the recorder refused a segment: {message.reason}")
            case RecorderAlive():
                self._delivery.recorder_alive(message)
            case _:
                pass
        return isinstance(message, RecorderAlive)

    def _say_alive(self) -> None:
        self._bus.send(CameraAlive(self._instance, self._here.clock.boottime_ns()), to="recorder")


def _documents(files: NodeFiles) -> SealedUnder:
    """The demo's mandate, verified as the camera does it; without masks, for nothing is filmed here."""
    store, node = DocumentStore(Path(files.config.paths.documents)), files.config.node.id
    root = trust.first_root(Path(files.config.paths.root).read_bytes())
    data = store.read("mandate")
    if data is None:
        raise Refused("there is no mandate")
    mandate = trust.mandate(data, root=root.document, node=node, floor=1)
    return SealedUnder(node=node, boot="0" * 32, mandate=mandate, masks=None, size=SIZE, aead=fastest_aead())


def _used_s(process: "psutil.Process") -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _encrypting_s() -> float:
    cipher, data = Aead(fastest_aead(), new_key()), bytes(FRAGMENT_BYTES)
    began_s = time.process_time()
    for index in range(SECONDS):
        cipher.seal(index, data, b"")
    return time.process_time() - began_s
