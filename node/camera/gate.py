"""Whether the sensor may be open at this instant, and if not, why. Any doubt closes it."""

from node.clock import NS, Instant, utc_ns
from node.mandate.documents import Mandate, MaskSet
from node.mandate.hours import Interval, next_change, open_intervals
from node.mandate.trust import Believed
from node.masks.geometry import Geometry
from node.messages import DarkReason

HOUR_NS = 3600 * NS


class Gate:
    """Decides from documents that were verified; it has no way to be told "open".

    `masks_refused`: a mask set is there, but it did not verify. `pose_refused`: it names a pose reference that cannot
    be had.
    """

    def __init__(
        self,
        *,
        mandate: Believed[Mandate] | None,
        masks: Believed[MaskSet] | None,
        masks_refused: bool = False,
        pose_refused: bool = False,
    ) -> None:
        self._mandate = mandate.document if mandate else None
        self._masks = masks.document if masks else None
        self._masks_refused = masks_refused
        self._pose_refused = pose_refused
        self._looked_at = Interval(0, 0)
        self._open: tuple[Interval, ...] = ()
        self._changes_not = Interval(0, 0)
        self._change: int | None = None

    def dark(self, now: Instant, geometry: Geometry) -> DarkReason | None:  # noqa: PLR0911 — one a reason
        """Why the sensor must be closed; None only if everything that allows filming is there."""
        if now.trust == "untrusted":
            return "time_untrusted"
        if self._mandate is None:
            return "no_mandate"
        if now.utc_ns >= utc_ns(self._mandate.valid_until):
            return "ended"
        if self._masks_refused:
            return "mask_fault"
        if self._masks is None and not self._mandate.masks.nothing_to_mask:
            return "no_masks"
        if self._masks is not None and self._masks.geometry != geometry:
            return "mask_fault"
        if self._pose_refused:
            return "pose_lost"
        before = now.utc_ns < utc_ns(self._mandate.valid_from)
        if before or not self._inside_hours(self._mandate, now.utc_ns):
            return "outside_hours"
        return None

    def next_change(self, now: Instant) -> int | None:
        """The next instant (UTC ns) at which hours or validity may change the answer; None if none is in sight."""
        if self._mandate is None:
            return None
        start, end = utc_ns(self._mandate.valid_from), utc_ns(self._mandate.valid_until)
        by_hours = self._next_by_hours(self._mandate, now.utc_ns)
        later = [t for t in (start, end, by_hours) if t is not None and t > now.utc_ns]
        return min(later, default=None)

    def _next_by_hours(self, mandate: Mandate, now_ns: int) -> int | None:
        """Asked at every step in the dark, so it is worked out once until it comes, and anew if the clock goes back."""
        if not self._changes_not.start_ns <= now_ns < self._changes_not.end_ns:
            self._change = next_change(mandate.hours, mandate.site, now_ns)
            self._changes_not = Interval(now_ns, now_ns + HOUR_NS if self._change is None else self._change)
        return self._change

    def _inside_hours(self, mandate: Mandate, now_ns: int) -> bool:
        """Asked for every frame, so the hours are worked out for an hour ahead, and anew if the clock leaves it."""
        if not self._looked_at.start_ns <= now_ns < self._looked_at.end_ns:
            self._looked_at = Interval(now_ns, now_ns + HOUR_NS)
            self._open = open_intervals(
                mandate.hours, mandate.site, from_ns=now_ns, until_ns=now_ns + HOUR_NS
            )
        return any(interval.start_ns <= now_ns < interval.end_ns for interval in self._open)
