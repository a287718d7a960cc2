"""What single looks come to over time. `band` is 10 px here; a look is a letter and when it is made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.camera.pose.judgement import MOST_LOOKS, Finding, Judgement, Look
from node.clock import NS

BAND = 10.0


def moved(x: float, y: float = 0.0) -> Look:
    return Look("moved" if (x * x + y * y) ** 0.5 > BAND else "in_place", (x, y) * 4)


PLACE, STRANGE, PASSING, UNCLEAR, BLIND = (
    moved(0),
    Look("strange"),
    Look("passing"),
    Look("unclear"),
    Look("blind"),
)


def judged(*looks: tuple[float, Look], confirmed: bool = True) -> Judgement:
    judgement = Judgement(band_px=BAND, confirmed=confirmed)
    for seconds, look in looks:
        judgement.take(look, round(seconds * NS))
    return judgement


@pytest.mark.parametrize(
    "looks",
    [
        [(0, moved(12)), (0.6, moved(12))],
        [(0, moved(12)), (0.3, moved(30)), (0.6, moved(60))],
        [(0, STRANGE), (0.3, STRANGE), (0.6, STRANGE)],
        [(0, STRANGE), (0.6, moved(0, 40))],
        [(0, moved(-15)), (0.3, BLIND), (0.6, moved(-15))],
    ],
    ids=["stays", "goes on", "strange", "both", "hidden between"],
)
def test_away_for_half_a_second_on_one_side_is_lost(looks: list[tuple[float, Look]]) -> None:
    assert judged((-1.1, PLACE), *looks).lost


@pytest.mark.parametrize(
    "looks",
    [
        [(0, moved(40))],
        [(0, moved(40)), (0.3, moved(40))],
        [(0, moved(40)), (0.3, moved(-40)), (0.6, moved(40)), (0.9, moved(-40))],
        [(0, moved(40)), (0.3, PLACE), (0.6, moved(40)), (0.9, PLACE), (1.2, moved(40))],
        [(n * 1.1, BLIND) for n in range(60)],
        [(0, STRANGE), (0.3, PLACE), (0.6, STRANGE)],
        [(0, STRANGE), (7, STRANGE)],
    ],
    ids=["once", "too soon", "swings", "comes back", "night", "covered for a moment", "long ago"],
)
def test_what_is_no_turn_does_not_count_as_one(looks: list[tuple[float, Look]]) -> None:
    assert not judged((-1.1, PLACE), *looks).lost


def test_a_pole_that_swings_far_is_lost_only_when_it_does_not_come_back() -> None:
    swings = [(n * 0.7, moved(25 * (-1) ** n)) for n in range(8)]
    assert not judged(*swings).lost
    stays = [(5.6 + n, moved(25)) for n in range(3)]
    assert judged(*swings, *stays).lost


def test_a_swing_that_leaves_the_band_for_longer_than_a_gust_is_lost_though_it_comes_back_each_time() -> None:
    swings = [(n * 1.1, moved(25 if n % 2 else 0)) for n in range(9)]
    assert not judged(*swings[:6]).lost
    assert judged(*swings).lost
    calm = [(n * 1.1, moved(25 if n % 6 == 1 else 0)) for n in range(30)]
    assert not judged(*calm).lost


def test_what_passes_close_by_is_no_other_view_unless_it_never_ends() -> None:
    passes = [(0.25 * n, STRANGE if n == 0 else PASSING) for n in range(10)]
    assert not judged((-1.1, PLACE), *passes).lost
    assert not judged((-1.1, PLACE), *passes, (3, PLACE), *[(4 + s, look) for s, look in passes]).lost
    assert judged((-1.1, PLACE), *[(0.25 * n, PASSING) for n in range(16)]).lost
    assert judged((-1.1, PLACE), *passes[:4], (1.0, STRANGE), (1.25, STRANGE), (1.5, STRANGE)).lost


def test_after_a_while_of_nothing_recognisable_what_moves_before_the_lens_passes_no_more() -> None:
    assert judged((-9, PLACE), (-8, BLIND), (-5, UNCLEAR), (0, STRANGE), (0.25, PASSING), (0.5, PASSING)).lost


def test_when_it_is_opened_again_nothing_is_shown_until_it_is_in_place_or_nothing_is_to_be_seen() -> None:
    judgement = judged((0, PLACE), (1.1, PLACE))
    judgement.reopened()
    assert judgement.due(round(1.2 * NS))
    judgement.take(moved(40), round(1.2 * NS))
    assert (judgement.doubtful, judgement.lost) == (True, False)
    judgement.take(UNCLEAR, round(9 * NS))
    assert judgement.doubtful
    judgement.take(PLACE, round(10 * NS))
    assert not judgement.doubtful
    judgement.take(UNCLEAR, round(11 * NS))
    assert not judgement.doubtful


def test_it_is_lost_when_its_middle_hangs_elsewhere_though_no_two_looks_agree() -> None:
    swings = [(n * 1.1, moved(12 + 11 * (-1) ** n)) for n in range(12)]
    assert judged(*swings).lost


@pytest.mark.parametrize(
    ("looks", "lost"),
    [
        ([PLACE, PLACE, PLACE], False),
        ([PLACE, PLACE], True),
        ([PLACE, moved(12), PLACE, PLACE], True),
        ([moved(9), moved(9), moved(9), moved(9)], True),
        ([BLIND, BLIND, BLIND, BLIND], True),
        ([PLACE, BLIND, PLACE, PLACE], False),
    ],
    ids=["back", "hardly", "and away", "at the edge", "dark", "hidden between"],
)
def test_what_was_lost_is_found_when_it_is_well_in_place_several_times(looks: list[Look], lost: bool) -> None:
    turned: list[tuple[float, Look]] = [(0, moved(50)), (0.6, moved(50))]
    assert judged(*turned, *((2 + n * 1.1, look) for n, look in enumerate(looks))).lost is lost


def test_before_it_was_found_in_place_once_a_doubt_shows_nothing() -> None:
    assert judged((0, STRANGE), confirmed=False).doubtful
    assert not judged((0, STRANGE)).doubtful
    assert judged((0, UNCLEAR), confirmed=False).doubtful
    assert not judged((0, BLIND), confirmed=False).doubtful
    assert not judged((0, STRANGE), (0.3, PLACE), (0.6, STRANGE), confirmed=False).doubtful


FINDINGS: list[Finding] = ["in_place", "moved", "strange", "passing", "unclear", "blind"]


@given(
    findings=st.lists(st.sampled_from(FINDINGS), min_size=1, max_size=40),
    frame_s=st.floats(0.01, 1.5),
    seconds=st.integers(2, 60),
)
def test_there_is_no_more_than_one_look_a_second_but_for_a_few_that_were_saved(
    findings: list[Finding], frame_s: float, seconds: int
) -> None:
    judgement = Judgement(band_px=BAND, confirmed=True)
    looked: list[int] = []
    for number in range(int(seconds / frame_s)):
        now_ns = round(number * frame_s * NS)
        if judgement.due(now_ns):
            finding = findings[len(looked) % len(findings)]
            judgement.take(Look(finding, (20.0,) * 8 if finding == "moved" else ()), now_ns)
            looked.append(now_ns)
    for first in range(len(looked)):
        for last in range(first, len(looked)):
            assert last - first + 1 <= (looked[last] - looked[first]) / NS + MOST_LOOKS + 1e-6
