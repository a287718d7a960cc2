"""One message of every type, and ways to say it that are not the bus's own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import msgspec
import zmq

from node import messages as m
from node.bus import Bus
from node.messages import Daemon, Message

DAEMONS: tuple[Daemon, ...] = get_args(Daemon)
ULID = "01JBXW3S5ZQ6D4T7R8V9A0B1C2"
PATIENCE_MS = 5000

_SAID: tuple[Message, ...] = (
    m.OpenSegment(segment=ULID, header=b"{}", wraps=b"wraps", retention_hours=72),
    m.SealedRecord(segment=ULID, index=3, ciphertext=bytes(range(256))),
    m.CloseSegment(segment=ULID, count=4),
    m.RecordsStored(segment=ULID, count=4),
    m.SegmentRefused(
        segment=ULID, stored=(m.StoredSegment(ULID, 3),), turn="next", reason="the disk is full"
    ),
    m.CameraAlive(instance=ULID, said_ns=5_000_000_000),
    m.RecorderAlive(
        instance=ULID,
        turn="this",
        stored=(m.StoredSegment(ULID, 4),),
        heard_ns=5_000_000_000,
        generation=2,
        floors=m.VersionFloors(root=1, mandate=2, masks=3),
        time_floor_ns=1_793_000_000_000_000_000,
    ),
    m.UplinkAlive(instance=ULID),
    m.EventHappened(
        id=ULID,
        stage="end",
        kind="motion",
        start_ns=1_793_000_000_000_000_000,
        end_ns=1_793_000_004_000_000_000,
        score=0.75,
        time_trust="synchronised",
        zone="gården",
        alarm="high",
    ),
    m.EventTaken(id=ULID, stage="end"),
    m.AuditRequest(id=ULID, action="mandate", subject="M-1", reason="accepted"),
    m.AuditCommitted(id=ULID, index=17),
    m.AuditCheckpoint(size=18, head="0f" * 32, time_ns=1_793_000_000_000_000_000, signature="c2ln"),
    m.DocumentArrived(id=ULID, sealed=b"sealed"),
    m.DocumentAnswered(id=ULID, accepted=False, kind=None, reason="not for this node"),
    m.ReleaseChunk(order=ULID, number=3, data=b"sealed", expires_ns=1_793_739_600_000_000_000),
    m.ReleaseEnded(order=ULID, number=4, outcome="stopped", reason="nobody takes it"),
    m.ReleaseTaken(order=ULID, number=3, refused="Not authorized"),
    m.CameraReport(
        instance=ULID,
        dark="outside_hours",
        detail="opens at 20:00",
        mandate=f"sha256:{'0f' * 32}",
        mandate_version=2,
        masks=None,
        masks_version=None,
        time_trust="battery",
        geometry=b"{}",
        sensor_opened=1,
        frames=2,
        black_frames=3,
        fragments=4,
        frame_age_s=None,
        unacknowledged=5,
        dropped_fragments=6,
        events_waiting=7,
        events_dropped=8,
        messages_refused=9,
    ),
    m.RecorderReport(
        instance=ULID,
        time_trust="untrusted",
        ring_bytes=1,
        ring_capacity_bytes=2,
        ring_segments=3,
        oldest_ns=None,
        epochs=4,
        deletion="unlink",
        audit_size=5,
        records=6,
        record_bytes=7,
        evicted=8,
        recovered=9,
        storage="full",
        storage_detail="no space is left",
        documents_accepted=10,
        documents_refused=11,
        messages_refused=12,
        events_waiting=13,
    ),
)
ONE_OF_EACH: Mapping[str, Message] = {type(message).__name__: message for message in _SAID}


@contextmanager
def stranger(run: Path, receiver: Daemon) -> Iterator["zmq.Socket[bytes]"]:
    """A ZeroMQ socket of one's own into a daemon's inbox, past everything that `Bus.send` checks."""
    with zmq.Context() as context, context.socket(zmq.PUSH) as push:
        push.setsockopt(zmq.LINGER, 1000)
        push.connect(f"ipc://{run / receiver / 'inbox'}")
        yield push


def raw(message: Message) -> bytes:
    """As it is on the wire."""
    return msgspec.msgpack.encode(message)


def connected(bus: Bus, to: Daemon, *, within_ms: int = PATIENCE_MS) -> bool:
    """Wait until the way to another daemon is open."""
    return bool(bus._outlets[to].poll(within_ms, zmq.POLLOUT))


def heard(bus: Bus) -> Message | None:
    """What comes next, waited for; None once something was refused."""
    return bus.receive(timeout_s=PATIENCE_MS / 1000)


def all_heard(bus: Bus, count: int) -> list[Message]:
    """What is taken of so many messages, each of which is either taken or refused; waited for."""
    found: list[Message] = []
    while (done := bus.counts.received + bus.counts.refused) < count:
        message = heard(bus)
        if message is not None:
            found.append(message)
        assert bus.counts.received + bus.counts.refused > done, "a message did not come"
    return found
