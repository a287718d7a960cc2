"""A running site whose node speaks when a test says so, and whose office listens with the product's own session."""

from pathlib import Path

from fakes.site_broker import HOST, NODE, OFFICE, ORGANISATION, SiteBroker
from paho.mqtt import publish
from paho.mqtt.enums import MQTTProtocolVersion

from central.office_session import OfficeSession


class HeardSite(SiteBroker):
    """The broker of one organisation, started in `folder`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.broker.start()

    def session(self, *, name: str = OFFICE, port: int | None = None) -> OfficeSession:
        """An office's session that has not started."""
        return OfficeSession(
            host=HOST,
            port=port or self.port,
            authority=self.ca_file,
            certificate=self.certificate(name),
            name=name,
            organisation=ORGANISATION,
        )

    def publish(self, topic: str, *payloads: bytes, retain: bool = False) -> None:
        """As the node, below its own topic; the broker has taken all of it when this returns."""
        both = str(self.certificate(NODE))
        publish.multiple(
            [(f"stolpe/v1/{ORGANISATION}/{NODE}/{topic}", payload, 1, retain) for payload in payloads],
            hostname=HOST,
            port=self.port,
            client_id=NODE,
            protocol=MQTTProtocolVersion.MQTTv5,
            tls={"ca_certs": str(self.ca_file), "certfile": both, "keyfile": both},
        )
