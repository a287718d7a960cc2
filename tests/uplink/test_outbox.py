"""The outbox: on the disk before it is taken, numbered without gaps, known again, bounded, and never lost by a kill."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from node.clock import SimulatedClock
from node.messages import EventHappened, Severity, Stage
from node.uplink.outbox import MAX_OPEN, REMEMBERED, ROW_BYTES, WINDOW, Outbox
from node.uplink.outbox_file import move_aside
from tests.fakes.pole import EVENING_NS, event, short_directory

ROOM = 1 << 20
COST = ROW_BYTES + 500

CRASHES = """
import os, sys
from pathlib import Path
from node.clock import SimulatedClock
from node.uplink.outbox import Outbox
from tests.fakes.pole import event

path = Path(sys.argv[1])

def opened():
    return Outbox(path, capacity_bytes=1 << 20, boot="b", clock=SimulatedClock(start_utc_ns=1))

for count in range(4000):
    told, tell = os.pipe()
    def crash(frame, kind, function, left=[count]):
        if kind == "c_call" and function.__name__ in {"execute", "connect", "close"}:
            if left[0] == 0:
                os._exit(9)
            left[0] -= 1
    child = os.fork()
    if child == 0:
        sys.setprofile(crash)
        outbox = opened()
        first = outbox.counts.seq + 1
        for number in range(first, first + 3):
            if outbox.take(event(number), origin="camera", instance=None):
                sys.setprofile(None); os.write(tell, f"{number} ".encode()); sys.setprofile(crash)
        outbox.published([outbox.waiting[0].key])
        sys.setprofile(None); outbox.close()
        os._exit(0)
    os.close(tell)
    done = os.waitpid(child, 0)[1] == 0
    with os.fdopen(told) as pipe:
        taken = [int(word) for word in pipe.read().split()]
    outbox = opened()
    waiting = [(w.seq, int(w.event.id[-8:])) for w in outbox.waiting]
    held = {number for _, number in waiting}
    lost = [n for n in taken if n not in held and n != (taken[0] if len(taken) == 3 else None)]
    seqs = [seq for seq, _ in waiting]
    gap = bool(seqs) and seqs != list(range(seqs[0], seqs[0] + len(seqs)))
    print("lost" if lost else "gap" if gap else "mishap" if outbox.mishap else "whole", flush=True)
    outbox.published([w.key for w in outbox.waiting])
    outbox.close()
    if done:
        break
"""
"""Takes three events and settles one in children that end, without clean-up, before their n-th call of SQLite."""


def opened(path: Path, *, capacity_bytes: int = ROOM, remembered: int = REMEMBERED) -> Outbox:
    clock = SimulatedClock(start_utc_ns=EVENING_NS)
    return Outbox(path, capacity_bytes=capacity_bytes, boot="boot", clock=clock, remembered=remembered)


def take(outbox: Outbox, *events: EventHappened) -> list[bool]:
    return [outbox.take(happened, origin="camera", instance="i") for happened in events]


def seqs(outbox: Outbox) -> list[int]:
    return [waiting.seq for waiting in outbox.waiting]


def sized(number: int, alarm: Severity | None = None) -> EventHappened:
    """An event that costs the outbox exactly `COST` bytes."""
    short = len(msgspec.msgpack.encode(event(number, alarm=alarm, detail="x" * 40)))
    return event(number, alarm=alarm, detail="x" * (40 + COST - ROW_BYTES - short))


def drain(outbox: Outbox) -> list[tuple[int, str, Stage]]:
    """Everything that waits, published as a broker would."""
    found: list[tuple[int, str, Stage]] = []
    while outbox.waiting:
        found += [(w.seq, *w.key) for w in outbox.waiting]
        outbox.published([w.key for w in outbox.waiting])
    return found


def test_an_event_that_was_taken_over_is_there_after_a_start(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "outbox.sqlite"
    outbox = opened(path)
    assert take(outbox, event(1, alarm="high", detail="å")) == [True]
    outbox.close()
    again = opened(path)
    assert [w.event for w in again.waiting] == [event(1, alarm="high", detail="å")]
    assert (again.waiting[0].seq, again.waiting[0].boot, again.waiting[0].taken_ns) == (1, "boot", EVENING_NS)
    assert again.series == outbox.series
    assert path.stat().st_mode & 0o777 == 0o600
    again.close()


def test_each_stage_of_an_event_is_taken_once(tmp_path: Path) -> None:
    outbox = opened(tmp_path / "o")
    assert take(outbox, event(1), event(1), event(1, "end"), event(1, "end")) == [True] * 4
    assert [w.key for w in outbox.waiting] == [(event(1).id, "start"), (event(1).id, "end")]
    outbox.close()


def test_what_the_broker_has_is_known_on(tmp_path: Path) -> None:
    outbox = opened(tmp_path / "o")
    take(outbox, event(1))
    outbox.published([(event(1).id, "start")])
    outbox.close()
    again = opened(tmp_path / "o")
    assert take(again, event(1)) == [True]
    assert again.waiting == ()
    again.close()


def test_only_so_many_are_known_on(tmp_path: Path) -> None:
    outbox = opened(tmp_path / "o", remembered=5)
    for number in range(12):
        take(outbox, event(number))
        drain(outbox)
    rows = outbox._connection.execute("SELECT id FROM event ORDER BY n").fetchall()
    assert [row[0] for row in rows] == [event(n).id for n in range(7, 12)]
    outbox.close()


def test_numbers_go_on_without_a_gap_over_starts_and_publishing(tmp_path: Path) -> None:
    found: list[int] = []
    for start in range(4):
        outbox = opened(tmp_path / "o")
        take(outbox, *(event(10 * start + number) for number in range(3)))
        found += [seq for seq, *_ in drain(outbox)]
        outbox.close()
    assert found == list(range(1, 13))


def test_numbers_are_given_in_the_order_of_arrival_as_there_is_room(tmp_path: Path) -> None:
    outbox = opened(tmp_path / "o")
    take(outbox, *(event(number) for number in range(WINDOW + 5)))
    assert seqs(outbox) == list(range(1, WINDOW + 1))
    assert outbox.counts.waiting == WINDOW + 5
    outbox.published([outbox.waiting[3].key])
    assert seqs(outbox) == [n for n in range(1, WINDOW + 2) if n != 4]
    assert [event_id for _, event_id, _ in drain(outbox)] == [
        event(n).id for n in range(WINDOW + 5) if n != 3
    ]
    outbox.close()


def test_a_full_outbox_gives_up_the_least_severe_first_and_says_how_many(tmp_path: Path) -> None:
    outbox = opened(tmp_path / "o", capacity_bytes=COST * (WINDOW + 4))
    numbered: list[Severity | None] = ["critical"] * WINDOW
    severities: list[Severity | None] = [*numbered, None, "low", "high", None]
    take(outbox, *(sized(n, severity) for n, severity in enumerate(severities)))
    assert outbox.counts.dropped == 0
    take(outbox, sized(50, "medium"), sized(51, "medium"), sized(52, "high"))
    assert outbox.counts.dropped == 3
    found = drain(outbox)
    assert [seq for seq, *_ in found] == list(range(1, len(found) + 1))
    kept = [event_id for _, event_id, _ in found][WINDOW:]
    assert kept == [event(n).id for n in (22, 50, 51, 52)]
    assert outbox.counts.bytes == 0
    outbox.close()


def test_what_is_worth_less_than_all_that_waits_is_given_up_itself_and_still_answered(tmp_path: Path) -> None:
    outbox = opened(tmp_path / "o", capacity_bytes=COST * (WINDOW + 2))
    take(outbox, *(sized(n, "high") for n in range(WINDOW + 2)))
    assert take(outbox, sized(90), sized(90)) == [True, True]
    assert (outbox.counts.dropped, outbox.counts.waiting) == (1, WINDOW + 2)
    assert event(90).id not in [event_id for _, event_id, _ in drain(outbox)]
    outbox.close()


def test_an_event_says_how_many_were_given_up_before_it_had_its_number(tmp_path: Path) -> None:
    outbox = opened(tmp_path / "o", capacity_bytes=COST * (WINDOW + 1))
    take(outbox, *(sized(n) for n in range(WINDOW + 3)))
    assert [w.dropped for w in outbox.waiting] == [0] * WINDOW
    outbox.published([w.key for w in outbox.waiting])
    assert [(w.seq, w.dropped) for w in outbox.waiting] == [(WINDOW + 1, 2)]
    outbox.close()


def test_what_has_a_number_is_never_given_up(tmp_path: Path) -> None:
    outbox = opened(tmp_path / "o", capacity_bytes=COST * WINDOW)
    take(outbox, *(sized(n) for n in range(WINDOW)))
    take(outbox, *(sized(n, "critical") for n in range(100, 110)))
    assert [w.event.id for w in outbox.waiting] == [event(n).id for n in range(WINDOW)]
    assert outbox.counts.dropped == 10
    outbox.close()


def test_sessions_have_numbers_of_their_own_over_starts(tmp_path: Path) -> None:
    found = []
    for _ in range(2):
        outbox = opened(tmp_path / "o")
        found += [outbox.next_session(), outbox.next_session()]
        outbox.close()
    assert found == [1, 2, 3, 4]


def test_what_started_and_has_not_ended_is_known_over_starts_with_who_saw_it(tmp_path: Path) -> None:
    outbox = opened(tmp_path / "o")
    outbox.take(event(1), origin="camera", instance=None)
    outbox.take(event(2), origin="camera", instance="old")
    outbox.take(event(3), origin="recorder", instance="other")
    outbox.take(event(2, "end"), origin="camera", instance="old")
    drain(outbox)
    outbox.close()
    again = opened(tmp_path / "o")
    assert [(o.instance, o.event) for o in again.open_events("camera")] == [(None, event(1))]
    again.adopt("camera", "new")
    assert [o.instance for o in again.open_events("camera")] == ["new"]
    assert [o.instance for o in again.open_events("recorder")] == ["other"]
    again.close()


def test_more_than_so_many_open_events_are_not_followed(tmp_path: Path) -> None:
    outbox = opened(tmp_path / "o")
    take(outbox, *(event(n) for n in range(MAX_OPEN + 2)))
    found = [o.event.id for o in outbox.open_events("camera")]
    assert found == [event(n).id for n in range(2, MAX_OPEN + 2)]
    outbox.close()


def test_a_disk_that_is_full_takes_nothing_says_so_and_heals(tmp_path: Path) -> None:
    outbox = opened(tmp_path / "o")
    pages = outbox._connection.execute("PRAGMA page_count").fetchone()[0]
    outbox._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    taken = take(outbox, *(event(n, detail="x" * 400) for n in range(40)))
    assert taken[0]
    assert not taken[-1]
    assert "full" in outbox.failing
    held = outbox.counts.waiting
    assert held == sum(taken)
    outbox._connection.execute("PRAGMA max_page_count = 1000000")
    assert all(take(outbox, *(event(n, detail="x" * 400) for n in range(40))))
    assert outbox.failing == ""
    assert [seq for seq, *_ in drain(outbox)] == list(range(1, 41))
    outbox.close()


@pytest.mark.parametrize(
    "damage",
    [b"", b"this is not a database at all, but a text" * 200, None],
    ids=["its middle", "a text", "another program's"],
)
def test_a_damaged_file_is_moved_aside_and_told_and_a_new_series_begins(
    tmp_path: Path, damage: bytes | None
) -> None:
    path = tmp_path / "outbox.sqlite"
    outbox = opened(path)
    take(outbox, *(event(n, detail="x" * 300) for n in range(200)))
    outbox.close()
    if damage:
        path.write_bytes(damage)
    elif damage is None:
        content = bytearray(path.read_bytes())
        content[68:72] = b"ABCD"  # its application id
        path.write_bytes(content)
    else:
        content = bytearray(path.read_bytes())
        for place in range(4096, len(content), 4096):
            content[place : place + 200] = b"\xff" * 200
        path.write_bytes(content)
    again = opened(path)
    assert "damaged" in again.mishap
    assert "outbox.sqlite.damaged" in again.mishap
    assert (tmp_path / "outbox.sqlite.damaged").exists()
    assert again.series != outbox.series
    assert take(again, event(900)) == [True]
    assert seqs(again) == [1]
    again.close()


def test_a_file_that_turns_out_to_be_damaged_while_it_runs_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    outbox = opened(path)
    take(outbox, event(1))
    outbox._connection.execute("UPDATE event SET message = x'00'")
    assert take(outbox, event(2)) == [False]  # it comes again
    assert take(outbox, event(2)) == [True]
    assert "damaged" in outbox.mishap
    assert [w.key for w in outbox.waiting] == [(event(2).id, "start")]
    outbox.close()


def test_only_the_last_damaged_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    for text in ("one", "two"):
        path.write_text(text)
        move_aside(path)
    assert [p.name for p in tmp_path.iterdir()] == ["outbox.sqlite.damaged"]
    assert (tmp_path / "outbox.sqlite.damaged").read_text() == "two"


def test_a_crash_at_any_call_loses_nothing_that_was_taken_and_repeats_no_number(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", CRASHES, str(tmp_path / "o")]
    done = subprocess.run(command, capture_output=True, check=False, timeout=55, cwd=root, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found = done.stdout.split()
    assert set(found) == {"whole"}
    assert len(found) > 50


class Life(RuleBasedStateMachine):
    """Events come, again and in any order; the broker takes some; the process is killed in between."""

    def __init__(self) -> None:
        super().__init__()
        self._directory = short_directory()
        self._path = self._directory.__enter__() / "outbox.sqlite"
        self.taken: set[tuple[str, Stage]] = set()
        self.published: dict[tuple[str, Stage], int] = {}

    @initialize()
    def start(self) -> None:
        self.outbox = opened(self._path)

    @rule(number=st.integers(0, 40), end=st.booleans(), alarm=st.sampled_from([None, "low", "critical"]))
    def happen(self, number: int, end: bool, alarm: Severity | None) -> None:
        happened = event(number, "end" if end else "start", alarm=alarm)
        assert self.outbox.take(happened, origin="camera", instance=None)
        self.taken.add((happened.id, happened.stage))

    @rule(choice=st.integers(0, WINDOW - 1))
    def publish(self, choice: int) -> None:
        if self.outbox.waiting:
            waiting = self.outbox.waiting[choice % len(self.outbox.waiting)]
            assert self.published.setdefault(waiting.key, waiting.seq) == waiting.seq
            self.outbox.published([waiting.key])

    @rule()
    def kill(self) -> None:
        self.outbox.close()
        self.outbox = opened(self._path)

    @invariant()
    def numbers_have_no_gap_and_nothing_is_lost(self) -> None:
        given = sorted([*self.published.values(), *seqs(self.outbox)])
        assert given == list(range(1, len(given) + 1))
        counts = self.outbox.counts
        assert counts.seq == len(given)
        assert counts.waiting + len(self.published) == len(self.taken)

    def teardown(self) -> None:
        self.outbox.close()
        self._directory.__exit__(None, None, None)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=15, stateful_step_count=40, deadline=None)
