"""A release's pieces on their way through the uplink: to the broker, each with its expiry, and never to a disk."""

from collections.abc import Callable
from pathlib import Path

from node.clock import NS
from node.config import NodeConfig
from node.formats import payloads as p
from node.messages import ReleaseChunk, ReleaseEnded, ReleaseTaken
from tests.fakes.pole import EVENING_NS, Pole
from tests.fakes.site_broker import NODE, Office, Seen, SiteBroker

ORDER = "01KAR0F2T9Z6S3X8V1N4K7J5H0"
ROOT = f"stolpe/v1/exempelstad/{NODE}/release/{ORDER}"
SECRET = b"what opens with its epoch's layer lifted " * 1000


def chunk(number: int, *, expires_s: int = 3600) -> ReleaseChunk:
    return ReleaseChunk(ORDER, number, SECRET, EVENING_NS + expires_s * NS)


def is_at(topic: str) -> Callable[[Seen], bool]:
    return lambda seen: seen.topic == f"{ROOT}/{topic}"


def until_taken(pole: Pole, *wanted: ReleaseTaken) -> None:
    for _ in range(400):
        if set(wanted) <= set(pole.released):
            return
        pole.turn()
    raise AssertionError(pole.released)


def test_a_piece_is_published_with_its_expiry_and_acknowledged_when_the_broker_has_it(
    pole: Pole, office: Office
) -> None:
    pole.recorder_bus.send(chunk(0), to="uplink")
    seen = office.wait_for(is_at("0"), meanwhile=pole.turn)
    assert (seen.payload, seen.retained) == (SECRET, False)
    assert seen.expiry_s is not None
    assert 3500 < seen.expiry_s <= 3600
    until_taken(pole, ReleaseTaken(ORDER, 0))


def test_the_end_says_how_it_ended_and_why(pole: Pole, office: Office) -> None:
    pole.recorder_bus.send(ReleaseEnded(ORDER, 7, "stopped", "a new order is needed"), to="uplink")
    payload = p.decode(office.wait_for(is_at("end"), meanwhile=pole.turn).payload)
    assert isinstance(payload, p.ReleaseEnd)
    assert (payload.order, payload.outcome, payload.pieces) == (ORDER, "stopped", 7)
    until_taken(pole, ReleaseTaken(ORDER, 7))


def test_a_piece_whose_time_is_over_is_not_published(pole: Pole, office: Office) -> None:
    pole.recorder_bus.send(chunk(0, expires_s=0), to="uplink")
    until_taken(pole, ReleaseTaken(ORDER, 0, refused="its time is over"))
    pole.recorder_bus.send(chunk(1), to="uplink")
    first = office.wait_for(lambda seen: seen.topic.startswith(ROOT), meanwhile=pole.turn)
    assert first.topic.endswith("/1")


def test_a_piece_waits_in_memory_alone_while_the_broker_is_away(
    pole: Pole, office: Office, site: SiteBroker, tmp_path: Path
) -> None:
    pole.turns(20)
    site.broker.stop()
    pole.turns(5)
    pole.recorder_bus.send(chunk(0), to="uplink")
    pole.recorder_bus.send(chunk(0), to="uplink")  # as it is repeated until it is answered
    pole.turns(20)
    assert not pole.released
    outbox = Path(pole.config.paths.outbox).parent
    assert not [path for path in outbox.rglob("*") if path.is_file() and SECRET[:40] in path.read_bytes()]
    site.broker.start()
    office.wait_for(is_at("0"), meanwhile=pole.turn)
    until_taken(pole, ReleaseTaken(ORDER, 0))


def test_what_the_broker_refuses_is_told_to_the_recorder(
    erect: Callable[[NodeConfig], Pole], config: NodeConfig, site: SiteBroker
) -> None:
    site.broker.stop()
    site.set_rules(
        "pattern write stolpe/v1/exempelstad/%u/status\npattern read stolpe/v1/exempelstad/%u/document\n"
    )
    site.broker.start()
    pole = erect(config)
    pole.recorder_bus.send(chunk(0), to="uplink")
    for _ in range(400):
        if pole.released:
            break
        pole.turn()
    assert "ot authorized" in pole.released[0].refused
