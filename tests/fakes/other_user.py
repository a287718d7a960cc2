"""A program: becomes another user, then does one thing at a daemon's inbox. Imports first, as root."""

import os
import socket
import sys
from base64 import b64decode
from pathlib import Path

import zmq

from node.bus import Bus, SpawnedPeers
from node.errors import Refused


def push(inboxes: list[str]) -> None:
    """Into each inbox: every line of stdin, as it is."""
    messages = [b64decode(line) for line in sys.stdin]
    with zmq.Context() as context:
        for inbox in inboxes:
            with context.socket(zmq.PUSH) as out:
                out.setsockopt(zmq.LINGER, 1000)
                out.connect(f"ipc://{inbox}")
                for message in messages:
                    out.send(message)


def usurp(inbox: Path) -> None:
    """Try all ways to stand in the inbox's place; print how each ended."""
    for attempt in (
        lambda: socket.socket(socket.AF_UNIX).connect(str(inbox)),
        inbox.unlink,
        lambda: inbox.rename(inbox.with_name("elsewhere")),
        lambda: socket.socket(socket.AF_UNIX).bind(str(inbox.with_name("beside"))),
        lambda: inbox.parent.rename(inbox.parent.with_name("elsewhere")),
        lambda: Bus("camera", run=inbox.parents[1], peers=SpawnedPeers(inbox)).close(),
    ):
        try:
            attempt()
        except (OSError, Refused) as error:
            print(type(error).__name__)  # noqa: T201
        else:
            print("done")  # noqa: T201


def main() -> None:
    """`uid gid push|usurp inbox...`."""
    uid, gid, act, *inboxes = sys.argv[1:]
    os.setgroups([])
    os.setgid(int(gid))
    os.setuid(int(uid))
    if act == "push":
        push(inboxes)
    else:
        usurp(Path(inboxes[0]))


if __name__ == "__main__":
    main()
