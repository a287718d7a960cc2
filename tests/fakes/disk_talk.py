"""A delivery towards a recorder that the test plays: it may be away, restarted, full, slow, or lose messages."""

from node.camera.delivery import Delivery
from node.camera.fragments import Fragment
from node.camera.segments import SealedUnder
from node.clock import NS, SimulatedClock
from node.formats.segment import RecordType
from node.mandate.example import NODE
from node.messages import (
    CameraAlive,
    CloseSegment,
    OpenSegment,
    RecorderAlive,
    SealedRecord,
    SegmentMessage,
    SegmentRefused,
    StoredSegment,
    VersionFloors,
)
from tests.fakes.kept import OpenedSegment, opened_messages
from tests.fakes.office import Office, Papers
from tests.fakes.rig import EVENING, HERE


class Disk:
    """A recorder's part of the talk: stores records in order, may be away, restarted, full, or lose messages."""

    def __init__(self) -> None:
        self.turns = 1
        self.messages: list[SegmentMessage] = []
        self.away = False
        self.full = False
        self.deaf = False
        self.slow = False
        self.heard_ns = 0
        self._inbox: list[SegmentMessage | CameraAlive] = []
        self.counts: dict[str, int] = {}
        self.open: str | None = None
        self.begun = False
        """Whether a segment has begun in this turn."""
        self.refused: list[SegmentRefused] = []

    def take(self, message: SegmentMessage | CameraAlive) -> bool:
        """What `Bus.send` and the recorder do: False if it is away."""
        if self.away:
            return False
        if self.slow:
            self._inbox.append(message)
        elif not self.deaf:
            self._store(message)
        return True

    def catch_up(self) -> None:
        """It has read everything that waited in its inbox."""
        self.slow = False
        while self._inbox:
            self._store(self._inbox.pop(0))

    def _store(self, message: SegmentMessage | CameraAlive) -> None:
        match message:
            case CameraAlive():
                self.heard_ns = message.said_ns
                return
            case OpenSegment():
                if message.turn != self.turn:
                    return
                if self.full:
                    self._refuse(message.segment)
                    return
                self.begun, self.open, self.counts[message.segment] = True, message.segment, 0
            case SealedRecord() if (message.segment, message.index) == self._due and not self.full:
                self.counts[message.segment] += 1
            case CloseSegment() if (message.segment, message.count) == self._due:
                pass
            case _:
                if self.begun:
                    self._refuse(message.segment)
                return
        self.messages.append(message)

    def _refuse(self, segment: str) -> None:
        self.turns += 1
        self.open, self.begun = None, False
        self.refused.append(SegmentRefused(segment, self._told, self.turn, "no"))

    @property
    def turn(self) -> str:
        return str(self.turns)

    @property
    def _due(self) -> tuple[str, int] | None:
        """The segment that is open, and the index of its next record."""
        return None if self.open is None else (self.open, self.counts[self.open])

    def restart(self) -> None:
        """Another instance: it knows what is on the disk, and goes on with none of it."""
        self.turns += 1
        self.open, self.begun = None, False

    @property
    def _told(self) -> tuple[StoredSegment, ...]:
        return tuple(StoredSegment(*told) for told in list(self.counts.items())[-8:])

    @property
    def alive(self) -> RecorderAlive:
        return RecorderAlive(
            instance="A",
            turn=self.turn,
            stored=self._told,
            heard_ns=self.heard_ns,
            generation=0,
            floors=VersionFloors(),
            time_floor_ns=0,
        )


class Way:
    """A delivery towards a disk, one fragment a second."""

    def __init__(self, papers: Papers) -> None:
        self.clock = SimulatedClock(start_utc_ns=EVENING)
        self.disk = Disk()
        self.delivery = Delivery(clock=self.clock, send=self.disk.take)
        self.filmed = 0
        self.under(papers)

    def under(self, papers: Papers) -> None:
        self.delivery.begin(
            SealedUnder(
                node=NODE,
                boot="b",
                mandate=papers.mandate,
                masks=papers.masks,
                size=HERE.main,
                aead="AES-256-GCM",
            )
        )

    def film(self, seconds: int, *, alive: bool = True) -> None:
        for _ in range(seconds):
            now_ns = self.clock.boottime_ns()
            self.delivery.add(
                Fragment(b"init", f"fragment {self.filmed}".encode(), now_ns, 15, now_ns),
                self.clock.now(),
            )
            self.filmed += 1
            self.pass_second(alive=alive)

    def pass_second(self, *, alive: bool = True) -> None:
        self.clock.wait_until(self.clock.boottime_ns() + NS)
        self.delivery.pump()
        self.disk.take(CameraAlive("C", self.clock.boottime_ns()))
        while self.disk.refused:
            self.delivery.refused(self.disk.refused.pop(0))
        if alive and not self.disk.away:
            self.delivery.recorder_alive(self.disk.alive)

    def settle(self, seconds: int = 15) -> None:
        for _ in range(seconds):
            self.pass_second()

    def kept(self, office: Office) -> list[OpenedSegment]:
        return opened_messages(self.disk.messages, office.keys)


def fragments(segments: list[OpenedSegment]) -> list[int]:
    return [
        int(record.payload.split()[1])
        for s in segments
        for record in s.records
        if record.type is RecordType.FRAGMENT
    ]
