"""The recorder on its bus: what the camera is answered, what everybody is told, what an end and a start leave."""

import os
from pathlib import Path

import msgspec
import pytest
from recorder.footage import START_NS, footage
from recorder.station import ANOTHER_CAMERA, CAMERA, ULID, Station

from node.clock import NS
from node.errors import Refused
from node.formats import audit
from node.formats import segment as fmt
from node.formats.segment import TrailerState
from node.messages import (
    AuditCheckpoint,
    AuditCommitted,
    AuditRequest,
    CameraAlive,
    CloseSegment,
    DocumentAnswered,
    DocumentArrived,
    EventTaken,
    RecorderAlive,
    RecorderReport,
    RecordsStored,
    SealedRecord,
    SegmentRefused,
    StoredSegment,
    UplinkAlive,
)

HOUR_NS = 3600 * NS


@pytest.fixture(autouse=True)
def started(station: Station) -> None:
    station.start()


def state(station: Station, number: int = -1) -> tuple[int, TrailerState | None]:
    """Of a segment's file: how many whole records, and how it was finished."""
    found = fmt.read(station.paths[number].read_bytes())
    return len(found.records), found.trailer.state if found.trailer else None


def actions(station: Station) -> list[str]:
    data = (Path(station.config.paths.audit) / "audit.jsonl").read_bytes()
    return [entry.action for entry, _ in audit.read(data.splitlines(keepends=True))]


def test_each_record_is_stored_and_answered(station: Station) -> None:
    one = footage()
    answers = station.ask(*one.messages)
    name = one.header.segment
    assert answers == [RecordsStored(name, n) for n in (0, 1, 2, 3, 4, 5, 5)]
    assert tuple(one.opened(station.paths[0].read_bytes()).records.values()) == one.plain
    assert state(station) == (5, TrailerState.CLOSED)
    assert station.violations == []


def test_a_record_that_is_answered_is_on_the_disk(station: Station) -> None:
    one = footage()
    station.ask(one.opening)
    for count, record in enumerate(one.sealed, 1):
        assert station.ask(record) == [RecordsStored(one.header.segment, count)]
        assert tuple(one.opened(station.paths[0].read_bytes()).records.values()) == one.plain[:count]


def test_what_is_sent_twice_is_answered_twice_and_written_once(station: Station) -> None:
    one = footage()
    name = one.header.segment
    station.ask(*one.messages[:4])
    again = station.ask(*one.messages[:4])
    assert again == [RecordsStored(name, 3)] * 4
    station.ask(*one.messages[4:])
    assert station.ask(one.closing, one.sealed[4]) == [RecordsStored(name, 5)] * 2
    assert state(station) == (5, TrailerState.CLOSED)


def test_a_gap_ends_the_segment_and_is_said(station: Station) -> None:
    one = footage()
    *_, answer = station.ask(one.opening, one.sealed[0], one.sealed[2])
    assert isinstance(answer, SegmentRefused)
    assert answer.segment == one.header.segment
    assert "record 2" in answer.reason
    assert answer.stored == (StoredSegment(one.header.segment, 1),)
    assert state(station) == (1, TrailerState.RECOVERED)


def test_what_was_on_its_way_when_something_was_refused_is_passed_over_without_a_word(
    station: Station,
) -> None:
    one, other = footage(1), footage(2, start_ns=START_NS + NS)
    begun = station.in_turn(other.opening)
    station.ask(one.opening, one.sealed[0], one.sealed[2])
    station.ignores(one.sealed[3], one.closing, begun, other.sealed[0])
    assert len(station.paths) == 1
    assert station.ask(*other.messages)[-1] == RecordsStored(other.header.segment, 5)


def test_after_a_gap_another_segment_takes_the_rest(station: Station) -> None:
    one, other = footage(1), footage(2, start_ns=START_NS + NS)
    station.ask(one.opening, one.sealed[0], one.sealed[2])
    assert station.ask(*other.messages)[-1] == RecordsStored(other.header.segment, 5)
    assert [state(station, n) for n in (0, 1)] == [(1, TrailerState.RECOVERED), (5, TrailerState.CLOSED)]
    assert station.violations == []


@pytest.mark.parametrize(
    "wrong", ["record of another segment", "end of another segment", "end too early", "junk header"]
)
def test_what_cannot_be_taken_is_refused_with_a_reason(wrong: str, station: Station) -> None:
    one = footage()
    said = {
        "record of another segment": [footage(2).opening, one.sealed[0]],
        "end of another segment": [footage(2).opening, one.closing],
        "end too early": [one.opening, one.sealed[0], CloseSegment(one.header.segment, 0)],
        "junk header": [msgspec.structs.replace(one.opening, header=b"junk")],
    }[wrong]
    answer = station.ask(*said)[-1]
    assert isinstance(answer, SegmentRefused)
    assert answer.reason


def test_a_segment_from_the_future_is_refused_for_it_would_be_kept_too_long(station: Station) -> None:
    (answer,) = station.ask(footage(start_ns=START_NS + HOUR_NS).opening)
    assert isinstance(answer, SegmentRefused)
    assert "in the future" in answer.reason
    assert station.latest(RecorderReport).epochs == 0


def test_an_id_that_was_used_is_refused(station: Station) -> None:
    one = footage()
    station.ask(*one.messages)
    station.ask(*footage(2, start_ns=START_NS + NS).messages)
    (answer,) = station.ask(one.opening)
    assert isinstance(answer, SegmentRefused)
    assert "there already" in answer.reason
    assert state(station, 0) == (5, TrailerState.CLOSED)


def test_a_new_camera_ends_the_segment_of_the_old_one(station: Station) -> None:
    one = footage()
    station.tell(CameraAlive(CAMERA, 1))
    station.ask(one.opening, *one.sealed[:2])
    station.tell(CameraAlive(CAMERA, 1))
    assert state(station) == (2, None)
    station.tell(CameraAlive(ANOTHER_CAMERA, 1))
    assert state(station) == (2, TrailerState.RECOVERED)
    assert station.latest(RecorderReport).recovered == 1
    assert station.violations == []


def test_a_segment_that_came_before_its_camera_was_heard_of_goes_on(station: Station) -> None:
    one, other = footage(1), footage(2, start_ns=START_NS + NS)
    station.tell(CameraAlive(CAMERA, 1))
    station.ask(*one.messages)
    station.ask(other.opening, other.sealed[0])
    station.tell(CameraAlive(ANOTHER_CAMERA, 1))
    assert station.ask(other.sealed[1]) == [RecordsStored(other.header.segment, 2)]


def test_another_beginning_ends_the_segment_that_is_open(station: Station) -> None:
    one, other = footage(1), footage(2, start_ns=START_NS + NS)
    station.ask(one.opening, one.sealed[0])
    station.ask(other.opening)
    assert [state(station, n) for n in (0, 1)] == [(1, TrailerState.RECOVERED), (0, None)]


def test_a_silent_cameras_segment_ends_after_15_seconds(station: Station) -> None:
    one = footage()
    station.ask(one.opening, one.sealed[0])
    station.after(14)
    assert state(station) == (1, None)
    station.ask(one.sealed[1])
    station.after(14)
    assert state(station) == (2, None)
    station.after(1)
    assert state(station) == (2, TrailerState.RECOVERED)


def test_everybody_hears_once_a_second_what_is_stored(station: Station) -> None:
    one = footage()
    station.ask(one.opening, *one.sealed[:2])
    for to in ("camera", "uplink"):
        alive = station.latest(RecorderAlive, to=to)
        assert alive.stored == (StoredSegment(one.header.segment, 2),)


def test_a_new_camera_is_told_at_once_what_counts_and_an_old_one_every_second(station: Station) -> None:
    station.after(1)
    for camera, told in ((CAMERA, 1), (CAMERA, 0), (ANOTHER_CAMERA, 1)):
        station.listen()
        station.heard["camera"].clear()
        station.tell(CameraAlive(camera, 1))  # no time passes
        if told:
            station.answer(RecorderAlive)
        station.listen()
        assert not [said for said in station.heard["camera"] if isinstance(said, RecorderAlive)]


def test_a_start_tells_what_the_one_before_had_stored(station: Station) -> None:
    one = footage()
    station.ask(one.opening, *one.sealed[:3])
    before = station.latest(RecorderAlive)
    station.stop()
    assert state(station) == (3, TrailerState.RECOVERED)
    station.start()
    alive = station.latest(RecorderAlive)
    assert alive.stored == (StoredSegment(one.header.segment, 3),)
    assert alive.instance != before.instance
    assert alive.turn != before.turn
    station.ignores(one.sealed[3], one.sealed[2])


def test_an_orderly_end_leaves_everything_in_order(station: Station) -> None:
    one = footage()
    station.ask(one.opening, one.sealed[0])
    station.after(60)
    station.stop()
    assert station.violations == []
    assert actions(station)[-1] == "recorder_stopped"
    station.start()
    assert station.latest(RecorderAlive).time_floor_ns >= START_NS + 60 * NS


def test_keys_are_destroyed_on_time_without_any_message(station: Station) -> None:
    station.ask(*footage(retention_hours=1).messages)
    station.after(3599)
    assert len(station.paths) == 1
    station.after(1)
    assert station.paths == []
    report = station.latest(RecorderReport)
    assert (report.epochs, report.ring_segments, report.ring_bytes, report.evicted) == (0, 0, 0, 0)
    assert "epoch_destroyed" in actions(station)
    assert station.latest(RecorderAlive).time_floor_ns >= START_NS + HOUR_NS


def test_the_time_floor_is_persisted_every_ten_minutes(station: Station) -> None:
    station.after(1)
    station.after(300)
    assert station.latest(RecorderAlive).time_floor_ns < START_NS + 300 * NS
    station.after(300)
    assert station.latest(RecorderAlive).time_floor_ns >= START_NS + 600 * NS


def test_an_entry_is_committed_once_and_answered_always(station: Station) -> None:
    request = AuditRequest(ULID, "live", "grant", "an alarm")
    for _ in range(2):
        station.tell(request)
        assert station.answer(AuditCommitted) == AuditCommitted(ULID, 2)
    assert actions(station) == ["key_slot_created", "recorder_started", "live"]


def test_a_checkpoint_leaves_at_the_start_and_after_a_change_every_ten_seconds(station: Station) -> None:
    station.step()
    assert station.answer(AuditCheckpoint, to="uplink").size == 2
    for n in range(3):
        station.tell(AuditRequest(f"{ULID[:-1]}{n}", "live", "grant"))
    station.after(9)
    station.listen()
    assert not [said for said in station.heard["uplink"] if isinstance(said, AuditCheckpoint)]
    station.after(1)
    assert station.answer(AuditCheckpoint, to="uplink").size == 5


def test_a_checkpoint_leaves_hourly_though_nothing_changed(station: Station) -> None:
    station.step()
    station.answer(AuditCheckpoint, to="uplink")
    station.after(3600)
    assert station.answer(AuditCheckpoint, to="uplink").size == 2


def test_a_new_uplink_is_told_where_the_log_stands(station: Station) -> None:
    station.step()
    station.answer(AuditCheckpoint, to="uplink")
    station.tell(UplinkAlive(ULID), sender="uplink")
    station.step()
    assert station.answer(AuditCheckpoint, to="uplink").size == 2


def test_a_document_is_answered_by_its_id(station: Station) -> None:
    station.tell(DocumentArrived(ULID, b"junk"), sender="uplink")
    answer = station.answer(DocumentAnswered, to="uplink")
    assert (answer.id, answer.accepted, answer.kind) == (ULID, False, None)
    assert actions(station)[-1] == "document_refused"
    report = station.latest(RecorderReport)
    assert (report.documents_accepted, report.documents_refused) == (0, 1)


def test_what_others_may_not_send_is_refused_and_counted(station: Station) -> None:
    station.tell(CameraAlive(CAMERA, 1))
    station.spawned({"uplink": os.getpid(), "recorder": os.getpid()})
    assert station.ends["camera"].send(CameraAlive(CAMERA, 1), to="recorder")
    for _ in range(100):
        station.step(0.02)
        if station.bus is not None and station.bus.counts.refused:
            break
    station.spawned({"camera": os.getpid(), "uplink": os.getpid(), "recorder": os.getpid()})
    assert station.latest(RecorderReport).messages_refused == 1


def test_an_answer_to_an_event_that_is_not_known_changes_nothing(station: Station) -> None:
    station.tell(EventTaken(ULID, "start"), sender="uplink")
    assert station.latest(RecorderReport).events_waiting == 0


def test_a_report_has_the_rings_and_the_logs_numbers(station: Station) -> None:
    one = footage()
    station.ask(*one.messages)
    report = station.latest(RecorderReport)
    assert (report.ring_segments, report.ring_bytes) == (1, station.paths[0].stat().st_size)
    assert (report.ring_capacity_bytes, report.oldest_ns) == (64 << 20, START_NS)
    assert (report.epochs, report.deletion, report.audit_size) == (1, "unlink", 2)
    assert (report.records, report.record_bytes) == (5, sum(len(r.ciphertext) for r in one.sealed))
    assert (report.storage, report.storage_detail, report.time_trust) == ("good", "", "simulated")


def test_a_new_key_slot_beside_an_old_ring_does_not_give_its_numbers_again(station: Station) -> None:
    station.ask(*footage().messages)
    station.stop()
    Path(station.config.paths.epoch_slot).unlink()
    station.start()
    station.ask(*footage(2, start_ns=START_NS + NS).messages)
    assert fmt.read(station.paths[-1].read_bytes()).epoch == 2
    station.after(1)
    assert len(station.paths) == 1
    assert station.violations == []


def test_keys_that_others_can_read_are_refused(station: Station) -> None:
    station.stop()
    Path(station.config.paths.node_key).chmod(0o644)
    with pytest.raises(Refused, match="others can read"):
        station.start()
    assert station.bus is not None
    station.bus.close()
    station.recorder = None


def test_a_large_record_goes_through(station: Station) -> None:
    one = footage(payloads=[bytes(5 << 20)])
    assert station.ask(*one.messages)[-1] == RecordsStored(one.header.segment, 3)
    assert isinstance(one.sealed[1], SealedRecord)


def test_a_segment_is_not_kept_open_for_ever_whatever_its_camera_thinks(station: Station) -> None:
    long = footage(payloads=[b"x"] * 30)
    station.ask(long.opening)
    for record in long.sealed[:18]:
        assert isinstance(station.ask(record)[0], RecordsStored)
        station.after(10)
    assert isinstance(station.ask(long.sealed[18])[0], SegmentRefused)
    assert station.violations == []
