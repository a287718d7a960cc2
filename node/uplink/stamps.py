"""What every payload carries: ids, numbers, time, and what is in force."""

from node.clock import Clock, rfc3339
from node.formats.payloads import Stamp
from node.mandate.ids import new_ulid
from node.uplink.outbox import Outbox
from node.uplink.watch import Watch


class Stamps:
    """A fresh one with every call."""

    def __init__(self, *, node: str, boot: str, clock: Clock, outbox: Outbox, watch: Watch) -> None:
        self._node = node
        self._boot = boot
        self._clock = clock
        self._outbox = outbox
        self._watch = watch

    def __call__(self) -> Stamp:
        """Of this moment."""
        now = self._clock.now()
        camera = self._watch.view.camera
        return Stamp(
            id=new_ulid(now.utc_ns),
            node=self._node,
            boot=self._boot,
            seq=self._outbox.counts.seq,
            time=rfc3339(now.utc_ns),
            time_trusted=now.trust != "untrusted",
            mandate=camera.mandate if camera else None,
            masks=camera.masks if camera else None,
        )
