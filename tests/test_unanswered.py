"""What must be answered is kept and repeated until it is; against a model of it."""

from hypothesis import given
from hypothesis import strategies as st

from node.clock import NS, SimulatedClock
from node.unanswered import RESEND_NS, Unanswered


def kept(most: int = 3) -> tuple[SimulatedClock, Unanswered[str, int]]:
    clock = SimulatedClock(start_utc_ns=0)
    return clock, Unanswered(clock=clock, most=most, worth=lambda number: number)


def test_a_message_is_due_at_once_and_again_every_second() -> None:
    clock, unanswered = kept()
    unanswered.add("a", 1)
    assert list(unanswered.due()) == [1]
    assert list(unanswered.due()) == []
    clock.wait_until(RESEND_NS - 1)
    assert list(unanswered.due()) == []
    clock.wait_until(RESEND_NS)
    assert list(unanswered.due()) == [1]


def test_what_was_answered_is_not_sent_again_and_a_second_answer_changes_nothing() -> None:
    clock, unanswered = kept()
    unanswered.add("a", 1)
    assert unanswered.settle("a") == 1
    assert unanswered.settle("a") is None
    clock.wait_until(9 * NS)
    assert list(unanswered.due()) == []


def test_a_receiver_that_is_away_for_ten_seconds_gets_everything() -> None:
    clock, unanswered = kept(most=100)
    heard: list[int] = []
    for second in range(20):
        unanswered.add(f"{second}", second)
        for message in unanswered.due():
            if not 5 <= second < 15:
                heard.append(message)
                unanswered.settle(f"{message}")
        clock.wait_until((second + 1) * NS)
    assert sorted(heard) == list(range(20))
    assert (len(unanswered), unanswered.dropped) == (0, 0)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), max_size=40))
def test_of_too_many_the_least_worth_is_given_up_the_oldest_of_it_first(added: list[tuple[int, int]]) -> None:
    _, unanswered = kept(most=3)
    model: dict[str, int] = {}
    dropped = 0
    for number, worth in added:
        key = f"{number}"
        if key not in model and len(model) == 3:
            least = min(model, key=lambda other: model[other])
            dropped += 1
            if model[least] > worth:
                unanswered.add(key, worth)
                continue
            del model[least]
        model[key] = worth
        unanswered.add(key, worth)
    assert sorted(unanswered.due()) == sorted(model.values())
    assert (len(unanswered), unanswered.dropped) == (len(model), dropped)
