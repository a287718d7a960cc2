"""What `stolpe bench` measures of a whole node: real daemons as child processes, a real broker, an office that listens.

Everything is made in a folder of its own and is gone afterwards.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median, quantiles
from typing import Final

import msgspec
import psutil  # type: ignore[import-untyped]  # it has no types of its own
from rich.console import Console

from central.broker import LoopbackBroker, free_port
from central.office_session import OfficeSession
from node.bus import Bus, SpawnedPeers
from node.clock import NS, SystemClock
from node.errors import Refused
from node.formats.measured import RUNS, Measured, absolute
from node.mandate.documents import Mandate, decode, encode
from node.mandate.hours import DAYS, Window
from node.mandate.ids import new_ulid
from node.mandate.signatures import parse, sign
from node.mandate.store import DocumentStore
from node.masks.geometry import Size
from node.masks.polygon import parse_polygon
from node.messages import CameraAlive, EventHappened
from node.sealing.keys import read_private_keys
from node.service import Stop
from provisioning.demo.children import Children
from provisioning.demo.node_files import HOST, OFFICE, ORGANISATION, Filmed, NodeFiles, write_node_files
from provisioning.demo.run import DemoRun, Watched, programs
from provisioning.demo.screen import screen_for
from provisioning.demo.subscriber import Subscriber

FULL_HD: Final[Size] = (1920, 1080)
SMALL: Final[Size] = (640, 360)
MASK: Final = "0,0.10 0.29,0.10 0.345,0.16 0.345,0.50 0.29,0.52 0,0.52"
EVENTS, BETWEEN_S = 300, 0.02
DARK_SECONDS: Final = 20.0
MEMORY_SECONDS: Final = 60.0
PATIENCE_S: Final = 30.0
SUM_MIB, RECORDER_MIB, UPLINK_MIB = 280.0, 50.0, 45.0


def event_latency_p99(name: str) -> Measured:
    """Milliseconds from a camera's event on the bus to an independent subscriber: disk, TLS and Mosquitto between."""
    with _place(SMALL) as place, place.children("uplink") as children:
        events = list(_one_by_one(place, children))
    found_ms = quantiles([seconds * 1e3 for seconds in events], n=100)[98]
    what = f"absolute, {EVENTS} events, SQLite synchronous FULL, TLS 1.3, QoS 1; median {median(events) * 1e3:.1f} ms"
    return absolute(name, found_ms, "ms", 100.0, what, runs=1)


def first_fragment(name: str) -> Measured:
    """Seconds from starting the daemons to the first sealed fragment on the disk, at 1080p15."""
    seconds = [_demo_run(0.5).seconds_to_first_fragment for _ in range(RUNS)]
    what = f"absolute, 1080p15, three daemons started together; slowest {max(seconds):.1f} s"
    return absolute(name, median(seconds), "s", 5.0, what)


def rss_camera(name: str) -> Measured:
    """The camera's share of memory, against what the other two leave of the sum."""
    memory = _a_minute().pss_mib
    others = memory["recorder"] + memory["uplink"]
    what = f"PSS a minute after the first fragment, 1080p15; goal: {SUM_MIB:g} less the others' {others:.0f}"
    return absolute(name, memory["camera"], "MiB", SUM_MIB - others, what, runs=1)


def rss_recorder(name: str) -> Measured:
    """The recorder's share of memory."""
    memory = _a_minute().pss_mib["recorder"]
    return absolute(name, memory, "MiB", RECORDER_MIB, "PSS in the same minute", runs=1)


def rss_uplink(name: str) -> Measured:
    """The uplink's share of memory."""
    memory = _a_minute().pss_mib["uplink"]
    return absolute(name, memory, "MiB", UPLINK_MIB, "PSS in the same minute", runs=1)


def reconnect(name: str) -> Measured:
    """Seconds from a restarted broker that listens to the node's next word."""
    with _place(SMALL) as place, place.children("uplink"):
        found = [_back_after_restart(place) for _ in range(RUNS)]
    return absolute(name, median(found), "s", 5.0, f"absolute, one node; slowest {max(found):.1f} s")


def dark_cpu(name: str) -> Measured:
    """Processor time of a camera outside its hours, in percent of a core; its sensor must not be opened once."""
    with _place(FULL_HD) as place:
        _close_for_the_day(place.files)
        with place.children("recorder", "uplink", "camera") as children:
            heard = place.subscriber()
            place.until(lambda: heard.has_said_dark, children, heard)
            camera = psutil.Process(children.pids["camera"])
            before = sum(camera.cpu_times()[:2])
            place.work(DARK_SECONDS, children, heard)
            used = sum(camera.cpu_times()[:2]) - before
            health = heard.subscriber.health
            if health is None or health.camera is None or health.camera.sensor_opened:
                raise Refused("the sensor was opened outside its hours, or nothing says that it was not")
    what = f"absolute, {DARK_SECONDS:.0f} s outside the hours, sensor opened 0 times"
    return absolute(name, used / DARK_SECONDS * 100, "% of a core", 1.0, what, runs=1)


@cache
def _a_minute() -> Watched:
    """One run for the three measures of memory."""
    return _demo_run(MEMORY_SECONDS)


def _demo_run(seconds: float) -> Watched:
    with _place(FULL_HD, broker=False) as place, screen_for(Console(quiet=True), clock=place.clock) as screen:
        return DemoRun(place.files, seconds=seconds, widen=False, clock=place.clock, screen=screen).run(
            Stop()
        )


@dataclass
class _Heard:
    subscriber: Subscriber
    said: list[str]

    @property
    def has_said_dark(self) -> bool:
        return any("dark (outside_hours)" in line for line in self.said)


class _Place:
    """A node's files, and a broker that runs."""

    def __init__(self, files: NodeFiles, ending: ExitStack) -> None:
        self.files = files
        self.clock = SystemClock(trust="demo")
        self.broker = LoopbackBroker(
            files.broker_configuration, host=HOST, port=files.config.broker.port, wait=self.wait
        )
        self._ending = ending

    def wait(self, seconds: float) -> None:
        self.clock.wait_until(self.clock.boottime_ns() + int(seconds * NS))

    def office(self) -> OfficeSession:
        session = OfficeSession(
            host=HOST,
            port=self.files.config.broker.port,
            authority=self.files.authority,
            certificate=self.files.office,
            name=OFFICE,
            organisation=ORGANISATION,
        )
        session.start()
        self._ending.callback(session.close)
        return session

    def subscriber(self) -> _Heard:
        said: list[str] = []
        events = self.files.directory / "events.jsonl"
        return _Heard(Subscriber(self.office(), events_file=events, say=said.append), said)

    @contextmanager
    def children(self, *names: str) -> Iterator[Children]:
        wanted = tuple(program for program in programs(self.files) if program.name in names)
        peers = self.files.run / "peers.json"
        children = Children(wanted, run=self.files.run, peers=peers, clock=self.clock, say=lambda _: None)
        try:
            children.start()
            while not children.all_ready:
                children.step(0.1)
            yield children
            for name in reversed(names):
                children.stop(name)
        finally:
            children.close()

    def until(self, come: Callable[[], bool], children: Children, heard: _Heard) -> None:
        end_ns = self.clock.boottime_ns() + int(PATIENCE_S * NS)
        while not come():
            if self.clock.boottime_ns() > end_ns:
                raise Refused(f"it did not come in {PATIENCE_S:.0f} s: {heard.said[-3:]}")
            children.step(0.1)
            heard.subscriber.take()

    def work(self, seconds: float, children: Children, heard: _Heard) -> None:
        end_ns = self.clock.boottime_ns() + int(seconds * NS)
        while self.clock.boottime_ns() < end_ns:
            children.step(0.1)
            heard.subscriber.take()


@contextmanager
def _place(size: Size, *, broker: bool = True) -> Iterator[_Place]:
    with (
        tempfile.TemporaryDirectory(prefix="stolpe-bench-") as name,
        tempfile.TemporaryDirectory(prefix="stolpe-") as run,
        ExitStack() as ending,
    ):
        files = write_node_files(
            Path(name),
            run=Path(run),
            filmed=Filmed(None, (parse_polygon(MASK),), size, 15.0),
            port=free_port(HOST),
            now_ns=SystemClock().now().utc_ns,
        )
        place = _Place(files, ending)
        if broker:
            place.broker.start()
            ending.callback(place.broker.stop)
        yield place


def _one_by_one(place: _Place, children: Children) -> Iterator[float]:
    """Seconds on the way of each event. This process speaks as the camera; the peers file says so."""
    office = place.office()
    peers = place.files.run / "peers.json"
    peers.write_bytes(msgspec.json.encode({**children.pids, "camera": os.getpid()}))
    with Bus("camera", run=place.files.run, peers=SpawnedPeers(peers)) as bus:
        while not bus.send(CameraAlive(new_ulid(place.clock.now().utc_ns)), to="uplink"):
            place.wait(0.05)
        for _ in range(EVENTS):
            now_ns = place.clock.now().utc_ns
            event = EventHappened(new_ulid(now_ns), "end", "motion", now_ns, now_ns, 0.5, "demo")
            began_ns = place.clock.boottime_ns()
            bus.send(event, to="uplink")
            while (heard := office.wait(PATIENCE_S)) is not None and event.id.encode() not in heard.payload:
                pass
            if heard is None:
                raise Refused("an event did not arrive")
            yield (place.clock.boottime_ns() - began_ns) / NS
            while bus.receive(timeout_s=BETWEEN_S) is not None:
                pass


def _back_after_restart(place: _Place) -> float:
    place.broker.stop()
    place.wait(1.0)
    place.broker.start()
    began_ns = place.clock.boottime_ns()
    office = place.office()
    while (heard := office.wait(PATIENCE_S)) is not None:
        if not heard.retained:
            return (place.clock.boottime_ns() - began_ns) / NS
    raise Refused("the node did not come back")


def _close_for_the_day(files: NodeFiles) -> None:
    """A mandate whose only hour is half a day away."""
    store = DocumentStore(Path(files.config.paths.documents))
    data = store.read("mandate")
    if data is None:
        raise Refused("there is no mandate")
    mandate = decode(parse(data).payload, Mandate)
    hour = (SystemClock().now().utc_ns // (3600 * NS) + 13) % 23
    closed = msgspec.structs.replace(mandate, hours=(Window(DAYS, f"{hour:02d}:00", f"{hour:02d}:30"),))
    store.commit("mandate", sign(encode(closed), read_private_keys(files.key("controller-1")).signing))
