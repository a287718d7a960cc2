"""What is sent until it is answered, against a list that does the same slowly."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from node.clock import NS, SimulatedClock
from node.unanswered import RESEND_NS, Unanswered

MOST = 4
KEYS = st.sampled_from("abcdefgh")


@dataclass
class Entry:
    key: str
    message: tuple[int, int]
    due_ns: int


class AgainstAList(RuleBasedStateMachine):
    """The model: a list in the order of coming; a message is (worth, number)."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = SimulatedClock(start_utc_ns=0)
        self.unanswered = Unanswered[str, tuple[int, int]](
            clock=self.clock, most=MOST, worth=lambda message: message[0]
        )
        self.model: list[Entry] = []
        self.number = self.dropped = 0

    @property
    def now_ns(self) -> int:
        return self.clock.boottime_ns()

    @rule(key=KEYS, worth=st.integers(0, 3))
    def add(self, key: str, worth: int) -> None:
        self.number += 1
        message = (worth, self.number)
        self.unanswered.add(key, message)
        for entry in self.model:
            if entry.key == key:
                entry.message, entry.due_ns = message, self.now_ns
                return
        if len(self.model) == MOST:
            self.dropped += 1
            least = min(entry.message[0] for entry in self.model)
            if least > worth:
                return
            self.model.remove(next(entry for entry in self.model if entry.message[0] == least))
        self.model.append(Entry(key, message, self.now_ns))

    @rule(key=KEYS)
    def settle(self, key: str) -> None:
        expected = next((entry for entry in self.model if entry.key == key), None)
        assert self.unanswered.settle(key) == (expected.message if expected else None)
        if expected:
            self.model.remove(expected)

    @rule(nanoseconds=st.sampled_from([1, NS // 2, NS - 1, NS, 3 * NS]))
    def wait(self, nanoseconds: int) -> None:
        self.clock.wait_until(self.now_ns + nanoseconds)

    @rule()
    def send(self) -> None:
        assert list(self.unanswered.due()) == [entry.message for entry in self._take_due(MOST)]

    @rule(count=st.integers(0, MOST))
    def send_some(self, count: int) -> None:
        due = self.unanswered.due()
        taken = [message for message, _ in zip(due, range(count), strict=False)]
        # zip has asked for one more than it handed on, where there was one.
        assert taken == [entry.message for entry in self._take_due(count + 1)][:count]

    @precondition(lambda self: self.model)
    @rule(answered=KEYS)
    def be_answered_while_sending(self, answered: str) -> None:
        sent = []
        for message in self.unanswered.due():
            sent.append(message)
            self.unanswered.settle(answered)
        expected = self._take_due(MOST)
        assert sent == [e.message for n, e in enumerate(expected) if n == 0 or e.key != answered]
        if expected:
            self.model = [entry for entry in self.model if entry.key != answered]

    def _take_due(self, count: int) -> list[Entry]:
        due = [entry for entry in self.model if entry.due_ns <= self.now_ns][:count]
        for entry in due:
            entry.due_ns = self.now_ns + RESEND_NS
        return due

    @invariant()
    def as_many_are_kept_and_dropped(self) -> None:
        assert len(self.unanswered) == len(self.model) <= MOST
        assert self.unanswered.dropped == self.dropped


TestAgainstAList = AgainstAList.TestCase


def test_an_unanswered_message_is_due_again_after_a_second_and_not_before() -> None:
    clock = SimulatedClock(start_utc_ns=0)
    unanswered = Unanswered[str, str](clock=clock, most=2)
    unanswered.add("k", "message")
    assert list(unanswered.due()) == ["message"]
    clock.wait_until(NS - 1)
    assert list(unanswered.due()) == []
    clock.wait_until(NS)
    assert list(unanswered.due()) == ["message"]
    assert unanswered.settle("k") == "message"
    clock.wait_until(10 * NS)
    assert list(unanswered.due()) == []


@given(st.lists(st.integers(0, 5), max_size=40))
def test_what_is_worth_most_is_given_up_last(worths: list[int]) -> None:
    unanswered = Unanswered[int, int](clock=SimulatedClock(start_utc_ns=0), most=5, worth=lambda worth: worth)
    for number, worth in enumerate(worths):
        unanswered.add(number, worth)
    assert sorted(unanswered.due(), reverse=True) == sorted(worths, reverse=True)[:5]
    assert unanswered.dropped == max(0, len(worths) - 5)
