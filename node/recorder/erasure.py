"""Erasure orders: judged, written down, planned, used up, answered. What was planned `node.recorder.erasing` does.

Whoever may release footage may have it erased: as many distinct releasers of the mandate that it was taken under, none
of them revoked since. Segments are the unit: one that has anything of the interval goes whole, and the answer says so.
"""

from collections.abc import Sequence
from typing import Final

from node.clock import NS, rfc3339, utc_ns
from node.errors import Damaged, Refused
from node.formats.interval import Interval, overlapping
from node.formats.segment import SegmentHeader
from node.mandate import orders
from node.mandate.documents import ErasureOrder, Mandate, decode
from node.mandate.signatures import parse
from node.mandate.store import DocumentStore
from node.mandate.trust import Believed
from node.recorder.audit_log import AuditLog
from node.recorder.consumed import ConsumedOrders
from node.recorder.epochs import EpochKeys
from node.recorder.erasure_plan import MAX_SEGMENTS, ErasurePlan, PlanFile
from node.recorder.judge import Situation
from node.recorder.lived_time import LivedTime
from node.recorder.ring import KeptSegment, Ring
from node.recorder.selection import header_of, mandates_of

HELD_NS: Final = 15 * NS
"""What is so young may still be on its way here: a camera keeps ten seconds of it until it is stored."""
NAMED: Final = 4
"""So many segments an answer names, and how many more there are."""


class Erasures:
    """The desk where erasure is ordered. `time` is the one that retention goes by."""

    def __init__(
        self,
        *,
        node: str,
        store: DocumentStore,
        ring: Ring,
        keys: EpochKeys,
        log: AuditLog,
        consumed: ConsumedOrders,
        plan: PlanFile,
        time: LivedTime,
    ) -> None:
        self._node = node
        self._store = store
        self._ring = ring
        self._keys = keys
        self._log = log
        self._consumed = consumed
        self._plan = plan
        self._time = time

    def take(self, raw: bytes, situation: Situation) -> str:
        """Judge an order and plan what it asks for; what is answered, or `Refused`. `OSError`: send it again."""
        order = decode(parse(raw).payload, ErasureOrder)
        if self._consumed.unreadable:
            raise Refused(f"erasure order: {self._consumed.unreadable}")
        now_ns = self._now_ns(situation)
        going = self._asked_for(Interval(utc_ns(order.from_), utc_ns(order.to)))
        believed = self._believed(raw, situation, going, now_ns=now_ns)
        if utc_ns(order.to) > now_ns - HELD_NS:
            raise Refused(
                "erasure order: its interval is not over yet: nobody erases what is still to be filmed"
            )
        if not going:
            raise Refused("erasure order: there is no footage of that interval here: nothing to erase")
        if len(going) > MAX_SEGMENTS:
            raise Refused(f"erasure order: it asks for {len(going)} segments, at most {MAX_SEGMENTS} at once")
        self._consumed.refuse(order.id, now_ns=now_ns)
        return (self._say if order.dry_run else self._begin)(believed, going, now_ns)

    def _begin(self, believed: Believed[ErasureOrder], going: Sequence[KeptSegment], now_ns: int) -> str:
        order = believed.document
        self._write_down("erasure_accepted", believed, going)
        expires_ns = utc_ns(order.expires)
        entries = [entry for epoch in _epochs(going) if (entry := self._keys.entry(epoch)) is not None]
        self._plan.begin(
            ErasurePlan(
                order=order.id,
                expires_ns=expires_ns,
                over_ns=max(entry.destroy_at_ns for entry in entries),
                epochs=_epochs(going),
                segments=tuple(one.path.name for one in going),
                starts_ns=tuple(one.start_ns or 0 for one in going),
            )
        )
        self._consumed.consume(order.id, expires_ns=expires_ns, now_ns=now_ns, state="ended")
        return f"{self._told(going)} are being erased; {self._others(going)} are kept, under new keys"

    def _say(self, believed: Believed[ErasureOrder], going: Sequence[KeptSegment], now_ns: int) -> str:
        """What an order would do. That it was asked is written down, and the order is used up."""
        self._write_down("erasure_tried", believed, going)
        order = believed.document
        self._consumed.consume(order.id, expires_ns=utc_ns(order.expires), now_ns=now_ns, state="ended")
        return f"{self._told(going)} would be erased; {self._others(going)} would be kept, under new keys"

    def _write_down(
        self, action: str, believed: Believed[ErasureOrder], going: Sequence[KeptSegment]
    ) -> None:
        order, signed = believed.document, ", ".join(sorted(believed.signers))
        what = f"{rfc3339(utc_ns(order.from_), digits=0)} to {rfc3339(utc_ns(order.to), digits=0)}"
        self._log.commit(
            by="recorder",
            action=action,
            subject=f"erasure {order.id}: {what}, {len(going)} segments of {len(_epochs(going))} epochs",
            reason=f"signed by {signed}; {order.reason}",
        )

    def _told(self, going: Sequence[KeptSegment]) -> str:
        names = ", ".join(one.path.stem.partition("_")[0] for one in going[:NAMED])
        more = f" and {len(going) - NAMED} more" if len(going) > NAMED else ""
        return f"{len(going)} whole segments, which begin at {names}{more},"

    def _others(self, going: Sequence[KeptSegment]) -> str:
        epochs = set(_epochs(going))
        there = (*self._ring.segments, *_some(self._ring.being_written))
        others = sum(one.epoch in epochs for one in there) - len(going)
        return f"{others} others of the same {len(epochs)} epochs"

    def _asked_for(self, interval: Interval) -> tuple[KeptSegment, ...]:
        """What may have something of the interval and can still be opened, also what is being written."""
        there = (*self._ring.segments, *_some(self._ring.being_written))
        named = sorted(((start, one) for one in there if (start := one.start_ns) is not None), key=_start)
        found = [named[index][1] for index in overlapping([start for start, _ in named], interval)]
        return tuple(one for one in found if one.epoch in self._keys.live)

    def _believed(
        self, raw: bytes, situation: Situation, going: Sequence[KeptSegment], *, now_ns: int
    ) -> Believed[ErasureOrder]:
        in_force = situation.in_force.mandate
        headers = [header for one in going if (header := _header(one)) is not None]
        mandates = mandates_of(headers, self._store, what="erasure order")
        documents = tuple(decode(parse(mandate).payload, Mandate) for mandate in mandates)
        under = documents or ((in_force.document,) if in_force else ())
        if not under:
            raise Refused("erasure order: there is no footage of it, and no mandate in force")
        archived = [decode(parse(old).payload, Mandate) for old in self._store.archived_mandates()]
        return orders.may_erase(
            raw,
            under=under,
            known=[*archived, *([in_force.document] if in_force else [])],
            node=self._node,
            now_ns=now_ns,
            used=self._consumed.ids,
        )

    def _now_ns(self, situation: Situation) -> int:
        if situation.now.trust == "untrusted":
            raise Refused("erasure order: this node does not know what time it is: set its clock")
        return max(situation.now.utc_ns, self._time.now().utc_ns, self._keys.header.time_floor_ns)


def _header(kept: KeptSegment) -> SegmentHeader | None:
    """None where it has gone bad since the start: then the others say whose order counts."""
    try:
        return header_of(kept.path)
    except Damaged:
        return None


def _epochs(going: Sequence[KeptSegment]) -> tuple[int, ...]:
    return tuple(sorted({one.epoch for one in going if one.epoch is not None}))


def _start(pair: tuple[int, KeptSegment]) -> int:
    return pair[0]


def _some(kept: KeptSegment | None) -> tuple[KeptSegment, ...]:
    return () if kept is None else (kept,)
