"""The broker's configuration, held by a real Mosquitto: a node speaks for itself alone, an office for no node."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue

import pytest
from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from central.broker import LoopbackBroker, Site, free_port, mosquitto, write_configuration
from node.clock import NS, SystemClock
from node.errors import Refused
from node.sealing.certificates import CertificateAuthority

HOST = "127.0.0.1"
WAIT_S = 5.0
CLOCK = SystemClock()
NOW_NS = CLOCK.now().utc_ns
ROOT = "stolpe/v1/here"
TAKEN = {"Success", "No matching subscribers"}


def _installed() -> bool:
    try:
        return bool(mosquitto())
    except Refused:
        return False


pytestmark = pytest.mark.skipif(not _installed(), reason="Mosquitto is not installed")


@dataclass
class Speaker:
    """One client with a certificate of that name."""

    client: Client
    heard: Queue[tuple[str, bytes]] = field(default_factory=Queue)
    answers: Queue[str] = field(default_factory=Queue)

    def subscribe(self, topic: str) -> None:
        self.client.subscribe(topic, qos=1)
        self.answers.get(timeout=WAIT_S)

    def says(self, topic: str, payload: bytes = b"x") -> str:
        """The broker's answer to a message."""
        self.client.publish(topic, payload, qos=1)
        return self.answers.get(timeout=WAIT_S)

    def hears(self) -> tuple[str, bytes] | None:
        try:
            return self.heard.get(timeout=0.5)
        except Empty:
            return None


class Place:
    """A broker and whoever speaks to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = CertificateAuthority.create("here", now_ns=NOW_NS, days=9)
        port = free_port()
        site = Site("here", ("office",))
        path = write_configuration(folder, site, self.authority, host=HOST, port=port, now_ns=NOW_NS)
        self.broker = LoopbackBroker(
            path, host=HOST, port=port, wait=lambda s: CLOCK.wait_until(CLOCK.boottime_ns() + int(s * NS))
        )

    def context(self, name: str | None) -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=self.folder / "ca.pem")
        if name is not None:
            path = self.folder / f"{name}.client"
            path.write_bytes(self.authority.node(name, now_ns=NOW_NS, days=3).both)
            made.load_cert_chain(path)
        return made

    def speaker(self, name: str, ending: ExitStack) -> Speaker:
        client = Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTv5)
        speaker = Speaker(client)
        client.tls_set_context(self.context(name))

        def on_message(_client: Client, _data: object, message: MQTTMessage) -> None:
            speaker.heard.put((message.topic, bytes(message.payload)))

        client.on_message = on_message
        client.on_connect = lambda *said: speaker.answers.put(str(said[3]))
        client.on_subscribe = lambda *said: speaker.answers.put(str(said[3][0]))
        client.on_publish = lambda *said: speaker.answers.put(str(said[3]))
        client.connect(HOST, self.broker.port)
        client.loop_start()
        ending.callback(client.loop_stop)
        ending.callback(client.disconnect)
        assert speaker.answers.get(timeout=WAIT_S) == "Success"
        return speaker


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("broker"))
    place.broker.start()
    yield place
    place.broker.stop()


@pytest.fixture
def ending() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_an_office_hears_what_a_node_says(place: Place, ending: ExitStack) -> None:
    office, node = place.speaker("office", ending), place.speaker("n-1", ending)
    office.subscribe(f"{ROOT}/#")
    assert node.says(f"{ROOT}/n-1/status", b"here") == "Success"
    assert office.hears() == (f"{ROOT}/n-1/status", b"here")


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("n-1", f"{ROOT}/n-2/status"),
        ("n-1", f"{ROOT}/n-10/status"),
        ("n-1", "stolpe/v1/elsewhere/n-1/status"),
        ("n-1", f"{ROOT}/n-2/document"),
        ("office", f"{ROOT}/n-1/status"),
        ("office", f"{ROOT}/n-1/event/motion"),
        ("stranger", f"{ROOT}/n-1/document"),
    ],
)
def test_nobody_speaks_for_another(place: Place, ending: ExitStack, name: str, topic: str) -> None:
    office = place.speaker("office" if name != "office" else "office2", ending)
    office.subscribe(f"{ROOT}/#")
    assert place.speaker(name, ending).says(topic) == "Not authorized"
    assert office.hears() is None


@pytest.mark.parametrize("topic", [f"{ROOT}/n-2/document", f"{ROOT}/n-2/event/motion", f"{ROOT}/#", "#"])
def test_a_node_hears_nothing_of_another(place: Place, ending: ExitStack, topic: str) -> None:
    spy, office, other = (place.speaker(name, ending) for name in ("n-1", "office", "n-2"))
    spy.subscribe(topic)
    assert office.says(f"{ROOT}/n-2/document") in TAKEN
    assert other.says(f"{ROOT}/n-2/event/motion") in TAKEN
    assert spy.hears() is None


def test_a_node_gets_the_documents_that_are_sent_to_it(place: Place, ending: ExitStack) -> None:
    office, node = place.speaker("office", ending), place.speaker("n-1", ending)
    node.subscribe(f"{ROOT}/n-1/document")
    assert office.says(f"{ROOT}/n-1/document", b"sealed") == "Success"
    assert node.hears() == (f"{ROOT}/n-1/document", b"sealed")


@pytest.mark.parametrize("wrong", ["no certificate", "TLS 1.2"])
def test_without_a_certificate_or_with_an_old_protocol_there_is_no_session(place: Place, wrong: str) -> None:
    context = place.context(None if wrong == "no certificate" else "n-1")
    if wrong == "TLS 1.2":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection((HOST, place.broker.port), timeout=WAIT_S) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=HOST) as secured:
                answer = secured.recv(1)  # in TLS 1.3 a server refuses after the client's handshake
        except (ssl.SSLError, ConnectionError):
            answer = b""
    assert answer == b""


def test_what_is_retained_survives_the_brokers_restart(tmp_path: Path, ending: ExitStack) -> None:
    place = Place(tmp_path)
    place.broker.start()
    ending.callback(place.broker.stop)
    node = place.speaker("n-3", ending)
    node.client.publish(f"{ROOT}/n-3/status", b"dark", qos=1, retain=True)
    assert node.answers.get(timeout=WAIT_S) in TAKEN
    place.broker.stop()
    place.broker.start()
    office = place.speaker("office", ending)
    office.subscribe(f"{ROOT}/n-3/#")
    assert office.hears() == (f"{ROOT}/n-3/status", b"dark")


def test_the_brokers_key_is_its_owners_alone_also_where_a_file_was_before(tmp_path: Path) -> None:
    (tmp_path / "broker.key").touch(mode=0o644)
    Place(tmp_path)
    assert (tmp_path / "broker.key").stat().st_mode & 0o777 == 0o600


def test_a_broker_that_cannot_start_says_why_in_one_line_and_leaves_nothing_running(tmp_path: Path) -> None:
    place = Place(tmp_path)
    (tmp_path / "mosquitto.conf").write_text("no_such_option true\n")
    with pytest.raises(Refused, match=r"^Mosquitto on 127[^\n]* ended at once: [^\n]*mosquitto\.conf:1\.?$"):
        place.broker.start()
    assert (place.broker.pid, place.broker.has_died) == (None, False)
    place.broker.stop()


def test_a_port_that_somebody_else_has_is_not_taken_for_ones_own_broker(place: Place, tmp_path: Path) -> None:
    another = Place(tmp_path)
    taken = LoopbackBroker(
        write_configuration(
            tmp_path, Site("here", ()), another.authority, host=HOST, port=place.broker.port, now_ns=NOW_NS
        ),
        host=HOST,
        port=place.broker.port,
        wait=lambda s: CLOCK.wait_until(CLOCK.boottime_ns() + int(s * NS)),
    )
    with pytest.raises(Refused, match=r"ended at once: .*Address already in use"):
        taken.start()
    assert taken.pid is None
