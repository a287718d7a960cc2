"""Which orders may be acted on now: a release and an erasure never at the same time, for they are of the same files."""

from node.errors import Refused
from node.recorder.erasure import Erasures
from node.recorder.erasure_plan import PlanFile
from node.recorder.judge import Situation
from node.recorder.keeper import OrderKind
from node.recorder.release import OutletFor, Releases


class OrderDesk:
    """Hands an order to whoever acts on its kind."""

    def __init__(self, *, releases: Releases, erasures: Erasures, plan: PlanFile) -> None:
        self._releases = releases
        self._erasures = erasures
        self._plan = plan

    def take(self, raw: bytes, situation: Situation, *, kind: OrderKind, outlet_for: OutletFor | None) -> str:
        """What is answered, or `Refused`. `OSError`: nothing was begun, or it is known to be."""
        what = "release order" if kind == "release" else "erasure order"
        if self._plan.unreadable and kind == "release":
            raise Refused(f"{what}: {self._plan.unreadable}: order anew what should have been erased")
        if self._plan.current is not None:
            raise Refused(f"{what}: footage is being erased: send it again when that has ended")
        if kind == "release":
            return self._releases.take(raw, situation, outlet_for=outlet_for)
        if self._releases.is_running:
            raise Refused(f"{what}: a release is on its way: send it again when that has ended")
        return self._erasures.take(raw, situation)
