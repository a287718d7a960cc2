"""The uplink in trouble: daemons that are silent or die, a disk that is full, files that are not there."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from uplink.hearing import events_of, everything, next_payload

from node.bus import Bus
from node.clock import NS
from node.config import NodeConfig
from node.formats import payloads as p
from node.mandate.ids import new_ulid
from tests.fakes.pole import EVENING_NS, OneProcess, Pole, event
from tests.fakes.site_broker import Office, SiteBroker

Erect = Callable[[NodeConfig], Pole]

IMPORTS = """
import sys
import node.uplink.daemon
print(" ".join(sorted(sys.modules)))
"""
REPOSITORY = Path(__file__).parents[2]


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
    certificate.touch(mode=0o600)
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
