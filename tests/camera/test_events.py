"""Events on their way to the uplink: named once, dated, weighed by the mandate, told until they are taken."""

from pathlib import Path

import pytest

from node.analysis.events import Event
from node.camera.events import MOST_EVENTS, EventReports
from node.clock import NS, SimulatedClock
from node.formats.segment import digest_text
from node.mandate.documents import AlarmRule
from node.messages import EventHappened
from tests.fakes.office import Office, Papers, altered
from tests.fakes.rig import EVENING, HERE

CORNER = ((0.0, 0.0), (0.2, 0.0), (0.0, 0.2))


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    office = Office(Path(tmp_path_factory.mktemp("keys")))
    papers = office.papers(start_ns=EVENING, geometry=HERE, polygons=[CORNER])
    return Papers(altered(papers.mandate, alarms=(AlarmRule("motion", "medium"),)), papers.masks)


class Told:
    """Reports, and what an uplink hears of them while it is there."""

    def __init__(self, papers: Papers) -> None:
        self.clock = SimulatedClock(start_utc_ns=EVENING)
        self.heard: list[EventHappened] = []
        self.away = False
        self.reports = EventReports(clock=self.clock, send=self._hear)
        self.reports.begin(mandate=papers.mandate, masks=papers.masks)

    def _hear(self, event: EventHappened) -> bool:
        if not self.away:
            self.heard.append(event)
        return not self.away

    def after(self, seconds: float) -> None:
        self.clock.wait_until(self.clock.boottime_ns() + int(seconds * NS))
        self.reports.pump()


@pytest.fixture
def told(papers: Papers) -> Told:
    return Told(papers)


def test_a_start_and_its_end_are_one_event(told: Told, papers: Papers) -> None:
    told.after(10)
    told.reports.detected(Event("motion", 8.0, None, 0.6))
    told.after(5)
    told.reports.detected(Event("motion", 8.0, 14.0, 0.9))
    start, end = (next(e for e in told.heard if e.stage == stage) for stage in ("start", "end"))
    assert start.id == end.id
    assert (start.start_ns, start.end_ns) == (EVENING + 8 * NS, None)
    assert (end.start_ns, end.end_ns, end.score) == (EVENING + 8 * NS, EVENING + 14 * NS, 0.9)
    assert (end.alarm, end.mandate) == ("medium", digest_text(papers.mandate.digest))


def test_the_next_one_is_another(told: Told) -> None:
    for start in (1.0, 3.0):
        told.reports.detected(Event("motion", start, None, 0.6))
        told.reports.detected(Event("motion", start, start + 1, 0.6))
    assert len({event.id for event in told.heard}) == 2


def test_a_kind_that_the_mandate_does_not_list_is_no_alarm(told: Told) -> None:
    told.reports.detected(Event("running", 1.0, None, 0.6))
    assert told.heard[-1].alarm is None


def test_an_uplink_that_is_away_hears_it_when_it_is_back_and_until_it_has_it(told: Told) -> None:
    told.away = True
    told.reports.detected(Event("motion", 1.0, None, 0.6))
    for _ in range(10):
        told.after(1)
    assert (told.heard, told.reports.waiting) == ([], 1)
    told.away = False
    told.after(1)
    told.after(1)
    assert len(told.heard) == 2
    told.reports.taken(told.heard[0].id, "start")
    told.after(5)
    assert (len(told.heard), told.reports.waiting) == (2, 0)


def test_a_fault_of_the_camera_is_an_alarm_whatever_the_mandate_lists(told: Told) -> None:
    told.reports.fault("mask_fault", "masks could not be painted")
    (event,) = told.heard
    assert (event.kind, event.alarm, event.stage) == ("mask_fault", "high", "end")


def test_of_too_many_the_least_severe_are_given_up_and_counted(told: Told) -> None:
    told.away = True
    told.reports.fault("mask_fault", "first")
    for number in range(MOST_EVENTS + 5):
        told.reports.detected(Event("running", float(number), float(number) + 0.5, 0.1))
    assert (told.reports.waiting, told.reports.dropped) == (MOST_EVENTS, 6)
    told.away = False
    told.after(1)
    assert "mask_fault" in {event.kind for event in told.heard}
