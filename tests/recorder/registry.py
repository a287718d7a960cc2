"""A keeper in a folder, the offices that write to it, and its restarts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from recorder.footage import START_NS

from node.clock import NS, SimulatedClock
from node.formats import audit
from node.mandate.documents import (
    Document,
    Mandate,
    MaskPolygon,
    MaskSet,
    Root,
    RootController,
    decode,
    encode,
)
from node.mandate.example import NODE, make_documents
from node.mandate.ids import new_ulid
from node.mandate.in_force import InForce
from node.mandate.signatures import add_signature, parse, sign
from node.mandate.store import DocumentStore
from node.masks.geometry import Geometry, full_view
from node.recorder.audit_desk import AuditDesk
from node.recorder.audit_files import lines
from node.recorder.audit_log import AuditLog
from node.recorder.epochs import EpochKeys
from node.recorder.judge import Situation
from node.recorder.keeper import Keeper, OrderKind, Verdict
from node.recorder.release import OutletFor
from node.recorder.storage import Storage
from node.sealing.keys import PrivateKeys, public_halves
from node.sealing.post import seal_to_node
from node.unanswered import Unanswered

GEOMETRY = full_view(sensor="test", main=(160, 90), lores=(80, 45))
SQUARE = ((0.3, 0.3), (0.6, 0.3), (0.6, 0.6), (0.3, 0.6))
WIDER = ((0.2, 0.2), (0.7, 0.2), (0.7, 0.7), (0.2, 0.7))
ELSEWHERE = ((0.75, 0.75), (0.95, 0.75), (0.95, 0.95), (0.75, 0.95))
START = datetime.fromtimestamp(START_NS // NS, UTC)

TWO = ("technician-1", "approver-1")


@dataclass
class Desk:
    """A keeper in a folder, the offices that write to it, and its restarts."""

    folder: Path
    keys: dict[str, PrivateKeys]
    demo: bool = True
    clock: SimulatedClock = field(default_factory=lambda: SimulatedClock(start_utc_ns=START_NS))
    opened: list[Callable[[], None]] = field(default_factory=list)
    released: list[tuple[bytes, OutletFor | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "documents").mkdir()
        made = make_documents(
            {k: v for k, v in self.keys.items() if k != "node"},
            start_ns=START_NS,
            geometry=GEOMETRY,
            polygons=(SQUARE,),
        )
        assert made.masks is not None
        self.first_root, self.mandate, self.masks = made.root, made.mandate, made.masks
        EpochKeys.create(self.folder / "epochs.slot", size=4096).close()
        self.start()

    def start(self, *, geometry: Geometry | None = GEOMETRY) -> None:
        """A start of the recorder, as far as the keeper is concerned."""
        self.slot = EpochKeys(self.folder / "epochs.slot")
        self.log = AuditLog(self.folder, clock=self.clock, signing=self.keys["node"].signing)
        self.opened += [self.slot.close, self.log.close]
        storage = Storage(clock=self.clock, events=Unanswered(clock=self.clock, most=10))
        self.desk = AuditDesk(log=self.log, storage=storage, clock=self.clock)
        self.store = DocumentStore(self.folder / "documents")
        self.keeper = Keeper(
            node=NODE,
            store=self.store,
            keys=self.slot,
            log=self.log,
            recipient=self.keys["node"].recipient,
            first_root=self.first_root,
            allow_demo_root=self.demo,
            clock=self.clock,
            orders=self.release,
            note=self.desk.note,
        )
        if geometry is not None:
            self.keeper.camera_looks(geometry)

    def release(
        self, raw: bytes, situation: Situation, *, kind: OrderKind, outlet_for: OutletFor | None
    ) -> str:
        """What the keeper hands on of a release order."""
        self.released.append((raw, outlet_for))
        return "on its way"

    def sealed(self, raw: bytes) -> bytes:
        return seal_to_node(raw, node=NODE, key=public_halves(self.keys["node"].public)[1])

    def take(self, raw: bytes) -> Verdict:
        return self.keeper.take(self.sealed(raw))

    def signed(self, document: Document, *signers: str) -> bytes:
        first, *others = signers
        raw = sign(encode(document), self.keys[first].signing)
        for other in others:
            raw = add_signature(raw, self.keys[other].signing)
        return raw

    def next_mandate(self, version: int, **changes: object) -> bytes:
        mandate = decode(parse(self.mandate).payload, Mandate)
        changed = msgspec.structs.replace(mandate, version=version, **changes)
        return self.signed(changed, "controller-1")

    def next_masks(self, version: int, points: tuple[tuple[float, float], ...], *signers: str) -> bytes:
        mask_set = decode(parse(self.masks).payload, MaskSet)
        polygons = (MaskPolygon("a mask", points),)
        return self.signed(
            msgspec.structs.replace(mask_set, id=new_ulid(START_NS), version=version, polygons=polygons),
            *signers,
        )

    def next_root(self, version: int, *, demo: bool = True, to: str = "controller-1") -> bytes:
        controller = RootController(to, public_halves(self.keys[to].public)[0])
        root = Root(version=version, threshold=1, controllers=(controller,), demo=demo)
        return self.signed(root, *dict.fromkeys(("controller-1", to)))

    @property
    def in_force(self) -> InForce:
        return self.keeper.in_force()

    @property
    def versions(self) -> tuple[int, int | None, int | None]:
        """Of root, mandate and masks in force, as the camera finds them."""
        found = self.in_force
        return (
            found.root.document.version,
            found.mandate.document.version if found.mandate else None,
            found.masks.document.version if found.masks else None,
        )

    @property
    def actions(self) -> list[str]:
        with (self.folder / "audit.jsonl").open("rb") as file:
            return [entry.action for entry, _ in audit.read(lines(file))]

    @property
    def last_reason(self) -> str:
        with (self.folder / "audit.jsonl").open("rb") as file:
            return [entry.reason for entry, _ in audit.read(lines(file))][-1]
