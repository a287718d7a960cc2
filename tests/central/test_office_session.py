"""An office hears its nodes over a real broker, and is told why if it may not."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.heard_site import HeardSite
from fakes.site_broker import NODE, ORGANISATION

from central.broker import free_port
from central.office_session import Heard, OfficeSession
from node.errors import Refused


@pytest.fixture
def site(tmp_path: Path) -> Iterator[HeardSite]:
    made = HeardSite(tmp_path)
    yield made
    made.broker.stop()


@pytest.fixture
def session(site: HeardSite) -> Iterator[OfficeSession]:
    made = site.session()
    made.start()
    yield made
    made.close()


def next_heard(session: OfficeSession) -> Heard:
    return session.wait(10) or pytest.fail("nothing was heard")


def test_everything_that_a_node_publishes_is_heard(site: HeardSite, session: OfficeSession) -> None:
    site.publish("event/motion", b"one", b"two")
    assert [next_heard(session).payload for _ in range(2)] == [b"one", b"two"]
    assert list(session.heard()) == []


def test_what_the_broker_had_kept_is_marked_as_such(site: HeardSite) -> None:
    site.publish("status", b"online", retain=True)
    session = site.session()
    session.start()
    heard = next_heard(session)
    session.close()
    assert (heard.topic, heard.payload, heard.retained) == (
        f"stolpe/v1/{ORGANISATION}/{NODE}/status",
        b"online",
        True,
    )


def test_the_session_goes_on_when_the_broker_is_back(site: HeardSite, session: OfficeSession) -> None:
    site.publish("event/motion", b"before")
    assert next_heard(session).payload == b"before"
    site.broker.stop()
    site.broker.start()
    assert session.wait_subscribed(10)
    site.publish("event/motion", b"after")
    heard = next_heard(session).payload
    if heard == b"before":  # at least once: the broker had not kept that we have it
        heard = next_heard(session).payload
    assert heard == b"after"


def test_a_document_goes_to_its_node_with_the_way_back(site: HeardSite, session: OfficeSession) -> None:
    correlation = session.send_document(NODE, b"sealed")
    heard = next_heard(session)  # an office may read what is sent to nodes
    assert (heard.topic, heard.payload) == (f"stolpe/v1/{ORGANISATION}/{NODE}/document", b"sealed")
    assert heard.correlation == correlation


def test_a_stranger_with_a_certificate_of_the_same_authority_hears_nothing(
    site: HeardSite, session: OfficeSession
) -> None:
    stranger = site.session(name="stranger")
    stranger.start()
    site.publish("event/motion", b"not for strangers")
    assert next_heard(session).payload == b"not for strangers"
    assert stranger.wait(0.3) is None
    stranger.close()


def test_a_broker_that_is_not_there_is_refused_by_its_address(site: HeardSite) -> None:
    port = free_port()
    with pytest.raises(Refused, match=f"127.0.0.1:{port}: no broker"):
        site.session(port=port).start()
