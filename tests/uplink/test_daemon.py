"""The uplink whole: real bus, real outbox, real broker, and an office that watches from outside."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from uplink.hearing import events_of, everything, next_payload

from node.clock import NS
from node.config import NodeConfig, UplinkSection
from node.formats import payloads as p
from node.messages import AuditCheckpoint, DarkReason
from tests.fakes.pole import EVENING_NS, MANDATE, MASKS, Pole, changed, config_for, event
from tests.fakes.site_broker import NODE, Office, Seen, SiteBroker

Erect = Callable[[NodeConfig], Pole]

RUN_UPLINK = """
import sys
from pathlib import Path
import msgspec
from node.bus import Bus
from node.clock import SystemClock
from node.config import NodeConfig
from node.uplink.daemon import build

class OneProcess:
    def daemons(self, peer):
        return frozenset({"camera", "recorder"})
    def users(self, daemons):
        return None

config = msgspec.json.decode(sys.stdin.read(), type=NodeConfig)
clock = SystemClock(trust="demo")
uplink = build(config, clock=clock, bus=Bus("uplink", run=Path(config.paths.run), peers=OneProcess()))
while True:
    uplink.step(timeout_s=0.1)
"""
REPOSITORY = Path(__file__).parents[2]


def test_all_state_is_told_when_a_session_begins_and_stays_for_those_who_come_later(
    pole: Pole, late_office: Callable[[], Office]
) -> None:
    pole.turns(60)
    office = late_office()
    pole.turns(30)
    seen = everything(office)
    root = f"stolpe/v1/exempelstad/{NODE}"
    retained = {s.topic.removeprefix(f"{root}/") for s in seen if s.retained}
    assert retained == {
        "status", "birth", "state/mandate", "state/masks", "state/recording", "state/time", "health",
    }  # fmt: skip
    for one in seen:
        payload = p.decode(one.payload)
        assert (payload.node, payload.mandate, payload.masks) == (NODE, MANDATE, MASKS)
    assert {s.expiry_s in (1, 2, 3) for s in seen if s.topic.endswith("/health")} == {True}


def test_nothing_that_leaves_tells_what_the_camera_says_in_words(pole: Pole, office: Office) -> None:
    next_payload(office, pole, p.RecordingState)
    pole.dark = "no_masks"
    pole.speak_now()
    pole.turns(50)
    assert all(b"anna" not in seen.payload for seen in everything(office))


@pytest.mark.parametrize(
    ("dark", "state"),
    [
        (None, "online"),
        ("outside_hours", "dark"),
        ("no_mandate", "dark"),
        ("ended", "ended"),
        ("mask_fault", "dark"),
        ("pose_lost", "dark"),
    ],
)
def test_the_status_says_whether_the_camera_films_and_why_not(
    pole: Pole, office: Office, dark: DarkReason | None, state: str
) -> None:
    pole.dark = dark
    status = next_payload(office, pole, p.Status, where=lambda status: status.reason != "starting")
    assert (status.state, status.reason, status.session) == (state, dark, 1)
    recording = next_payload(office, pole, p.RecordingState, where=lambda state: state.reason != "starting")
    assert (recording.recording, recording.reason) == (dark is None, dark)


def test_a_change_is_told_at_once_and_only_what_has_changed(pole: Pole, office: Office) -> None:
    next_payload(office, pole, p.Birth)
    pole.turns(30)
    everything(office)
    pole.dark = "outside_hours"
    pole.speak_now()
    pole.turns(15)
    topics = [s.topic.rpartition(f"{NODE}/")[2] for s in everything(office)]
    assert [t for t in topics if t != "health"] == ["status", "state/recording"]


def test_state_is_told_again_every_interval_though_nothing_changed(
    office: Office, erect: Erect, config: NodeConfig
) -> None:
    config = changed(config, uplink=UplinkSection(republish_seconds=60))
    pole = erect(config)
    first = next_payload(office, pole, p.MandateState)
    pole.turns(20)
    everything(office)
    pole.clock.wait_until(pole.clock.boottime_ns() + 60 * NS)
    again = next_payload(office, pole, p.MandateState)
    assert again.id != first.id
    assert again.time > first.time


def test_an_event_is_taken_answered_published_and_forgotten(pole: Pole, office: Office) -> None:
    next_payload(office, pole, p.Birth)
    pole.camera_sends(event(1))
    found = next_payload(office, pole, p.Event, topic="event/motion")
    assert (found.id, found.stage, found.seq, found.kind) == (event(1).id, "start", 1, "motion")
    assert (found.start, found.end, found.score) == ("2026-11-05T19:00:01.000Z", None, 0.75)
    pole.turns(20)
    assert pole.taken == [(event(1).id, "start")]
    assert pole.uplink._outbox.counts.waiting == 0
    assert all("/alarm/" not in s.topic for s in everything(office))


def test_an_alarm_is_published_as_an_alarm_and_as_an_event(pole: Pole, office: Office) -> None:
    pole.camera_sends(event(1, alarm="high"))
    alarm = next_payload(office, pole, p.Event, topic="/alarm/motion")
    assert alarm.alarm == "high"
    assert next_payload(office, pole, p.Event, topic="/event/motion") == alarm


def test_an_event_that_is_sent_again_is_answered_again_and_published_once(pole: Pole, office: Office) -> None:
    next_payload(office, pole, p.Birth)
    for _ in range(3):
        pole.camera_sends(event(1))
        pole.turns(10)
    assert pole.taken == [(event(1).id, "start")] * 3
    assert len(events_of(everything(office))) == 1


def test_a_kind_that_is_no_word_is_published_on_other(pole: Pole, office: Office) -> None:
    pole.camera_sends(event(1, kind="a/+/#"))
    assert next_payload(office, pole, p.Event, topic="/event/other").kind == "a/+/#"


def test_a_checkpoint_of_the_audit_log_stays_with_the_broker(
    pole: Pole, late_office: Callable[[], Office]
) -> None:
    message = AuditCheckpoint(size=7, head="ab" * 32, time_ns=EVENING_NS, signature="c2ln")
    pole.recorder_bus.send(message, to="uplink")
    pole.turns(50)
    office = late_office()
    found = next_payload(office, pole, p.Checkpoint, topic="/audit/checkpoint")
    assert (found.size, found.head, found.made_ns, found.signature) == (7, "ab" * 32, EVENING_NS, "c2ln")


def test_at_an_orderly_end_the_node_says_that_it_goes(
    erect: Erect, late_office: Callable[[], Office], site: SiteBroker, tmp_path: Path, run: Path
) -> None:
    pole = erect(config_for(site, tmp_path, run, will_delay_seconds=3600))
    pole.turns(40)
    pole.close()
    office = late_office()
    seen = office.wait_for(lambda s: s.topic.endswith("/status"), meanwhile=lambda: None, turns=1_000_000)
    status = p.decode(seen.payload)
    assert isinstance(status, p.Status)
    assert (status.state, status.reason) == ("offline", "stopped")


def test_when_the_process_is_killed_the_broker_says_so(office: Office, config: NodeConfig) -> None:
    child = subprocess.Popen([sys.executable, "-c", RUN_UPLINK], stdin=subprocess.PIPE, cwd=REPOSITORY)
    assert child.stdin is not None
    child.stdin.write(msgspec.json.encode(config))
    child.stdin.close()

    def status_of(state: str) -> p.Status:
        def wanted(seen: Seen) -> bool:
            payload = p.decode(seen.payload)
            return isinstance(payload, p.Status) and payload.state == state

        found = p.decode(office.wait_for(wanted, meanwhile=child.poll, turns=3_000_000).payload)
        assert isinstance(found, p.Status)
        return found

    living = status_of("dark")
    assert living.reason in ("starting", "camera_silent")
    os.kill(child.pid, signal.SIGKILL)
    child.wait(10)
    gone = status_of("offline")
    assert (gone.reason, gone.session, gone.series) == ("vanished", living.session, living.series)


@pytest.mark.parametrize("kill", [False, True])
def test_no_event_is_lost_and_no_number_left_out_when_the_broker_dies_among_them(
    site: SiteBroker, office: Office, pole: Pole, kill: bool
) -> None:
    got: list[Seen] = []

    def happen(*numbers: int) -> None:
        for number in numbers:
            pole.camera_sends(event(number, alarm="low" if number % 10 == 0 else None))
            pole.turn()
        got.extend(everything(office))

    def until_seen(count: int) -> None:
        for _ in range(2500):
            happen()
            if len({e.id for e in events_of(got)}) == count:
                return
            pole.turn()
        raise AssertionError(f"{len({e.id for e in events_of(got)})} of {count} events came")

    happen(*range(80))
    until_seen(80)
    pid = site.broker.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)  # so that what comes now is surely on its way and not acknowledged
    happen(*range(80, 100))
    os.kill(pid, signal.SIGKILL if kill else signal.SIGCONT)
    site.broker.stop(kill=kill)
    happen(*range(100, 150))
    site.broker.start()
    office.wait_until_it_watches()
    happen(*range(150, 200))
    until_seen(200)
    pole.turns(30)
    got += everything(office)
    found = events_of(got)
    own = [p.decode(s.payload) for s in got if "/event/" in s.topic and "motion" not in s.topic]
    numbers = {e.seq for e in found} | {o.seq for o in own}
    assert numbers == set(range(1, len(numbers) + 1))
    assert len({(e.id, e.seq) for e in found}) == 200
    assert len({s.payload for s in got if "/alarm/motion" in s.topic}) == 20
    assert any("the broker was away" in o.detail for o in own if isinstance(o, p.Event))
    assert pole.uplink._outbox.counts.waiting == 0
    assert sorted(pole.taken) == sorted((event(n).id, "start") for n in range(200))


def test_events_of_a_time_without_a_broker_arrive_when_there_is_one_also_over_a_kill(
    erect: Erect, config: NodeConfig, late_office: Callable[[], Office], site: SiteBroker
) -> None:
    site.broker.stop()
    pole = erect(config)
    for number in range(50):
        pole.camera_sends(event(number))
        pole.turn()
    pole.turns(5)
    assert len(pole.taken) == 50
    instance = pole.camera_instance
    pole.close(kill=True)
    site.broker.start()
    office = late_office()
    pole = erect(config)
    pole.camera_instance = instance
    got: list[Seen] = []
    for _ in range(1500):
        pole.turn()
        got += everything(office)
        if len(events_of(got)) >= 50:
            break
    assert [e.id for e in events_of(got)] == [event(n).id for n in range(50)]


def test_an_uplink_that_is_started_anew_says_nothing_false_of_a_camera_that_films(
    pole: Pole, office: Office, erect: Callable[[NodeConfig], Pole], config: NodeConfig
) -> None:
    next_payload(office, pole, p.Status, where=lambda status: status.state == "online")
    instance = pole.camera_instance
    pole.close(kill=True)
    everything(office)
    pole = erect(config)
    pole.camera_instance = instance
    status = next_payload(office, pole, p.Status, where=lambda status: status.state != "offline")
    assert (status.state, status.session) == ("online", 2)
