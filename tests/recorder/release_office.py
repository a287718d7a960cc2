"""A recorder with footage, and the desk that writes release orders to it."""

import io
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from recorder.footage import START_NS, Footage, footage
from recorder.registry import Desk
from recorder.station import Station, config_in

from node.clock import NS
from node.formats import audit
from node.formats import segment as fmt
from node.formats.bundle import Manifest
from node.formats.bundle_reader import BundleReader, CarriedSegment
from node.formats.release_stream import StreamOpener
from node.mandate.documents import ReleaseOrder
from node.mandate.example import NODE
from node.mandate.ids import new_ulid
from node.mandate.signatures import parse
from node.messages import (
    DocumentAnswered,
    DocumentArrived,
    ReleaseChunk,
    ReleaseEnded,
    ReleaseTaken,
)

TWO = ("releaser-1", "releaser-2")
MINUTE = 60


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(START_NS // NS, UTC) + timedelta(seconds=seconds)


@dataclass
class Office:
    """A recorder with footage of three minutes, and the desk that writes orders to it."""

    station: Station
    desk: Desk
    chunks: dict[int, ReleaseChunk] = field(default_factory=dict)

    def record(self, *minutes: int, mandate: bytes | None = None) -> list[Footage]:
        digest = parse(mandate or self.desk.mandate).digest
        made = [footage(n + 1, start_ns=START_NS + n * MINUTE * NS, mandate=digest) for n in minutes]
        for one in made:
            now_ns = self.station.clock.now().utc_ns
            if one.header.start_ns > now_ns:
                self.station.after((one.header.start_ns - now_ns) / NS)
            self.station.ask(*one.messages)
        return made

    def record_open(self, minute: int) -> Footage:
        """A segment whose end has not come yet."""
        digest = parse(self.desk.mandate).digest
        one = footage(minute + 1, start_ns=START_NS + minute * MINUTE * NS, mandate=digest)
        self.station.after(max(0.0, (one.header.start_ns - self.station.clock.now().utc_ns) / NS))
        self.station.ask(*one.messages[:-2])
        return one

    def order(self, *, since: float = 0, until: float = 3 * MINUTE, **changes: object) -> ReleaseOrder:
        order = ReleaseOrder(
            id=new_ulid(START_NS),
            node=NODE,
            from_=moment(since),
            to=moment(until),
            case="K 123-26",
            recipient="police",
            expires=moment(86_400),
        )
        return msgspec.structs.replace(order, **changes)

    def send(self, raw: bytes) -> DocumentAnswered:
        name = new_ulid(START_NS)
        self.station.tell(DocumentArrived(name, self.desk.sealed(raw)), sender="uplink")
        return self.station.answer(DocumentAnswered, to="uplink")

    def ask(self, order: ReleaseOrder, *signers: str) -> DocumentAnswered:
        return self.send(self.desk.signed(order, *(signers or TWO)))

    def heard(self) -> list[ReleaseChunk | ReleaseEnded]:
        self.station.listen()
        found = [m for m in self.station.heard["uplink"] if isinstance(m, ReleaseChunk | ReleaseEnded)]
        self.station.heard["uplink"] = [m for m in self.station.heard["uplink"] if m not in found]
        return found

    def acknowledge(self, *messages: ReleaseChunk | ReleaseEnded) -> None:
        """The broker has them."""
        for message in messages:
            self.station.tell(ReleaseTaken(message.order, message.number), sender="uplink")
            if isinstance(message, ReleaseChunk):
                self.chunks[message.number] = message

    def delivered(self) -> ReleaseEnded:
        """Play the uplink until the release is over; every piece is acknowledged."""
        for _ in range(400):
            self.station.after(0.1)
            for message in self.heard():
                self.acknowledge(message)
                if isinstance(message, ReleaseEnded):
                    return message
        raise AssertionError("it does not end")

    def bundle(self, order: ReleaseOrder, *, by: str = "releaser-1") -> bytes:
        digest = fmt.digest_text(parse(self.desk.signed(order, *TWO)).digest)
        opener = StreamOpener(self.chunks[0].data, digest=digest, key=self.desk.keys[by].recipient)
        return b"".join(opener.open(n, self.chunks[n].data) for n in range(1, len(self.chunks)))

    @property
    def log(self) -> list[audit.AuditEntry]:
        path = Path(self.station.config.paths.audit) / "audit.jsonl"
        return [
            audit.parse(line, index=n) for n, line in enumerate(path.read_bytes().splitlines(keepends=True))
        ]

    def actions(self, word: str) -> list[str]:
        return [entry.action for entry in self.log if word in entry.action]


def office_in(folder: Path, desk: Desk, *, run: Path, node_key: Path, medium: Path) -> Office:
    """One whose recorder runs, under the desk's mandate, in a folder that is made."""
    folder.mkdir()
    shutil.copy(node_key, folder / "node.key")
    (folder / "root.jws.json").write_bytes(desk.first_root)
    config = config_in(folder, run)
    paths = msgspec.structs.replace(config.paths, release_medium=str(medium))
    station = Station(msgspec.structs.replace(config, paths=paths))
    station.start()
    office = Office(station, desk)
    assert office.send(desk.mandate).accepted
    return office


def read(data: bytes) -> tuple[BundleReader, list[CarriedSegment]]:
    reader = BundleReader(io.BytesIO(data))
    return reader, list(reader.segments())


def manifest_of(reader: BundleReader) -> Manifest:
    assert reader.start is not None
    return reader.start.manifest
