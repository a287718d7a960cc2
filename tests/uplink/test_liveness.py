"""Who is there: silent after five seconds, back, started anew."""

from node.clock import NS
from node.uplink.liveness import Back, Gone, Liveness, Restarted, Silent


def test_a_daemon_that_speaks_every_second_is_there() -> None:
    liveness = Liveness("camera", now_ns=0)
    changes = []
    for second in range(10):
        changes += liveness.heard("a", now_ns=second * NS) + liveness.look(now_ns=second * NS + NS // 2)
    assert changes == []
    assert not liveness.silent


def test_after_more_than_five_seconds_it_is_silent_and_that_is_said_once() -> None:
    liveness = Liveness("recorder", now_ns=0)
    liveness.heard("a", now_ns=NS)
    assert liveness.look(now_ns=6 * NS) == []
    assert liveness.look(now_ns=6 * NS + 1) == [Silent("recorder")]
    assert liveness.look(now_ns=9 * NS) == []


def test_one_that_never_spoke_may_be_starting_for_a_while() -> None:
    liveness = Liveness("camera", now_ns=5 * NS)
    assert liveness.look(now_ns=25 * NS) == []
    assert liveness.look(now_ns=25 * NS + 1) == [Silent("camera")]


def test_after_a_minute_of_silence_it_is_gone_and_that_is_said_once() -> None:
    liveness = Liveness("camera", now_ns=0)
    liveness.heard("a", now_ns=0)
    assert liveness.look(now_ns=60 * NS) == [Silent("camera")]
    assert liveness.look(now_ns=60 * NS + 1) == [Gone("camera")]
    assert liveness.look(now_ns=99 * NS) == []
    liveness.heard("a", now_ns=100 * NS)
    assert liveness.look(now_ns=161 * NS) == [Silent("camera"), Gone("camera")]


def test_when_it_speaks_again_it_says_how_long_it_was_away() -> None:
    liveness = Liveness("camera", now_ns=0)
    liveness.heard("a", now_ns=0)
    liveness.look(now_ns=6 * NS)
    assert liveness.heard("a", now_ns=6_200_000_000) == [Back("camera", 6.2)]
    assert not liveness.silent
    assert liveness.restarts == 0


def test_another_instance_is_a_restart_and_is_counted() -> None:
    liveness = Liveness("camera", now_ns=0)
    assert liveness.heard("a", now_ns=0) == []
    assert liveness.heard("b", now_ns=NS) == [Restarted("camera", "b")]
    liveness.look(now_ns=9 * NS)
    assert liveness.heard("c", now_ns=10 * NS) == [Back("camera", 9.0), Restarted("camera", "c")]
    assert (liveness.restarts, liveness.instance) == (2, "c")
