"""Recording on alarm: the clip is what lies around the alarm, to a GOP, and nothing else is ever handed on."""

from collections.abc import Callable, Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.analysis.events import Event
from node.camera.fragments import Fragment
from node.camera.on_alarm import NO_ROOM, UNSURE, OnAlarm
from node.clock import NS, Instant, SimulatedClock
from node.formats.segment import Gap, RecordType
from node.mandate.documents import AlarmRule, Mandate
from node.mandate.hours import DAYS, Window
from tests.fakes.kept import OpenedSegment
from tests.fakes.office import Office, Papers, altered
from tests.fakes.rig import EVENING, HERE, Alarms, Rig, every_half_second
from tests.fakes.scripted import Pictures, plain
from tests.masks.shapes import AS_FOUND

CORNER = ((0.0, 0.0), (0.2, 0.0), (0.0, 0.2))
Alarm = tuple[float, float, float]
"""From when to when (seconds since boot), and when the end was known."""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    return Office(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def papers(office: Office) -> Papers:
    return office.papers(start_ns=EVENING, geometry=HERE, polygons=[CORNER])


def on_alarm(papers: Papers, *, pre: int = 3, post: int = 2, **changes: object) -> Papers:
    """The same mandate, recording on alarm."""
    clause = msgspec.structs.replace(
        papers.mandate.document.recording, mode="on_alarm", preroll_seconds=pre, postroll_seconds=post
    )
    alarms = (AlarmRule("motion", "high"),)
    return Papers(altered(papers.mandate, recording=clause, alarms=alarms, **changes), papers.masks)


def told(*alarms: Alarm, kind: str = "motion") -> dict[int, list[Event]]:
    """What a detector says of each, at the frames where it says so."""
    found: dict[int, list[Event]] = {}
    for start, end, known in alarms:
        found.setdefault(round(start * NS), []).append(Event(kind, start, None, 1.0))
        found.setdefault(round(known * NS), []).append(Event(kind, start, end, 1.0))
    return found


def filmed(
    papers: Papers,
    *alarms: Alarm,
    seconds: float = 40,
    times_ns: Sequence[int] | None = None,
    film: Callable[[int], Pictures] | None = None,
    kind: str = "motion",
) -> Rig:
    times = every_half_second(seconds) if times_ns is None else times_ns
    rig = Rig(papers, times_ns=times, watcher=Alarms(told(*alarms, kind=kind)), film=film)
    rig.run()
    return rig


def clips(rig: Rig, office: Office) -> list[list[float]]:
    """For each segment, when its fragments begin: seconds since boot."""
    found = rig.messages.opened(office.keys)
    assert all(segment.closed for segment in found)
    return [[(r.utc_ns - EVENING) / NS for r in segment.of_type(RecordType.FRAGMENT)] for segment in found]


def reasons(segment: OpenedSegment) -> list[tuple[float, float, str]]:
    gaps = [(r.utc_ns, msgspec.json.decode(r.payload, type=Gap)) for r in segment.of_type(RecordType.GAP)]
    return [((at - EVENING) / NS, (gap.until_ns - EVENING) / NS, gap.reason) for at, gap in gaps]


def test_without_an_alarm_nothing_at_all_is_handed_on(papers: Papers) -> None:
    rig = filmed(on_alarm(papers))
    assert (rig.messages.messages, rig.pipeline.counts.fragments) == ([], 40)


def test_a_clip_is_pre_roll_alarm_and_post_roll_and_says_when_it_was_filmed(
    papers: Papers, office: Office
) -> None:
    rig = filmed(on_alarm(papers), (10.5, 15, 16))
    assert clips(rig, office) == [[7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]]
    (segment,) = rig.messages.opened(office.keys)
    assert segment.header.start_ns == EVENING + 7 * NS
    assert segment.records[-1].utc_ns == EVENING + 18 * NS  # it ended where the next second began


def test_an_alarm_that_ends_while_no_frame_comes_loses_nothing_of_what_came(
    papers: Papers, office: Office
) -> None:
    times = [*every_half_second(12), *every_half_second(10, start=30)]
    rig = filmed(on_alarm(papers), (10, 11, 30), times_ns=times)
    assert clips(rig, office) == [[7, 8, 9, 10, 11]]


def test_an_alarm_that_comes_in_the_post_roll_of_another_goes_on_in_its_segment(
    papers: Papers, office: Office
) -> None:
    rig = filmed(on_alarm(papers), (10, 12, 12), (14, 15, 15))
    assert clips(rig, office) == [[float(second) for second in range(7, 18)]]


def test_two_alarms_at_once_are_recorded_until_the_later_end(papers: Papers, office: Office) -> None:
    both = on_alarm(papers)
    both = Papers(
        altered(both.mandate, alarms=(AlarmRule("motion", "high"), AlarmRule("fire", "high"))), None
    )
    both = Papers(both.mandate, papers.masks)
    events = told((10, 20, 20))
    for at, more in told((12, 15, 15), kind="fire").items():
        events.setdefault(at, []).extend(more)
    rig = Rig(both, times_ns=every_half_second(40), watcher=Alarms(events))
    rig.run()
    assert clips(rig, office) == [[float(second) for second in range(7, 23)]]


def test_a_later_alarm_whose_pre_roll_reaches_back_gives_nothing_twice(
    papers: Papers, office: Office
) -> None:
    rig = filmed(on_alarm(papers, pre=5), (10, 11, 11), (17, 18, 18))
    first, second = clips(rig, office)
    assert first + second == [float(n) for n in range(5, 21)]
    assert first[-1] == 13


def test_what_the_mandate_does_not_name_opens_nothing(papers: Papers) -> None:
    assert filmed(on_alarm(papers), (10, 15, 15), kind="fire").messages.messages == []


def test_what_goes_on_when_the_sensor_closes_ends_there_and_the_next_night_knows_nothing_of_it(
    papers: Papers, office: Office
) -> None:
    one_minute = on_alarm(papers, pre=20, hours=(Window(DAYS, "20:00", "20:01"),))
    day_s = 86_400
    nights = every_half_second(70) + [day_s * NS + time for time in every_half_second(20)]
    rig = filmed(one_minute, (55, 59, 80), (day_s + 5, day_s + 6, day_s + 6), times_ns=nights)
    first, second = clips(rig, office)
    assert first == [float(second) for second in range(35, 60)]
    assert second == [float(day_s + n) for n in range(9)]  # its pre-roll begins with its own night


@pytest.mark.parametrize("faults", [{16}, {17}])
def test_a_fault_of_the_masks_throws_the_pre_roll_away_and_says_so(
    faults: set[int], papers: Papers, office: Office
) -> None:
    good, wrong = plain(HERE), plain(msgspec.structs.replace(HERE, main=(32, 24), lores=(16, 12)))
    rig = filmed(
        on_alarm(papers, pre=5), (10, 11, 11), film=lambda n: wrong(n) if n in faults else good(n), seconds=20
    )
    assert clips(rig, office) == [[9, 10, 11, 12, 13]]
    (segment,) = rig.messages.opened(office.keys)
    assert reasons(segment) == [(5, 8.5, UNSURE)]


def test_a_fault_while_an_alarm_is_recorded_is_a_black_picture_as_ever(
    papers: Papers, office: Office
) -> None:
    good, wrong = plain(HERE), plain(msgspec.structs.replace(HERE, main=(32, 24), lores=(16, 12)))
    rig = filmed(
        on_alarm(papers, pre=5), (10, 13, 13), film=lambda n: wrong(n) if n == 23 else good(n), seconds=20
    )
    assert clips(rig, office) == [[float(second) for second in range(5, 16)]]


def test_a_stall_within_a_clip_is_noted_and_one_outside_is_told_to_nobody(
    papers: Papers, office: Office
) -> None:
    times = [*every_half_second(3), *every_half_second(9, start=6), *every_half_second(20, start=18)]
    rig = filmed(on_alarm(papers, pre=4), (20, 21, 21), times_ns=times)
    (segment,) = rig.messages.opened(office.keys)
    assert reasons(segment) == [(14.5, 18, "no frames came")]
    assert clips(rig, office) == [[18, 19, 20, 21, 22, 23]]


# Every clip, against a camera that records all the time.


@st.composite
def nights(draw: st.DrawFn) -> tuple[list[int], list[Alarm]]:
    """Frames at any times, stalls among them, and alarms that begin, end and are known to have ended at frames."""
    waits = draw(st.lists(st.sampled_from([200, 400, 500, 500, 700, 1100, 2600]), min_size=20, max_size=90))
    times = [sum(waits[:n]) * 1_000_000 for n in range(len(waits))]
    alarms: list[Alarm] = []
    at = 0
    while (start := at + draw(st.integers(0, 30))) < len(times):
        end = min(start + draw(st.integers(0, 12)), len(times) - 1)
        known = min(end + draw(st.integers(0, 3)), len(times) - 1)
        alarms.append((times[start] / NS, times[end] / NS, times[known] / NS))
        at = known + 1
    return times, alarms


class Home:
    """Everything that is signed; too long to be printed with an example."""

    def __init__(self, papers: Papers, office: Office) -> None:
        self.papers = papers
        self.office = office


@pytest.fixture(scope="module")
def at_home(papers: Papers, office: Office) -> Home:
    return Home(papers, office)


def gops(rig: Rig, office: Office) -> dict[int, bytes]:
    """Every fragment by its start (ns since boot)."""
    found = rig.messages.opened(office.keys)
    return {r.utc_ns - EVENING: r.payload for one in found for r in one.of_type(RecordType.FRAGMENT)}


@settings(AS_FOUND, max_examples=60)
@given(night=nights(), pre=st.integers(0, 9), post=st.integers(0, 9))
def test_no_frame_outside_is_ever_handed_on_and_none_inside_is_missing(
    night: tuple[list[int], list[Alarm]], pre: int, post: int, at_home: "Home"
) -> None:
    times, alarms = night
    papers, office = at_home.papers, at_home.office
    everything = Rig(papers, times_ns=times)
    everything.run()
    all_gops = gops(everything, office)
    kept = gops(filmed(on_alarm(papers, pre=pre, post=post), *alarms, times_ns=times), office)
    assert all(all_gops[start] == data for start, data in kept.items())  # true in time, and whole
    within, until_known = set[int](), set[int]()
    starts = sorted(all_gops)
    for start, after in zip(starts, [*starts[1:], times[-1] + 1], strict=True):
        shown = [time for time in times if start <= time < after]
        for begun, end, known in ((round(second * NS) for second in alarm) for alarm in alarms):
            if any(begun - pre * NS <= time <= end + post * NS for time in shown):
                within.add(start)
            if any(begun - pre * NS <= time <= max(end + post * NS, known) for time in shown):
                until_known.add(start)
    assert within <= kept.keys() <= until_known


# Memory.


class Taken:
    """A `FootageSink` that notes what it is given."""

    def __init__(self) -> None:
        self.given: list[object] = []

    def add(self, fragment: Fragment, start: Instant) -> None:
        self.given.append(fragment.sensor_ns // NS)

    def gap(self, start_ns: int, until_ns: int, reason: str) -> None:
        self.given.append((start_ns // NS, until_ns // NS, reason))

    def finish(self, now_ns: int) -> None:
        self.given.append("end")


def holding(mandate: Mandate, *, most_bytes: int) -> tuple[OnAlarm, Taken, Callable[[int], None]]:
    clock, taken = SimulatedClock(start_utc_ns=0), Taken()
    gate = OnAlarm(mandate=mandate, footage=taken, clock=clock, most_bytes=most_bytes)

    def film(second: int) -> None:
        at = second * NS
        clock.wait_until(at + NS)
        gate.add(Fragment(b"init", bytes(1000), at, 15, at + NS - 1), Instant(at, "simulated"))

    return gate, taken, film


def test_it_never_holds_more_than_the_pre_roll_and_one_gop(papers: Papers) -> None:
    gate, taken, film = holding(on_alarm(papers, pre=10).mandate.document, most_bytes=1 << 20)
    for second in range(600):
        film(second)
        assert gate.waiting_bytes <= 11_000
    assert taken.given == []


def test_a_pre_roll_that_does_not_fit_into_memory_is_a_gap_of_the_clip(papers: Papers) -> None:
    gate, taken, film = holding(on_alarm(papers, pre=10).mandate.document, most_bytes=4500)
    for second in range(20):
        film(second)
        assert gate.waiting_bytes <= 4500
    gate.event(Event("motion", 20.0, None, 1.0))
    assert taken.given == [(10, 15, NO_ROOM), 16, 17, 18, 19]
    assert gate.waiting_bytes == 0
