"""A message without end: libzmq keeps its parts, until the daemon has no more memory than it may have."""

import socket
import struct
import subprocess
import sys
from pathlib import Path

PART = 1 << 19
MOST_MIB = 160
DAEMON = """
import sys
from pathlib import Path
from node.bus import Bus, SpawnedPeers
from node.cli.daemon_run import bound_memory
bound_memory(int(sys.argv[2]))
run = Path(sys.argv[1])
with Bus("camera", run=run, peers=SpawnedPeers(run / "d")) as bus:
    print("ready", flush=True)
    while True:
        bus.receive(timeout_s=0.1)
"""


def greeting() -> bytes:
    """ZMTP 3.1 (RFC 37): greeting with the NULL mechanism, and READY as a PUSH socket."""
    hello = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"NULL".ljust(20, b"\0") + bytes(32)
    body = b"\x05READY\x0bSocket-Type" + struct.pack(">I", 4) + b"PUSH"
    return hello + b"\x04" + bytes([len(body)]) + body


def test_who_sends_a_message_without_end_is_cut_off_at_the_daemon_s_bound(tmp_path: Path) -> None:
    command = [sys.executable, "-c", DAEMON, tmp_path, str(MOST_MIB)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as daemon:
        try:
            assert daemon.stdout is not None
            assert daemon.stdout.readline() == b"ready\n"
            assert PART / 2 < taken_from_a_stranger(tmp_path / "camera" / "inbox") < MOST_MIB << 20
            assert daemon.poll() is None  # and it goes on
        finally:
            daemon.kill()


def taken_from_a_stranger(inbox: Path) -> int:
    """How many bytes of one message go in, before the other end hangs up."""
    part, sent = b"\x03" + struct.pack(">Q", PART) + bytes(PART), 0  # more parts follow; a long one
    with socket.socket(socket.AF_UNIX) as other:
        other.settimeout(20)
        other.connect(str(inbox))
        other.sendall(greeting())
        other.recv(64)
        while sent < 8 * MOST_MIB << 20:
            try:
                other.sendall(part)
            except ConnectionError:
                break
            sent += PART
    return sent
