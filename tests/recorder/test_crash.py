"""Power may go at any instant: a scripted life is cut at every operation, started again, and owes nothing."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.crash_volume import CrashPoint, CrashVolume, Image, Killed, Surviving
from recorder.aftermath import Aftermath, Verdict, crash_everywhere
from recorder.crash_script import Life, Office
from recorder.crash_table import killed, life_in, offices_in, place
from recorder.footage import START_NS, footage
from recorder.place import Place
from recorder.station import ULID
from vectors.make_keys import signing_key

from node.clock import SimulatedClock
from node.formats import segment as fmt
from node.recorder.audit_log import AuditLog
from node.recorder.epochs import EpochKeys
from node.recorder.recovery import recover
from node.recorder.segment_file import SegmentFile
from node.recorder.start import open_slot
from node.sealing.keys import verifies

pytestmark = pytest.mark.timeout(300)  # the whole life, cut everywhere once for all of them

Pole = tuple[Path, Path, Office, Path]


@pytest.fixture(scope="module")
def pole() -> Iterator[Pole]:
    """Folders in memory, everybody's documents, the node's key."""
    with place() as (folder, run):
        yield folder, run, *offices_in(folder)


@pytest.fixture(scope="module")
def life(pole: Pole) -> Life:
    """The script, run once."""
    folder, run, offices, node_key = pole
    return life_in(folder / "live", run, offices, node_key)


@pytest.fixture(scope="module")
def verdict(pole: Pole, life: Life) -> Verdict:
    """Every operation of the script with every set of survivors, and one in forty of the torn writes."""
    folder, run, *_ = pole
    (folder / "left").mkdir()
    return crash_everywhere(life, Aftermath(life, folder / "left", run), every=40)


@pytest.mark.parametrize("number", [f"C{n}" for n in range(1, 11)])
def test_a_power_cut_at_any_operation_violates_no_invariant(number: str, verdict: Verdict) -> None:
    assert [wrong for wrong in verdict.wrong if wrong[1].number == number] == []


def test_a_power_cut_at_any_operation_leaves_a_ring_and_a_slot_that_check(verdict: Verdict) -> None:
    assert [wrong for wrong in verdict.wrong if wrong[1].number[0] in "RS"] == []


def test_the_script_is_cut_often_in_each_of_its_steps(verdict: Verdict) -> None:
    assert min(tally.points for tally in verdict.tallies.values()) >= 1
    assert verdict.points > 1000


KILLS = {
    "the ring's name": ("the first start", "sync live", 0),
    "the slot's header": ("a second epoch", "sync epochs.slot", 0),
    "a record": ("a segment, the first key", "sync 20261103T", 2),
    "a document's name": ("a new mandate and root", "sync documents", 0),
}
"""Before which sync of this in that step, counted from 0."""


@pytest.mark.parametrize("what", KILLS)
def test_what_a_killed_process_left_unsynced_is_made_to_last_by_the_next(
    what: str, pole: Pole, life: Life
) -> None:
    folder, run, offices, node_key = pole
    step, sync, count = KILLS[what]
    begun = next(first for first, name in life.steps if name == step)
    syncs = [n for n, op in enumerate(life.volume.ops) if n >= begun and op.what.startswith(sync)]
    (folder / what).mkdir()
    assert killed(folder / what, run, offices, node_key, [syncs[count]], every=100).wrong == []


def test_an_entry_that_a_killed_process_wrote_lasts_before_it_is_answered_again(tmp_path: Path) -> None:
    volume = CrashVolume(tmp_path)
    log = open_log(tmp_path, volume)
    log.checkpoint()  # so that the file is open
    volume.kill_before = len(volume.ops) + 2  # the cut of what may be torn, the write, and not the sync
    with pytest.raises(Killed):
        log.commit(by="camera", action="live", subject="grant", id=ULID)
    volume.kill_before = None
    log.close()
    again = open_log(tmp_path, volume)
    assert again.commit(by="camera", action="live", subject="grant", id=ULID) == 0
    again.close()
    assert ULID.encode() in (left_at_worst(volume)["audit.jsonl"] or b"")


def open_log(folder: Path, volume: CrashVolume) -> AuditLog:
    clock = SimulatedClock(start_utc_ns=START_NS)
    log = AuditLog(folder, clock=clock, signing=signing_key("test-node"), volume=volume)
    log.checkpoint()  # which opens the file
    return log


def left_at_worst(volume: CrashVolume) -> Image:
    """Where nothing survives that was not synced."""
    surviving = Surviving(volume)
    for _ in volume.ops:
        surviving.advance()
    return surviving.image(CrashPoint(surviving.ops, ()))


def test_a_new_key_slot_lasts_before_it_is_handed_out(tmp_path: Path) -> None:
    volume = CrashVolume(tmp_path)
    open_slot(tmp_path / "epochs.slot", volume=volume).keys.close()
    assert set(left_at_worst(volume)) == {"epochs.slot"}


def test_a_key_slot_that_a_killed_process_named_lasts_before_it_is_used(tmp_path: Path) -> None:
    (tmp_path / "twin").mkdir()
    twin = CrashVolume(tmp_path / "twin")
    open_slot(tmp_path / "twin" / "epochs.slot", volume=twin).keys.close()
    shutil.rmtree(tmp_path / "twin")
    volume = CrashVolume(tmp_path)
    volume.kill_before = max(n for n, op in enumerate(twin.ops) if op.kind == "sync names")
    with pytest.raises(Killed):
        open_slot(tmp_path / "epochs.slot", volume=volume)
    assert (tmp_path / "epochs.slot").exists()
    assert "epochs.slot" not in left_at_worst(volume)
    volume.kill_before = None
    slot = open_slot(tmp_path / "epochs.slot", volume=volume)
    slot.keys.close()
    assert not slot.created
    assert "epochs.slot" in left_at_worst(volume)


def test_what_recovery_has_signed_lasts(tmp_path: Path) -> None:
    place = Place(tmp_path, EpochKeys.create(tmp_path / "epochs.slot", size=4096))
    place.directory.mkdir()
    ring, one = place.ring(), footage()
    for message in one.messages[:-1]:
        ring.accept(message)
    ring.close()
    place.keys.close()
    volume = CrashVolume(place.directory)
    recover(place.directory, place.signing, volume=volume)
    (data,) = left_at_worst(volume).values()
    assert data is not None
    found = one.opened(data)
    assert (found.ending, found.segment.damage) == ("recovered", ())


def test_a_log_that_was_altered_is_never_lost_while_it_is_set_aside(tmp_path: Path) -> None:
    altered = b"not an entry" + b"\n" * 2
    (tmp_path / "audit.jsonl").write_bytes(altered)
    volume = CrashVolume(tmp_path)
    log = open_log(tmp_path, volume)
    log.note("recorder_started", "recorder")
    log.close()
    surviving = Surviving(volume)
    for _ in range(len(volume.ops) + 1):
        for point in surviving.points():
            assert altered in surviving.image(point).values()
        if surviving.ops < len(volume.ops):
            surviving.advance()


@pytest.mark.parametrize("preallocate_bytes", [8192, 64], ids=["with room", "outgrown"])
def test_a_trailer_that_is_torn_never_stands_at_the_end_of_a_file(
    preallocate_bytes: int, tmp_path: Path
) -> None:
    one, signing = footage(), signing_key("test-node")
    volume = CrashVolume(tmp_path, byte_granular="one.seg.new")
    start = fmt.start_of_file(one.opening.header, bytes(24))
    file = SegmentFile(tmp_path / "one.seg", start=start, preallocate_bytes=preallocate_bytes, volume=volume)
    for record in one.sealed:
        file.append(record.ciphertext)
    begun = len(volume.ops)
    file.finish(signing)
    surviving = Surviving(volume)
    for _ in volume.ops:
        surviving.advance()
        for point in surviving.points() if surviving.ops > begun else ():
            data = surviving.image(point)["one.seg"]
            assert data is not None
            trailer = fmt.read(data).trailer if fmt.ends_in_trailer(data[-fmt.TRAILER_BYTES :]) else None
            if trailer is not None:
                key = signing.private.public_key()
                assert verifies(key, trailer.signature, fmt.trailer_message(trailer.signed)), point
