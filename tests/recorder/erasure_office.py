"""Erasure orders at the desk, and what of the footage still opens."""

from pathlib import Path

import msgspec
from recorder.footage import START_NS, Footage
from recorder.release_office import MINUTE, TWO, Office, moment

from node.errors import CannotOpen
from node.formats import segment as fmt
from node.formats import slot
from node.mandate.documents import ErasureOrder
from node.mandate.example import NODE
from node.mandate.ids import new_ulid
from node.messages import DocumentAnswered, ReleaseEnded


def erasure(*, since: float = MINUTE, until: float = 2 * MINUTE, **changes: object) -> ErasureOrder:
    order = ErasureOrder(
        id=new_ulid(START_NS),
        node=NODE,
        from_=moment(since),
        to=moment(until),
        reason="request 7 of a data subject",
        expires=moment(86_400),
    )
    return msgspec.structs.replace(order, **changes)


def ask(office: Office, order: ErasureOrder, *signers: str) -> DocumentAnswered:
    return office.send(office.desk.signed(order, *(signers or TWO)))


def over(office: Office) -> ReleaseEnded:
    """Work until it is said to be done."""
    for _ in range(400):
        office.station.after(0.2)
        for message in office.heard():
            if isinstance(message, ReleaseEnded):
                office.acknowledge(message)
                return message
    raise AssertionError("it does not end")


def later(office: Office, seconds: float = 30) -> None:
    """So that what was filmed last is old enough to be erased."""
    office.station.after(seconds)


def opens(office: Office, one: Footage, data: bytes, *, image: bytes | None = None) -> bool:
    """Whether any key of the slot lifts that file's layer."""
    there = image or Path(office.station.config.paths.epoch_slot).read_bytes()
    segment = fmt.read(data)
    for entry in slot.read_slots(there).values():
        try:
            return fmt.open_wraps(segment, entry.key) == (b"a wrap",) and bool(one.opened(data).records)
        except CannotOpen:
            continue
    return False


def filmed(office: Office, *minutes: int) -> tuple[list[Footage], dict[str, bytes]]:
    """Segments, and what the disk has of them before anything is erased."""
    made = office.record(*minutes)
    later(office)
    return made, {path.name: path.read_bytes() for path in office.station.paths}


def of(one: Footage, files: dict[str, bytes]) -> bytes:
    return next(data for name, data in files.items() if one.header.segment in name)
