"""What a recorder owes after so many operations of a scripted life: all that it told others before."""

from dataclasses import dataclass, field

import msgspec
from recorder.crash_script import Life

from node.formats import slot
from node.messages import (
    AuditCommitted,
    DocumentAnswered,
    RecorderAlive,
    RecordsStored,
    ReleaseEnded,
)


@dataclass
class Owed:
    """What a recorder owes after so many operations: everything that it told others before."""

    stored: dict[str, int] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    entries: dict[str, int] = field(default_factory=dict)
    accepted: int = 0
    alive: RecorderAlive | None = None
    unlinked: set[str] = field(default_factory=set)
    keys: dict[int, bytes] = field(default_factory=dict)
    destroying: set[int] = field(default_factory=set)
    destroyed: set[int] = field(default_factory=set)
    planned: bool = False
    erased: set[str] = field(default_factory=set)
    """Segments that were said to be erased."""


class Ledger:
    """`at` says what is owed after so many operations; asked in their order."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._told = iter(life.told)
        self._next = next(self._told, None)
        self._slot = bytearray()
        self._ops = 0
        self._owed = Owed()

    def at(self, ops: int) -> Owed:
        while self._ops < ops:
            self._issued(self._ops)
            self._ops += 1
        while self._next is not None and self._next.ops <= ops:
            self._was_told(self._next.message)
            self._next = next(self._told, None)
        return self._owed

    def _was_told(self, message: object) -> None:
        owed = self._owed
        match message:
            case RecordsStored():
                if owed.stored.get(message.segment) == message.count:  # its end, too, was answered
                    owed.closed.add(message.segment)
                owed.stored[message.segment] = message.count
            case AuditCommitted():
                owed.entries[message.id] = message.index
            case DocumentAnswered():
                owed.accepted += message.accepted and message.kind != "erase"
            case RecorderAlive():
                owed.alive = message
            case ReleaseEnded():
                owed.erased.add(self._life.orders[message.order])

    def _issued(self, number: int) -> None:
        op = self._life.volume.ops[number]
        for name, inode in op.names:
            if inode is None and name.endswith(".seg"):
                self._owed.unlinked.add(name)
        if op.kind == "write" and "epochs.slot" in op.what:
            self._slot_written(op.offset, op.data)
        self._owed.planned = self._owed.planned or "erasures.json" in op.what
        if op.kind == "write" and b'"epoch_destroyed"' in op.data:
            line = msgspec.json.decode(op.data)
            self._owed.destroyed.add(int(line["subject"].removeprefix("epoch ")))

    def _slot_written(self, offset: int, data: bytes) -> None:
        self._slot = self._slot.ljust(max(len(self._slot), offset + len(data)), b"\0")
        before = slot.read_slots(bytes(self._slot).ljust(slot.REFERENCE_BYTES, b"\0"))
        self._slot[offset : offset + len(data)] = data
        after = slot.read_slots(bytes(self._slot).ljust(slot.REFERENCE_BYTES, b"\0"))
        for index, entry in before.items():
            if index not in after:
                self._owed.destroying.add(entry.epoch)
        self._owed.keys |= {entry.epoch: entry.key for entry in after.values()}
