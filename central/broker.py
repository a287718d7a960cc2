"""Mosquitto for one site: its configuration, and a broker of one's own on loopback for demos and tests.

Every client has a certificate, and its CN is its name. A node may write below its own topic and read what is
sent to it there, nothing else; who watches may read everything and write documents and acknowledgements.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it has no types of its own

from node.errors import Refused
from node.files import replace_whole
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
    replace_whole(folder / "ca.pem", authority.certified.certificate)
    replace_whole(folder / "broker.pem", certified.certificate)
    replace_whole(folder / "broker.key", certified.key, mode=0o600)
    acl = _ACL + "".join(_ACL_OFFICE.replace("{name}", name) for name in site.offices)
    (folder / "acl").write_text(acl.replace("{org}", site.organisation))
    path = folder / CONFIGURATION
    # Started as root it would become the user `mosquitto`, who cannot read what is this user's.
    as_user = f"user {pwd.getpwuid(0).pw_name}\n" if os.getuid() == 0 else ""
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
        """Start it; `Refused` with its own words if it ends at once or is not heard of, and then none runs."""
        if self._process is not None and not self.has_died:
            raise RuntimeError("it runs already")
        said_before = len(self._log())
        with tempfile.TemporaryFile() as said:
            # In a group of its own: Ctrl-C is for whoever started it, who then stops it in order.
            self._process = subprocess.Popen(  # noqa: S603 — the program found above, our own configuration
                [mosquitto(), "-c", str(self._configuration)],
                stdout=subprocess.DEVNULL,
                stderr=said,
                process_group=0,
            )
            listens = self._listens_in_time()
            said.seek(0)
            words = [*said.read().decode(errors="replace").splitlines(), *self._log()[said_before:]]
        if not listens:
            died = self.has_died
            self.stop(kill=True)
            what = "ended at once" if died else f"does not listen after {_START_SECONDS:.0f} s"
            why = [line for line in words if "Error" in line] or words or ["it says nothing"]
            raise Refused(f"Mosquitto on {self.host}:{self.port} {what}: {why[-1]}")

    def _listens_in_time(self) -> bool:
        for _ in range(int(_START_SECONDS / 0.05)):
            if self.has_died:
                return False
            if self._listens():
                return True
            self._wait(0.05)
        return False

    def _listens(self) -> bool:
        """Whether it does, and not somebody else on its port."""
        try:
            mine = psutil.Process(self.pid).net_connections("tcp")
        except psutil.Error:  # it has just ended
            return False
        return any(one.status == psutil.CONN_LISTEN and one.laddr.port == self.port for one in mine)

    def stop(self, *, kill: bool = False) -> None:
        """End it, in order or with SIGKILL. Stopping twice is allowed."""
        if self._process is None:
            return
        if kill:
            self._process.kill()
        else:
            self._process.terminate()
        self._process.wait(timeout=_START_SECONDS)
        self._process = None

    def _log(self) -> list[str]:
        log = self._configuration.parent / "mosquitto.log"
        return log.read_text(errors="replace").splitlines() if log.exists() else []
