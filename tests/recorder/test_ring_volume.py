"""The ring's disk: missing, another one, read-only, failing. It is said, and tried again."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from fakes.loop_disk import CannotRun, mounted, new_image
from fakes.loop_disk import run as order
from recorder.footage import START_NS, Footage, footage
from recorder.station import ULID, Station, config_in

from node.errors import Refused
from node.messages import (
    AuditCommitted,
    AuditRequest,
    EventHappened,
    RecorderReport,
    RecordsStored,
    SegmentRefused,
)
from node.recorder.ring_volume import MARKER_NAME, RingMarker, WrongVolume


def segment(number: int, *payloads: bytes) -> Footage:
    return footage(number, start_ns=START_NS + number, payloads=payloads or (b"one", b"two"))


def refused(station: Station, one: Footage) -> str:
    answer = station.ask(one.opening)[-1]
    assert isinstance(answer, SegmentRefused)
    return answer.reason


def test_a_new_node_marks_its_ring_once(tmp_path: Path) -> None:
    (tmp_path / "ring").mkdir()
    RingMarker(tmp_path / "ring", tmp_path).check()
    before = (tmp_path / "ring" / MARKER_NAME).read_bytes()
    RingMarker(tmp_path / "ring", tmp_path).check()
    assert (tmp_path / "ring" / MARKER_NAME).read_bytes() == before


@pytest.mark.parametrize(("there", "about"), [(None, "missing"), (b"0" * 32, "another volume")])
def test_a_ring_that_was_marked_is_known_again(there: bytes | None, about: str, tmp_path: Path) -> None:
    (tmp_path / "ring").mkdir()
    RingMarker(tmp_path / "ring", tmp_path).check()
    (tmp_path / "ring" / MARKER_NAME).unlink()
    if there is not None:
        (tmp_path / "ring" / MARKER_NAME).write_bytes(there)
    with pytest.raises(WrongVolume, match=about):
        RingMarker(tmp_path / "ring", tmp_path).check()
    assert (tmp_path / "ring" / MARKER_NAME).exists() == (there is not None)


def test_a_missing_volume_is_said_and_everything_else_goes_on(station: Station) -> None:
    station.start()
    station.ask(*footage(retention_hours=1).messages)
    station.stop()
    ring = Path(station.config.paths.ring)
    away = ring.rename(ring.with_name("away"))
    station.start()
    station.step()
    event = station.answer(EventHappened, to="uplink")
    assert event.detail == "ring: the ring's volume is missing: its marker is not there"
    assert "the ring's volume is missing" in refused(station, segment(2))
    assert list(ring.iterdir()) == []
    station.tell(AuditRequest(ULID, "live", "grant"))
    assert station.answer(AuditCommitted).id == ULID
    station.after(3600)
    assert station.latest(RecorderReport).epochs == 0  # keys are destroyed on time, whatever the disk does
    ring.rmdir()
    away.rename(ring)
    with pytest.raises(Refused, match="must start anew"):
        station.after(10)


def test_after_a_missing_volume_a_start_on_the_right_one_goes_on(station: Station) -> None:
    station.start()
    one = footage()
    station.ask(*one.messages)
    station.stop()
    ring = Path(station.config.paths.ring)
    away = ring.rename(ring.with_name("away"))
    station.start()
    station.stop()
    ring.rmdir()
    away.rename(ring)
    station.start()
    two = segment(2)
    assert station.ask(*two.messages)[-1] == RecordsStored(two.header.segment, 4)
    assert len(station.paths) == 2
    assert station.violations == []


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[ExitStack]:
    """What is mounted in a test, unmounted after it."""
    with ExitStack() as stack:
        yield stack


def image(folder: Path, size: int) -> Path:
    """A fresh ext4; the test is skipped where none can be made."""
    try:
        new_image(folder / "disk.img", size)
    except CannotRun as reason:
        pytest.skip(f"{reason}")
    return folder / "disk.img"


def on_its_own_disk(loop: ExitStack, folder: Path, run_folder: Path, node_key: Path) -> Station:
    """A recorder whose ring alone is on a loop device."""
    try:
        loop.enter_context(mounted(image(folder, 16 << 20), folder / "disk"))
    except CannotRun as reason:
        pytest.skip(f"{reason}")
    shutil.copy(node_key, folder / "node.key")
    station = Station(config_in(folder, run_folder, ring=folder / "disk" / "ring"))
    loop.callback(station.close)
    return station


def test_a_disk_that_is_read_only_is_said_and_recording_goes_on_when_it_is_not(
    loop: ExitStack, tmp_path: Path, run: Path, node_key: Path
) -> None:
    station = on_its_own_disk(loop, tmp_path, run, node_key)
    station.start()
    one = segment(1)
    station.ask(*one.messages)
    order("mount", "-o", "remount,ro", str(tmp_path / "disk"))
    assert "Read-only file system" in refused(station, segment(2))
    start = station.answer(EventHappened, to="uplink")
    assert (start.stage, start.alarm, start.detail) == ("start", "high", "ring: Read-only file system")
    assert station.latest(RecorderReport).storage == "failing"
    station.after(10)
    assert station.latest(RecorderReport).storage == "failing"  # it was tried again, and is not forgotten
    order("mount", "-o", "remount,rw", str(tmp_path / "disk"))
    station.after(10)
    assert station.latest(RecorderReport).storage == "good"
    three = segment(3)
    assert station.ask(*three.messages)[-1] == RecordsStored(three.header.segment, 4)
    assert station.violations == []


def until_it_fails(station: Station) -> Iterator[tuple[Footage, int]]:
    """Segments, and how many of their records were answered as stored, to the one that is refused."""
    for number in range(1, 9):
        one, count = segment(number, *[bytes([number]) * 400_000] * 2), 0
        for message in one.messages:
            (answer,) = station.ask(message)
            if not isinstance(answer, RecordsStored):
                yield one, count
                return
            count = answer.count
        yield one, count


def test_a_disk_that_fails_is_said_and_costs_no_segment_before_that(
    loop: ExitStack, tmp_path: Path, run: Path, node_key: Path
) -> None:
    # The image is on a file system that is full before the image is: the block device says that it cannot write.
    small = tmp_path / "small"
    small.mkdir()
    try:
        order("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(small))
    except CannotRun as reason:
        pytest.skip(f"{reason}")
    loop.callback(order, "umount", str(small))
    disk_image = image(small, 24 << 20)
    with ExitStack() as disk:
        disk.enter_context(mounted(disk_image, tmp_path / "disk"))
        shutil.copy(node_key, tmp_path / "node.key")
        station = Station(config_in(tmp_path, run, ring=tmp_path / "disk" / "ring"))
        loop.callback(station.close)
        station.start()
        stored = [*until_it_fails(station)]
        assert station.answer(EventHappened, to="uplink").alarm == "high"
        report = station.latest(RecorderReport)
        assert report.storage != "good"
        station.stop()
    order("mount", "-o", "remount,size=32m", str(small))
    loop.enter_context(mounted(disk_image, tmp_path / "disk"))
    station.start()
    left = {path.stem.partition("_")[2]: path.read_bytes() for path in station.paths}
    assert len(left) >= len(stored) - report.evicted - 1
    for one, count in stored[
        :-1
    ]:  # in the last one ext4 gave up its journal, and with it blocks that it had synced
        if one.header.segment in left:
            assert len(one.opened(left[one.header.segment]).records) >= count
    assert station.violations == []
