"""The documents that this camera obeys: read when the recorder says that they changed, and verified here once more."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from node.clock import Clock
from node.errors import Refused
from node.mandate.ids import new_ulid
from node.mandate.in_force import InForce, believed_root, in_force
from node.mandate.store import DocumentStore, read_document
from node.masks.geometry import Geometry
from node.messages import AuditRequest, RecorderAlive, VersionFloors
from node.service import Every
from node.unanswered import Unanswered

MOST_REFUSALS = 16
AGAIN_S = 10.0


class Documents:
    """Reads only. What does not verify here is not obeyed, whoever put it there; the audit log hears of it."""

    def __init__(
        self,
        *,
        store: DocumentStore,
        first_root: Path,
        node: str,
        allow_demo_root: bool,
        clock: Clock,
        send: Callable[[AuditRequest], bool],
    ) -> None:
        self._store = store
        self._first_root = first_root
        self._node = node
        self._allow_demo_root = allow_demo_root
        self._clock = clock
        self._send = send
        self._read_as: tuple[str, int] | None = None
        self._floors = VersionFloors()
        self._again = Every(AGAIN_S, clock=clock)
        self._refusals: Unanswered[str, AuditRequest] = Unanswered(clock=clock, most=MOST_REFUSALS)
        self.in_force: InForce | None = None
        """What was read last; None before the recorder has said what counts, or without a root."""
        self.trouble = "the recorder has not said yet which documents count"
        """Why something is not in force; empty if nothing is wrong."""

    @property
    def were_read(self) -> bool:
        """Whether the recorder has said what counts."""
        return self._read_as is not None

    def changed(self, alive: RecorderAlive) -> bool:
        """Whether the recorder has committed something, or is another one, since the documents were read.

        What is wrong with them is looked at again and again: a disk that did not let them be read may do so now.
        """
        self._clock.raise_floor(alive.time_floor_ns)
        again = bool(self.trouble) and self._again.due()
        return again or self._read_as != (alive.instance, alive.generation)

    def read(self, alive: RecorderAlive, *, geometry: Geometry) -> InForce | None:
        """Read and verify them all. A recorder that forgot what was in force does not bring an older one back."""
        before, self._read_as = self.trouble, (alive.instance, alive.generation)
        self._floors = _highest(self._floors, alive.floors)
        try:
            root = believed_root(
                read_document(self._first_root), self._store, allow_demo=self._allow_demo_root
            )
        except Refused as refusal:
            self.in_force, self.trouble = None, f"{refusal}"
        else:
            self.in_force = in_force(
                self._store, root=root, node=self._node, floors=self._floors, geometry=geometry
            )
            self.trouble = self.in_force.mandate_refused or self.in_force.masks_refused
        if self.trouble and self.trouble != before:
            self._note(self.trouble)
        return self.in_force

    def audited(self, request: str) -> None:
        """The audit log has that entry."""
        self._refusals.settle(request)

    def pump(self) -> None:
        """Hand over what the audit log must hear. Being dark never waits for it."""
        for request in self._refusals.due():
            self._send(request)

    def _note(self, trouble: str) -> None:
        request = AuditRequest(
            id=new_ulid(self._clock.now().utc_ns),
            action="document_refused",
            subject="in force on the camera",
            reason=trouble[:400],
        )
        self._refusals.add(request.id, request)


def _highest(one: VersionFloors, other: VersionFloors) -> VersionFloors:
    return VersionFloors(*map(max, msgspec.structs.astuple(one), msgspec.structs.astuple(other)))
