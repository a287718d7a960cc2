"""Footage on its way to a recorder that is away, restarted, full, or has lost something."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.camera.delivery import GIVEN_UP, Delivery
from node.camera.fragments import Fragment
from node.clock import NS, Instant, SimulatedClock
from node.formats import segment as fmt
from node.formats.segment import Gap, RecordType
from tests.fakes.disk_talk import Way, fragments
from tests.fakes.kept import OpenedSegment
from tests.fakes.office import Office, Papers
from tests.fakes.rig import EVENING, HERE
from tests.masks.shapes import AS_FOUND

CORNER = ((0.0, 0.0), (0.2, 0.0), (0.0, 0.2))


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    return Office(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def papers(office: Office) -> Papers:
    return office.papers(start_ns=EVENING, geometry=HERE, polygons=[CORNER])


@pytest.fixture
def way(papers: Papers) -> Way:
    return Way(papers)


def test_nothing_is_sent_before_a_recorder_has_shown_itself(way: Way) -> None:
    way.film(3, alive=False)
    assert way.disk.messages == []
    assert way.delivery.waiting == 3


def test_what_was_filmed_arrives_once_and_in_order(way: Way, office: Office) -> None:
    way.film(130)
    way.delivery.finish(way.clock.now().utc_ns)
    way.settle(2)
    segments = way.kept(office)
    assert fragments(segments) == list(range(130))
    assert [segment.closed for segment in segments] == [True, True, True]
    assert (way.delivery.waiting, way.delivery.dropped) == (0, 0)


def test_when_the_first_fragment_was_stored_is_remembered(way: Way) -> None:
    way.film(3)
    assert (
        way.delivery.first_stored_ns == 2 * NS
    )  # sent when the recorder had shown itself, stored a second later


def test_a_recorder_that_is_away_for_eight_seconds_gets_everything_afterwards(
    way: Way, office: Office
) -> None:
    way.film(5)
    way.disk.away = True
    way.film(8)
    way.disk.away = False
    way.film(5)
    way.settle()
    assert fragments(way.kept(office)) == list(range(18))
    assert way.delivery.dropped == 0


def test_a_new_recorder_gets_a_new_segment_with_what_the_old_one_had_not_stored(
    way: Way, office: Office
) -> None:
    way.film(5)
    (stored,) = way.disk.counts.values()
    way.disk.away = True
    way.film(3)
    way.disk.away = False
    way.disk.restart()
    way.film(2)
    way.settle()
    first, second = way.kept(office)
    assert len(first.records) == stored
    assert fragments([first, second]) == list(range(10))
    assert not first.closed


def test_a_record_stored_whose_answer_was_lost_with_the_old_recorder_is_not_sent_again(
    way: Way, office: Office
) -> None:
    way.film(5)
    way.film(3, alive=False)  # stored, and nobody says so
    way.disk.restart()
    way.film(2)
    way.settle()
    assert fragments(way.kept(office)) == list(range(10))


def test_a_full_disk_is_tried_again_and_what_had_to_be_given_up_is_a_gap_that_says_so(
    way: Way, office: Office
) -> None:
    way.film(5)
    way.disk.full = True
    way.film(30)
    assert way.delivery.waiting <= 11
    way.disk.full = False
    way.film(5)
    way.settle()
    segments = way.kept(office)
    found = fragments(segments)
    assert found == sorted(set(found))
    assert set(range(5)) | set(range(26, 40)) <= set(found)
    lost = set(range(40)) - set(found)
    assert len(lost) == way.delivery.dropped > 0
    (gap,) = [r for s in segments for r in s.records if r.type is RecordType.GAP]
    told = msgspec.json.decode(gap.payload, type=Gap)
    assert told.reason == GIVEN_UP
    assert (gap.utc_ns, told.until_ns) == (EVENING + min(lost) * NS, EVENING + (max(lost) + 1) * NS)


def test_records_that_were_handed_over_and_got_lost_are_sent_again_while_the_recorder_lives(
    way: Way, office: Office
) -> None:
    way.film(5)
    way.disk.deaf = True
    way.film(2)
    way.disk.deaf = False
    way.settle(3)
    way.film(3)
    way.settle(3)
    assert fragments(way.kept(office)) == list(range(10))


def test_a_recorder_that_is_a_minute_behind_gets_nothing_twice(way: Way, office: Office) -> None:
    way.film(5)
    way.disk.slow = True
    way.film(60)
    way.disk.catch_up()
    way.film(2)
    way.settle()
    assert fragments(way.kept(office)) == list(range(67))
    assert way.delivery.dropped == 0


def test_no_segment_mixes_two_documents_even_if_it_is_sent_again(
    way: Way, office: Office, papers: Papers
) -> None:
    other = office.papers(start_ns=EVENING, geometry=HERE, polygons=[((0.5, 0.5), (0.9, 0.5), (0.9, 0.9))])
    way.film(3)
    way.disk.away = True
    way.film(2)
    way.delivery.finish(way.clock.now().utc_ns)
    way.under(other)
    way.film(2)
    way.disk.away = False
    way.disk.restart()
    way.film(2)
    way.settle()
    segments = way.kept(office)
    assert papers.masks is not None
    assert other.masks is not None
    by_masks = {
        digest.hex(): fragments([s for s in segments if s.header.masks == fmt.digest_text(digest)])
        for digest in (papers.masks.digest, other.masks.digest)
    }
    assert list(by_masks.values()) == [[0, 1, 2, 3, 4], [5, 6, 7, 8]]


def test_a_gap_that_the_camera_saw_is_kept_too(way: Way, office: Office) -> None:
    way.film(2)
    way.delivery.gap(EVENING + 2 * NS, EVENING + 6 * NS, "no frames came")
    way.film(2)
    way.settle()
    (segment,) = way.kept(office)
    assert segment.kinds == ["INIT", "FRAGMENT", "FRAGMENT", "GAP", "FRAGMENT", "FRAGMENT"]


class SetClock(SimulatedClock):
    """A clock that somebody sets."""

    off_ns = 0

    def now(self) -> Instant:
        now = super().now()
        return Instant(now.utc_ns + self.off_ns, now.trust)


@pytest.fixture
def set_clock(way: Way) -> SetClock:
    """The way's own."""
    way.clock = SetClock(start_utc_ns=EVENING)
    way.delivery = Delivery(clock=way.clock, send=way.disk.take)
    return way.clock


def test_a_clock_that_is_set_back_keeps_no_more_than_ten_seconds(
    way: Way, set_clock: SetClock, papers: Papers
) -> None:
    way.under(papers)
    way.disk.away = True
    way.film(5)
    set_clock.off_ns = -600 * NS
    way.film(30)
    assert way.delivery.waiting <= 12


def test_a_clock_that_is_set_ahead_gives_nothing_up(
    way: Way, set_clock: SetClock, papers: Papers, office: Office
) -> None:
    way.under(papers)
    way.film(3)
    way.disk.away = True
    way.film(7)
    set_clock.off_ns = 60 * NS
    way.film(1)
    way.disk.away = False
    way.film(1)
    way.settle()
    assert fragments(way.kept(office)) == list(range(12))


def test_a_clock_that_is_set_begins_a_new_segment(
    way: Way, set_clock: SetClock, papers: Papers, office: Office
) -> None:
    way.under(papers)
    way.film(5)
    set_clock.off_ns = -600 * NS
    way.film(65)
    way.settle(1)
    lengths = [len([r for r in s.records if r.type is RecordType.FRAGMENT]) for s in way.kept(office)]
    assert lengths == [5, 60, 5]


def gaps(segments: list[OpenedSegment]) -> list[tuple[int, int]]:
    """From when until when, in seconds since the evening began."""
    found = []
    for s in segments:
        for record in s.records:
            if record.type is RecordType.GAP:
                until_ns = msgspec.json.decode(record.payload, type=Gap).until_ns
                found.append(((record.utc_ns - EVENING) // NS, (until_ns - EVENING) // NS))
    return found


def test_what_was_given_up_before_the_hours_ended_is_a_gap_in_the_next_segment(
    way: Way, office: Office
) -> None:
    way.film(3)
    way.delivery.finish(way.clock.now().utc_ns)
    way.settle(2)
    way.disk.away = True
    way.film(5)
    way.delivery.finish(way.clock.now().utc_ns)
    way.clock.wait_until(way.clock.boottime_ns() + 3600 * NS)
    way.film(3)
    way.disk.restart()
    way.disk.away = False
    way.film(3)
    way.settle()
    assert fragments(way.kept(office)) == [0, 1, 2, *range(8, 14)]
    assert gaps(way.kept(office)) == [(5, 10)]


def test_what_was_given_up_under_other_documents_is_a_gap_all_the_same(way: Way, office: Office) -> None:
    way.film(3)
    way.settle(2)
    way.disk.away = True
    way.film(5)
    way.clock.wait_until(way.clock.boottime_ns() + 3600 * NS)
    way.under(office.papers(start_ns=EVENING, geometry=HERE, polygons=[CORNER]))
    way.film(3)
    way.disk.restart()
    way.disk.away = False
    way.film(3)
    way.settle()
    assert fragments(way.kept(office)) == [0, 1, 2, *range(8, 14)]
    assert gaps(way.kept(office))[0][0] == 5


def test_footage_without_documents_is_a_defect(papers: Papers) -> None:
    delivery = Delivery(clock=SimulatedClock(start_utc_ns=EVENING), send=lambda _: True)
    with pytest.raises(ValueError, match="documents"):
        delivery.add(Fragment(b"i", b"f", 0, 1, 0), Instant(EVENING, "simulated"))


HAPPENS: dict[str, Callable[[Way], None]] = {
    "film": lambda way: way.film(1),
    "unheard": lambda way: way.film(1, alive=False),
    "away": lambda way: setattr(way.disk, "away", True),
    "back": lambda way: setattr(way.disk, "away", False),
    "full": lambda way: setattr(way.disk, "full", True),
    "room": lambda way: setattr(way.disk, "full", False),
    "deaf": lambda way: setattr(way.disk, "deaf", True),
    "hears": lambda way: setattr(way.disk, "deaf", False),
    "slow": lambda way: setattr(way.disk, "slow", True),
    "catches up": lambda way: way.disk.catch_up(),
    "restart": lambda way: way.disk.restart(),
    "close": lambda way: way.delivery.finish(way.clock.now().utc_ns),
}


@settings(AS_FOUND, max_examples=100)
@given(what=st.lists(st.sampled_from(sorted(HAPPENS)), max_size=40))
def test_whatever_happens_every_fragment_arrives_once_or_lies_in_a_gap(
    papers: Papers, office: Office, what: list[str]
) -> None:
    way = Way(papers)
    for name in what:
        HAPPENS[name](way)
    way.disk.away = way.disk.full = way.disk.deaf = False
    way.disk.catch_up()
    way.settle()
    way.film(2)
    way.settle()
    segments = way.kept(office)
    found = sorted(fragments(segments))
    assert found == sorted(set(found))
    starts = {
        int(r.payload.split()[1]): r.utc_ns
        for s in segments
        for r in s.records
        if r.type is RecordType.FRAGMENT
    }
    assert way.filmed - len(found) == way.delivery.dropped
    assert len(starts) == len(found)
    assert way.delivery.waiting == 0
    for segment in segments:
        assert segment.records[0].type is RecordType.INIT
