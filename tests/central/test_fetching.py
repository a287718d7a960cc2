"""Fetching a release: an order is not used up by somebody who could not open what comes."""

from pathlib import Path

import pytest
from fakes.burned_card import BurnedCard
from fakes.heard_site import HeardSite

from central.fetching import Fetch, Ordered
from node.errors import Refused
from node.sealing.keys import public_halves


def test_an_order_is_not_sent_by_somebody_who_has_not_signed_it(card: BurnedCard, tmp_path: Path) -> None:
    ordered = Ordered(
        card.order(0, 10), card.keys["operator-1"].recipient, public_halves(card.keys["node"].public)[1]
    )
    site = HeardSite(tmp_path)
    session = site.session()
    session.start()
    fetch = Fetch(ordered, session=session, organisation="org", part=tmp_path / "part", say=print)
    with pytest.raises(Refused, match="operator-1 has not signed the order"):
        fetch.send()
    fetch.close()
    site.publish("event/motion", b"after")
    heard = session.wait(10)
    assert heard is not None
    assert heard.payload == b"after"  # an office hears what is sent to nodes: nothing was
    session.close()
    site.broker.stop()
