"""A place for a recorder: a directory for the ring, a key slot, a clock that a test moves, a node's key."""

from dataclasses import dataclass, field
from pathlib import Path

from recorder.footage import START_NS, Footage
from vectors.make_keys import signing_key

from node.clock import SimulatedClock
from node.recorder.epochs import EpochKeys
from node.recorder.ring import Ring, segment_paths
from node.sealing.keys import SigningKey, VerifyingKey


@dataclass
class Place:
    """Where a recorder works. `ring()` is what a start makes of what is there."""

    folder: Path
    keys: EpochKeys
    clock: SimulatedClock = field(default_factory=lambda: SimulatedClock(start_utc_ns=START_NS))
    capacity_bytes: int = 1 << 20
    preallocate_bytes: int = 4096
    signing: SigningKey = field(default_factory=lambda: signing_key("test-node"))

    @property
    def directory(self) -> Path:
        """The ring's."""
        return self.folder / "ring"

    @property
    def slot_path(self) -> Path:
        """The key slot's."""
        return self.folder / "epochs.slot"

    @property
    def node(self) -> VerifyingKey:
        """What trailers are verified with."""
        return self.signing.private.public_key()

    @property
    def paths(self) -> list[Path]:
        """The segment files that are there."""
        return segment_paths(self.directory)

    @property
    def names(self) -> list[str]:
        """Their segments' numbers, as `footage` counts them."""
        return [path.stem.partition("_")[2].removeprefix("01RECRDERTEST").lstrip("0") for path in self.paths]

    def ring(self) -> Ring:
        """A ring over the files that are there."""
        return Ring(
            directory=self.directory,
            keys=self.keys,
            signing=self.signing,
            clock=self.clock,
            capacity_bytes=self.capacity_bytes,
            preallocate_bytes=self.preallocate_bytes,
        )

    def recorded(self, *segments: Footage) -> list[Path]:
        """Their files, as a ring makes them."""
        ring = self.ring()
        for one in segments:
            for message in one.messages:
                ring.accept(message)
        ring.close()
        return self.paths
