"""One daemon in this process, from configuration to orderly end. Who may ask for what is its callers' business."""

import ctypes
import logging
import resource
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Literal, Protocol

from node import service
from node.bus import Bus, Peers
from node.clock import Clock
from node.config import NodeConfig

STEP_SECONDS = 0.1
"""How long a unit of work may wait for something to do: so late may a stop be noticed."""

_M_MMAP_THRESHOLD = -3  # malloc.h
_LARGE_BYTES = 256 << 10

DaemonName = Literal["camera", "recorder", "uplink"]

MOST_MEMORY_MIB: Mapping[DaemonName, int] = {"camera": 1024, "recorder": 512, "uplink": 256}
"""Private memory, touched or not: about twice what each is seen to take at 1080p (465, 126 and 50 MiB)."""


class Daemon(Protocol):
    """What every daemon's `build` returns."""

    def step(self, *, timeout_s: float) -> bool:
        """One unit of work; whether real work advanced."""
        ...

    def close(self) -> None:
        """The orderly end."""
        ...


def run_daemon(
    name: DaemonName, config: NodeConfig, *, clock: Clock, peers: Peers, allow_demo_root: bool
) -> None:
    """Until SIGTERM or SIGINT. What goes wrong is raised, and ends the process: whoever started it starts it again."""
    log = logging.getLogger(__name__)
    _give_back_large_buffers()
    _open_as_many_files_as_allowed()
    bound_memory(MOST_MEMORY_MIB[name])
    stop = service.Stop()
    supervisor = service.Supervisor(clock=clock)
    with (
        Bus(name, run=Path(config.paths.run), peers=peers) as bus,
        closing(_built(name, config, clock=clock, bus=bus, allow_demo_root=allow_demo_root)) as daemon,
    ):
        log.info("%s of node %s runs", name, config.node.id)
        service.run(lambda: daemon.step(timeout_s=STEP_SECONDS), stop=stop, supervisor=supervisor)
    log.info("%s of node %s has stopped", name, config.node.id)


def log_to_stderr() -> None:
    """One plain line for each thing that is worth it: the journal adds time and name."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")


def _give_back_large_buffers() -> None:
    """mallopt(3), M_MMAP_THRESHOLD: what a buffer from 256 KiB on took goes back to the system with it.

    By itself glibc raises that bound with every large buffer that is freed, up to 32 MiB; pictures and records then
    leave a heap that is mostly holes, and twice as large. A C library without it keeps its own ways.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def _open_as_many_files_as_allowed() -> None:
    """libzmq ends the process when a connection finds no free descriptor; services start with a low soft limit."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def bound_memory(mib: int) -> None:
    """What a daemon may take: libzmq hangs up on whoever sends a message without end when there is no more."""
    resource.setrlimit(resource.RLIMIT_DATA, (mib << 20, mib << 20))


def _built(name: DaemonName, config: NodeConfig, *, clock: Clock, bus: Bus, allow_demo_root: bool) -> Daemon:
    """That daemon, from its own parts list. The others' libraries are not loaded."""
    match name:
        case "camera":
            from node.camera.daemon import build as build_camera  # noqa: PLC0415

            return build_camera(config, clock=clock, bus=bus, allow_demo_root=allow_demo_root)
        case "recorder":
            from node.recorder.daemon import build as build_recorder  # noqa: PLC0415

            return build_recorder(config, clock=clock, bus=bus, allow_demo_root=allow_demo_root)
        case "uplink":
            from node.uplink.daemon import build as build_uplink  # noqa: PLC0415

            return build_uplink(config, clock=clock, bus=bus)
