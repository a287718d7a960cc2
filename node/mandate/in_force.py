"""What is in force on a node: every document read from its disk and verified again, by whoever acts on it.

Trust begins with the first root, which was put there by hand; later roots follow it one by one. A document that
does not verify is not in force, and `refused` says why: then the node is dark, whatever the file says.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from node.errors import Refused, one_line
from node.mandate import trust
from node.mandate.documents import Mandate, MaskSet, Root
from node.mandate.store import MAX_ROOTS, DocumentStore, Kind
from node.mandate.trust import Believed
from node.masks.geometry import Geometry
from node.messages import VersionFloors

T = TypeVar("T", Mandate, MaskSet)


@dataclass(frozen=True, slots=True)
class InForce:
    """The documents that count. `mandate_refused` and `masks_refused`: why one that is there does not.

    `approved`: the mask set that two persons signed last, which a widened one in `masks` covers.
    """

    root: Believed[Root]
    mandate: Believed[Mandate] | None
    masks: Believed[MaskSet] | None
    mandate_refused: str = ""
    masks_refused: str = ""
    approved: Believed[MaskSet] | None = None


def believed_root(first: bytes, store: DocumentStore, *, allow_demo: bool) -> Believed[Root]:
    """The newest root that follows from the first one; `Refused` if any on the way is not to be believed."""
    root = _allowed(trust.first_root(first), allow_demo)
    for version in range(root.document.version + 1, MAX_ROOTS):
        data = store.read_root(version)
        if data is None:
            break
        root = _allowed(trust.next_root(data, current=root.document), allow_demo)
    return root


def in_force(
    store: DocumentStore,
    *,
    root: Believed[Root],
    node: str,
    floors: VersionFloors,
    geometry: Geometry | None,
) -> InForce:
    """Verify what `store` has. Without a `geometry` (the camera has not said it yet) no mask set is in force."""
    if root.document.version < floors.root:
        why = f"root: version {root.document.version} is older than version {floors.root}, which was in force"
        return InForce(root, None, None, mandate_refused=why)
    mandate, mandate_refused = _verified(
        store,
        "mandate",
        lambda data: trust.mandate(data, root=root.document, node=node, floor=max(1, floors.mandate)),
    )
    if mandate is None or geometry is None:
        return InForce(root, mandate, None, mandate_refused=mandate_refused)
    judge = partial(trust.masks, under=mandate.document, node=node, geometry=geometry)
    # With nothing to compare it with, a set must be signed by technician and approver: it then stands by itself.
    approved, approved_refused = _verified(
        store, "approved_masks", partial(judge, floor=max(1, floors.approved), current=None)
    )
    current = approved.document if approved else None
    masks, masks_refused = _verified(
        store, "masks", partial(judge, floor=max(1, floors.masks), current=current)
    )
    if masks_refused and approved_refused:
        masks_refused = one_line(f"{masks_refused}; and of the approved set: {approved_refused}")
    if masks is None and not masks_refused and floors.masks:
        # Also where the mandate says that nothing is to be masked: a file that is lost never takes masks away.
        masks_refused = f"masks: version {floors.masks} was in force, and its file is gone"
    return InForce(root, mandate, masks, mandate_refused, masks_refused, approved)


def _allowed(root: Believed[Root], allow_demo: bool) -> Believed[Root]:
    if root.document.demo and not allow_demo:
        raise Refused("root: it is a demo's, whose keys lie about: a real node does not take it")
    return root


def _verified(
    store: DocumentStore, kind: Kind, verify: Callable[[bytes], Believed[T]]
) -> tuple[Believed[T] | None, str]:
    """The document and nothing, or nothing and why not; neither if there is none."""
    try:
        data = store.read(kind)
        return (None, "") if data is None else (verify(data), "")
    except Refused as refusal:
        return None, f"{refusal}"
