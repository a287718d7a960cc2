"""The demo's office counts what came over a real broker, once, and knows what has not come."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.heard_site import HeardSite
from fakes.site_broker import NODE

from node.formats import payloads
from node.formats.payloads import (
    CameraNumbers,
    Event,
    Health,
    MachineNumbers,
    RecorderNumbers,
    Stamp,
    Status,
    UplinkNumbers,
    common,
)
from node.mandate.ids import new_ulid
from node.messages import Stage
from provisioning.demo.subscriber import Subscriber

SERIES = new_ulid(1)
FIRST, SECOND = new_ulid(2), new_ulid(3)


def stamp(seq: int, ident: str = FIRST) -> dict[str, Any]:
    return common(
        Stamp(
            id=ident,
            node=NODE,
            boot="b",
            seq=seq,
            time="2026-11-03T21:40:00.000Z",
            time_trusted=True,
            mandate=None,
            masks=None,
        )
    )


def event(seq: int, stage: Stage, ident: str = FIRST) -> bytes:
    ended = "2026-11-03T21:40:02.500Z" if stage == "end" else None
    return payloads.encode(
        Event(
            **stamp(seq, ident),
            series=SERIES,
            dropped=0,
            stage=stage,
            kind="motion",
            start="2026-11-03T21:40:00.000Z",
            end=ended,
            score=0.5,
            zone=None,
            alarm=None,
            detail="",
        )
    )


def health(*, seq: int, frames: int) -> bytes:
    zeros = {
        kind: dict.fromkeys(kind.__struct_fields__, 0)
        for kind in (CameraNumbers, RecorderNumbers, UplinkNumbers)
    }
    return payloads.encode(
        Health(
            **stamp(seq),
            level="good",
            reasons=(),
            camera=CameraNumbers(**zeros[CameraNumbers] | {"frames": frames}),
            recorder=RecorderNumbers(**zeros[RecorderNumbers]),
            uplink=UplinkNumbers(**zeros[UplinkNumbers]),
            machine=MachineNumbers(0.0, 0, 0, 0, 0, None, None),
        )
    )


class Listening:
    """A subscriber at a running site."""

    def __init__(self, folder: Path) -> None:
        self.site = HeardSite(folder)
        self.session = self.site.session()
        self.session.start()
        self.events_file = folder / "events.jsonl"
        self.said: list[str] = []
        self.subscriber = Subscriber(self.session, events_file=self.events_file, say=self.said.append)

    def until(self, heard: Callable[[], bool]) -> None:
        """Take what comes until that is so; each look waits for the next message."""
        while not heard():
            self.subscriber.take(timeout_s=10)

    def close(self) -> None:
        self.session.close()
        self.site.broker.stop()


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Listening]:
    made = Listening(tmp_path)
    yield made
    made.close()


def test_an_event_counts_once_however_often_it_comes(listening: Listening) -> None:
    listening.site.publish("event/motion", event(1, "start"), event(2, "end"), event(2, "end"))
    listening.site.publish("alarm/motion", event(2, "end"))
    listening.site.publish("event/motion", event(3, "end", SECOND))
    heard = listening.subscriber
    listening.until(lambda: SECOND in heard.ended)
    assert (heard.seen, heard.ended, heard.missing) == ({FIRST, SECOND}, {FIRST, SECOND}, 0)
    assert len(listening.events_file.read_text().splitlines()) == 2
    assert [line for line in listening.said if "ended" in line] == [
        "event motion ended after 2.5 s, score 0.50"
    ] * 2


def test_a_number_that_never_came_is_missing(listening: Listening) -> None:
    listening.site.publish("event/motion", event(1, "start"), event(3, "start", SECOND))
    listening.until(lambda: SECOND in listening.subscriber.seen)
    assert listening.subscriber.missing == 1
    listening.site.publish("health", health(seq=4, frames=0))
    listening.until(lambda: listening.subscriber.healths == 1)
    assert listening.subscriber.missing == 2


def test_frames_are_counted_over_every_start_of_the_camera(listening: Listening) -> None:
    listening.site.publish("health", *(health(seq=0, frames=frames) for frames in (10, 40, 5, 25)))
    listening.until(lambda: listening.subscriber.healths == 4)
    assert listening.subscriber.frames == 65


def test_state_is_said_when_it_changes_and_not_each_time(listening: Listening) -> None:
    dark = Status(**stamp(0), state="dark", reason="no_mandate", session=1, series=SERIES)
    online = Status(**stamp(0), state="online", reason=None, session=1, series=SERIES)
    listening.site.publish("status", *map(payloads.encode, (dark, dark, online)))
    listening.until(lambda: f"node {NODE} is online" in listening.said)
    assert listening.said == [f"node {NODE} is dark (no_mandate)", f"node {NODE} is online"]


def test_what_cannot_be_read_is_counted_and_harms_nothing(listening: Listening) -> None:
    listening.site.publish("event/motion", b"\xff not json", event(1, "end"))
    listening.until(lambda: bool(listening.subscriber.ended))
    assert listening.subscriber.unreadable == 1
