"""A real Mosquitto on loopback with a site's certificates, and a node's voice on it."""

from pathlib import Path

from paho.mqtt import publish
from paho.mqtt.enums import MQTTProtocolVersion

from central.broker import LoopbackBroker, Site, free_port, write_configuration
from central.office_session import OfficeSession
from node.clock import NS, SystemClock
from node.sealing.certificates import CertificateAuthority

HOST = "127.0.0.1"
ORGANISATION, NODE, OFFICE = "org", "n-1", "office"


class LoopbackSite:
    """The broker of one organisation, started; with an office, and a node `NODE`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        clock = SystemClock()
        now_ns = clock.now().utc_ns
        authority = CertificateAuthority.create("test", now_ns=now_ns, days=1)
        (folder / "broker").mkdir()
        (folder / "ca.pem").write_bytes(authority.certified.certificate)
        for name in (NODE, OFFICE, "stranger"):
            (folder / f"{name}.pem").write_bytes(authority.node(name, now_ns=now_ns, days=1).both)
        configuration = write_configuration(
            folder / "broker",
            Site(ORGANISATION, (OFFICE,)),
            authority,
            host=HOST,
            port=self.port,
            now_ns=now_ns,
        )
        self.broker = LoopbackBroker(
            configuration,
            host=HOST,
            port=self.port,
            wait=lambda seconds: clock.wait_until(clock.boottime_ns() + int(seconds * NS)),
        )
        self.broker.start()

    def session(self, *, name: str = OFFICE, port: int | None = None) -> OfficeSession:
        """An office's session that has not started."""
        return OfficeSession(
            host=HOST,
            port=port or self.port,
            authority=self.folder / "ca.pem",
            certificate=self.folder / f"{name}.pem",
            name=name,
            organisation=ORGANISATION,
        )

    def publish(self, topic: str, *payloads: bytes, retain: bool = False) -> None:
        """As the node, below its own topic; the broker has taken all of it when this returns."""
        publish.multiple(
            [(f"stolpe/v1/{ORGANISATION}/{NODE}/{topic}", payload, 1, retain) for payload in payloads],
            hostname=HOST,
            port=self.port,
            client_id=NODE,
            protocol=MQTTProtocolVersion.MQTTv5,
            tls={
                "ca_certs": str(self.folder / "ca.pem"),
                "certfile": str(self.folder / f"{NODE}.pem"),
                "keyfile": str(self.folder / f"{NODE}.pem"),
            },
        )
