"""A whole node's place for a measure: its files, a broker, an office and daemons, all gone when it ends.

It owns two folders and every process that it started; it judges nothing that it hears.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

from central.broker import LoopbackBroker, free_port, mosquitto
from central.office_session import OfficeSession
from node.clock import NS, SystemClock
from node.errors import Refused
from node.masks.geometry import Size
from node.masks.polygon import parse_polygon
from provisioning.demo.children import Children
from provisioning.demo.node_files import HOST, OFFICE, ORGANISATION, Filmed, NodeFiles, write_node_files
from provisioning.demo.run import programs

MASK: Final = "0,0.10 0.29,0.10 0.345,0.16 0.345,0.50 0.29,0.52 0,0.52"
FRAMES_PER_SECOND: Final = 15.0
PATIENCE_S: Final = 30.0
"""How long anything is waited for."""
TICK_S: Final = 0.1


class Place:
    """A node's files, and a broker that can be started."""

    def __init__(self, files: NodeFiles, *, clock: SystemClock) -> None:
        self.files = files
        self.clock = clock
        self.broker = LoopbackBroker(
            files.broker_configuration, host=HOST, port=files.config.broker.port, wait=self.wait
        )

    @property
    def peers(self) -> Path:
        """Which process may speak as which daemon."""
        return self.files.run / "peers.json"

    def wait(self, seconds: float) -> None:
        """So long."""
        self.clock.wait_until(self.clock.boottime_ns() + int(seconds * NS))

    def since_s(self, boottime_ns: int) -> float:
        """Seconds from then until now."""
        return (self.clock.boottime_ns() - boottime_ns) / NS

    @contextmanager
    def office(self) -> Iterator[OfficeSession]:
        """An office that hears everything from now on."""
        session = OfficeSession(
            host=HOST,
            port=self.files.config.broker.port,
            authority=self.files.authority,
            certificate=self.files.office,
            name=OFFICE,
            organisation=ORGANISATION,
        )
        session.start()
        with closing(session):
            yield session

    @contextmanager
    def daemons(self, *names: str) -> Iterator[Children]:
        """Those daemons, ready; ended in the opposite order, or killed if something went wrong."""
        wanted = tuple(program for program in programs(self.files) if program.name in names)
        children = Children(
            wanted, run=self.files.run, peers=self.peers, clock=self.clock, say=lambda _: None
        )
        with closing(children):
            children.start()
            self.until(lambda: children.all_ready, children, what="daemons that are ready")
            yield children
            for name in reversed(names):
                children.stop(name)

    def until(
        self,
        come: Callable[[], bool],
        children: Children,
        *,
        what: str,
        hear: Callable[[], None] = lambda: None,
    ) -> None:
        """Mind the daemons until it has come; `Refused` if it does not."""
        began_ns = self.clock.boottime_ns()
        while not come():
            if self.since_s(began_ns) > PATIENCE_S:
                raise Refused(f"{what} did not come in {PATIENCE_S:.0f} s")
            children.step(TICK_S)
            hear()


@contextmanager
def place(size: Size, *, broker: bool = True) -> Iterator[Place]:
    """A fresh node's, its camera of that size; `broker`: with one that runs. `Refused` at once without Mosquitto."""
    mosquitto()
    clock = SystemClock(trust="demo")
    with (
        tempfile.TemporaryDirectory(prefix="stolpe-bench-") as name,
        tempfile.TemporaryDirectory(prefix="stolpe-") as run,
        ExitStack() as ending,
    ):
        files = write_node_files(
            Path(name),
            run=Path(run),
            filmed=Filmed(None, (parse_polygon(MASK),), size, FRAMES_PER_SECOND),
            port=free_port(HOST),
            now_ns=clock.now().utc_ns,
        )
        made = Place(files, clock=clock)
        if broker:
            ending.callback(made.broker.stop)
            made.broker.start()
        yield made
