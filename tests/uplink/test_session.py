"""The session against a real broker: who is believed, what is refused, and how it comes back."""

import contextlib
import os
import select
import signal
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from node.config import BrokerSection
from node.sealing.certificates import CertificateAuthority
from node.uplink.link import Acknowledged, Closed, Happening, Letter, Opened, SubscriptionRefused
from node.uplink.session import Session
from tests.fakes.site_broker import HOST, NODE, Office, SiteBroker

ROOT = f"stolpe/v1/exempelstad/{NODE}"
WILL = Letter(f"{ROOT}/status", b"gone", retain=True)


def section(site: SiteBroker, *, certificate: Path | None = None) -> BrokerSection:
    return BrokerSection(
        host=HOST,
        port=site.port,
        ca_file=str(site.ca_file),
        certificate_file=str(certificate or site.certificate(NODE)),
        will_delay_seconds=0,
        keepalive_seconds=1,  # less than a configuration may say: so that a test need not wait
        session_expiry_seconds=60,
    )


@contextmanager
def session_with(broker: BrokerSection, *, subscriptions: tuple[str, ...] = ()) -> Iterator[Session]:
    session = Session(broker, client_id=NODE, subscriptions=subscriptions)
    try:
        yield session
    finally:
        session.close()


def next_of(session: Session, kind: type[Happening], *, within_s: float = 10.0) -> Happening:
    """The next happening of that kind; others are passed over."""
    for _ in range(round(within_s / 0.25)):
        select.select([session], [], [], 0.25)
        for happening in session.happenings():
            if isinstance(happening, kind):
                return happening
    raise AssertionError(f"no {kind.__name__} within {within_s} s")


def reason_of(broker: BrokerSection) -> str:
    """Why there is no session."""
    with session_with(broker) as session:
        session.open(WILL)
        closed = next_of(session, Closed)
        assert isinstance(closed, Closed)
        assert not closed.was_open
        assert "\n" not in closed.reason
        return closed.reason


def test_a_session_opens_and_what_is_published_is_acknowledged(site: SiteBroker, office: Office) -> None:
    with session_with(section(site)) as session:
        session.open(WILL)
        opened = next_of(session, Opened)
        assert isinstance(opened, Opened)
        assert opened.receive_maximum >= 20
        token = session.publish(Letter(f"{ROOT}/event/motion", b"{}", expiry_s=60))
        assert next_of(session, Acknowledged) == Acknowledged(token, None) if token else False
        seen = office.wait_for(
            lambda s: s.topic.endswith("event/motion"), meanwhile=lambda: None, turns=100_000
        )
        assert (seen.payload, seen.retained) == (b"{}", False)
        assert seen.expiry_s in range(1, 61)


def test_without_a_session_nothing_is_taken(site: SiteBroker) -> None:
    with session_with(section(site)) as session:
        assert session.publish(Letter(f"{ROOT}/event/motion", b"{}")) is None


def test_a_broker_of_another_authority_is_not_believed(site: SiteBroker, tmp_path: Path) -> None:
    other = CertificateAuthority.create("somebody else", now_ns=site.now_ns, days=30)
    (tmp_path / "other.pem").write_bytes(other.certified.certificate)
    broker = msgspec.structs.replace(section(site), ca_file=str(tmp_path / "other.pem"))
    assert "is not believed: " in reason_of(broker)


def test_a_broker_of_another_name_is_not_believed(site: SiteBroker) -> None:
    broker = msgspec.structs.replace(section(site), host="127.0.0.2")
    assert "127.0.0.2" in reason_of(broker)


def test_an_expired_certificate_of_ours_is_refused_and_that_is_the_reason(site: SiteBroker) -> None:
    reason = reason_of(section(site, certificate=site.certificate(NODE, days=2, age_days=9)))
    assert reason == "the broker ends TLS: sslv3 alert certificate expired"


def test_a_certificate_of_another_authority_is_refused_and_that_is_the_reason(
    site: SiteBroker, tmp_path: Path
) -> None:
    other = CertificateAuthority.create("somebody else", now_ns=site.now_ns, days=30)
    (tmp_path / "other.pem").touch(mode=0o600)
    (tmp_path / "other.pem").write_bytes(other.node(NODE, now_ns=site.now_ns, days=9).both)
    assert "the broker ends TLS: " in reason_of(section(site, certificate=tmp_path / "other.pem"))


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_certificate_that_cannot_be_read_is_named(
    site: SiteBroker, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "node.pem"
    if content is not None:
        path.write_bytes(content)
    assert f"{path}: cannot be used for TLS" in reason_of(section(site, certificate=path))


def test_a_private_key_that_others_can_read_is_not_used(site: SiteBroker) -> None:
    certificate = site.certificate(NODE, days=9)
    certificate.chmod(0o640)
    assert "others can read the private key" in reason_of(section(site, certificate=certificate))


def test_a_broker_that_is_not_there_is_said_in_one_line(site: SiteBroker) -> None:
    site.broker.stop()
    assert reason_of(section(site)) == f"{HOST}:{site.port}: Connection refused"


@contextmanager
def scripted_peer(site: SiteBroker, *answers: bytes, tls: bool = True) -> Iterator[BrokerSection]:
    """Something at the broker's place that gives these bytes, each after it has heard something."""
    site.broker.stop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(site.folder / "broker.pem", site.folder / "broker.key")

    def speak(listener: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            listener.accept()[0] as plain,
            context.wrap_socket(plain, server_side=True) if tls else plain as peer,
        ):
            for answer in answers:
                peer.recv(4096)
                peer.sendall(answer)
            while peer.recv(4096):
                pass

    with socket.create_server((HOST, site.port)) as listener:
        thread = threading.Thread(target=speak, args=(listener,))
        thread.start()
        yield section(site)
        thread.join(10)


def test_something_that_does_not_speak_tls_is_said_in_one_line(site: SiteBroker) -> None:
    with scripted_peer(site, b"HTTP/1.1 400 Bad Request\r\n\r\n", tls=False) as broker:
        assert "wrong version number" in reason_of(broker)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 4096,
        b"\x20\xff\xff\xff\xff\xff",
        b"\x20\x00",
        b"\x20\x01\x00",
        b"\xf0\x00",
    ],
    ids=["HTTP", "no length", "empty CONNACK", "short CONNACK", "AUTH"],
)
def test_something_that_does_not_speak_mqtt_is_no_session_and_ends_nothing(
    site: SiteBroker, answer: bytes
) -> None:
    with scripted_peer(site, answer) as broker:
        assert reason_of(broker)


CONNACK, PUBACK_0X97 = b"\x20\x03\x00\x00\x00", b"\x40\x03\x00\x01\x97"
SUBACK_0X87, DISCONNECT_0X8B = b"\x90\x04\x00\x01\x00\x87", b"\xe0\x01\x8b"


def test_a_subscription_that_the_broker_refuses_is_told(site: SiteBroker) -> None:
    with (
        scripted_peer(site, CONNACK, SUBACK_0X87) as broker,
        session_with(broker, subscriptions=("x",)) as session,
    ):
        session.open(WILL)
        assert next_of(session, SubscriptionRefused) == SubscriptionRefused("x", "Not authorized")


def test_a_broker_that_is_full_keeps_the_session_and_takes_no_letter(site: SiteBroker) -> None:
    with scripted_peer(site, CONNACK, PUBACK_0X97) as broker, session_with(broker) as session:
        session.open(WILL)
        next_of(session, Opened)
        assert session.publish(Letter("x", b"{}")) == 1
        assert next_of(session, Acknowledged) == Acknowledged(1, "Quota exceeded")


def test_why_the_broker_ends_a_session_is_the_reason(site: SiteBroker) -> None:
    with scripted_peer(site, CONNACK + DISCONNECT_0X8B) as broker, session_with(broker) as session:
        session.open(WILL)
        closed = next_of(session, Closed)
        assert closed == Closed(was_open=True, reason="the broker ends the session: Server shutting down")


def test_a_session_that_the_broker_refuses_is_not_one(site: SiteBroker) -> None:
    site.broker.stop()
    text = site.configuration.read_text().replace("use_identity_as_username true", "")
    (site.folder / "passwords").write_text("")
    site.configuration.write_text(f"{text}\npassword_file {site.folder}/passwords\n")
    site.broker.start()
    assert reason_of(section(site)) == "the broker refuses a session: Not authorized"


def test_what_the_broker_does_not_allow_is_told_for_each_letter(site: SiteBroker) -> None:
    with session_with(section(site), subscriptions=("stolpe/v1/exempelstad/other/document",)) as session:
        session.open(WILL)
        next_of(session, Opened)
        token = session.publish(Letter("stolpe/v1/exempelstad/other/event/motion", b"{}"))
        answer = next_of(session, Acknowledged)
        assert answer == Acknowledged(token or 0, "Not authorized")


@pytest.mark.parametrize("kill", [False, True])
def test_a_broker_that_was_restarted_is_found_again_within_five_seconds(site: SiteBroker, kill: bool) -> None:
    with session_with(section(site)) as session:
        session.open(WILL)
        next_of(session, Opened)
        site.broker.stop(kill=kill)
        closed = next_of(session, Closed)
        assert isinstance(closed, Closed)
        assert closed.was_open
        session.open(WILL)
        next_of(session, Closed)
        site.broker.start()
        next_of(session, Opened, within_s=5)


def test_a_link_that_is_silent_is_given_up(site: SiteBroker) -> None:
    with session_with(section(site)) as session:
        session.open(WILL)
        next_of(session, Opened)
        pid = site.broker.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)  # the connection stays, and nobody answers
        try:
            closed = next_of(session, Closed, within_s=20)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert isinstance(closed, Closed)
        assert closed.was_open


def test_another_client_of_our_name_ends_the_session(site: SiteBroker) -> None:
    with session_with(section(site)) as first, session_with(section(site)) as second:
        first.open(WILL)
        next_of(first, Opened)
        second.open(WILL)
        closed = next_of(first, Closed)
        assert isinstance(closed, Closed)
        assert closed.was_open
