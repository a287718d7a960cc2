"""Power may go at any instant: a scripted life is cut at every operation, started again, and owes nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.crash_volume import CrashPoint, CrashVolume, Surviving
from recorder.aftermath import Aftermath, Verdict, crash_everywhere
from recorder.crash_script import Office
from recorder.crash_table import killed, life_in, offices_in, place
from recorder.footage import START_NS, footage
from recorder.place import Place
from vectors.make_keys import signing_key

from node.clock import SimulatedClock
from node.recorder.audit_log import AuditLog
from node.recorder.epochs import EpochKeys
from node.recorder.recovery import recover

Pole = tuple[Path, Path, Office, Path]


@pytest.fixture(scope="module")
def pole() -> Iterator[Pole]:
    """Folders in memory, everybody's documents, the node's key."""
    with place() as (folder, run):
        yield folder, run, *offices_in(folder)


@pytest.fixture(scope="module")
def verdict(pole: Pole) -> Verdict:
    """Every operation of the script with every set of survivors, and one in forty of the torn writes."""
    folder, run, offices, node_key = pole
    life = life_in(folder / "live", run, offices, node_key)
    (folder / "left").mkdir()
    return crash_everywhere(life, Aftermath(life, folder / "left", run), every=40)


@pytest.mark.parametrize("number", [f"C{n}" for n in range(1, 10)])
def test_a_power_cut_at_any_operation_violates_no_invariant(number: str, verdict: Verdict) -> None:
    assert [wrong for wrong in verdict.wrong if wrong[1].number == number] == []


def test_a_power_cut_at_any_operation_leaves_a_ring_and_a_slot_that_check(verdict: Verdict) -> None:
    assert [wrong for wrong in verdict.wrong if wrong[1].number[0] in "RS"] == []


def test_the_script_is_cut_often_in_each_of_its_steps(verdict: Verdict) -> None:
    assert min(tally.points for tally in verdict.tallies.values()) >= 1
    assert verdict.points > 1000


KILLS = {
    "the key slot's name": ("sync live", 1),
    "the ring's name": ("sync live", 2),
    "an audit entry": ("sync audit.jsonl", 6),
    "a record": ("sync 20261103T", 5),
    "a document's name": ("sync documents", 3),
}
"""Before which sync, counted from the first of its kind."""


@pytest.mark.parametrize("what", KILLS)
def test_what_a_killed_process_left_unsynced_is_made_to_last_by_the_next(what: str, pole: Pole) -> None:
    folder, run, offices, node_key = pole
    (folder / what).mkdir()
    life = life_in(folder / what / "live", run, offices, node_key)
    sync, count = KILLS[what]
    number = [n for n, op in enumerate(life.volume.ops) if op.what.startswith(sync)][count]
    assert killed(folder / what, run, offices, node_key, [number], every=100).wrong == []


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
    surviving = Surviving(volume)
    for _ in volume.ops:
        surviving.advance()
    (data,) = surviving.image(CrashPoint(surviving.ops, ())).values()
    assert data is not None
    assert one.opened(data).ending == "recovered"


def test_a_log_that_was_altered_is_never_lost_while_it_is_set_aside(tmp_path: Path) -> None:
    altered = b"not an entry" + b"\n" * 2
    (tmp_path / "audit.jsonl").write_bytes(altered)
    volume = CrashVolume(tmp_path)
    AuditLog(
        tmp_path, clock=SimulatedClock(start_utc_ns=START_NS), signing=signing_key("test-node"), volume=volume
    ).close()
    surviving = Surviving(volume)
    for _ in range(len(volume.ops) + 1):
        for point in surviving.points():
            assert altered in surviving.image(point).values()
        if surviving.ops < len(volume.ops):
            surviving.advance()
