"""Releases: an order is judged, written down, used up, and then acted on, one at a time and slowly.

The order of things is always: verified, audit entry synced, id synced as used, answered; then the bundle leaves. A
restart in the middle ends it: the order stays used, and what was cut off is said.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from node.bus import Bus
from node.clock import NS, Clock, rfc3339, utc_ns
from node.errors import Refused
from node.formats.interval import Interval
from node.formats.segment import digest_text
from node.mandate import orders
from node.mandate.documents import Mandate, ReleaseOrder, decode
from node.mandate.signatures import parse
from node.mandate.store import DocumentStore
from node.mandate.trust import Believed
from node.messages import ReleaseTaken
from node.recorder.audit_desk import AuditDesk
from node.recorder.audit_log import AuditLog
from node.recorder.bundling import Piece, Told, pieces
from node.recorder.consumed import ConsumedOrders
from node.recorder.epochs import EpochKeys
from node.recorder.erasure_plan import PlanFile
from node.recorder.judge import Situation
from node.recorder.lived_time import LivedTime
from node.recorder.outlets import BusOutlet, Endings, Outlet
from node.recorder.ring import Ring
from node.recorder.selection import Selection, select
from node.sealing.keys import SigningKey

BYTES_A_SECOND: Final = 4 << 20
"""Of a bundle. Hashing goes `HASHED_FASTER` times as fast. Recording comes first: one piece, then the next message."""
HASHED_FASTER: Final = 8
WORKING_WAIT_S: Final = 0.005
WAITING_WAIT_S: Final = 0.05

OutletFor = Callable[[Believed[ReleaseOrder], Selection], Outlet]


@dataclass(slots=True)
class _Running:
    order: ReleaseOrder
    made: Iterator[Piece]
    outlet: Outlet
    all_made: bool = False


class Releases:
    """The release desk of a node. `time` is the one that retention goes by."""

    def __init__(
        self,
        *,
        node: str,
        store: DocumentStore,
        ring: Ring,
        keys: EpochKeys,
        log: AuditLog,
        desk: AuditDesk,
        consumed: ConsumedOrders,
        plan: PlanFile,
        endings: Endings,
        bus: Bus,
        clock: Clock,
        time: LivedTime,
        signing: SigningKey,
    ) -> None:
        self._node = node
        self._store = store
        self._ring = ring
        self._keys = keys
        self._log = log
        self._desk = desk
        self._consumed = consumed
        self._plan = plan
        self._endings = endings
        self._bus = bus
        self._clock = clock
        self._time = time
        self._signing = signing
        self._running: _Running | None = None
        self._allowed = 0.0
        self._counted_ns = clock.boottime_ns()
        self._uplink: str | None = None
        for order in consumed.interrupted:
            why = "the recorder was restarted: the order is used up, and another one is needed"
            desk.note("release_stopped", f"release {order}", why)
            endings.say(order, 0, "stopped", why)
            self._is_over(order)

    @property
    def is_running(self) -> bool:
        """Whether a bundle is on its way."""
        return self._running is not None

    @property
    def wait_s(self) -> float | None:
        """How long a step may wait for a message while there is something to do; None if there is nothing."""
        if self._running is None:
            return None
        return WORKING_WAIT_S if self._running.outlet.has_room else WAITING_WAIT_S

    def take(self, raw: bytes, situation: Situation, *, outlet_for: OutletFor | None = None) -> str:
        """Judge an order and begin; what is answered, or `Refused`. `OSError`: nothing was begun.

        Without an `outlet_for` it goes over the bus.
        """
        now_ns = self._now_ns(situation)
        document = decode(parse(raw).payload, ReleaseOrder)
        if self._running is not None:
            raise Refused("release order: another release is on its way: send it again when that has ended")
        if self._consumed.unreadable:
            raise Refused(f"release order: {self._consumed.unreadable}")
        in_force = situation.in_force.mandate
        interval = Interval(utc_ns(document.from_), utc_ns(document.to))
        selection = select(
            interval,
            ring=self._ring,
            keys=self._keys,
            store=self._store,
            now_ns=now_ns,
            retention_hours=in_force.document.recording.retention_hours if in_force else 0,
            erased=self._plan.erased(now_ns),
        )
        under = selection.documents or ((in_force.document,) if in_force else ())
        if not under:
            raise Refused("release order: there is no footage of it, and no mandate in force")
        believed = orders.entitled(
            raw,
            under=under,
            known=self._known(in_force.document if in_force else None),
            node=self._node,
            now_ns=now_ns,
            used=self._consumed.ids,
        )
        if not selection.segments:
            reasons = ", ".join(sorted({gap.reason for gap in selection.missing}))
            raise Refused(f"release order: there is no footage of that interval here ({reasons})")
        self._consumed.refuse(document.id, now_ns=now_ns)
        return self._begin(believed, selection, now_ns, outlet_for or self._to_uplink)

    def taken(self, message: ReleaseTaken) -> None:
        """The broker's word, through the uplink."""
        self._endings.taken(message)
        if self._running is not None and isinstance(self._running.outlet, BusOutlet):
            self._running.outlet.taken(message)

    def uplink_is(self, instance: str) -> None:
        """A sign of life; a new uplink has lost what it held."""
        outlet = self._running.outlet if self._running else None
        if instance != self._uplink and isinstance(outlet, BusOutlet):
            outlet.again()
        self._uplink = instance

    def tend(self) -> None:
        """One piece further, if it is time for one."""
        self._endings.tend()
        running = self._running
        if running is None:
            return
        if isinstance(running.outlet, BusOutlet):
            running.outlet.tend()
        if running.outlet.trouble:
            self._end("stopped", running.outlet.trouble)
        elif running.all_made and running.outlet.is_delivered:
            self._end("finished", "all of it was delivered")
        elif not running.all_made and running.outlet.has_room and self._has_time():
            self._one_piece(running)

    def stop(self, why: str) -> None:
        """An orderly end of the recorder ends a release that runs."""
        if self._running is not None:
            self._end("stopped", why)

    def _begin(
        self, believed: Believed[ReleaseOrder], selection: Selection, now_ns: int, outlet_for: OutletFor
    ) -> str:
        order, count = believed.document, len(selection.segments)
        signed = ", ".join(sorted(believed.signers))
        what = f"{rfc3339(utc_ns(order.from_), digits=0)} to {rfc3339(utc_ns(order.to), digits=0)}"
        outlet = outlet_for(believed, selection)
        self._log.commit(
            by="recorder",
            action="release_accepted",
            subject=f"release {order.id}: {what}, {count} segments",
            reason=f"for {order.recipient}, signed by {signed}; case {order.case}",
        )
        line, checkpoint = self._log.last_line, self._log.checkpoint()
        self._consumed.consume(order.id, expires_ns=utc_ns(order.expires), now_ns=now_ns)
        told = Told(
            node=self._node,
            order=digest_text(believed.digest),
            interval=Interval(utc_ns(order.from_), utc_ns(order.to)),
            made=self._time.now(),
            missing=selection.missing,
            audit_line=line,
            checkpoint=checkpoint,
        )
        made = pieces(
            believed.raw,
            selection.mandates,
            selection.segments,
            told,
            keys=self._keys,
            signing=self._signing,
        )
        self._running = _Running(order, made, outlet)
        self._allowed, self._counted_ns = 0.0, self._clock.boottime_ns()
        lacking = f"; {len(selection.missing)} parts of the interval are missing" if selection.missing else ""
        return f"{count} segments are on their way{lacking}"

    def _one_piece(self, running: _Running) -> None:
        try:
            piece = next(running.made, None)
        except OSError as error:
            self._end("stopped", f"a segment cannot be read to its end: {error.strerror}")
            return
        if piece is None:
            running.outlet.flush()
            running.all_made = True
            return
        self._allowed -= len(piece.data) or piece.read / HASHED_FASTER
        if piece.data:
            running.outlet.put(piece.data, expires_ns=piece.expires_ns)
        if isinstance(running.outlet, BusOutlet):
            running.outlet.tend()

    def _end(self, outcome: str, reason: str) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        try:
            running.outlet.end("finished" if outcome == "finished" else "stopped", reason)
        except OSError as error:
            outcome, reason = "stopped", f"the medium does not take it: {error.strerror}"
        self._desk.note(f"release_{outcome}", f"release {running.order.id}", reason)
        self._is_over(running.order.id)

    def _is_over(self, order: str) -> None:
        try:
            self._consumed.ended(order)
        except OSError:  # it stays used; the next start will say once more that it is over
            return

    def _has_time(self) -> bool:
        """Whether the rate allows a piece now; at most a second's worth is saved up."""
        now_ns = self._clock.boottime_ns()
        gained = (now_ns - self._counted_ns) * BYTES_A_SECOND / NS
        self._allowed, self._counted_ns = min(BYTES_A_SECOND, self._allowed + gained), now_ns
        return self._allowed >= 0

    def _now_ns(self, situation: Situation) -> int:
        """The latest that it may be: what is overdue by any clock is not released."""
        if situation.now.trust == "untrusted":
            raise Refused(
                "release order: this node does not know what time it is: salvage it, or set its clock"
            )
        return max(situation.now.utc_ns, self._time.now().utc_ns, self._keys.header.time_floor_ns)

    def _known(self, in_force: Mandate | None) -> list[Mandate]:
        archived = [decode(parse(raw).payload, Mandate) for raw in self._store.archived_mandates()]
        return [*archived, *([in_force] if in_force else [])]

    def _to_uplink(self, believed: Believed[ReleaseOrder], selection: Selection) -> Outlet:
        people = {person.id: person.enc for mandate in selection.documents for person in mandate.people}
        return BusOutlet(
            order=believed.document.id,
            digest=digest_text(believed.digest),
            signers={person: people[person] for person in sorted(believed.signers)},
            bus=self._bus,
            clock=self._clock,
            endings=self._endings,
        )
