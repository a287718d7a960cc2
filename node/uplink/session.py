"""The MQTT 5 session over TLS 1.3: the only place that knows the library (paho).

Owns connecting, and connecting again. Each connection has a client object of its own, so nothing that the library
queues outlives it: what was not acknowledged is the outbox' to send again. Decides nothing about content.

One thread, `mqtt`, connects and runs the library's loop. It and its callbacks put frozen values into a bounded queue
and ring a bell (eventfd) that the daemon's one loop waits on; they never wait for the daemon.
"""

import contextlib
import os
import queue
import secrets
import struct
import threading
import time
from collections.abc import Iterable
from typing import Final

from paho.mqtt import MQTTException
from paho.mqtt.client import (
    MQTT_LOG_ERR,
    Client,
    ConnectFlags,
    DisconnectFlags,
    MQTTMessage,
    MQTTv5,
)
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from node.config import BrokerSection
from node.uplink.backoff import Backoff
from node.uplink.link import Acknowledged, Arrived, Closed, Happening, Letter, Opened, SubscriptionRefused
from node.uplink.tls import Context, context_of, plain, sentence

MAX_HAPPENINGS: Final = 512
MAX_PACKET_BYTES: Final = 1_500_000
"""More than a document may have: one that is too large is refused by us, and told."""
RECEIVE_MAXIMUM: Final = 4  # documents at once, each up to 768 KiB
LOOP_S: Final = 1.0
JOIN_S: Final = 2.0
CONNECT_S: Final = 5.0
_DEFAULT_RECEIVE_MAXIMUM: Final = 65_535
_BROKEN: Final = (OSError, ValueError, LookupError, struct.error, MQTTException)
"""What connecting raises, and the library on bytes that are not MQTT."""


class Session:
    """One session at a time: `open` it, and again after each `Closed` that ended one."""

    def __init__(self, broker: BrokerSection, *, client_id: str, subscriptions: Iterable[str]) -> None:
        self._broker = broker
        self._client_id = client_id
        self._subscriptions = tuple(subscriptions)
        self._backoff = Backoff(chance=lambda: secrets.randbelow(1 << 16) / (1 << 16))
        self._happenings: queue.Queue[Happening] = queue.Queue(MAX_HAPPENINGS)
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._wills: queue.SimpleQueue[Letter | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._connection: _Connection | None = None
        self.overflowed = 0
        """How many messages were not taken from the broker because too many waited."""
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._thread.start()

    def fileno(self) -> int:
        """Readable while something has happened."""
        return self._bell

    def open(self, will: Letter) -> None:
        """Connect, as often as it takes, until there is a session; this is its will."""
        self._wills.put(will)

    def happenings(self) -> list[Happening]:
        """What has happened since the last time. Raises RuntimeError if the thread has died: then so must we."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._bell)
        if not self._thread.is_alive() and not self._stopping.is_set():
            raise RuntimeError("the session's thread has ended")
        found = []
        with contextlib.suppress(queue.Empty):
            for _ in range(MAX_HAPPENINGS):
                found.append(self._happenings.get_nowait())
        return found

    def publish(self, letter: Letter) -> int | None:
        """Hand it over; the token is in its `Acknowledged`. None: there is no session at this moment."""
        connection = self._connection
        return None if connection is None else connection.publish(letter)

    def take_over(self, receipt: int) -> None:
        """The message of that receipt is ours now: the broker may forget it. Without a session it comes again."""
        connection = self._connection
        if connection is not None:
            connection.take_over(receipt)

    def close(self) -> None:
        """End the session in order (the broker drops the will) and the thread with it."""
        self._stopping.set()
        self._wills.put(None)
        connection = self._connection
        if connection is not None:
            connection.end()
        self._thread.join(JOIN_S)  # unless it is still connecting: then it ends with the process
        if not self._thread.is_alive():
            os.close(self._bell)

    def _run(self) -> None:
        while (will := self._wills.get()) is not None:
            opened = False
            while not (opened or self._stopping.is_set()):
                began = time.monotonic()
                opened, reason = self._connect(will)
                self._put(Closed(opened, reason))
                self._stopping.wait(self._backoff.after(time.monotonic() - began))

    def _connect(self, will: Letter) -> tuple[bool, str]:
        """One connection from beginning to end: whether it was a session, and why it is none."""
        connection = _Connection(self, self._broker, self._client_id, self._subscriptions, will)
        try:
            connection.run(self._stopping)
        except _BROKEN as error:
            connection.reason = connection.reason or sentence(error, self._broker)
        finally:
            self._connection = None
            connection.dispose()
        return connection.opened, connection.reason or "the connection was lost"

    def opened(self, connection: "_Connection", receive_maximum: int) -> None:
        """Called by the connection, in its thread."""
        self._connection = connection
        self._put(Opened(receive_maximum))

    def happened(self, happening: Happening) -> None:
        """Called by the connection, in its thread."""
        self._put(happening)

    def _put(self, happening: Happening) -> None:
        if isinstance(happening, Arrived) and self._happenings.qsize() >= MAX_HAPPENINGS // 2:
            self.overflowed += 1  # QoS 1 stays with the broker; QoS 0 was nobody's promise
            return
        self._happenings.put_nowait(happening)  # full: nobody has listened for minutes, and the thread ends
        os.eventfd_write(self._bell, 1)


class _Connection:
    """One TCP connection and its client object. What the daemon's thread calls says so."""

    def __init__(
        self,
        session: Session,
        broker: BrokerSection,
        client_id: str,
        subscriptions: tuple[str, ...],
        will: Letter,
    ) -> None:
        self._session = session
        self._broker = broker
        self._subscriptions = subscriptions
        self._said = ""
        self._ending = False
        self.opened = False
        self.reason = ""
        self._context: Context | None = None
        self._client = client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = CONNECT_S
        client.max_inflight_messages_set(0)  # the publisher keeps to the broker's receive maximum
        client.will_set(
            will.topic, will.payload, qos=1, retain=will.retain, properties=_will_properties(broker)
        )
        # With this the library never writes in the caller's thread: its loop is woken and does it.
        client.on_socket_register_write = _nothing
        client.on_log = self._on_log
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message

    def run(self, stopping: threading.Event) -> None:
        """Connect, and be connected until that ends."""
        self._context = context_of(self._broker)
        self._client.tls_set_context(self._context)
        self._client.connect(
            self._broker.host,
            self._broker.port,
            keepalive=self._broker.keepalive_seconds,
            clean_start=False,
            properties=_connect_properties(self._broker),
        )
        while self._client.loop(LOOP_S) == MQTTErrorCode.MQTT_ERR_SUCCESS:
            if stopping.is_set():
                if not self.opened:
                    return
                self.end()

    def dispose(self) -> None:
        """Let go of the sockets, also of one whose handshake failed."""
        self._client.on_disconnect = None
        if self._context is not None:
            self._context.close()

    def publish(self, letter: Letter) -> int | None:
        """In the daemon's thread."""
        properties = _properties(PacketTypes.PUBLISH)
        properties.ContentType = "application/json" if letter.is_json else "application/octet-stream"
        if letter.expiry_s is not None:
            properties.MessageExpiryInterval = letter.expiry_s
        if letter.correlation is not None:
            properties.CorrelationData = letter.correlation
        info = self._client.publish(letter.topic, letter.payload, 1, letter.retain, properties)
        return info.mid if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def take_over(self, receipt: int) -> None:
        """In the daemon's thread."""
        self._client.ack(receipt, 1)

    def end(self) -> None:
        """The loop sends what is queued, then ends. In either thread, and twice is once."""
        if not self._ending:
            self._ending = True
            self._client.disconnect()

    def _on_connect(
        self,
        client: Client,
        _data: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self.reason = f"the broker refuses a session: {reason}"
            return
        self.opened = True
        options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        if self._subscriptions:
            client.subscribe([(topic, options) for topic in self._subscriptions])
        self._session.opened(self, getattr(properties, "ReceiveMaximum", _DEFAULT_RECEIVE_MAXIMUM))

    def _on_disconnect(
        self,
        _client: Client,
        _data: object,
        flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if flags.is_disconnect_packet_from_server:
            self.reason = f"the broker ends the session: {reason}"
        elif not self.reason:
            self.reason = plain(self._said) or f"the connection was lost: {reason}"

    def _on_subscribe(
        self,
        _client: Client,
        _data: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        for topic, reason in zip(self._subscriptions, reasons, strict=False):
            if reason.is_failure:
                self._session.happened(SubscriptionRefused(topic, f"{reason}"))

    def _on_publish(
        self, _client: Client, _data: object, mid: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._session.happened(Acknowledged(mid, f"{reason}" if reason.is_failure else None))

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        properties = message.properties
        arrived = Arrived(
            topic=message.topic,
            payload=bytes(message.payload),
            response_topic=getattr(properties, "ResponseTopic", None),
            correlation=getattr(properties, "CorrelationData", None),
            receipt=message.mid if message.qos else None,
        )
        self._session.happened(arrived)

    def _on_log(self, _client: Client, _data: object, level: int, text: str) -> None:
        if level == MQTT_LOG_ERR:
            self._said = text


def _connect_properties(broker: BrokerSection) -> Properties:
    properties = _properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = broker.session_expiry_seconds
    properties.ReceiveMaximum = RECEIVE_MAXIMUM
    properties.MaximumPacketSize = MAX_PACKET_BYTES
    return properties


def _will_properties(broker: BrokerSection) -> Properties:
    properties = _properties(PacketTypes.WILLMESSAGE)
    properties.WillDelayInterval = broker.will_delay_seconds
    properties.ContentType = "application/json"
    return properties


def _properties(packet: int) -> Properties:
    return Properties(packet)  # type: ignore[no-untyped-call]  # the library's only untyped corner


def _nothing(*_arguments: object) -> None:
    """A callback."""
