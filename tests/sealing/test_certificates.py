"""Certificates by what TLS 1.3 makes of them: real handshakes over a socket pair."""

import socket
import ssl
import threading
from pathlib import Path

import pytest

from node.clock import NS, SystemClock
from node.sealing.certificates import CertificateAuthority, Certified

DAY_NS = 86_400 * NS
NOW_NS = SystemClock().now().utc_ns


@pytest.fixture(scope="module")
def authority() -> CertificateAuthority:
    return CertificateAuthority.create("ours", now_ns=NOW_NS, days=30)


def context(
    folder: Path, purpose: ssl.Purpose, own: Certified | None, trusted: CertificateAuthority
) -> ssl.SSLContext:
    made = ssl.create_default_context(purpose, cadata=trusted.certified.certificate.decode())
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.verify_flags |= ssl.VERIFY_X509_STRICT  # as Python does from 3.13 on
    if own is not None:
        (folder / "own.pem").write_bytes(own.both)
        made.load_cert_chain(folder / "own.pem")
    if purpose is ssl.Purpose.CLIENT_AUTH:
        made.verify_mode = ssl.CERT_REQUIRED
    return made


def shake(
    tmp_path: Path,
    *,
    server: Certified,
    client: Certified | None,
    server_trusts: CertificateAuthority,
    client_trusts: CertificateAuthority,
    host: str = "127.0.0.1",
) -> str:
    """The client's name as the server believes it; raises what either side raises."""
    (tmp_path / "s").mkdir()
    (tmp_path / "c").mkdir()
    serving = context(tmp_path / "s", ssl.Purpose.CLIENT_AUTH, server, server_trusts)
    calling = context(tmp_path / "c", ssl.Purpose.SERVER_AUTH, client, client_trusts)
    near, far = socket.socketpair()
    found: list[str | ssl.SSLError | OSError] = []

    def serve() -> None:
        try:
            with serving.wrap_socket(far, server_side=True) as taken:
                subject = taken.getpeercert() or {}
                found.append(str(dict(pair[0] for pair in subject["subject"])["commonName"]))  # type: ignore[index, misc, union-attr]
                taken.sendall(b"x")
        except (ssl.SSLError, OSError) as error:
            found.append(error)
            far.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        near.settimeout(5)
        with calling.wrap_socket(near, server_hostname=host) as connected:
            connected.recv(1)
    finally:
        near.close()
        thread.join()
    if not isinstance(found[0], str):
        raise found[0]
    return found[0]


def test_a_node_and_its_broker_know_each_other(tmp_path: Path, authority: CertificateAuthority) -> None:
    name = shake(
        tmp_path,
        server=authority.server(("127.0.0.1", "localhost"), now_ns=NOW_NS, days=3),
        client=authority.node("n-7f3a", now_ns=NOW_NS, days=3),
        server_trusts=authority,
        client_trusts=authority,
    )
    assert name == "n-7f3a"


@pytest.mark.parametrize("host", ["localhost", "::1", f"{'broker.' * 30}example"])
def test_a_broker_is_known_under_each_of_its_names(
    tmp_path: Path, authority: CertificateAuthority, host: str
) -> None:
    server = authority.server((host, "localhost"), now_ns=NOW_NS, days=3)
    client = authority.node("n-7f3a", now_ns=NOW_NS, days=3)
    for folder, name in (("first", host), ("second", "localhost")):
        (tmp_path / folder).mkdir()
        known = shake(
            tmp_path / folder,
            server=server,
            client=client,
            server_trusts=authority,
            client_trusts=authority,
            host=name,
        )
        assert known == "n-7f3a"


@pytest.mark.parametrize(
    "wrong",
    [
        "a broker of another authority",
        "a node of another authority",
        "no certificate",
        "an expired node",
        "an expired broker",
        "a node that is not valid yet",
        "a node in the broker's place",
        "a broker in a node's place",
        "a broker of another name",
    ],
)
def test_who_is_not_certified_for_it_gets_no_connection(
    tmp_path: Path, authority: CertificateAuthority, wrong: str
) -> None:
    other = CertificateAuthority.create("theirs", now_ns=NOW_NS, days=30)
    server = authority.server(("127.0.0.1",), now_ns=NOW_NS, days=3)
    client: Certified | None = authority.node("n-1", now_ns=NOW_NS, days=3)
    host = "127.0.0.1"
    match wrong:
        case "a broker of another authority":
            server = other.server(("127.0.0.1",), now_ns=NOW_NS, days=3)
        case "a node of another authority":
            client = other.node("n-1", now_ns=NOW_NS, days=3)
        case "no certificate":
            client = None
        case "an expired node":
            client = authority.node("n-1", now_ns=NOW_NS - 9 * DAY_NS, days=3)
        case "an expired broker":
            server = authority.server(("127.0.0.1",), now_ns=NOW_NS - 9 * DAY_NS, days=3)
        case "a node that is not valid yet":
            client = authority.node("n-1", now_ns=NOW_NS + 9 * DAY_NS, days=3)
        case "a node in the broker's place":
            server = authority.node("127.0.0.1", now_ns=NOW_NS, days=3)
        case "a broker in a node's place":
            client = authority.server(("n-1",), now_ns=NOW_NS, days=3)
        case "a broker of another name":
            host = "127.0.0.2"
    with pytest.raises((ssl.SSLError, OSError)):
        shake(
            tmp_path,
            server=server,
            client=client,
            server_trusts=authority,
            client_trusts=authority,
            host=host,
        )


def test_a_clock_an_hour_behind_still_takes_a_new_certificate(tmp_path: Path) -> None:
    ahead = CertificateAuthority.create("ours", now_ns=NOW_NS + 3500 * NS, days=30)
    name = shake(
        tmp_path,
        server=ahead.server(("127.0.0.1",), now_ns=NOW_NS + 3500 * NS, days=3),
        client=ahead.node("n-1", now_ns=NOW_NS + 3500 * NS, days=3),
        server_trusts=ahead,
        client_trusts=ahead,
    )
    assert name == "n-1"
