"""What an office has heard of one uplink, as the payloads that they are."""

from collections.abc import Callable
from typing import TypeVar

from node.formats import payloads as p
from tests.fakes.pole import Pole
from tests.fakes.site_broker import Office, Seen

P = TypeVar("P", bound=p.Payload)


def next_payload(
    office: Office, pole: Pole, kind: type[P], *, topic: str = "", where: Callable[[P], bool] = lambda _: True
) -> P:
    """The next payload of that kind that is wanted (and stands below that topic), while everybody goes on."""

    def wanted(seen: Seen) -> bool:
        payload = p.decode(seen.payload)
        return isinstance(payload, kind) and topic in seen.topic and where(payload)

    found = p.decode(office.wait_for(wanted, meanwhile=pole.turn).payload)
    assert isinstance(found, kind)
    return found


def everything(office: Office) -> list[Seen]:
    """What the office has got so far."""
    found = []
    while not office.seen.empty():
        found.append(office.seen.get())
    return found


def events_of(seen: list[Seen]) -> list[p.Event]:
    """The events of a camera among it, in order of arrival."""
    decoded = [p.decode(s.payload) for s in seen if "/event/motion" in s.topic]
    return [payload for payload in decoded if isinstance(payload, p.Event)]
