"""Who must have signed what, and whether a document may take the place of the one in force.

Pure decisions: each function returns the document, believed, or raises `Refused` with the reason. They are called
by whoever acts on a document, every time, and not only by whoever stored it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from node.clock import utc_ns
from node.errors import Refused
from node.mandate.documents import (
    D,
    ErasureOrder,
    Grant,
    Mandate,
    MaskSet,
    ReleaseOrder,
    Role,
    Root,
    decode,
)
from node.mandate.signatures import SignedDocument, parse, verified_signers
from node.masks.coverage import View, compare
from node.masks.geometry import Geometry
from node.sealing.keys import Jwk, verifying_key

T = TypeVar("T", Root, Mandate, MaskSet, Grant, ReleaseOrder, ErasureOrder)


@dataclass(frozen=True, slots=True)
class Believed(Generic[T]):
    """A document whose signatures, version and content were checked; `raw` is what to keep on disk."""

    document: T
    digest: bytes
    signers: frozenset[str]
    raw: bytes


def first_root(data: bytes) -> Believed[Root]:
    """A root that is trusted because somebody put it there by hand; it must be signed by its own threshold."""
    signed = parse(data)
    root = decode(signed.payload, Root)
    return _believed(root, signed, _signed_by_controllers(signed, root))


def next_root(data: bytes, *, current: Root) -> Believed[Root]:
    """The following version, signed by the thresholds of the old root and of the new one."""
    signed = parse(data)
    root = decode(signed.payload, Root)
    if root.version != current.version + 1:
        raise Refused(f"root: version {root.version} cannot follow version {current.version}")
    keys = {c.id: c.sig for c in current.controllers}
    for controller in root.controllers:
        if verifying_key(keys.setdefault(controller.id, controller.sig)) != verifying_key(controller.sig):
            raise Refused(f"root: {controller.id} had another key: give a new key a new id")
    signers = verified_signers(signed, keys)
    for which in (current, root):
        voices = signers & {c.id for c in which.controllers}
        _enough(len(voices), which.threshold, f"controllers of root version {which.version}")
    return _believed(root, signed, signers)


def mandate(data: bytes, *, root: Root, node: str, floor: int) -> Believed[Mandate]:
    """A mandate for this node, signed by the root's threshold; `floor` is the lowest version still taken."""
    signed = parse(data)
    document = decode(signed.payload, Mandate)
    signers = _signed_by_controllers(signed, root)
    _version("mandate", document.version, floor)
    if node not in document.nodes:
        raise Refused(f"mandate: it is not for node {node}")
    return _believed(document, signed, signers)


def masks(
    data: bytes, *, under: Mandate, node: str, geometry: Geometry, floor: int, current: MaskSet | None
) -> Believed[MaskSet]:
    """A mask set for this node and exactly this geometry.

    The first one, and any that uncovers a part of the world, needs technician, approver and whoever else the mandate
    names, each another person; so does one that names another pose reference, for that says where the masks lie. One
    technician may widen.
    """
    signed = parse(data)
    document = decode(signed.payload, MaskSet)
    _for_mandate_and_geometry(document, under, node, geometry)
    signers = verified_signers(signed, _signature_keys(under, *under.masks.first_set))
    _version("masks", document.version, floor)
    if document.made_by not in signers:
        raise Refused(f"masks: made by {document.made_by}, who has not signed")
    if not signers & under.with_role("technician").keys():
        raise Refused("masks: a technician must sign")
    loosens = _loosens(document, current)
    if loosens and not _each_by_another(under.masks.first_set, signers, under):
        raise Refused(f"masks: {loosens} must be signed by {_persons(under.masks.first_set)}")
    return _believed(document, signed, signers)


def grant(data: bytes, *, under: Mandate, node: str, now_ns: int, used: Collection[str]) -> Believed[Grant]:
    """Leave to watch live, signed by the very operator whom it names."""
    signed = parse(data)
    document = decode(signed.payload, Grant)
    signers = verified_signers(signed, _signature_keys(under, "operator"))
    if signers != {document.operator}:
        raise Refused("grant: the operator who watches must sign, and nobody else")
    if document.minutes > under.live.minutes:
        raise Refused(f"grant: the mandate allows {under.live.minutes} minutes at a time")
    if under.live.requires == "alarm" and document.reason.alarm is None:
        raise Refused("grant: the mandate allows a live look on an alarm only")
    if document.reason.alarm is None and document.reason.text is None:
        raise Refused("grant: a reason is needed, an alarm or words")
    _may_be_obeyed("grant", document, node=node, used=used, now_ns=now_ns)
    return _believed(document, signed, signers)


def order(
    data: bytes,
    *,
    under: Mandate,
    node: str,
    now_ns: int,
    used: Collection[str],
    revoked: Collection[str] = frozenset(),
) -> Believed[ReleaseOrder]:
    """A release order signed by the threshold of distinct releasers; `under` is the segment's own mandate.

    That it has ended changes nothing: its footage can be released for as long as it lives. `revoked` are the persons
    whom a later mandate has revoked.
    """
    signed = parse(data)
    document = decode(signed.payload, ReleaseOrder)
    signers = _signed_by_releasers("release order", signed, under, revoked)
    if document.recipient not in under.release.recipients:
        raise Refused(f"release order: {document.recipient} is not a recipient of the mandate")
    _may_be_obeyed("release order", document, node=node, used=used, now_ns=now_ns)
    return _believed(document, signed, signers)


def erasure(
    data: bytes,
    *,
    under: Mandate,
    node: str,
    now_ns: int,
    used: Collection[str],
    revoked: Collection[str] = frozenset(),
) -> Believed[ErasureOrder]:
    """An erasure order, signed like a release order: who alone may not look may not make something unseen alone."""
    signed = parse(data)
    document = decode(signed.payload, ErasureOrder)
    signers = _signed_by_releasers("erasure order", signed, under, revoked)
    _may_be_obeyed("erasure order", document, node=node, used=used, now_ns=now_ns)
    return _believed(document, signed, signers)


def view_of(mask_set: MaskSet) -> View:
    """What a mask set lets be seen, for `node.masks.coverage`."""
    return View(mask_set.outlines, mask_set.guard_band_px, mask_set.geometry)


def _loosens(document: MaskSet, current: MaskSet | None) -> str:
    """What one technician may not do alone, in words; empty if there is nothing of it."""
    if current is None:
        return "a first mask set"
    if document == current:  # uncovers nothing: then no pixels need be compared
        return ""
    if document.pose_reference != current.pose_reference:
        return "masks with another pose reference"
    return "" if compare(view_of(document), view_of(current)).covers else "masks that uncover something"


def _believed(document: D, signed: SignedDocument, signers: frozenset[str]) -> Believed[D]:
    return Believed(document, signed.digest, signers, signed.raw)


def _signed_by_controllers(signed: SignedDocument, root: Root) -> frozenset[str]:
    signers = verified_signers(signed, {c.id: c.sig for c in root.controllers})
    _enough(len(signers), root.threshold, "controllers")
    return signers


def _signed_by_releasers(
    what: str, signed: SignedDocument, under: Mandate, revoked: Collection[str]
) -> frozenset[str]:
    """The distinct releasers who signed, as many as the mandate asks for."""
    for person in sorted(set(revoked) & set(signed.claimed)):
        raise Refused(f"{what}: signed by {person}, who was revoked since")
    signers = verified_signers(signed, _signature_keys(under, "releaser"))
    _enough(len(signers), under.release.threshold, "releasers")
    return signers


def _signature_keys(under: Mandate, *roles: Role) -> Mapping[str, Jwk]:
    return {p.id: p.sig for role in roles for p in under.with_role(role).values()}


def _each_by_another(roles: Sequence[Role], signers: frozenset[str], under: Mandate) -> bool:
    """Whether each of the roles can be given to another one of the signers who has it."""
    may = {role: signers & under.with_role(role).keys() for role in roles}
    return _shared_out(sorted((may[role] for role in roles), key=len))


def _shared_out(choices: Sequence[frozenset[str]]) -> bool:
    """Whether one can be taken from each set, and nobody twice."""
    return not choices or any(
        _shared_out([others - {taken} for others in choices[1:]]) for taken in sorted(choices[0])
    )


def _persons(roles: Sequence[Role]) -> str:
    named = [f"{'an' if role[0] in 'ao' else 'a'} {role}" for role in roles]
    count = ("no", "one", "two", "three", "four", "five")[len(roles)]
    return f"{', '.join(named[:-1])} and {named[-1]}, {count} persons"


def _for_mandate_and_geometry(document: MaskSet, under: Mandate, node: str, geometry: Geometry) -> None:
    if document.node != node:
        raise Refused(f"masks: they are for node {document.node}, this is {node}")
    if document.mandate != under.id:
        raise Refused("masks: they belong to another mandate")
    if not document.polygons and not under.masks.nothing_to_mask:
        raise Refused("masks: the set is empty, and the mandate does not say that nothing is to be masked")
    if document.geometry != geometry:
        wrong = [
            f for f in geometry.__struct_fields__ if getattr(document.geometry, f) != getattr(geometry, f)
        ]
        name = wrong[0]
        raise Refused(
            f"masks: made for {name} {getattr(document.geometry, name)}, this camera has {getattr(geometry, name)}"
        )


def _version(what: str, version: int, floor: int) -> None:
    if version < floor:
        raise Refused(f"{what}: version {version} is older than version {floor}, which was in force")


def _enough(voices: int, threshold: int, who: str) -> None:
    if voices < threshold:
        raise Refused(f"signed by {voices} of the {threshold} {who} that are needed")


def _may_be_obeyed(
    what: str, document: Grant | ReleaseOrder | ErasureOrder, *, node: str, used: Collection[str], now_ns: int
) -> None:
    """By this node, once, until it expires."""
    if document.node != node:
        raise Refused(f"{what}: it is for node {document.node}, this is {node}")
    if document.id in used:
        raise Refused(f"{what}: {document.id} was used before")
    if now_ns >= utc_ns(document.expires):
        raise Refused(f"{what}: it has expired")
