"""The whole node under a mandate that records on alarm: three daemons, a broker, and a release that opens the clip."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes.alarm_mandate import on_alarm
from fakes.live_node import LiveNode, live_node, office_of
from fakes.released import TWO, Released, fetched, segments, signed_order

from node.clock import NS, parse_rfc3339
from node.formats import payloads
from node.formats import segment as fmt
from node.formats.payloads import Event, RecordingState
from node.mandate.store import DocumentStore
from node.sealing.keys import read_private_keys
from provisioning.demo.node_files import NodeFiles

pytestmark = pytest.mark.timeout(240)
PRE, POST = 1, 1


@dataclass
class Night:
    """What was released of one alarm, and what the office had heard meanwhile."""

    released: Released
    states: list[RecordingState]
    alarm: Event
    start_ns: int
    """Of the segment that was released."""


def records_on_alarm(files: NodeFiles) -> None:
    store = DocumentStore(Path(files.config.paths.documents))
    signing = read_private_keys(files.key("controller-1")).signing
    store.commit("mandate", on_alarm(store.path("mandate").read_bytes(), signing, pre=PRE, post=POST))


def whole(live: LiveNode) -> list[Path]:
    """Segments whose end is signed."""
    return [path for path in segments(live) if path.read_bytes()[-73:][:8] == b"STLPTRL1"]


def ended(told: payloads.Payload) -> bool:
    """Whether that is an alarm with its end."""
    return isinstance(told, Event) and bool(told.alarm) and told.end is not None


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """The street is made up, and its first walker comes after two seconds."""
    with live_node(tmp_path_factory.mktemp("alarm"), before_start=records_on_alarm) as live:
        ear = office_of(live.files)
        ear.start()
        live.until(lambda: len(whole(live)) > 0, seconds=60)
        first = whole(live)[0]
        start_ns = fmt.read_start(first.read_bytes())[0].start_ns
        heard: list[payloads.Payload] = []

        def alarm_ended() -> bool:
            heard.extend(payloads.decode(m.payload) for m in ear.heard() if b'"stolpe/' in m.payload)
            return any(map(ended, heard))

        live.until(alarm_ended, seconds=20)
        alarm = next(event for event in heard if isinstance(event, Event) and ended(event))
        until_ns = parse_rfc3339(alarm.end or "") + (POST + 1) * NS
        folder = live.files.directory
        order = signed_order(folder, "order", from_ns=start_ns - NS, until_ns=until_ns)
        bundle = folder / "k123.bundle"
        done = Released(folder, bundle, order, fetched(live, order, bundle))
        ear.close()
        yield Night(done, [s for s in heard if isinstance(s, RecordingState)], alarm, start_ns)


def test_what_is_released_is_the_alarm_with_its_pre_roll_and_post_roll(night: Night, tmp_path: Path) -> None:
    assert night.released.fetched.code == 0, (night.released.fetched.out, night.released.fetched.err)
    opened = night.released.open(tmp_path / "clip.mp4", *TWO)
    assert opened.code == 0, opened.err
    report = json.loads((tmp_path / "clip.report.json").read_bytes())
    (segment,) = report["segments"]
    assert (segment["signature"], segment["ending"]) == ("good", "closed")
    begun, end = parse_rfc3339(night.alarm.start), parse_rfc3339(night.alarm.end or "")
    first, last = parse_rfc3339(report["first"]), parse_rfc3339(report["last"])
    assert begun - (PRE + 1.2) * NS <= first <= begun
    assert end + (POST - 1.2) * NS <= last <= end + (POST + 2) * NS
    assert abs(first - night.start_ns) < NS


def test_the_office_hears_that_it_waits_and_that_it_records(night: Night) -> None:
    told = [(state.recording, state.reason, state.mode) for state in night.states]
    assert {(False, "waiting_for_alarm", "on_alarm"), (True, None, "on_alarm")} <= set(told)
    assert told.index((False, "waiting_for_alarm", "on_alarm")) < told.index((True, None, "on_alarm"))
