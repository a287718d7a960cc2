"""A recorder's life in some minutes, on a disk that remembers every operation, and what it told others when."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fakes.crash_volume import CrashVolume, Killed
from recorder.footage import MANDATE, START_NS, Footage, footage
from recorder.registry import GEOMETRY, WIDER, Desk
from recorder.station import CAMERA, JOINED, Station, config_in

from node.bus import Bus
from node.clock import NS, utc_moment
from node.config import NodeConfig
from node.mandate.documents import Document, ErasureOrder
from node.mandate.example import NODE
from node.mandate.ids import new_ulid
from node.mandate.signatures import parse
from node.messages import AuditRequest, CameraAlive, Daemon, DocumentArrived, Message
from node.sealing.keys import PrivateKeys, public_halves
from node.sealing.post import seal_to_node

MINUTE = 60
CAPACITY_BYTES = 32 * 1024
"""Of four segments."""
RETENTION_HOURS = 1


def small_config(folder: Path, run: Path) -> NodeConfig:
    """A node whose ring holds four small segments."""
    return config_in(folder, run, capacity_bytes=CAPACITY_BYTES)


def ulid(number: int) -> str:
    return f"01KAR0F2T9Z6S3X8V1{number:08d}"


def segment(number: int, at_s: float, *, records: int = 3, mandate: bytes = MANDATE) -> Footage:
    """That many seconds after the start; about 700 bytes a record, so that it has more than one sector."""
    return footage(
        number,
        start_ns=START_NS + int(at_s * NS),
        payloads=[bytes([number]) * 700] * records,
        mandate=mandate,
        retention_hours=RETENTION_HOURS,
    )


@dataclass(frozen=True)
class Told:
    """What the recorder told somebody, when so many operations had been issued."""

    ops: int
    message: Message


class _TappedBus(Bus):
    """A real bus that notes what is sent, and on which operation of the disk."""

    volume: CrashVolume
    told: list[Told]

    def send(self, message: Message, *, to: Daemon) -> bool:
        if message != JOINED:
            self.told.append(Told(len(self.volume.ops), message))
        return super().send(message, to=to)


@dataclass
class Life:
    """What was done, and what came of it: `steps` says which operation began which step of the script."""

    volume: CrashVolume
    told: list[Told] = field(default_factory=list)
    steps: list[tuple[int, str]] = field(default_factory=list)
    filmed: dict[str, Footage] = field(default_factory=dict)
    orders: dict[str, str] = field(default_factory=dict)
    """Segments whose erasure was ordered, by the order."""

    @property
    def going(self) -> set[str]:
        """Those segments."""
        return set(self.orders.values())

    def second_at(self, ops: int) -> int:
        """When the last of so many operations was issued."""
        return self.volume.ops[ops - 1].at_s if ops else 0

    def step_at(self, ops: int) -> str:
        """The step of the script that issued the last of so many operations."""
        return next((name for first, name in reversed(self.steps) if first < ops), "before")


class Office:
    """Who signs documents for the node of the script."""

    def __init__(self, desk: Desk) -> None:
        self._node = public_halves(desk.keys["node"].public)[1]
        self.first_root = desk.first_root
        self.mandate, self.masks = desk.mandate, desk.masks
        self.wider = desk.next_masks(2, WIDER, "technician-1")
        self.second_mandate = desk.next_mandate(2)
        self.second_root = desk.next_root(2)
        self._desk = desk

    def signed(self, document: Document) -> bytes:
        """By two releasers."""
        return self._desk.signed(document, "releaser-1", "releaser-2")

    def sealed(self, raw: bytes) -> bytes:
        return seal_to_node(raw, node=NODE, key=self._node)


def office(folder: Path, keys: dict[str, PrivateKeys]) -> Office:
    """Documents of the example, signed in a folder of their own."""
    folder.mkdir()
    desk = Desk(folder, keys)
    made = Office(desk)
    for close in desk.opened:
        close()
    return made


def prepare(folder: Path, node_key: Path, first_root: bytes) -> None:
    """What somebody puts on a node before it starts for the first time."""
    (folder / "node.key").write_bytes(node_key.read_bytes())
    (folder / "node.key").chmod(0o600)
    (folder / "root.jws.json").write_bytes(first_root)


class Script:
    """The steps. Each is a sentence in the table."""

    def __init__(self, folder: Path, run: Path, offices: Office, *, kill_before: int | None = None) -> None:
        self.volume = CrashVolume(folder)
        self.volume.kill_before = kill_before
        self.life = Life(self.volume)
        bus = type("TappedBus", (_TappedBus,), {"volume": self.volume, "told": self.life.told})
        self.station = Station(small_config(folder, run), volume=self.volume, recorders_bus=bus)
        self.volume.seconds = lambda: self.station.clock.boottime_ns() // NS
        self._office = offices
        self._sent = 0
        self._last: AuditRequest | None = None

    def run(self) -> Life:
        """All of it, to an orderly end."""
        try:
            for name, step in self.steps:
                self.step(name, step)
        except Killed:
            self.step("a start after a kill", self.start_after_kill)
        finally:
            self.station.close()
        return self.life

    def step(self, name: str, step: Callable[[], None]) -> None:
        """One of them."""
        self.life.steps.append((len(self.volume.ops), name))
        step()

    def start_after_kill(self) -> None:
        """Another process goes on with what this one's kernel has."""
        self.volume.full = False
        self.volume.kill_before = None
        self.station.recorder = None
        if self.station.bus is not None:
            self.station.bus.close()
        self.station.start()
        self.station.step()
        if self._last is not None:
            self.station.tell(self._last)  # whoever was not answered asks again
        now_s = self.station.clock.boottime_ns() / NS
        self.film(20, now_s + 5)

    @property
    def steps(self) -> tuple[tuple[str, Callable[[], None]], ...]:
        return (
            ("the first start", self.start),
            ("first documents", self._first_documents),
            ("a segment, the first key", lambda: self.film(1, 1)),
            ("entries for others", self.entries),
            ("the audit log rolls over", self._rolling_over),
            ("a second epoch", lambda: self.film(2, 11 * MINUTE)),
            ("masks are widened", lambda: self.document(self._office.wider)),
            ("three more, the oldest evicted", self._evicting),
            ("a segment is cut: its camera is gone", lambda: self.cut(6, 14 * MINUTE)),
            ("the disk is full, and empty again", self._full_twice),
            ("a new mandate and root", self._second_documents),
            ("the time floor persisted", lambda: self.station.after(11 * MINUTE)),
            ("one of four is erased", self._erasing),
            ("what is being written is erased", self._erasing_what_is_written),
            ("the first keys destroyed", lambda: self._until(62 * MINUTE)),
            ("a segment under a new key", lambda: self.film(9, 63 * MINUTE)),
            ("orderly end, and a second start", self.restart),
            ("a segment after it", lambda: self.film(10, 75 * MINUTE)),
            ("the orderly end", self.station.stop),
        )

    def _until(self, at_s: float) -> None:
        now_s = self.station.clock.boottime_ns() / NS
        self.station.after(max(at_s - now_s, 0.0))
        self.station.after(2)

    def _say(self, number: int, at_s: float, *, records: int = 3) -> Footage:
        self._until(at_s)
        one = segment(number, at_s, records=records, mandate=parse(self._office.mandate).digest)
        self.life.filmed[one.header.segment] = one
        return one

    def film(self, number: int, at_s: float, *, records: int = 3) -> None:
        self.station.ask(*self._say(number, at_s, records=records).messages)

    def entries(self) -> None:
        for _ in range(2):
            self._sent += 1
            self._last = AuditRequest(ulid(self._sent), "live", f"grant {self._sent}")
            self.station.tell(self._last)
        self.station.after(11)  # a checkpoint

    def _rolling_over(self) -> None:
        """A file of the log has its size."""
        assert self.station.recorder is not None
        log = self.station.recorder._log
        usual, log._file_bytes = log._file_bytes, 1
        self._sent += 1
        self.station.tell(AuditRequest(ulid(self._sent), "live", f"grant {self._sent}"))
        log._file_bytes = usual

    def document(self, raw: bytes) -> None:
        self._sent += 1
        arrived = DocumentArrived(ulid(self._sent), self._office.sealed(raw))
        self.station.tell(arrived, sender="uplink")

    @property
    def documents(self) -> tuple[bytes, ...]:
        """In the order in which they can be taken."""
        office = self._office
        return office.mandate, office.masks, office.wider, office.second_mandate, office.second_root

    @property
    def now_s(self) -> float:
        """Seconds since the script began."""
        return self.station.clock.boottime_ns() / NS

    def start(self) -> None:
        """A start, and a camera that says how it looks."""
        self.station.start()
        self.station.step()
        assert self.station.recorder is not None
        self.station.recorder._keeper.camera_looks(GEOMETRY)

    def _first_documents(self) -> None:
        self.document(self._office.mandate)
        self.document(self._office.masks)

    def _second_documents(self) -> None:
        self.document(self._office.second_mandate)
        self.document(self._office.second_root)

    def _evicting(self) -> None:
        for number in (3, 4, 5):
            self.film(number, 11 * MINUTE + 10 * number)

    def cut(self, number: int, at_s: float) -> None:
        """A camera that goes away."""
        one = self._say(number, at_s)
        self.station.ask(*one.messages[:3])
        self.station.tell(CameraAlive(CAMERA, 0))
        self.station.after(16)

    def _erasing(self) -> None:
        """Its neighbours are kept, one of which is being written."""
        first_s = 30 * MINUTE
        for number in (13, 14):
            self.film(number, first_s + 60 * (number - 13))
        self.begin(15, first_s + 120)
        self.erase(14, since_s=first_s + 60, until_s=first_s + 61)

    def _erasing_what_is_written(self) -> None:
        at_s = 35 * MINUTE
        self.begin(16, at_s)
        self.erase(16, since_s=at_s, until_s=at_s + 1)

    def erase(self, number: int, *, since_s: float, until_s: float) -> None:
        """Ordered, and done to its end."""
        self.station.after(20)
        order = ErasureOrder(
            id=new_ulid(START_NS + self._sent),
            node=NODE,
            from_=utc_moment(START_NS + int(since_s * NS)),
            to=utc_moment(START_NS + int(until_s * NS)),
            reason="a data subject's request",
            expires=utc_moment(START_NS + 86_400 * NS),
        )
        self.life.orders[order.id] = segment(number, since_s).header.segment
        self.document(self._office.signed(order))
        for _ in range(40):
            self.station.after(0.2)

    def begin(self, number: int, at_s: float) -> None:
        """A segment that goes on."""
        self.station.ask(*self._say(number, at_s).messages[:3])

    def _full_twice(self) -> None:
        self.full(7, 15 * MINUTE)
        self.film(8, 16 * MINUTE)

    def full(self, number: int, at_s: float) -> None:
        """A disk that is full in the middle of a segment that has outgrown its room, and then is not."""
        one = self._say(number, at_s, records=16)
        self.station.ask(*one.messages[:12])
        self.volume.full = True
        self.station.ask(one.messages[12])
        self.station.after(2)
        self.volume.full = False
        self.station.after(11)

    def restart(self) -> None:
        self.station.stop()
        self.start()
