"""What `stolpe bench` measures of a whole node: real daemons as child processes, a real broker, an office that listens.

Everything is made in a folder of its own and is gone afterwards.
"""

import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from statistics import median, quantiles
from typing import Final

import msgspec
import psutil  # type: ignore[import-untyped]  # it has no types of its own
from rich.console import Console

from central.office_session import OfficeSession
from node.bus import Bus, SpawnedPeers
from node.clock import NS
from node.errors import Refused
from node.formats import payloads
from node.formats.measured import RUNS, Measured, absolute
from node.formats.payloads import Status
from node.mandate.documents import Mandate, decode, encode
from node.mandate.hours import DAYS, Window
from node.mandate.ids import new_ulid
from node.mandate.signatures import parse, sign
from node.mandate.store import DocumentStore
from node.masks.geometry import Size
from node.messages import CameraAlive, EventHappened
from node.sealing.keys import read_private_keys
from node.service import Stop
from provisioning.demo.children import Children
from provisioning.demo.node_files import NodeFiles
from provisioning.demo.place import PATIENCE_S, TICK_S, Place, place
from provisioning.demo.run import DemoRun, Watched
from provisioning.demo.screen import screen_for
from provisioning.demo.subscriber import Subscriber

FULL_HD: Final[Size] = (1920, 1080)
SMALL: Final[Size] = (640, 360)
EVENTS, BETWEEN_S = 300, 0.02
BROKER_AWAY_S: Final = 2.0
DARK_SECONDS: Final = 20.0
MEMORY_SECONDS: Final = 60.0
SUM_MIB, RECORDER_MIB, UPLINK_MIB = 280.0, 50.0, 45.0
_HOUR_NS: Final = 3600 * NS


def event_latency_p99(name: str) -> Measured:
    """Milliseconds from a camera's event on the bus to an independent subscriber: disk, TLS and Mosquitto between."""
    with place(SMALL) as here, here.daemons("uplink") as children, here.office() as office:
        seconds = list(_one_by_one(here, children, office))
    found_ms = quantiles(seconds, n=100)[98] * 1e3
    what = (
        f"absolute, {EVENTS} events one by one, SQLite synchronous FULL, TLS 1.3, QoS 1; "
        f"median {median(seconds) * 1e3:.1f} ms"
    )
    return absolute(name, found_ms, "ms", 100.0, what, runs=1)


def first_fragment(name: str) -> Measured:
    """Seconds from starting the daemons to the first sealed fragment on the disk, at 1080p15."""
    seconds = [_demo_run(0.5).seconds_to_first_fragment for _ in range(RUNS)]
    what = f"absolute, 1080p15, three daemons started together; slowest {max(seconds):.1f} s"
    return absolute(name, median(seconds), "s", 5.0, what)


def rss_camera(name: str) -> Measured:
    """The camera's share of memory, against what the other two leave of the sum."""
    memory = _a_minute()
    others = memory["recorder"] + memory["uplink"]
    what = f"{_PSS}; goal: {SUM_MIB:g} for all three, less {others:.0f} of the others"
    return absolute(name, memory["camera"], "MiB", SUM_MIB - others, what, runs=1)


def rss_recorder(name: str) -> Measured:
    """The recorder's share of memory."""
    return absolute(name, _a_minute()["recorder"], "MiB", RECORDER_MIB, _PSS, runs=1)


def rss_uplink(name: str) -> Measured:
    """The uplink's share of memory."""
    return absolute(name, _a_minute()["uplink"], "MiB", UPLINK_MIB, _PSS, runs=1)


def reconnect(name: str) -> Measured:
    """Seconds from a restarted broker that listens to the node's next session. Each time with a fresh uplink.

    One that had several short sessions before would hold back longer: what a restart every few seconds deserves.
    """
    with place(SMALL) as here:
        found = [_back_after_restart(here) for _ in range(RUNS)]
    what = f"absolute, one node, broker away for {BROKER_AWAY_S:g} s; slowest {max(found):.1f} s"
    return absolute(name, median(found), "s", 5.0, what)


def dark_cpu(name: str) -> Measured:
    """Processor time of a camera outside its hours, in percent of a core; its sensor must not be opened once."""
    with place(FULL_HD) as here:
        _close_for_the_day(here.files, now_ns=here.clock.now().utc_ns)
        with here.daemons("recorder", "uplink", "camera") as children, here.office() as office:
            used_s, opened = _in_the_dark(here, children, office)
    if opened:
        raise Refused(f"the sensor was opened {opened} times outside its hours")
    what = f"absolute, {DARK_SECONDS:.0f} s outside the hours, sensor opened 0 times"
    return absolute(name, used_s / DARK_SECONDS * 100, "% of a core", 1.0, what, runs=1)


_PSS: Final = (
    f"absolute, PSS {MEMORY_SECONDS:.0f} s after the first fragment, 1080p15, every detector there is"
)


@cache
def _a_minute() -> dict[str, float]:
    """One run for the three measures of memory: MiB by daemon."""
    watched = _demo_run(MEMORY_SECONDS)
    _none_died(watched.restarts)
    return dict(watched.pss_mib)


def _demo_run(seconds: float) -> Watched:
    with place(FULL_HD, broker=False) as here, screen_for(Console(quiet=True), clock=here.clock) as screen:
        run_once = DemoRun(here.files, seconds=seconds, widen=False, clock=here.clock, screen=screen)
        return run_once.run(Stop())


def _none_died(restarts: Mapping[str, int]) -> None:
    died = [name for name, count in restarts.items() if count]
    if died:
        raise Refused(f"{died[0]} died while it was measured")


def _one_by_one(here: Place, children: Children, office: OfficeSession) -> Iterator[float]:
    """Seconds on the way of each event. This process speaks as the camera; the peers file says so."""
    here.peers.write_bytes(msgspec.json.encode({**children.pids, "camera": os.getpid()}))
    with Bus("camera", run=here.files.run, peers=SpawnedPeers(here.peers)) as bus:
        alive = CameraAlive(new_ulid(here.clock.now().utc_ns), here.clock.boottime_ns())
        here.until(lambda: bus.send(alive, to="uplink"), children, what="the uplink's inbox")
        for _ in range(EVENTS):
            now_ns = here.clock.now().utc_ns
            event = EventHappened(new_ulid(now_ns), "end", "motion", now_ns, now_ns, 0.5, "demo")
            began_ns = here.clock.boottime_ns()
            bus.send(event, to="uplink")
            while (heard := office.wait(PATIENCE_S)) is not None and event.id.encode() not in heard.payload:
                pass
            if heard is None:
                raise Refused("an event did not arrive")
            yield here.since_s(began_ns)
            while bus.receive(timeout_s=BETWEEN_S) is not None:
                pass


def _back_after_restart(here: Place) -> float:
    with here.daemons("uplink"):
        with here.office() as office:
            before = _session_after(office, -1)
        here.broker.stop()
        here.wait(BROKER_AWAY_S)
        here.broker.start()
        began_ns = here.clock.boottime_ns()
        with here.office() as office:
            _session_after(office, before)
            return here.since_s(began_ns)


def _session_after(office: OfficeSession, before: int) -> int:
    """The number of the node's next session, as its own status tells it: not as the broker keeps it, or its will."""
    while (heard := office.wait(PATIENCE_S)) is not None:
        if heard.topic.endswith("/status"):
            status = payloads.decode(heard.payload)
            if isinstance(status, Status) and status.state != "offline" and status.session > before:
                return status.session
    raise Refused("the node did not come back")


def _in_the_dark(here: Place, children: Children, office: OfficeSession) -> tuple[float, int]:
    """Seconds of processor time that the camera used while it was dark, and how often its sensor was opened."""
    said: list[str] = []
    heard = Subscriber(office, events_file=here.files.directory / "events.jsonl", say=said.append)
    here.until(
        lambda: any("dark (outside_hours)" in line for line in said),
        children,
        what="word of a camera outside its hours",
        hear=heard.take,
    )
    camera = psutil.Process(children.pids["camera"])
    before, began_ns = camera.cpu_times(), here.clock.boottime_ns()
    while here.since_s(began_ns) < DARK_SECONDS:
        children.step(TICK_S)
        heard.take()
    _none_died(children.counts.restarts)
    after = camera.cpu_times()
    if heard.health is None or heard.health.camera is None:
        raise Refused("the camera has not said how often its sensor was opened")
    used_s = round(after.user + after.system - before.user - before.system, 3)
    return used_s, heard.health.camera.sensor_opened


def _close_for_the_day(files: NodeFiles, *, now_ns: int) -> None:
    """A mandate whose only hour is half a day away."""
    store = DocumentStore(Path(files.config.paths.documents))
    data = store.read("mandate")
    if data is None:
        raise Refused("there is no mandate")
    closed = msgspec.structs.replace(decode(parse(data).payload, Mandate), hours=(half_a_day_from(now_ns),))
    store.commit("mandate", sign(encode(closed), read_private_keys(files.key("controller-1")).signing))


def half_a_day_from(now_ns: int) -> Window:
    """An hour that no clock on earth shows now: 10 to 14 hours away wherever local time is within two of UTC."""
    hour = (now_ns // _HOUR_NS + 12) % 24
    return Window(DAYS, f"{hour:02d}:00", f"{hour:02d}:30")
