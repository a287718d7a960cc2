"""The uplink whole: real bus, real outbox, real broker, and an office that watches from outside."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from node.bus import Bus
from node.clock import NS
from node.config import NodeConfig, UplinkSection
from node.formats import payloads as p
from node.mandate.ids import new_ulid
from node.messages import AuditCheckpoint, DarkReason
from tests.fakes.pole import EVENING_NS, MANDATE, MASKS, OneProcess, Pole, changed, config_for, event
from tests.fakes.site_broker import NODE, Office, Seen, SiteBroker

P = TypeVar("P", bound=p.Payload)
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

config = msgspec.json.decode(sys.stdin.read(), type=NodeConfig)
clock = SystemClock(trust="demo")
uplink = build(config, clock=clock, bus=Bus("uplink", run=Path(config.paths.run), peers=OneProcess()))
while True:
    uplink.step(timeout_s=0.1)
"""
IMPORTS = """
import sys
import node.uplink.daemon
print(" ".join(sorted(sys.modules)))
"""
REPOSITORY = Path(__file__).parents[2]


def next_payload(
    office: Office, pole: Pole, kind: type[P], *, topic: str = "", where: Callable[[P], bool] = lambda _: True
) -> P:
    """The next payload of that kind that is wanted (and stands below that topic), while everybody goes on."""

    def wanted(seen: Seen) -> bool:
        payload = p.decode(seen.payload)
        return isinstance(payload, kind) and topic in seen.topic and where(payload)

    found = p.decode(office.wait_for(wanted, meanwhile=pole.turn).payload)
    assert isinstance(found, kind)
    return found


def everything(office: Office) -> list[Seen]:
    """What the office has got so far."""
    found = []
    while not office.seen.empty():
        found.append(office.seen.get())
    return found


def events_of(seen: list[Seen]) -> list[p.Event]:
    """The events of a camera among it, in order of arrival."""
    decoded = [p.decode(s.payload) for s in seen if "/event/motion" in s.topic]
    return [payload for payload in decoded if isinstance(payload, p.Event)]


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


def test_an_event_that_the_broker_refuses_is_kept_and_told(
    office: Office, erect: Erect, config: NodeConfig, site: SiteBroker
) -> None:
    site.broker.stop()
    rules = (site.folder / "acl").read_text()
    site.set_rules(rules.replace("/%u/#", "/%u/health"))
    site.broker.start()
    pole = erect(config)
    pole.camera_sends(event(1))
    refused = lambda health: "publish_refused" in [reason.name for reason in health.reasons]  # noqa: E731
    health = next_payload(office, pole, p.Health, where=refused)
    assert health.uplink.waiting >= 1
    site.broker.stop()
    site.set_rules(rules)
    site.broker.start()
    assert next_payload(office, pole, p.Event, topic="motion").id == event(1).id


def test_a_silent_daemon_is_an_event_and_makes_health_bad_at_once(pole: Pole, office: Office) -> None:
    next_payload(office, pole, p.Birth)
    pole.recorder_lives = False
    silent = next_payload(office, pole, p.Event, topic="event/daemon")
    assert (silent.stage, silent.detail) == ("start", "recorder is silent")
    health = next_payload(office, pole, p.Health, where=lambda health: health.level != "good")
    assert [reason.name for reason in health.reasons] == ["recorder_silent"]
    pole.recorder_lives = True
    back = next_payload(office, pole, p.Event, topic="event/daemon")
    assert (back.id, back.stage) == (silent.id, "end")
    assert back.detail.startswith("recorder is back after ")


def test_when_the_camera_is_silent_the_status_is_dark(pole: Pole, office: Office) -> None:
    next_payload(office, pole, p.Status, where=lambda status: status.state == "online")
    pole.camera_lives = False
    status = next_payload(office, pole, p.Status)
    assert (status.state, status.reason) == ("dark", "camera_silent")


def test_an_event_whose_camera_died_is_ended_and_a_living_ones_is_not(pole: Pole, office: Office) -> None:
    next_payload(office, pole, p.Birth)
    pole.camera_sends(event(1), event(2), event(2, "end"))
    pole.turns(30)
    everything(office)
    pole.camera_instance = new_ulid(EVENING_NS)
    pole.speak_now()
    ended = next_payload(office, pole, p.Event, topic="event/motion")
    assert (ended.id, ended.stage, ended.detail) == (event(1).id, "end", "interrupted")
    assert ended.end is not None
    pole.camera_sends(event(3))
    pole.turns(40)
    assert [(e.id, e.stage) for e in events_of(everything(office))] == [(event(3).id, "start")]
    assert pole.uplink._outbox.open_events("camera")[0].event.id == event(3).id


def test_an_event_whose_camera_does_not_come_back_is_ended_after_a_minute(pole: Pole, office: Office) -> None:
    pole.camera_sends(event(1))
    next_payload(office, pole, p.Event, topic="event/motion")
    pole.camera_lives = False
    pole.clock.wait_until(pole.clock.boottime_ns() + 61 * NS)
    ended = next_payload(office, pole, p.Event, topic="event/motion")
    assert (ended.id, ended.stage, ended.detail) == (event(1).id, "end", "interrupted")


def test_a_disk_that_takes_nothing_is_told_and_the_event_is_taken_when_it_does(
    pole: Pole, office: Office
) -> None:
    next_payload(office, pole, p.Birth)
    connection = pole.uplink._outbox._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    many = [event(number, detail="x" * 400) for number in range(60)]
    pole.camera_sends(*many)
    health = next_payload(office, pole, p.Health, where=lambda health: health.level == "bad")
    assert "outbox_failing" in [reason.name for reason in health.reasons]
    assert len(pole.taken) < 60
    connection.execute("PRAGMA max_page_count = 1000000")
    pole.camera_sends(*many)
    pole.turns(30)
    assert {key for key, _ in pole.taken} == {happened.id for happened in many}
    told = [p.decode(s.payload) for s in everything(office) if "/event/" in s.topic]
    assert {e.detail for e in told if isinstance(e, p.Event) and e.kind == "health"} == {
        "bad: outbox_failing"
    }


def test_an_event_goes_on_over_a_restart_of_the_uplink_if_its_camera_lives(
    office: Office, erect: Erect, config: NodeConfig
) -> None:
    pole = erect(config)
    pole.camera_sends(event(1))
    next_payload(office, pole, p.Event, topic="motion")
    instance = pole.camera_instance
    pole.turns(20)
    pole.close(kill=True)
    for alive, details in ((instance, []), (new_ulid(EVENING_NS), ["interrupted"])):
        pole = erect(config)
        pole.camera_instance = alive
        pole.turns(60)
        assert [e.detail for e in events_of(everything(office))] == details
        pole.close(kill=True)


def test_a_damaged_outbox_is_told_and_the_uplink_goes_on(
    office: Office, erect: Erect, config: NodeConfig
) -> None:
    path = Path(config.paths.outbox)
    path.parent.mkdir()
    path.write_bytes(b"not a database, but long enough to be read as one" * 100)
    pole = erect(config)
    told = next_payload(office, pole, p.Event, topic="event/outbox")
    assert "damaged" in told.detail
    assert told.seq == 1


def test_without_certificates_it_starts_takes_events_and_connects_once_they_are_there(
    office: Office, caplog: pytest.LogCaptureFixture, erect: Erect, config: NodeConfig
) -> None:
    certificate = Path(config.broker.certificate_file)
    kept = certificate.read_bytes()
    certificate.unlink()
    pole = erect(config)
    pole.camera_sends(event(1))
    pole.turns(40)
    assert pole.taken == [(event(1).id, "start")]
    said = [record.getMessage() for record in caplog.records if "no session" in record.getMessage()]
    assert len(said) == 1
    assert str(certificate) in said[0]
    certificate.write_bytes(kept)
    assert next_payload(office, pole, p.Event, topic="motion").id == event(1).id


def test_a_session_number_is_never_given_twice(
    office: Office, erect: Erect, config: NodeConfig, site: SiteBroker
) -> None:
    found: list[int] = []
    for _ in range(2):
        pole = erect(config)
        found.append(next_payload(office, pole, p.Birth, where=lambda b: b.session not in found).session)
        site.broker.stop()
        site.broker.start()
        found.append(next_payload(office, pole, p.Birth, where=lambda b: b.session not in found).session)
        pole.close()
    assert found == sorted(found)


def test_the_uplink_loads_nothing_that_handles_pictures_or_trust(run: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS], capture_output=True, check=True, text=True, cwd=REPOSITORY
    )
    loaded = set(done.stdout.split())
    assert not loaded & {
        "numpy",
        "cv2",
        "av",
        "cryptography",
        "node.mandate.trust",
        "node.masks",
        "node.camera",
    }
    assert "paho.mqtt.client" in loaded


def test_what_another_process_may_not_say_is_counted_in_health(
    office: Office, erect: Erect, config: NodeConfig, run: Path
) -> None:
    pole = erect(config)
    next_payload(office, pole, p.Health)
    with Bus("commissioning", run=run, peers=OneProcess()) as stranger:
        assert "uplink" not in stranger._outlets
    pole.recorder_bus._outlets["uplink"].send(b"not a message")
    health = next_payload(office, pole, p.Health, where=lambda health: health.uplink.messages_refused > 0)
    assert health.uplink.messages_refused == 1
