"""A site's broker as in the field, on loopback: Mosquitto with TLS 1.3, its authority, certificates, and an office."""

import queue
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from central.broker import LoopbackBroker, Site, free_port, mosquitto, write_configuration
from node.clock import SystemClock
from node.errors import Refused
from node.sealing.certificates import CertificateAuthority

HOST = "127.0.0.1"
ORGANISATION, NODE, OFFICE = "exempelstad", "n-7f3a", "office"


@dataclass(frozen=True)
class Seen:
    """A message as the office got it."""

    topic: str
    payload: bytes
    retained: bool
    expiry_s: int | None
    correlation: bytes | None


class SiteBroker:
    """The broker of one site. Skips the test if Mosquitto is not installed."""

    def __init__(self, folder: Path) -> None:
        try:
            mosquitto()
        except Refused as refusal:
            pytest.skip(f"{refusal}")
        self.folder = folder
        self.port = free_port()
        self.now_ns = SystemClock().now().utc_ns
        self.authority = CertificateAuthority.create("exempelstad CA", now_ns=self.now_ns, days=30)
        site = Site(organisation=ORGANISATION, offices=(OFFICE,))
        self.configuration = write_configuration(
            folder, site, self.authority, host=HOST, port=self.port, now_ns=self.now_ns
        )
        self.broker = LoopbackBroker(self.configuration, host=HOST, port=self.port, wait=_wait)

    @property
    def ca_file(self) -> Path:
        """What clients believe."""
        return self.folder / "ca.pem"

    def certificate(self, name: str, *, days: int = 30, age_days: int = 0) -> Path:
        """A client's certificate and key in one file."""
        path = self.folder / f"{name}.both.pem"
        made_ns = self.now_ns - age_days * 86_400 * 10**9
        path.touch(mode=0o600)
        path.write_bytes(self.authority.node(name, now_ns=made_ns, days=days).both)
        return path

    def add_rules(self, rules: str) -> None:
        """Another access list, for the next start."""
        with (self.folder / "acl").open("a") as file:
            file.write(rules)

    def set_rules(self, rules: str) -> None:
        """Another access list in its place, for the next start."""
        (self.folder / "acl").write_text(rules)


class Office:
    """An independent subscriber to everything: another client, another certificate, another thread."""

    def __init__(self, site: SiteBroker, *, name: str = OFFICE, topics: str | None = None) -> None:
        self.seen: queue.Queue[Seen] = queue.Queue()
        self._subscribed = threading.Event()
        self._topics = topics or f"stolpe/v1/{ORGANISATION}/#"
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=f"{name}-{id(self)}", protocol=MQTTv5)
        context = ssl.create_default_context(cafile=str(site.ca_file))
        context.load_cert_chain(site.certificate(name))
        self._client.tls_set_context(context)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_disconnect = lambda *_: self._subscribed.clear()
        self._client.on_message = self._on_message
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 600
        self._client.connect(HOST, site.port, clean_start=False, properties=properties)
        self._client.loop_start()
        self.wait_until_it_watches()

    def wait_until_it_watches(self) -> None:
        """Also after the broker was away: from then on it misses nothing."""
        assert self._subscribed.wait(10), "the office could not subscribe"

    def _on_connect(self, client: Client, *_: object) -> None:
        client.subscribe(self._topics, qos=1)

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        properties = message.properties
        self.seen.put(
            Seen(
                message.topic,
                bytes(message.payload),
                message.retain,
                getattr(properties, "MessageExpiryInterval", None),
                getattr(properties, "CorrelationData", None),
            )
        )

    def send(
        self,
        topic: str,
        payload: bytes,
        *,
        response: str | None = None,
        correlation: bytes | None = None,
        qos: int = 1,
        retain: bool = False,
    ) -> None:
        """Publish; returns when the broker has it."""
        properties = Properties(PacketTypes.PUBLISH)
        if response is not None:
            properties.ResponseTopic = response
        if correlation is not None:
            properties.CorrelationData = correlation
        self._client.publish(topic, payload, qos=qos, retain=retain, properties=properties).wait_for_publish(
            10
        )

    def wait_for(
        self, wanted: Callable[[Seen], bool], *, meanwhile: Callable[[], object], turns: int = 1500
    ) -> Seen:
        """The next message that is wanted. `meanwhile` is done between looks, and bounds them."""
        others: list[str] = []
        for _ in range(turns):
            meanwhile()
            while not self.seen.empty():
                seen = self.seen.get()
                if wanted(seen):
                    return seen
                others.append(seen.topic)
        raise AssertionError(f"it did not come; what came: {others[-20:]}")

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()


def _wait(seconds: float) -> None:
    """Between two looks whether a broker listens."""
    threading.Event().wait(seconds)
