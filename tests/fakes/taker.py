"""A program: an uplink that writes down every event that it takes, and then says so. `run spawned written`."""

import os
import sys
from pathlib import Path

from node.bus import Bus, SpawnedPeers
from node.messages import EventHappened, EventTaken


def main() -> None:
    """Until it is killed."""
    run, spawned, written = map(Path, sys.argv[1:])
    bus = Bus("uplink", run=run, peers=SpawnedPeers(spawned))
    out = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    print("ready", flush=True)  # noqa: T201
    while True:
        event = bus.receive(timeout_s=60)
        if isinstance(event, EventHappened):
            os.write(out, f"{event.id}\n".encode())
            bus.send(EventTaken(event.id, event.stage), to="camera")


if __name__ == "__main__":
    main()
