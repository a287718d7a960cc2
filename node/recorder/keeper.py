"""The only committer of documents, version floors and the time floor.

The order is always: audit entry, file, floor in the key slot, answer. So nothing takes effect that the log does not
know, a floor never shuts out a document that is not there yet, and power may go in between: what was begun is then
finished by the next start, or by the same document sent again.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from node.clock import Clock
from node.errors import Refused
from node.formats.slot import Floors
from node.mandate.documents import Root
from node.mandate.in_force import InForce, believed_root, in_force
from node.mandate.store import DocumentStore
from node.mandate.trust import Believed
from node.masks.geometry import Geometry
from node.messages import DocumentKind, VersionFloors
from node.recorder.allowance import Allowance
from node.recorder.audit_log import AuditLog
from node.recorder.epochs import EpochKeys
from node.recorder.judge import Change, Situation, is_approved, judge, kind_of
from node.recorder.release import OutletFor
from node.sealing.keys import RecipientKey
from node.sealing.post import open_for_node

REFUSALS_AN_HOUR = 60
OrderKind = Literal["release", "erase"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a document, in one line for whoever sent it."""

    accepted: bool
    kind: DocumentKind | None
    reason: str


class Orders(Protocol):
    """What acts on a release or erasure order, or refuses it."""

    def __call__(
        self, raw: bytes, situation: Situation, *, kind: OrderKind, outlet_for: OutletFor | None
    ) -> str:
        """What is answered, or `Refused`. A release without an outlet goes over the bus."""
        ...


class Keeper:
    """Takes documents as they come, sealed. `orders` acts on release and erasure orders.

    `first_root`: the bytes that somebody put on this node by hand.
    `note` writes into the log what happened, now or as soon as the log takes it.
    """

    def __init__(
        self,
        *,
        node: str,
        store: DocumentStore,
        keys: EpochKeys,
        log: AuditLog,
        recipient: RecipientKey,
        first_root: bytes,
        allow_demo_root: bool,
        clock: Clock,
        orders: Orders,
        note: Callable[[str, str, str], None],
    ) -> None:
        self._node = node
        self._note = note
        self._store = store
        self._keys = keys
        self._log = log
        self._recipient = recipient
        self._first_root = first_root
        self._allow_demo_root = allow_demo_root
        self._clock = clock
        self._orders = orders
        self._refusals = Allowance(REFUSALS_AN_HOUR, clock=clock)
        self._stopped = False
        self._geometry: Geometry | None = None
        self.unsettled = True
        """Whether something that was begun may have to be finished (`settle`)."""
        self.generation = 0
        """Grows with every change on the disk."""
        self.accepted = 0
        self.refused = 0

    @property
    def floors(self) -> VersionFloors:
        """The lowest versions that still count."""
        floors = self._keys.header.floors
        return VersionFloors(floors.root, floors.mandate, floors.masks, floors.approved)

    def retention_hours(self) -> int | None:
        """How long recordings may be kept under the mandate in force; None if there is none."""
        try:
            mandate = self.in_force().mandate
        except Refused:
            return None
        return mandate.document.recording.retention_hours if mandate else None

    def camera_looks(self, geometry: Geometry) -> None:
        """How the camera looks now: masks are for exactly one geometry."""
        if geometry != self._geometry:
            self._geometry = geometry
            self.unsettled = True

    def root(self) -> Believed[Root]:
        """The newest root that can be believed, or `Refused`: then no document is taken."""
        if not self._first_root:
            raise Refused("no root was put on this node: no document can be believed")
        return believed_root(self._first_root, self._store, allow_demo=self._allow_demo_root)

    def in_force(self) -> InForce:
        """What counts now, verified from the disk; `Refused` without a root."""
        return in_force(
            self._store, root=self.root(), node=self._node, floors=self.floors, geometry=self._geometry
        )

    def take(self, document: bytes, *, by_hand: OutletFor | None = None) -> Verdict:
        """Open, verify, write down, commit. `OSError`: it may be in force or not, and must be sent again.

        `by_hand`: it came on a medium, where it need not be sealed, and where a release goes.
        """
        try:
            return self._taken(document, by_hand)
        except OSError:
            self.unsettled = True
            raise

    def settle(self) -> None:
        """Finish what a power cut, or a disk that failed, left half done: approved masks first, then floors."""
        self._store.settle()
        try:
            situation = self._situation()
        except Refused:  # no root: nothing is in force, and nothing was begun
            self.unsettled = False
            return
        masks = self._store.read("masks")
        if (
            masks is not None
            and masks != self._store.read("approved_masks")
            and is_approved(masks, situation)
        ):
            self._log.note("masks_settled", "approved_masks", "what was accepted before is now complete")
            self._store.commit("approved_masks", masks)
            self.generation += 1
        found = self.in_force()
        if found.mandate is not None:
            self._store.archive_mandate(found.mandate.raw)
        floors = self._keys.header.floors
        self._raise(
            replace(
                floors,
                root=max(floors.root, found.root.document.version),
                mandate=max(floors.mandate, found.mandate.document.version if found.mandate else 0),
                masks=max(floors.masks, found.masks.document.version if found.masks else 0),
                approved=max(floors.approved, found.approved.document.version if found.approved else 0),
            )
        )
        self.unsettled = False

    def _taken(self, document: bytes, by_hand: OutletFor | None) -> Verdict:
        if self.unsettled:
            self.settle()
        kind: DocumentKind | None = None
        try:
            is_open = by_hand is not None and kind_of(document) is not None
            raw = document if is_open else open_for_node(document, node=self._node, key=self._recipient)
            kind = kind_of(raw)
            if kind == "release" or kind == "erase":  # noqa: PLR1714 — what a type checker follows
                said = self._orders(raw, self._situation(), kind=kind, outlet_for=by_hand)
                self.accepted += 1
                return Verdict(True, kind, said)
            change = judge(raw, self._situation())
        except Refused as refusal:
            return self._refuse(kind, f"{refusal}")
        if change is not None:
            try:
                self._log.commit(by="recorder", action=f"{kind}_accepted", subject=change.subject)
            except OSError:
                if not change.reduces_sight:
                    raise
                self._note(f"{kind}_accepted", change.subject, "in force before it could be written down")
            self._commit(change)
        self.accepted += 1
        return Verdict(True, kind, "in force" if change else "already in force")

    def time_has_passed(self, *, floor_ns: int, uptime_ns: int) -> None:
        """Raise the time floor, never lower it, and add to the uptime; `OSError` if the slot does not take it."""
        header = self._keys.header
        floor_ns = max(header.time_floor_ns, floor_ns)
        self._keys.commit_header(header.next(time_floor_ns=floor_ns, uptime_ns=header.uptime_ns + uptime_ns))

    def _situation(self) -> Situation:
        return Situation(
            node=self._node,
            in_force=self.in_force(),
            floors=self._keys.header.floors,
            geometry=self._geometry,
            now=self._clock.now(),
            allow_demo_root=self._allow_demo_root,
        )

    def _commit(self, change: Change) -> None:
        self.generation += 1  # also if a call below fails: the disk may have changed
        self.unsettled = True
        if change.root is not None:
            self._store.commit_root(change.root, change.raw)
        for kind in change.files:
            if kind == "mandate":  # first: no footage is taken under one that is not kept for its release
                self._store.archive_mandate(change.raw)
            self._store.commit(kind, change.raw)
        self._raise(change.floors)
        self.unsettled = False

    def _raise(self, floors: Floors) -> None:
        if floors != self._keys.header.floors:
            self._keys.commit_header(self._keys.header.next(floors=floors))

    def _refuse(self, kind: DocumentKind | None, reason: str) -> Verdict:
        """Whoever owns the uplink cannot fill the log with refusals; that more were refused is in there once."""
        self.refused += 1
        if self._refusals.used_up:
            if not self._stopped:
                self._note("refusals_not_written", "documents", "too many within an hour: they are counted")
                self._stopped = True
            return Verdict(False, kind, reason)
        self._refusals.use()
        self._stopped = False
        try:
            self._log.commit(
                by="recorder", action="document_refused", subject=kind or "unreadable", reason=reason
            )
        except Refused as full:
            return Verdict(False, kind, f"{reason} ({full})")
        return Verdict(False, kind, reason)
