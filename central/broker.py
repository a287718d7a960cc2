"""Mosquitto for one site: its configuration, and a broker of one's own on loopback for demos and tests.

Every client has a certificate, and its CN is its name. A node may write below its own topic and read what is
sent to it there, nothing else; who watches may read everything and write documents and acknowledgements.
"""

import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from node.errors import Refused
from node.sealing.certificates import CertificateAuthority

CONFIGURATION = "mosquitto.conf"
_PATHS = ("/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin")
_START_SECONDS = 10.0

_TEMPLATE = """\
# Stolpe: Mosquitto for one site. TLS 1.3, a certificate for every client, topics by the certificate's name.
per_listener_settings false
listener {port} {host}
protocol mqtt
cafile {folder}/ca.pem
certfile {folder}/broker.pem
keyfile {folder}/broker.key
tls_version tlsv1.3
require_certificate true
use_identity_as_username true
allow_anonymous false
acl_file {folder}/acl
persistence true
persistence_location {folder}/
autosave_interval 60
max_inflight_messages 100
max_queued_messages 100000
max_packet_size 1500000
persistent_client_expiration 14d
log_dest file {folder}/mosquitto.log
log_type error
log_type warning
log_type notice
connection_messages true
"""

_ACL = """\
# A node, by its certificate's CN: its own topics, and nothing of another node.
pattern write stolpe/v1/{org}/%u/#
pattern read stolpe/v1/{org}/%u/document
pattern read stolpe/v1/{org}/%u/alarm/ack
"""
_ACL_OFFICE = """
# {name}: reads everything, sends documents and acknowledgements, never speaks for a node.
user {name}
topic read stolpe/v1/{org}/#
topic write stolpe/v1/{org}/+/document
topic write stolpe/v1/{org}/+/alarm/ack
"""


@dataclass(frozen=True, slots=True)
class Site:
    """What a broker serves: an organisation's nodes, and the offices that watch them, by certificate name."""

    organisation: str
    offices: tuple[str, ...]


def write_configuration(
    folder: Path, site: Site, authority: CertificateAuthority, *, host: str, port: int, now_ns: int
) -> Path:
    """Configuration, access list and certificates of a broker in `folder`, which exists."""
    certified = authority.server((host, "localhost"), now_ns=now_ns, days=90)
    (folder / "ca.pem").write_bytes(authority.certified.certificate)
    (folder / "broker.pem").write_bytes(certified.certificate)
    key = folder / "broker.key"
    key.touch(mode=0o600)
    key.write_bytes(certified.key)
    acl = _ACL + "".join(_ACL_OFFICE.replace("{name}", name) for name in site.offices)
    (folder / "acl").write_text(acl.replace("{org}", site.organisation))
    path = folder / CONFIGURATION
    # Started as root it would become the user `mosquitto`, who cannot read what is this user's.
    as_user = f"user {getpass.getuser()}\n" if os.getuid() == 0 else ""
    path.write_text(as_user + _TEMPLATE.format(folder=folder, host=host, port=port))
    return path


def mosquitto() -> str:
    """The installed broker's program, or `Refused`."""
    found = shutil.which("mosquitto", path=os.pathsep.join((os.environ.get("PATH", ""), *_PATHS)))
    if found is None:
        raise Refused("Mosquitto is not installed: sudo apt-get install mosquitto")
    return found


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


class LoopbackBroker:
    """A Mosquitto of this process' own. `start` returns once it listens; it can be stopped and started again."""

    def __init__(self, configuration: Path, *, host: str, port: int, wait: Callable[[float], None]) -> None:
        self._configuration = configuration
        self.host = host
        self.port = port
        self._wait = wait
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Of the running broker."""
        return self._process.pid if self._process else None

    @property
    def has_died(self) -> bool:
        """Whether it has ended without being stopped."""
        return self._process is not None and self._process.poll() is not None

    def start(self) -> None:
        """Start it; `Refused` with its own words if it ends at once."""
        # In a group of its own: Ctrl-C is for whoever started it, who then stops it in order.
        self._process = subprocess.Popen(  # noqa: S603 — the program found above, our own configuration
            [mosquitto(), "-c", str(self._configuration)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            process_group=0,
        )
        for _ in range(int(_START_SECONDS / 0.05)):
            if self._process.poll() is not None:
                said = self._process.stderr.read().decode(errors="replace") if self._process.stderr else ""
                raise Refused(
                    f"Mosquitto ended at once: {said.strip().splitlines()[-1:] or self._log_tail()}"
                )
            with socket.socket() as probe:
                probe.settimeout(0.2)
                if probe.connect_ex((self.host, self.port)) == 0:
                    return
            self._wait(0.05)
        raise Refused(f"Mosquitto does not listen on {self.host}:{self.port} after {_START_SECONDS:.0f} s")

    def stop(self, *, kill: bool = False) -> None:
        """End it, in order or with SIGKILL. Stopping twice is allowed."""
        if self._process is None:
            return
        if kill:
            self._process.kill()
        else:
            self._process.terminate()
        self._process.wait(timeout=_START_SECONDS)
        if self._process.stderr is not None:
            self._process.stderr.close()
        self._process = None

    def _log_tail(self) -> str:
        log = self._configuration.parent / "mosquitto.log"
        return log.read_text(errors="replace").splitlines()[-1] if log.exists() else ""
