"""An office's MQTT session: hears everything that the nodes of an organisation say, and sends documents to them.

It owns one connection (MQTT 5, TLS 1.3, the office's certificate) and a thread that keeps it. What it heard waits in a
queue until it is asked for; it judges none of it.
"""

import queue
import secrets
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Final

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from node.errors import Refused
from node.formats.topics import Topics

QOS: Final = 1
CONNECT_SECONDS: Final = 10.0
MOST_WAITING: Final = 100_000
KEEPALIVE_SECONDS: Final = 30
SESSION_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class Heard:
    """One message. `retained`: the broker had kept it, so it may be old. `correlation`: which request it answers."""

    topic: str
    payload: bytes
    retained: bool
    correlation: bytes | None


class OfficeSession:
    """Everything that an organisation's nodes publish, from the moment that `start` returns."""

    def __init__(
        self, *, host: str, port: int, authority: Path, certificate: Path, name: str, organisation: str
    ) -> None:
        self._host, self._port, self._organisation, self._name = host, port, organisation, name
        self._waiting: queue.Queue[Heard] = queue.Queue(MOST_WAITING)
        self._answered = Event()
        self._refused = ""
        self.dropped = 0
        """How many messages found no room."""
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"{name}-{secrets.token_hex(4)}",
            protocol=MQTTProtocolVersion.MQTTv5,
        )
        self._client.tls_set_context(_context(authority, certificate))
        self._client.reconnect_delay_set(min_delay=1, max_delay=5)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def start(self) -> None:
        """Connect and subscribe; `Refused` if the broker does not let us."""
        try:
            # Not a clean start: Mosquitto keeps no session over its own restart that began with one.
            self._client.connect(
                self._host,
                self._port,
                keepalive=KEEPALIVE_SECONDS,
                clean_start=False,
                properties=_kept_for_a_while(),
            )
        except OSError as error:
            raise Refused(f"{self._host}:{self._port}: no broker can be reached there ({error})") from error
        self._client.loop_start()
        if not self.wait_subscribed(CONNECT_SECONDS):
            self.close()
            raise Refused(f"{self._host}:{self._port}: the broker refuses ({self._refused or 'no answer'})")

    def wait_subscribed(self, timeout_s: float) -> bool:
        """Whether the broker has taken the subscription of the present connection by then."""
        return self._answered.wait(timeout_s) and not self._refused

    def heard(self, *, timeout_s: float = 0.0) -> Iterator[Heard]:
        """What came since the last call; waits that long if nothing has."""
        message = self.wait(timeout_s)
        while message is not None:
            yield message
            message = self.wait(0.0)

    def wait(self, timeout_s: float) -> Heard | None:
        """The next message; None if none comes in time."""
        try:
            return self._waiting.get(block=timeout_s > 0, timeout=timeout_s or None)
        except queue.Empty:
            return None

    def send_document(self, node: str, sealed: bytes) -> bytes:
        """Send a sealed document; what its answer will be correlated with."""
        topics = Topics(self._organisation, node)
        correlation = secrets.token_bytes(16)
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho has none here
        properties.ResponseTopic = f"{topics.root}/reply/{self._name}"
        properties.CorrelationData = correlation
        self._client.publish(topics.document, sealed, qos=QOS, properties=properties)
        return correlation

    def close(self) -> None:
        """End the session; nobody comes back to it, so the broker keeps nothing for it."""
        ending = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]  # paho has none here
        ending.SessionExpiryInterval = 0
        self._client.disconnect(properties=ending)
        self._client.loop_stop()

    def _on_connect(
        self, client: Client, _data: object, _flags: ConnectFlags, reason: ReasonCode, _p: Properties | None
    ) -> None:
        if reason.is_failure:
            self._answer(str(reason))
            return
        client.subscribe(f"stolpe/v1/{self._organisation}/#", qos=QOS)

    def _on_subscribe(
        self, _client: Client, _data: object, _mid: int, reasons: list[ReasonCode], _p: Properties | None
    ) -> None:
        self._answer(str(reasons[0]) if reasons[0].is_failure else "")

    def _on_disconnect(
        self,
        _client: Client,
        _data: object,
        _flags: DisconnectFlags,
        _reason: ReasonCode,
        _p: Properties | None,
    ) -> None:
        self._answered.clear()

    def _answer(self, refused: str) -> None:
        self._refused = refused
        self._answered.set()

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        correlation = getattr(message.properties, "CorrelationData", None)
        try:
            self._waiting.put_nowait(
                Heard(message.topic, bytes(message.payload), message.retain, correlation)
            )
        except queue.Full:
            self.dropped += 1


def _kept_for_a_while() -> Properties:
    """Of a session whose messages the broker keeps while the connection is down."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho has none here
    properties.SessionExpiryInterval = SESSION_SECONDS
    return properties


def _context(authority: Path, certificate: Path) -> ssl.SSLContext:
    """TLS 1.3, our certificate, and a broker that the organisation's authority has certified."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(authority)
        context.load_cert_chain(certificate)
    except (OSError, ssl.SSLError) as error:
        raise Refused(f"{certificate}: not a certificate and key that can be used ({error})") from error
    return context
