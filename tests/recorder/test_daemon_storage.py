"""A disk that is full or failing: it is said, nothing that was answered is lost, and it recovers by itself."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.faults import fails_at
from msgspec.structs import replace
from recorder.footage import START_NS, Footage, footage
from recorder.station import ULID, Station, config_in

from node.clock import NS
from node.formats import segment as fmt
from node.messages import (
    AuditCommitted,
    AuditRequest,
    EventHappened,
    EventTaken,
    RecorderReport,
    RecordsStored,
    SegmentRefused,
)
from node.recorder.epochs import EpochKeys

DISK_BYTES = 4 << 20
SEGMENT_BYTES = 100_000 // 8 * 75
"""What is kept free for one."""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", place], check=True)  # noqa: S607
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)  # noqa: S607


@pytest.fixture
def small(disk: Path, run: Path, node_key: Path) -> Iterator[Station]:
    """A recorder that has everything on that disk."""
    shutil.copy(node_key, disk / "node.key")
    made = Station(config_in(disk, run))
    made.start()
    yield made
    made.close()


def fill(disk: Path, *, leave: int = 0, name: str = "somebody-elses") -> Path:
    """Somebody else takes what is free."""
    path = disk / name
    found = os.statvfs(disk)
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(found.f_bavail * found.f_frsize - leave, 1))
    return path


def segment(number: int, *payloads: bytes) -> Footage:
    return footage(number, start_ns=START_NS + number, payloads=payloads or (b"one", b"two"))


def refused(station: Station, one: Footage) -> SegmentRefused:
    answer = station.ask(one.opening)[-1]
    assert isinstance(answer, SegmentRefused)
    return answer


@as_root
def test_a_full_disk_is_said_to_the_camera_and_to_everybody(small: Station, disk: Path) -> None:
    fill(disk)
    assert "the disk is full" in refused(small, segment(1)).reason
    event = small.answer(EventHappened, to="uplink")
    assert (event.stage, event.kind, event.alarm, event.end_ns) == ("start", "storage", "high", None)
    report = small.latest(RecorderReport)
    assert (report.storage, report.events_waiting) == ("full", 1)
    assert "ring: No space left on device" in report.storage_detail


@as_root
def test_a_full_disk_is_reported_at_once(small: Station, disk: Path) -> None:
    small.step()
    small.answer(RecorderReport, to="uplink")
    fill(disk)
    refused(small, segment(1))
    assert small.answer(RecorderReport, to="uplink").storage == "full"


@as_root
def test_when_there_is_room_again_recording_goes_on_and_the_alarm_ends(small: Station, disk: Path) -> None:
    somebody = fill(disk)
    refused(small, segment(1))
    start = small.answer(EventHappened, to="uplink")
    small.tell(EventTaken(start.id, "start"), sender="uplink")
    somebody.unlink()
    small.after(10)
    end = small.answer(EventHappened, to="uplink")
    assert (end.id, end.stage, end.end_ns) == (start.id, "end", START_NS + 10 * NS)
    two = segment(2)
    assert small.ask(*two.messages)[-1] == RecordsStored(two.header.segment, 4)
    assert small.latest(RecorderReport).storage == "good"
    assert small.violations == []


@as_root
def test_an_alarm_is_sent_again_until_the_uplink_has_it(small: Station, disk: Path) -> None:
    fill(disk)
    refused(small, segment(1))
    event = small.answer(EventHappened, to="uplink")
    small.after(1)
    assert small.answer(EventHappened, to="uplink") == event
    small.tell(EventTaken(event.id, "start"), sender="uplink")
    assert small.latest(RecorderReport).events_waiting == 0


@as_root
def test_the_oldest_segment_makes_room_where_somebody_else_took_the_disk(small: Station, disk: Path) -> None:
    for n in (1, 2, 3):
        small.ask(*segment(n, bytes(600_000)).messages)
    fill(disk, leave=400_000)
    four = segment(4)
    assert small.ask(*four.messages)[-1] == RecordsStored(four.header.segment, 4)
    report = small.latest(RecorderReport)
    assert (report.storage, report.evicted, report.ring_segments) == ("good", 1, 3)
    assert small.violations == []


@as_root
def test_within_a_segment_too_the_oldest_makes_room(small: Station, disk: Path) -> None:
    small.ask(*segment(1, bytes(900_000)).messages)
    two = segment(2, bytes(1_500_000))
    small.ask(two.opening)
    fill(disk, leave=50_000)
    assert small.ask(*two.messages[1:])[-1] == RecordsStored(two.header.segment, 3)
    assert small.latest(RecorderReport).evicted == 1
    assert small.violations == []


@as_root
def test_a_record_that_finds_no_room_ends_its_segment_and_costs_no_other(small: Station, disk: Path) -> None:
    one = segment(1, b"small", bytes(2_000_000))
    small.ask(*one.messages[:3])
    fill(disk, leave=20_000)
    (answer,) = small.ask(one.sealed[2])
    assert isinstance(answer, SegmentRefused)
    assert "the disk is full" in answer.reason
    found = one.opened(small.paths[0].read_bytes())
    assert tuple(found.records.values()) == one.plain[:2]
    assert found.ending == "recovered"
    assert small.violations == []


@as_root
def test_the_reserve_is_kept_free_for_others(disk: Path, run: Path, node_key: Path) -> None:
    shutil.copy(node_key, disk / "node.key")
    station = Station(config_in(disk, run, reserve_bytes=1 << 20))
    station.start()
    for n in (1, 2):
        station.ask(*segment(n, bytes(800_000)).messages)
    fill(disk, leave=500_000)
    station.after(1)
    assert len(station.paths) == 1
    found = os.statvfs(disk)
    assert found.f_bavail * found.f_frsize >= 1 << 20
    station.close()


@as_root
def test_a_start_on_a_full_disk_makes_room_for_its_log(small: Station, disk: Path) -> None:
    small.ask(*segment(1, bytes(900_000)).messages)
    small.stop()
    fill(disk)
    small.start()
    small.after(1)
    small.tell(AuditRequest(ULID, "live", "grant"))
    assert small.answer(AuditCommitted).id == ULID


def test_a_disk_that_fails_is_said_and_the_segment_ends(station: Station) -> None:
    station.start()
    one = footage()
    station.ask(one.opening, one.sealed[0])
    with fails_at("fdatasync", 1, []):
        (answer,) = station.ask(one.sealed[1])
    assert isinstance(answer, SegmentRefused)
    assert "the disk is failing" in answer.reason
    assert station.answer(EventHappened, to="uplink").detail == "ring: Input/output error"
    station.after(1)
    # Nobody was told of the second record, and this disk has it: what is there is signed.
    assert len(fmt.read(station.paths[0].read_bytes()).records) == 2
    assert station.violations == []
    assert station.latest(RecorderReport).storage == "good"


def test_a_file_that_the_disk_did_not_let_be_finished_is_finished_later(station: Station) -> None:
    station.start()
    one = footage()
    station.ask(one.opening, one.sealed[0])
    with fails_at("fsync", 1, []):
        station.ask(one.sealed[2])  # a gap: the segment ends
    assert [violation.number for violation in station.violations] == []
    assert station.latest(RecorderReport).storage == "good"


def test_a_disk_that_fails_is_told_and_tried_again_without_a_new_start(station: Station) -> None:
    station.start()
    one = footage()
    station.ask(one.opening)
    with fails_at("fdatasync", 1, []):
        station.ask(one.sealed[0])
    assert station.step()  # the watchdog is for a disk that hangs
    assert station.answer(EventHappened, to="uplink").detail == "ring: Input/output error"
    assert station.latest(RecorderReport).storage == "good"


def test_what_cannot_be_written_down_is_not_answered_and_is_once_it_can(station: Station) -> None:
    station.start()
    station.step()  # what is due at once, is done
    request = AuditRequest(ULID, "live", "grant")
    with fails_at("fdatasync", 1, []):
        station.tell(request)
    station.listen()
    assert AuditCommitted(ULID, 2) not in station.heard["camera"]
    station.tell(request)
    assert station.answer(AuditCommitted).id == ULID
    station.after(1)
    assert station.step()


def test_a_full_key_slot_is_said_until_an_epoch_is_over(station: Station) -> None:
    keys = EpochKeys.create(Path(station.config.paths.epoch_slot), size=4096)
    for n in range(62):
        keys.for_capture(START_NS, mandate=bytes([n]) * 32, retention_ns=3600 * NS)
    keys.close()
    station.start()
    full = footage()
    assert "the key slot is full" in refused(station, full).reason
    assert station.latest(RecorderReport).storage == "full"
    station.after(3600)
    station.after(10)
    report = station.latest(RecorderReport)
    assert (report.storage, report.epochs) == ("good", 0)


def test_a_key_that_cannot_be_destroyed_is_said_and_tried_again(station: Station) -> None:
    station.start()
    station.ask(*footage(retention_hours=1).messages)
    station.after(3590)
    with fails_at("pwrite", 1, []):
        station.after(10)
    assert station.answer(EventHappened, to="uplink").detail == "key slot: Input/output error"
    assert len(station.paths) == 1
    station.after(10)
    assert station.latest(RecorderReport).storage == "good"
    assert station.paths == []


def test_keys_that_were_destroyed_before_one_that_fails_are_in_the_log(station: Station) -> None:
    station.start()
    for n in (1, 2):
        station.ask(*footage(n, retention_hours=1, mandate=bytes([n]) * 32).messages)
    station.after(3590)
    with fails_at("pwrite", 2, []):
        station.after(10)
    station.after(10)
    log = (Path(station.config.paths.audit) / "audit.jsonl").read_text()
    assert [f"epoch {n}" in log for n in (1, 2)] == [True, True]


def test_a_segment_with_a_bad_block_does_not_keep_the_recorder_from_starting(station: Station) -> None:
    station.start()
    station.ask(*footage(1).messages)
    station.stop()
    bad = Path(station.config.paths.ring) / "20261103T220000.000Z_01RECRDERTEST0000000000002.seg"
    bad.symlink_to("/proc/self/mem")  # reading it is an input/output error
    station.start()
    assert station.answer(EventHappened, to="uplink").detail == "ring: Input/output error"
    station.ask(*footage(3, start_ns=station.clock.now().utc_ns).messages)
    assert len(station.paths) == 3
    assert "segment_unreadable" in (Path(station.config.paths.audit) / "audit.jsonl").read_text()


def test_a_directory_that_is_named_like_a_segment_keeps_nothing_from_being_done(station: Station) -> None:
    station.start()
    station.stop()
    odd = Path(station.config.paths.ring) / "20261103T220000.000Z_01RECRDERTEST0000000000002.seg"
    odd.mkdir()
    station.start()
    station.ask(*footage(3, start_ns=station.clock.now().utc_ns).messages)
    assert station.latest(RecorderReport).ring_segments == 1
    assert odd.is_dir()


@as_root
def test_a_recorder_starts_on_a_disk_that_can_only_be_read_and_destroys_what_is_due(
    disk: Path, tmp_path: Path, run: Path, node_key: Path
) -> None:
    shutil.copy(node_key, tmp_path / "node.key")
    config = config_in(tmp_path, run)
    on_disk = {name: str(disk / name) for name in ("ring", "audit", "documents")}
    station = Station(replace(config, paths=replace(config.paths, **on_disk)))
    station.start()
    station.ask(*footage(1, retention_hours=1).messages)
    station.ask(footage(2, retention_hours=1).opening)
    cut = {path: path.read_bytes() for path in station.paths}
    station.stop()
    for path, data in cut.items():  # as a kill would have left it
        path.write_bytes(data)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)  # noqa: S607
    station.clock.wait_until(station.clock.boottime_ns() + 3600 * NS)
    station.start()
    assert "Read-only file system" in station.answer(EventHappened, to="uplink").detail
    report = station.latest(RecorderReport)
    assert (report.storage, report.epochs, report.ring_segments) == ("failing", 0, 2)
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)  # noqa: S607
    station.after(11)
    assert station.latest(RecorderReport).storage == "good"
    assert station.paths == []
    assert "epoch_destroyed" in (disk / "audit" / "audit.jsonl").read_text()
    station.close()


@as_root
def test_a_full_disk_is_one_alarm_however_long_it_goes_on_taking_records(
    disk: Path, run: Path, node_key: Path
) -> None:
    shutil.copy(node_key, disk / "node.key")
    station = Station(config_in(disk, run, reserve_bytes=1 << 20))
    station.start()
    long = footage(payloads=[b"x"] * 20)
    station.ask(long.opening)
    fill(disk)
    for record in long.sealed[:12]:
        assert isinstance(station.ask(record)[0], RecordsStored)
        station.after(1)
    station.listen()
    told = {m.id for m in station.heard["uplink"] if isinstance(m, EventHappened)}
    assert len(told) == 1
    assert station.latest(RecorderReport).storage == "full"
    (disk / "somebody-elses").unlink()
    assert station.latest(RecorderReport).storage == "good"
    station.close()


@as_root
def test_whoever_fills_the_disk_does_not_get_the_ring(small: Station, disk: Path) -> None:
    for number in range(1, 9):
        small.ask(*footage(number, start_ns=START_NS + number * NS, payloads=[b"x" * 100_000]).messages)
    assert len(small.paths) == 8
    for number in range(20):  # a runaway log: it takes what is freed
        with contextlib.suppress(OSError):  # when nothing is free
            fill(disk, name=f"log-{number}")
        small.after(1)
    assert len(small.paths) >= 6
    assert small.latest(RecorderReport).evicted == 8 - len(small.paths)
