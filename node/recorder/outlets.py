"""Where a release goes: over the bus to the uplink, by pieces that wait for the broker's word, or to a medium.

What goes over the bus is sealed to those who signed the order, and rests nowhere: at most a window of pieces is in
memory, and each says until when it may be kept.
"""

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final, Literal, Protocol

from node.bus import Bus
from node.clock import NS, Clock
from node.files import sync_directory
from node.formats.release_stream import CHUNK_BYTES, StreamSealer
from node.messages import ReleaseChunk, ReleaseEnded, ReleaseTaken
from node.recorder.medium_hand import Job, MediumHand
from node.sealing.keys import Jwk
from node.unanswered import Unanswered

WINDOW: Final = 4
"""Pieces that the broker has not acknowledged."""
RESEND_NS: Final = 60 * NS
"""What an uplink that hangs finds in its inbox is bounded by this; one that has begun anew is told at once."""
STALLED_NS: Final = 15 * 60 * NS
"""So long nobody has taken anything: then the release stops."""
MOST_ENDINGS: Final = 8

Outcome = Literal["finished", "stopped"]


class Outlet(Protocol):
    """Takes a bundle's bytes in turn."""

    @property
    def has_room(self) -> bool:
        """Whether it takes more now."""
        ...

    @property
    def trouble(self) -> str:
        """Why nothing can be delivered there any more; empty while it can."""
        ...

    @property
    def is_delivered(self) -> bool:
        """Whether all that was put is where it should be."""
        ...

    def put(self, data: bytes, *, expires_ns: int) -> None:
        """The next bytes."""
        ...

    def flush(self) -> None:
        """No byte follows."""
        ...

    def end(self, outcome: Outcome, reason: str) -> None:
        """It is over."""
        ...


class Endings:
    """What is said of releases that are over, until the broker has it. Bounded."""

    def __init__(self, *, bus: Bus, clock: Clock) -> None:
        self._bus = bus
        self._said: Unanswered[tuple[str, int], ReleaseEnded] = Unanswered(clock=clock, most=MOST_ENDINGS)

    def say(self, order: str, number: int, outcome: Outcome, reason: str) -> None:
        """After so many pieces."""
        self._said.add((order, number), ReleaseEnded(order, number, outcome, reason[:400]))

    def taken(self, message: ReleaseTaken) -> None:
        """The broker has it, or will never take it."""
        self._said.settle((message.order, message.number))

    def tend(self) -> None:
        """Say again what is due."""
        for ended in self._said.due():
            self._bus.send(ended, to="uplink")


class BusOutlet:
    """To the uplink."""

    def __init__(
        self,
        *,
        order: str,
        digest: str,
        signers: Mapping[str, Jwk],
        bus: Bus,
        clock: Clock,
        endings: Endings,
    ) -> None:
        self._order = order
        self._bus = bus
        self._clock = clock
        self._endings = endings
        self._sealer = StreamSealer(order=order, digest=digest, signers=signers)
        self._number = 0
        self._buffer = bytearray()
        self._expires_ns: int | None = None
        self._waiting: Unanswered[int, ReleaseChunk] = Unanswered(
            clock=clock, most=WINDOW + 2, resend_ns=RESEND_NS
        )
        self._moved_ns = clock.boottime_ns()
        self._refused = ""

    @property
    def has_room(self) -> bool:
        """Whether the window has."""
        return len(self._waiting) < WINDOW

    @property
    def trouble(self) -> str:
        """The broker refuses it, or nobody takes anything."""
        if self._refused:
            return f"the broker does not take it: {self._refused}"
        if len(self._waiting) and self._clock.boottime_ns() - self._moved_ns > STALLED_NS:
            return f"nobody has taken a piece for {STALLED_NS // NS // 60} minutes"
        return ""

    @property
    def is_delivered(self) -> bool:
        """Whether the broker has all of it."""
        return not len(self._waiting)

    def put(self, data: bytes, *, expires_ns: int) -> None:
        """Collect bytes until they make a piece."""
        self._expires_ns = expires_ns if self._expires_ns is None else min(self._expires_ns, expires_ns)
        self._buffer += data
        while len(self._buffer) >= CHUNK_BYTES:
            self._piece(CHUNK_BYTES)

    def flush(self) -> None:
        """The last piece."""
        if self._buffer:
            self._piece(len(self._buffer))

    def end(self, outcome: Outcome, reason: str) -> None:
        """Say so on the same way."""
        self._endings.say(self._order, self._number, outcome, reason)
        self._buffer.clear()

    def taken(self, message: ReleaseTaken) -> None:
        """The broker's word on a piece."""
        if message.order != self._order or self._waiting.settle(message.number) is None:
            return
        self._moved_ns = self._clock.boottime_ns()
        self._refused = self._refused or message.refused

    def again(self) -> None:
        """The uplink has begun anew: it knows of nothing that is on its way."""
        self._waiting.soon()

    def tend(self) -> None:
        """Send what is due: new, or not acknowledged for a while."""
        for piece in self._waiting.due():
            self._bus.send(piece, to="uplink")

    def _piece(self, size: int) -> None:
        if self._number == 0:
            self._add(self._sealer.start)
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._add(self._sealer.seal(self._number, data))

    def _add(self, data: bytes) -> None:
        if not len(self._waiting):
            self._moved_ns = self._clock.boottime_ns()
        self._waiting.add(self._number, ReleaseChunk(self._order, self._number, data, self._expires_ns or 0))
        self._number += 1


class MediumOutlet:
    """To a file on a medium: written as `….part`, synced as it grows, and named when it is whole; all by `hand`."""

    def __init__(self, path: Path, *, hand: MediumHand) -> None:
        self._hand = hand
        self._file = _PartFile(path)
        self._writing: Job[None] | None = None
        self._flushed = False

    @property
    def has_room(self) -> bool:
        """Every byte is synced before the next is asked for."""
        return (self._writing is None or self._writing.is_over()) and not self.trouble

    @property
    def trouble(self) -> str:
        """What the medium said, or that it says nothing."""
        if self._hand.is_stuck:
            return "the medium does not answer"
        error = self._writing.error if self._writing is not None else None
        return f"the medium does not take it: {getattr(error, 'strerror', None) or error}" if error else ""

    @property
    def is_delivered(self) -> bool:
        """Whether all of it stands there under its name."""
        return self._flushed and self.has_room

    def put(self, data: bytes, *, expires_ns: int) -> None:
        """Write and sync. A medium in somebody's hand has no expiry; the layer's key is in it for good."""
        del expires_ns
        self._writing = self._hand.ask(partial(self._file.write, data))

    def flush(self) -> None:
        """Name it."""
        self._writing = self._hand.ask(self._file.name)
        self._flushed = True

    def end(self, outcome: Outcome, reason: str) -> None:
        """Take what there is of it away, if it is not whole: half a release lies about nowhere."""
        del reason
        if outcome != "finished":
            self._hand.ask(self._file.discard)


class _PartFile:
    """The file while it is written; in the hand's thread alone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._file: int | None = None

    def write(self, data: bytes) -> None:
        if self._file is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            self._file = os.open(self._part, flags, 0o600)
        left = memoryview(data)
        while left:
            left = left[os.write(self._file, left) :]
        os.fdatasync(self._file)

    def name(self) -> None:
        self._close()
        self._part.rename(self._path)
        sync_directory(self._path.parent)

    def discard(self) -> None:
        self._close()
        self._part.unlink(missing_ok=True)

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)
