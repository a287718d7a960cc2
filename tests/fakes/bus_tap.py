"""Sits on every connection between daemons and keeps each byte that passes, in both directions.

Each daemon gets a run directory of its own, in which the others' inboxes are this tap's; it hands on to the real ones.
To the receivers the tap is the peer, so the peers file must list its process. It can cut all connections for a while.
"""

import selectors
import socket
import threading
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from node.messages import Daemon

CHUNK = 1 << 20


class BusTap:
    """`run(daemon)` is that daemon's run directory. Everything ends with `close`."""

    def __init__(self, folder: Path, daemons: Sequence[Daemon]) -> None:
        self._folder = folder
        self._selector = selectors.DefaultSelector()
        self._kept: dict[tuple[str, str], bytearray] = defaultdict(bytearray)
        self._changed = threading.Lock()
        self._ending = threading.Event()
        self.cut = threading.Event()
        """While it is set, nobody reaches anybody."""
        for sender in daemons:
            for receiver in daemons:
                if sender != receiver:
                    self._listen(sender, receiver)
        self._thread = threading.Thread(target=self._work, name="tap")
        self._thread.start()

    def run(self, daemon: str) -> Path:
        """Where that daemon's configuration has its sockets."""
        return self._folder / daemon[0]

    @property
    def kept(self) -> dict[tuple[str, str], bytes]:
        """Everything that passed, by sender and receiver."""
        with self._changed:
            return {pair: bytes(data) for pair, data in self._kept.items()}

    def passed(self, sender: str, receiver: str) -> int:
        """How many bytes have passed from one to the other."""
        with self._changed:
            return len(self._kept[sender, receiver])

    def close(self) -> None:
        """Cut everything."""
        self._ending.set()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]  # all of them are sockets
        self._selector.close()

    def _listen(self, sender: str, receiver: str) -> None:
        path = self.run(sender) / receiver / "inbox"
        path.parent.mkdir(parents=True)
        inbox = socket.socket(socket.AF_UNIX)
        inbox.bind(str(path))
        inbox.listen()
        self._selector.register(inbox, selectors.EVENT_READ, (sender, receiver, None))

    def _work(self) -> None:
        while not self._ending.is_set():
            if self.cut.is_set():
                self._cut_all()
            for key, _ in self._selector.select(0.1):
                sender, receiver, other = key.data
                if key.fd not in self._selector.get_map():
                    continue  # its other half has ended meanwhile
                if other is None:
                    self._join(key.fileobj, sender, receiver)  # type: ignore[arg-type]
                else:
                    self._pass_on(key.fileobj, other, sender, receiver)  # type: ignore[arg-type]

    def _join(self, inbox: socket.socket, sender: str, receiver: str) -> None:
        near, _ = inbox.accept()
        far = socket.socket(socket.AF_UNIX)
        try:
            if self.cut.is_set():
                raise ConnectionRefusedError
            far.connect(str(self.run(receiver) / receiver / "inbox"))
        except OSError:  # it is not there yet: the sender tries again
            near.close()
            far.close()
            return
        self._selector.register(near, selectors.EVENT_READ, (sender, receiver, far))
        self._selector.register(far, selectors.EVENT_READ, (receiver, sender, near))

    def _cut_all(self) -> None:
        for key in list(self._selector.get_map().values()):
            if key.data[2] is not None:
                self._selector.unregister(key.fileobj)
                key.fileobj.close()  # type: ignore[union-attr]  # a socket

    def _pass_on(self, source: socket.socket, target: socket.socket, sender: str, receiver: str) -> None:
        data = b""
        with suppress(ConnectionError):
            data = source.recv(CHUNK)
            target.sendall(data)
        if not data:
            for end in (source, target):
                self._selector.unregister(end)
                end.close()
            return
        with self._changed:
            self._kept[sender, receiver] += data
