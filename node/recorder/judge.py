"""What a signed document would change on this node, if it may. Pure: decides, and does nothing.

The camera verifies the same again from the disk (`node.mandate.in_force`); nothing is committed that it would refuse.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from node.clock import Instant
from node.errors import Refused
from node.formats.slot import Floors
from node.mandate import trust
from node.mandate.documents import (
    ErasureOrder,
    Grant,
    Mandate,
    MaskSet,
    ReleaseOrder,
    Root,
    decode_any,
)
from node.mandate.in_force import InForce
from node.mandate.signatures import parse
from node.mandate.store import MAX_ROOTS, Kind
from node.mandate.trust import Believed
from node.masks.geometry import Geometry
from node.messages import DocumentKind

KINDS: dict[type, DocumentKind] = {
    Root: "root",
    Mandate: "mandate",
    MaskSet: "masks",
    Grant: "grant",
    ReleaseOrder: "release",
    ErasureOrder: "erase",
}


@dataclass(frozen=True, slots=True)
class Situation:
    """What is in force where the document arrives. `geometry`: as the camera reported it, if it did."""

    node: str
    in_force: InForce
    floors: Floors
    geometry: Geometry | None
    now: Instant
    allow_demo_root: bool


@dataclass(frozen=True, slots=True)
class Change:
    """What to put in force: `files` in this order, or a root of that version; then the floors are raised."""

    subject: str
    floors: Floors
    raw: bytes
    files: Sequence[Kind] = ()
    root: int | None = None
    reduces_sight: bool = False
    """It hides something and shows nothing: that waits for nothing."""


def kind_of(raw: bytes) -> DocumentKind | None:
    """What the document says that it is; None if it cannot be read."""
    try:
        return KINDS[type(decode_any(parse(raw).payload))]
    except Refused:
        return None


def judge(raw: bytes, situation: Situation) -> Change | None:
    """The change, None if exactly this document is in force already, or `Refused`."""
    document = decode_any(parse(raw).payload)
    match document:
        case Root():
            return _root(raw, situation)
        case Mandate():
            return _mandate(raw, situation)
        case MaskSet():
            return _masks(raw, situation)
        case Grant():
            _grant(raw, situation)
            raise Refused("grant: it is good, but this node cannot show anything live yet")
        case ReleaseOrder() | ErasureOrder():
            raise ValueError("an order changes no document: `node.recorder.order_desk` acts on it")


def _root(raw: bytes, now: Situation) -> Change | None:
    current = now.in_force.root
    if raw == current.raw:
        return None
    believed = trust.next_root(raw, current=current.document)
    version = believed.document.version
    if believed.document.demo and not now.allow_demo_root:
        raise Refused("root: it is a demo's, whose keys lie about: a real node does not take it")
    if version >= MAX_ROOTS:
        raise Refused(f"root: a node follows {MAX_ROOTS} versions at most")
    return Change(_subject("root", believed), replace(now.floors, root=version), raw, root=version)


def _mandate(raw: bytes, now: Situation) -> Change | None:
    current = now.in_force.mandate
    if current is not None and raw == current.raw:
        return None
    least = _least(now.floors.mandate, current)
    believed = trust.mandate(raw, root=now.in_force.root.document, node=now.node, floor=1)
    version = believed.document.version
    if version < least:
        raise Refused(_older("mandate", version, least))
    return Change(
        _subject("mandate", believed), replace(now.floors, mandate=version), raw, files=("mandate",)
    )


def _masks(raw: bytes, now: Situation) -> Change | None:
    under, current = _mandate_in_force(now, "masks"), now.in_force.masks
    if now.geometry is None:
        raise Refused("masks: the camera has not said yet how it looks: send them again when it runs")
    if current is not None and raw == current.raw:
        return None
    least = _least(now.floors.masks, current)
    believed = trust.masks(
        raw,
        under=under,
        node=now.node,
        geometry=now.geometry,
        floor=1,
        current=current.document if current else None,
    )
    version = believed.document.version
    if version < least:
        raise Refused(_older("masks", version, least))
    # First the set itself: under the approved one of before it is good, and the other order could leave the camera
    # with a widened set that the new approved one does not cover.
    if is_approved(raw, now):
        floors = replace(now.floors, masks=version, approved=version)
        return Change(_subject("masks", believed), floors, raw, files=("masks", "approved_masks"))
    floors = replace(now.floors, masks=version)
    return Change(_subject("masks", believed), floors, raw, files=("masks",), reduces_sight=True)


def is_approved(raw: bytes, now: Situation) -> bool:
    """Whether this mask set stands by itself: signed by technician and approver, and not an older one."""
    if now.geometry is None or now.in_force.mandate is None:
        return False
    under, floor = now.in_force.mandate.document, max(1, now.floors.masks)
    try:
        trust.masks(raw, under=under, node=now.node, geometry=now.geometry, floor=floor, current=None)
    except Refused:
        return False
    return True


def _grant(raw: bytes, now: Situation) -> None:
    trust.grant(
        raw, under=_mandate_in_force(now, "grant"), node=now.node, now_ns=now.now.utc_ns, used=frozenset()
    )


def _mandate_in_force(now: Situation, what: str) -> Mandate:
    if now.in_force.mandate is None:
        why = f" ({now.in_force.mandate_refused})" if now.in_force.mandate_refused else ""
        raise Refused(f"{what}: no mandate is in force{why}")
    return now.in_force.mandate.document


def _least(floor: int, current: Believed[Mandate] | Believed[MaskSet] | None) -> int:
    """The lowest version that is taken. Where nothing is in force, the one that was may be put back."""
    return max(floor, current.document.version) + 1 if current else max(floor, 1)


def _older(what: str, version: int, least: int) -> str:
    return f"{what}: version {version} was sent, at least version {least} is needed"


def _subject(kind: str, believed: Believed[Root] | Believed[Mandate] | Believed[MaskSet]) -> str:
    return f"{kind} version {believed.document.version} sha256:{believed.digest.hex()}"
