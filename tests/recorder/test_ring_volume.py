"""The ring's disk: missing, another one, read-only, failing. It is said, and tried again."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from fakes.loop_disk import CannotRun, mounted, new_image
from fakes.loop_disk import run as order
from recorder.footage import START_NS, Footage, footage
from recorder.place import Place
from recorder.station import ULID, Station, config_in

from node.errors import Refused
from node.formats import audit
from node.formats import segment as fmt
from node.messages import (
    AuditCommitted,
    AuditRequest,
    EventHappened,
    RecorderReport,
    RecordsStored,
    SegmentRefused,
)
from node.recorder.epochs import EpochKeys
from node.recorder.recovery import check_ring, recover
from node.recorder.ring_volume import MARKER_NAME, RingMarker, WrongVolume
from node.recorder.segment_file import SyncFailed

PAGE = 4096
BIG, A_LITTLE = 100 * PAGE, 4 * PAGE
JOURNAL_ROUNDS = 600


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


def image(folder: Path, size: int, *options: str) -> Path:
    """A fresh ext4; the test is skipped where none can be made."""
    try:
        new_image(folder / "disk.img", size, *options)
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


class ThinDisk:
    """An ext4 in a sparse image, on a file system that has less room than the image says that it has."""

    def __init__(self, loop: ExitStack, folder: Path) -> None:
        self._small = folder / "small"
        self._small.mkdir()
        self._mounted = ExitStack()
        self.place = folder / "disk"
        try:
            order("mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(self._small))
        except CannotRun as reason:
            pytest.skip(f"{reason}")
        loop.callback(
            order, "umount", "--lazy", str(self._small)
        )  # the loop device lets go of it a little later
        self._image = image(self._small, 24 << 20, "-b", f"{PAGE}")
        self._mounted.enter_context(mounted(self._image, self.place))
        loop.callback(self._mounted.close)
        self._use_the_whole_journal()

    def _use_the_whole_journal(self) -> None:
        """So that what finds no room later is film, and not the journal, which goes round in what it has."""
        with (self.place / "something").open("wb") as file:
            for _ in range(JOURNAL_ROUNDS):
                file.write(b"x")
                file.flush()
                os.fsync(file.fileno())

    @property
    def used(self) -> int:
        """Bytes that the image really has."""
        return self._image.stat().st_blocks * 512

    def only(self, more: int) -> None:
        """From here on there is room for so much more."""
        order("mount", "-o", f"remount,size={self.used + more}", str(self._small))

    def mounted_anew(self) -> None:
        """With room enough, and nothing in memory of what was before."""
        self._mounted.close()
        order("mount", "-o", "remount,size=32m", str(self._small))
        self._mounted.enter_context(mounted(self._image, self.place))


@pytest.fixture
def thin(loop: ExitStack, tmp_path: Path) -> ThinDisk:
    return ThinDisk(loop, tmp_path)


@pytest.fixture
def on_thin(
    thin: ThinDisk, loop: ExitStack, tmp_path: Path, run: Path, node_key: Path
) -> tuple[ThinDisk, Station]:
    """A recorder whose ring is on it, with one segment and another that is being written."""
    shutil.copy(node_key, tmp_path / "node.key")
    station = Station(config_in(tmp_path, run, ring=thin.place / "ring"))
    loop.callback(station.close)
    station.start()
    station.ask(*big(1).messages)
    station.ask(*big(2).messages[:3])
    return thin, station


def big(number: int) -> Footage:
    """Four large fragments, of which the first ends with a page."""
    small = segment(number, b"")
    start = len(fmt.start_of_file(small.opening.header, bytes(4 + len(small.opening.wraps) + 16)))
    first = BIG - (start + len(small.frames[0]) + len(small.frames[1])) % PAGE
    return segment(number, bytes([number]) * first, *[bytes([number]) * BIG] * 3)


def left(station: Station) -> dict[str, tuple[int, str]]:
    """How many records each segment has, and how it ends."""
    found = {}
    for number, path in enumerate(station.paths, 1):
        opened = big(number).opened(path.read_bytes())
        found[path.name.partition("_")[2][-7:-4].lstrip("0")] = len(opened.records), opened.ending
    return found


def log_of(station: Station) -> list[tuple[str, str, str]]:
    path = Path(station.config.paths.audit) / "audit.jsonl"
    entries = [
        audit.parse(line, index=n) for n, line in enumerate(path.read_bytes().splitlines(keepends=True))
    ]
    return [(entry.action, entry.subject, entry.reason) for entry in entries]


def test_a_sync_that_has_failed_says_yes_when_it_is_asked_again(thin: ThinDisk) -> None:
    # Why a file ends where a sync has failed: this is Linux, and nothing of ours.
    file = os.open(thin.place / "file", os.O_RDWR | os.O_CREAT)
    os.posix_fallocate(file, 0, BIG)
    os.fsync(file)
    thin.only(0)
    os.pwrite(file, b"x" * BIG, 0)
    with pytest.raises(OSError, match=r"No space left|Input/output error"):
        os.fdatasync(file)
    os.fdatasync(file)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    there = os.pread(file, BIG, 0)
    os.close(file)
    assert there != b"x" * BIG


def test_a_disk_that_fails_is_told_and_costs_nothing_that_it_had(on_thin: tuple[ThinDisk, Station]) -> None:
    # The first page of what is written next is one that the device does not have: it takes nothing of it, and says so.
    thin, station = on_thin
    thin.only(0)
    (answer,) = station.ask(big(2).messages[3])
    assert isinstance(answer, SegmentRefused)
    assert station.answer(EventHappened, to="uplink").alarm == "high"
    report = station.latest(RecorderReport)
    assert report.storage != "good"
    assert report.evicted == 0  # which would have freed nothing there
    assert "records_lost" not in {action for action, _, _ in log_of(station)}
    thin.only(8 << 20)
    station.after(11)  # what it did not take is in memory still, and is not signed for
    assert station.latest(RecorderReport).storage == "good"
    for _ in range(2):
        assert left(station) == {"1": (6, "closed"), "2": (2, "recovered")}
        assert station.violations == []
        station.stop()
        thin.mounted_anew()
        station.start()


def test_what_a_killed_recorder_could_not_keep_is_not_found_in_memory(thin: ThinDisk) -> None:
    place = Place(thin.place, EpochKeys.create(thin.place / "epochs.slot"), preallocate_bytes=1 << 20)
    place.directory.mkdir()
    one, ring = big(2), place.ring()
    for message in one.messages[:3]:
        ring.accept(message)
    thin.only(0)
    with pytest.raises(SyncFailed):
        ring.accept(one.messages[3])
    ring.close()  # as a kill would leave it
    place.keys.close()
    thin.only(8 << 20)
    assert [found.records for found in recover(place.directory, place.signing)] == [2]
    thin.mounted_anew()
    assert list(check_ring(place.directory, slot_image=None, node=place.node)) == []
    assert len(one.opened(place.paths[0].read_bytes()).records) == 2


def test_a_disk_that_took_a_part_of_a_record_and_said_all_is_found_out_when_it_fails(
    on_thin: tuple[ThinDisk, Station],
) -> None:
    thin, station = on_thin
    thin.only(BIG - A_LITTLE)
    before = thin.used
    (answer,) = station.ask(big(2).messages[3])
    assert answer == RecordsStored(big(2).header.segment, 3)  # every write and the sync said yes
    # And it is not there: the loop driver takes a write that found room for a part of it for a whole one.
    assert thin.used - before < BIG
    (answer,) = station.ask(big(2).messages[4])
    assert isinstance(answer, SegmentRefused)
    assert station.answer(EventHappened, to="uplink").alarm == "high"
    said = (
        "records_lost",
        big(2).header.segment,
        "1 of the 3 records that it said it had are not on the disk",
    )
    assert said in log_of(station)
    station.stop()
    thin.mounted_anew()
    station.start()
    assert left(station) == {"1": (6, "closed"), "2": (2, "recovered")}
    assert station.violations == []
