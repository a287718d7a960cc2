"""How the daemons are joined: one inbox each, into which others push typed messages. Nothing else is shared.

An inbox is a ZeroMQ PULL socket in a directory that only its owner can write, so nobody can bind in its place;
who may connect at all is the daemons' common group. It takes a message only from a process that may send that
type (`ROUTES`): the kernel says who connected (SO_PEERCRED, which libzmq hands on as `Peer-Address`), not the
message. Users that send nothing here are turned away before they can say anything; what one of the others may not
send, and what is dropped or unreadable, is counted. What libzmq does not bound is how many parts an unfinished message
has: it hangs up when the daemon has no more memory (`cli/daemon_run.py` bounds it).
"""

import fcntl
import os
import pwd
import stat
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self, get_args

import msgspec
import zmq

from node import messages as m
from node.config import UsersSection
from node.errors import Refused, one_line
from node.messages import Daemon, Message

SOCKET_NAME = "inbox"
RECORD_MESSAGE_BYTES = 33 << 20  # a record, the largest thing that is sent
MESSAGE_BYTES = 1 << 20
RECORD_QUEUE, QUEUE = 32, 256
RECONNECT_MS, RECONNECT_MAX_MS = 50, 500
MAX_REFUSED_AT_A_TIME = 64  # a flood of what is refused does not keep a daemon from its work
LINGER_MS = 500  # what was handed over before an orderly end still gets out
MAX_SPAWNED_BYTES = 4096
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH

_DECODER: Final = msgspec.msgpack.Decoder(Message)


@dataclass(frozen=True, slots=True)
class Route:
    """Who may send a message type, and to whom."""

    senders: frozenset[Daemon]
    receivers: frozenset[Daemon]


def _route(senders: str, receivers: str) -> Route:
    return Route(_daemons(senders), _daemons(receivers))


def _daemons(names: str) -> frozenset[Daemon]:
    return frozenset(msgspec.convert(names.split(), list[Daemon]))


ROUTES: Final[Mapping[type[Message], Route]] = {
    m.OpenSegment: _route("camera", "recorder"),
    m.SealedRecord: _route("camera", "recorder"),
    m.CloseSegment: _route("camera", "recorder"),
    m.RecordsStored: _route("recorder", "camera"),
    m.SegmentRefused: _route("recorder", "camera"),
    m.CameraAlive: _route("camera", "recorder uplink"),
    m.RecorderAlive: _route("recorder", "camera uplink"),
    m.UplinkAlive: _route("uplink", "camera recorder"),
    m.EventHappened: _route("camera recorder", "uplink"),
    m.EventTaken: _route("uplink", "camera recorder"),
    m.AuditRequest: _route("camera uplink commissioning", "recorder"),
    m.AuditCommitted: _route("recorder", "camera uplink commissioning"),
    m.AuditCheckpoint: _route("recorder", "uplink"),
    m.DocumentArrived: _route("uplink commissioning", "recorder"),
    m.DocumentAnswered: _route("recorder", "uplink commissioning"),
    m.ReleaseChunk: _route("recorder", "uplink"),
    m.ReleaseEnded: _route("recorder", "uplink"),
    m.ReleaseTaken: _route("uplink", "recorder"),
    m.CameraReport: _route("camera", "recorder uplink"),
    m.RecorderReport: _route("recorder", "uplink"),
}
"""The sender table. A type that is not in it cannot be sent; a pair that is not in it is refused."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end of a connection, as the kernel knows it."""

    uid: int
    pid: int


class Peers(Protocol):
    """Which daemons a process may speak as."""

    def daemons(self, peer: Peer) -> frozenset[Daemon]:
        """Every daemon that this process may be; empty for a stranger."""
        ...

    def users(self, daemons: frozenset[Daemon]) -> frozenset[int] | None:
        """The users under whom these daemons run; None: they share one with everybody."""
        ...


class UserPeers:
    """In production: each daemon has a user of its own, and the user tells which it is."""

    def __init__(self, users: UsersSection) -> None:
        self._uids: dict[Daemon, int | None] = {name: _uid(getattr(users, name)) for name in get_args(Daemon)}

    @property
    def missing(self) -> tuple[Daemon, ...]:
        """Daemons whose user this machine does not have: nothing is taken from them."""
        return tuple(daemon for daemon, uid in self._uids.items() if uid is None)

    @property
    def shared(self) -> tuple[tuple[Daemon, ...], ...]:
        """Daemons that have one user in common: an inbox cannot tell them apart."""
        users = sorted({uid for uid in self._uids.values() if uid is not None})
        groups: list[list[Daemon]] = [
            [daemon for daemon, uid in self._uids.items() if uid == user] for user in users
        ]
        return tuple(tuple(group) for group in groups if len(group) > 1)

    def daemons(self, peer: Peer) -> frozenset[Daemon]:
        """By the peer's user."""
        return frozenset(daemon for daemon, uid in self._uids.items() if uid == peer.uid)

    def users(self, daemons: frozenset[Daemon]) -> frozenset[int] | None:
        """Those that this machine has."""
        return frozenset(uid for name, uid in self._uids.items() if name in daemons and uid is not None)


class SpawnedPeers:
    """In a demo under one user: the processes that the demo has started, by their pids.

    It keeps `daemons` in a file of the user's own, written whole. This tells the daemons apart; it protects
    nothing from that user.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def daemons(self, peer: Peer) -> frozenset[Daemon]:
        """By the peer's pid, if it is this user's and listed. Read anew each time: children are restarted."""
        if peer.uid != os.geteuid():
            return frozenset()
        try:
            with self._path.open("rb") as file:
                spawned = msgspec.json.decode(file.read(MAX_SPAWNED_BYTES), type=dict[Daemon, int])
        except (OSError, msgspec.DecodeError):
            return frozenset()
        return frozenset(daemon for daemon, pid in spawned.items() if pid == peer.pid)

    def users(self, daemons: frozenset[Daemon]) -> frozenset[int] | None:
        """One user for all."""
        return None


@dataclass(slots=True)
class BusCounts:
    """What happened so far at one daemon's end."""

    received: int = 0
    refused: int = 0
    """From a process that may not send that, or unreadable."""
    not_sent: int = 0
    """The receiver was away, or had no room."""


class Bus:
    """One daemon's end: its inbox, and a way to every other daemon's. Of one thread; closing it ends both."""

    def __init__(self, daemon: Daemon, *, run: Path, peers: Peers) -> None:
        self.daemon: Final = daemon
        self.counts = BusCounts()
        self.sender: frozenset[Daemon] = frozenset()
        """Who may have sent the message that was received last: one daemon, unless several share a user."""
        self.last_refused = ""
        """Why a message was last refused: for the log."""
        self._run = run
        self._peers = peers
        self._outlets: dict[Daemon, zmq.Socket[bytes]] = {}
        with ExitStack() as opened:
            directory = _own_directory(_socket_path(run, daemon).parent)
            opened.callback(os.close, _only_one(directory, daemon))
            self._context = opened.enter_context(zmq.Context())
            self._inbox = opened.enter_context(self._context.socket(zmq.PULL))
            self._bind(directory / SOCKET_NAME)
            for receiver in sorted(
                set().union(*(r.receivers for r in ROUTES.values() if daemon in r.senders))
            ):
                self._outlets[receiver] = opened.enter_context(self._context.socket(zmq.PUSH))
                self._connect(receiver)
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def inbox(self) -> "zmq.Socket[bytes]":
        """For waiting on this and something else together; read it with `receive`."""
        return self._inbox

    def send(self, message: Message, *, to: Daemon) -> bool:
        """Hand a message over to another daemon's queue; False if it is away or its queue is full.

        True does not say that it was read: what matters is answered, or sent again. A message that may not be
        sent, or is larger than the receiver takes, is a `ValueError`: a bug of the sender.
        """
        route = ROUTES[type(message)]
        if self.daemon not in route.senders or to not in route.receivers:
            raise ValueError(f"{self.daemon} does not send {type(message).__name__} to {to}")
        data = msgspec.msgpack.encode(message)
        if len(data) > _most_bytes(to):  # the receiver would hang up, and what is queued behind it be lost
            raise ValueError(f"{type(message).__name__} of {len(data)} bytes is more than {to} takes")
        try:
            self._outlets[to].send(data, zmq.DONTWAIT)
        except zmq.Again:
            self.counts.not_sent += 1
            return False
        return True

    def receive(self, *, timeout_s: float) -> Message | None:
        """The next message that may be sent to this daemon by whoever sent it; None if none comes in time.

        Raises `Refused` if somebody took the inbox away: nobody could reach this daemon until it is started again.
        """
        self._look_after_inbox()
        for _ in range(MAX_REFUSED_AT_A_TIME):
            if not self._inbox.poll(max(0, round(timeout_s * 1000))):
                break
            message = self._accept(self._inbox.recv_multipart(zmq.DONTWAIT, copy=False))
            if message is not None:
                return message
            timeout_s = 0
        return None

    def close(self) -> None:
        """End all connections; what was handed over gets half a second to get out. Closing twice is allowed."""
        self._opened.close()

    def _look_after_inbox(self) -> None:
        path, inode = self._bound
        try:
            if path.stat().st_ino == inode:
                return
        except OSError as error:
            raise Refused(f"{path}: the inbox was taken away ({error.strerror})") from error
        raise Refused(f"{path}: another inbox stands in its place")

    def _accept(self, frames: "list[zmq.Frame]") -> Message | None:
        try:
            (frame,) = frames
            message, sender = self._believed(frame)
        except (
            Refused,
            ValueError,
            RecursionError,
        ) as error:  # foreign, unreadable, in parts, nested too deep
            self.counts.refused += 1
            self.last_refused = one_line(f"{error}")
            return None
        self.counts.received += 1
        self.sender = sender
        return message

    def _believed(self, frame: zmq.Frame) -> tuple[Message, frozenset[Daemon]]:
        peer = _peer(frame)
        may_be = self._peers.daemons(peer)
        if not may_be:
            raise Refused(f"process {peer.pid} of user {peer.uid} is no daemon of this node")
        message: Message = _DECODER.decode(frame.buffer)
        route = ROUTES[type(message)]
        senders = route.senders & may_be
        if self.daemon not in route.receivers or not senders:
            kind = type(message).__name__
            raise Refused(f"{kind} from process {peer.pid} of user {peer.uid}, which may not send it")
        return message, senders

    def _bind(self, path: Path) -> None:
        self._inbox.setsockopt(zmq.LINGER, 0)
        self._inbox.setsockopt(zmq.RCVHWM, _queue(self.daemon))
        self._inbox.setsockopt(zmq.MAXMSGSIZE, _most_bytes(self.daemon))
        senders = frozenset[Daemon]().union(
            *(r.senders for r in ROUTES.values() if self.daemon in r.receivers)
        )
        users = self._peers.users(senders)
        for uid in users if users is not None else ():
            self._inbox.setsockopt(zmq.IPC_FILTER_UID, uid)
        try:
            self._inbox.bind(f"ipc://{path}")
            path.chmod(0o660)
            self._bound = path, path.stat().st_ino
        except (OSError, zmq.ZMQError) as error:
            raise Refused(f"{path}: no inbox can be had there ({error.strerror})") from error

    def _connect(self, receiver: Daemon) -> None:
        outlet = self._outlets[receiver]
        outlet.setsockopt(zmq.LINGER, LINGER_MS)
        # Not before there is a connection: what piles up for one that is away is our business, not ZeroMQ's.
        outlet.setsockopt(zmq.IMMEDIATE, 1)
        outlet.setsockopt(zmq.SNDHWM, _queue(receiver))
        outlet.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
        outlet.setsockopt(zmq.RECONNECT_IVL_MAX, RECONNECT_MAX_MS)
        outlet.connect(f"ipc://{_socket_path(self._run, receiver)}")


def _queue(receiver: Daemon) -> int:
    return RECORD_QUEUE if receiver == "recorder" else QUEUE


def _most_bytes(receiver: Daemon) -> int:
    return RECORD_MESSAGE_BYTES if receiver == "recorder" else MESSAGE_BYTES


def _own_directory(directory: Path) -> Path:
    """That directory, made if it was not there; `Refused` if anybody else could bind in this daemon's place."""
    try:
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        status = directory.stat()
    except OSError as error:
        raise Refused(f"{directory}: no inbox can be had there ({error.strerror})") from error
    if status.st_uid != os.geteuid() or status.st_mode & OTHERS_WRITE:
        raise Refused(f"{directory}: another user can write there: it must be this daemon's alone (0755)")
    above = directory.parent.stat().st_mode
    if above & OTHERS_WRITE and not above & stat.S_ISVTX:
        raise Refused(
            f"{directory.parent}: others can write there, and so put another inbox in the place of this one"
        )
    return directory


def _only_one(directory: Path, daemon: Daemon) -> int:
    """A lock that ends with this process: a second daemon would take the first one's inbox away."""
    try:
        lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Refused(f"{directory}: no inbox can be had there ({error.strerror})") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise Refused(f"{directory}: another {daemon} runs there") from error
    return lock


def _socket_path(run: Path, daemon: Daemon) -> Path:
    path = run / daemon / SOCKET_NAME
    if len(os.fsencode(path)) > zmq.IPC_PATH_MAX_LEN:
        raise Refused(f"{path}: too long for a socket: choose a shorter paths.run")
    return path


def _peer(frame: zmq.Frame) -> Peer:
    """`host:uid:gid:pid`, as libzmq reports the other end of a Unix socket; the other end cannot name itself."""
    try:
        _, uid, _, pid = str(frame.get("Peer-Address")).rsplit(":", 3)
        return Peer(uid=int(uid), pid=int(pid))
    except (zmq.ZMQError, ValueError) as error:
        raise Refused("the kernel does not say who sent this") from error


def _uid(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None
