"""Whether the sensor may be open, and why not: every reason, their order, and the instants at which they change."""

from datetime import datetime
from typing import Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.camera.gate import DarkReason, Gate
from node.clock import NS, Instant, TimeTrust, parse_rfc3339, utc_ns
from node.mandate.hours import DAYS, Window
from node.masks.geometry import full_view
from tests.fakes.office import Office, Papers, altered

HERE = full_view(sensor="s", main=(64, 48), lores=(32, 24))
ELSEWHERE = msgspec.structs.replace(HERE, crop=(0, 0, 64, 46))
NIGHTS = (Window(DAYS, "20:00", "06:00"),)  # Stockholm: UTC+1 in November
VALID_FROM, VALID_UNTIL = "2026-11-02T21:30:00+01:00", "2026-11-20T23:15:00+01:00"

INSIDE = "2026-11-05T22:00:00+01:00"
NOON = "2026-11-05T12:00:00+01:00"
TOO_EARLY = "2026-11-02T21:00:00+01:00"
AFTER = "2026-11-21T00:00:00+01:00"
NOON_AFTER = "2026-11-21T12:00:00+01:00"


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    """Masks for `HERE` under a mandate for the nights of less than three weeks."""
    triangle = ((0.1, 0.1), (0.4, 0.1), (0.2, 0.4))
    office = Office(tmp_path_factory.mktemp("keys"))
    made = office.papers(start_ns=parse_rfc3339(INSIDE), geometry=HERE, polygons=[triangle])
    mandate = altered(
        made.mandate,
        hours=NIGHTS,
        valid_from=datetime.fromisoformat(VALID_FROM),
        valid_until=datetime.fromisoformat(VALID_UNTIL),
    )
    return Papers(mandate, made.masks)


def gate(
    papers: Papers, *, mandate: bool = True, masks: Literal["here", "elsewhere"] | None = "here"
) -> Gate:
    mask_set = papers.masks
    assert mask_set is not None
    return Gate(
        mandate=papers.mandate if mandate else None,
        masks={"here": mask_set, "elsewhere": altered(mask_set, geometry=ELSEWHERE), None: None}[masks],
    )


def at(text: str, trust: TimeTrust = "synchronised", *, later_ns: int = 0) -> Instant:
    return Instant(parse_rfc3339(text) + later_ns, trust)


@pytest.mark.parametrize(
    ("trust", "mandate", "when", "masks", "why"),
    [
        ("synchronised", True, INSIDE, "here", None),
        ("battery", True, INSIDE, "here", None),
        ("simulated", True, INSIDE, "here", None),
        ("demo", True, INSIDE, "here", None),
        ("untrusted", True, INSIDE, "here", "time_untrusted"),
        ("synchronised", False, INSIDE, "here", "no_mandate"),
        ("synchronised", True, AFTER, "here", "ended"),
        ("synchronised", True, INSIDE, None, "no_masks"),
        ("synchronised", True, INSIDE, "elsewhere", "mask_fault"),
        ("synchronised", True, NOON, "here", "outside_hours"),
        ("synchronised", True, TOO_EARLY, "here", "outside_hours"),
        # Where several things are wrong, the first of them is said.
        ("untrusted", False, NOON_AFTER, None, "time_untrusted"),
        ("untrusted", True, NOON_AFTER, "elsewhere", "time_untrusted"),
        ("synchronised", False, NOON_AFTER, "elsewhere", "no_mandate"),
        ("synchronised", False, INSIDE, None, "no_mandate"),
        ("synchronised", True, NOON_AFTER, None, "ended"),
        ("synchronised", True, NOON_AFTER, "elsewhere", "ended"),
        ("synchronised", True, NOON, None, "no_masks"),
        ("synchronised", True, TOO_EARLY, None, "no_masks"),
        ("synchronised", True, NOON, "elsewhere", "mask_fault"),
        ("synchronised", True, TOO_EARLY, "elsewhere", "mask_fault"),
    ],
)
def test_why_the_sensor_must_be_closed(
    papers: Papers,
    *,
    trust: TimeTrust,
    mandate: bool,
    when: str,
    masks: Literal["here", "elsewhere"] | None,
    why: DarkReason | None,
) -> None:
    assert gate(papers, mandate=mandate, masks=masks).dark(at(when, trust), HERE) == why


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sensor", "other"),
        ("pixel_array", (64, 49)),
        ("mode", (32, 24)),
        ("crop", (0, 0, 64, 47)),
        ("transform", "hflip"),
        ("main", (64, 46)),
        ("lores", (32, 22)),
    ],
)
def test_masks_for_anything_but_this_very_geometry_close_the_sensor(
    papers: Papers, field: str, value: object
) -> None:
    other = msgspec.structs.replace(HERE, **{field: value})
    assert gate(papers).dark(at(INSIDE), other) == "mask_fault"


def test_a_pose_reference_that_cannot_be_had_closes_the_sensor(papers: Papers) -> None:
    closed = Gate(mandate=papers.mandate, masks=papers.masks, pose_refused=True)
    assert closed.dark(at(INSIDE), HERE) == "pose_lost"


def test_where_the_mandate_says_so_no_masks_are_needed(papers: Papers) -> None:
    clause = msgspec.structs.replace(papers.mandate.document.masks, nothing_to_mask=True)
    mandate = altered(papers.mandate, masks=clause)
    assert Gate(mandate=mandate, masks=None).dark(at(INSIDE), HERE) is None
    assert papers.masks is not None
    elsewhere = altered(papers.masks, geometry=ELSEWHERE)
    assert Gate(mandate=mandate, masks=elsewhere).dark(at(INSIDE), HERE) == "mask_fault"


@pytest.mark.parametrize(
    ("edge", "before", "from_then_on"),
    [
        (VALID_FROM, "outside_hours", None),
        (VALID_UNTIL, None, "ended"),
        ("2026-11-05T20:00:00+01:00", "outside_hours", None),
        ("2026-11-06T06:00:00+01:00", None, "outside_hours"),
    ],
)
def test_a_beginning_is_included_and_an_end_is_not_to_the_nanosecond(
    papers: Papers, edge: str, before: DarkReason | None, from_then_on: DarkReason | None
) -> None:
    fresh = [gate(papers).dark(at(edge, later_ns=later), HERE) for later in (-1, 0, 1)]
    assert fresh == [before, from_then_on, from_then_on]
    asked_before = gate(papers)
    assert [asked_before.dark(at(edge, later_ns=later), HERE) for later in (-1, 0, 1)] == fresh


def test_a_clock_that_is_set_back_closes_what_was_open(papers: Papers) -> None:
    one = gate(papers)
    asked = [INSIDE, "2026-11-05T19:59:59.999+01:00", INSIDE, "2026-11-05T12:00:00+01:00"]
    assert [one.dark(at(when), HERE) for when in asked] == [None, "outside_hours", None, "outside_hours"]


MOMENTS = st.integers(parse_rfc3339("2026-11-01T00:00:00Z"), parse_rfc3339("2026-11-23T00:00:00Z"))
NEAR_EACH_OTHER = st.builds(
    lambda moment, offsets: [moment + offset for offset in offsets],
    MOMENTS,
    st.lists(st.integers(-2 * 3600 * NS, 2 * 3600 * NS), max_size=6),
)


@settings(max_examples=50, deadline=None)
@given(moments=st.lists(MOMENTS, min_size=1, max_size=4) | NEAR_EACH_OTHER)
def test_what_was_asked_before_never_changes_the_answer(papers: Papers, moments: list[int]) -> None:
    one = gate(papers)
    for moment in moments:
        now = Instant(moment, "battery")
        assert one.dark(now, HERE) == gate(papers).dark(now, HERE)


@settings(max_examples=50, deadline=None)
@given(moment=MOMENTS, part=st.floats(0, 1))
def test_until_the_next_change_the_answer_stays_the_same(papers: Papers, moment: int, part: float) -> None:
    one = gate(papers)
    change = one.next_change(Instant(moment, "battery"))
    if change is None:
        return
    assert change > moment
    between = min(moment + int((change - moment) * part), change - 1)
    assert one.dark(Instant(between, "battery"), HERE) == one.dark(Instant(moment, "battery"), HERE)


@settings(deadline=None)
@given(moments=st.lists(st.integers(parse_rfc3339(TOO_EARLY), parse_rfc3339(NOON_AFTER)), max_size=6))
def test_a_gate_that_was_asked_before_knows_the_next_change_as_a_fresh_one_does(
    papers: Papers, moments: list[int]
) -> None:
    """Whatever way the clock was set in between; also at the change itself, and just before it."""
    one = gate(papers)
    for moment in moments:
        change = one.next_change(Instant(moment, "battery"))
        for asked in (moment, *((change - 1, change) if change is not None else ())):
            fresh = gate(papers).next_change(Instant(asked, "battery"))
            assert one.next_change(Instant(asked, "battery")) == fresh


@pytest.mark.parametrize(
    ("now", "change"),
    [
        ("2026-10-20T12:00:00+02:00", "2026-10-20T20:00:00+02:00"),
        ("2026-11-02T20:00:00+01:00", VALID_FROM),
        (VALID_FROM, "2026-11-03T06:00:00+01:00"),
        (NOON, "2026-11-05T20:00:00+01:00"),
        (INSIDE, "2026-11-06T06:00:00+01:00"),
        ("2026-11-20T22:00:00+01:00", VALID_UNTIL),
    ],
)
def test_the_next_change_is_the_next_opening_closing_beginning_or_end(
    papers: Papers, now: str, change: str
) -> None:
    assert gate(papers).next_change(at(now)) == parse_rfc3339(change)


def test_without_a_mandate_no_change_is_in_sight(papers: Papers) -> None:
    assert gate(papers, mandate=False).next_change(at(INSIDE)) is None


def test_where_filming_is_allowed_at_all_hours_the_end_is_the_only_change(papers: Papers) -> None:
    always = altered(papers.mandate, hours=(Window(DAYS, "00:00", "24:00"),))
    change = Gate(mandate=always, masks=papers.masks).next_change(at(NOON))
    assert change == utc_ns(papers.mandate.document.valid_until)
