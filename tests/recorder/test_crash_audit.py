"""Power may go at any byte while the log rolls over and drops: what was answered stands, and the chain holds."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fakes.crash_volume import CrashPoint, CrashVolume, Image, Killed, Surviving, put
from recorder.crash_script import ulid
from recorder.footage import START_NS
from vectors.make_keys import signing_key

from node.clock import NS, SimulatedClock
from node.formats import audit
from node.messages import AuditCheckpoint
from node.recorder.audit_check import AuditCheck, check_audit
from node.recorder.audit_files import FILE_NAME, closed_name, lines, numbered
from node.recorder.audit_log import ROOM_BYTES, AuditLog
from node.volume import DISK, Volume

SIGNING = signing_key("test-node")
NODE = SIGNING.private.public_key()
ENTRIES, AGAIN = 12, 5
"""So many are asked for; after so many the log is opened anew."""
FILE, MOST, HEADS = 900, ROOM_BYTES + 5000, 1800


@dataclass
class Life:
    """What was answered, and which checkpoints were said, when so many operations had been issued."""

    volume: CrashVolume
    answered: list[tuple[int, int, str]] = field(default_factory=list)
    said: list[tuple[int, AuditCheckpoint]] = field(default_factory=list)


def opened(folder: Path, volume: Volume = DISK) -> AuditLog:
    clock = SimulatedClock(start_utc_ns=START_NS + 3600 * NS)
    return AuditLog(
        folder,
        clock=clock,
        signing=SIGNING,
        file_bytes=FILE,
        most_bytes=MOST,
        most_heads_bytes=HEADS,
        volume=volume,
    )


def live(folder: Path, *, kill_before: int | None = None, byte_granular: str = "nothing") -> Life:
    folder.mkdir()
    life = Life(CrashVolume(folder, byte_granular=byte_granular))
    life.volume.kill_before = kill_before
    log = opened(folder, life.volume)
    try:
        for number in range(ENTRIES):
            if number == AGAIN:
                log.close()
                log = opened(folder, life.volume)
            index = log.commit(by="camera", action="live", subject=f"grant {number}", id=ulid(number))
            life.answered.append((len(life.volume.ops), index, ulid(number)))
            if number % 3 == 0:
                said = log.checkpoint()
                log.keep(said)
                life.said.append((len(life.volume.ops), said))
    finally:
        log.close()
    return life


def entries(folder: Path) -> dict[int, str]:
    """Ids by index."""
    found = {}
    names = numbered([path.name for path in folder.iterdir()], ".jsonl")
    for name in (*map(closed_name, names), FILE_NAME):
        with (folder / name).open("rb") as file:
            for line in lines(file):
                entry = audit.parse(line, index=0)
                found[entry.index] = entry.id
    return found


def wrongs(folder: Path, life: Life, ops: int) -> Iterator[str]:
    """What is not as it must be when the power has gone after so many operations, and come back."""
    log = opened(folder)
    yield from (f"{r.action}: {r.reason}" for r in log.repairs if r.action != "log_cut")
    answered = [one for one in life.answered if one[0] <= ops]
    if (
        answered
        and log.commit(by="camera", action="live", subject=_subject(answered[-1][2]), id=answered[-1][2])
        != (answered[-1][1])
    ):
        yield "an entry was written twice"
    if log.commit(by="camera", action="live", subject="after") != log.size - 1:
        yield "it does not go on"
    log.close()
    have = entries(folder)
    oldest = min(have)
    for _, index, id in answered:
        if index >= oldest and have.get(index) != id:
            yield f"entry {index} was answered, and is not there"
    for _, said in [one for one in life.said if one[0] <= ops][-1:] or [(0, None)]:
        for violation in check_audit(folder / FILE_NAME, said=said, node=NODE):
            yield f"{violation}"
    total = sum(path.stat().st_size for path in folder.iterdir() if path.name != "checkpoint.json")
    if total > MOST:
        yield f"{total} bytes are more than {MOST}"


def _subject(id: str) -> str:
    return f"grant {next(n for n in range(ENTRIES) if ulid(n) == id)}"


def cut_everywhere(life: Life, left: Path, *, every: int) -> tuple[int, list[str]]:
    """At every operation with every set of survivors, and one in so many of the torn writes."""
    left.mkdir()
    surviving, count, found, seen = Surviving(life.volume), 0, list[str](), set[tuple[int, int]]()
    for _ in range(len(life.volume.ops) + 1):
        for number, point in enumerate(surviving.points()):
            if any(how != "whole" for _, how in point.survived) and number % every:
                continue
            image = surviving.image(point)
            answered = sum(ops <= point.ops for ops, *_ in life.answered)
            known = hash(tuple(sorted(image.items()))), answered
            if known in seen:
                continue
            seen.add(known)
            count += 1
            put(image, left)
            found += [f"{point}: {wrong}" for wrong in wrongs(left, life, point.ops)]
        if surviving.ops < len(life.volume.ops):
            surviving.advance()
    return count, found


def test_the_script_rolls_over_drops_and_forgets(tmp_path: Path) -> None:
    live(tmp_path / "live")
    check = AuditCheck(tmp_path / "live" / FILE_NAME, said=None, node=NODE)
    assert list(check.violations()) == []
    heads = numbered([path.name for path in (tmp_path / "live").iterdir()], ".heads")
    assert check.first > 8
    assert check.files >= 2
    assert heads
    assert heads[0] > 0  # the first ones are forgotten


@pytest.mark.timeout(240)
def test_a_power_cut_at_any_operation_costs_no_entry_that_was_answered(tmp_path: Path) -> None:
    count, found = cut_everywhere(live(tmp_path / "live"), tmp_path / "left", every=1)
    assert found == []
    assert count > 250


@pytest.mark.timeout(240)
def test_a_power_cut_at_any_byte_of_the_newest_file_costs_none_either(tmp_path: Path) -> None:
    life = live(tmp_path / "live", byte_granular=FILE_NAME)
    count, found = cut_everywhere(life, tmp_path / "left", every=29)
    assert found == []
    assert count > 300


@pytest.mark.timeout(240)
def test_a_process_that_is_killed_before_any_operation_loses_nothing_in_a_later_power_cut(
    tmp_path: Path,
) -> None:
    total = len(live(tmp_path / "whole").volume.ops)
    for kill in range(0, total, 3):
        folder = tmp_path / f"killed-{kill}"
        folder.mkdir()
        life = Life(CrashVolume(folder))
        life.volume.kill_before = kill
        _until_killed(folder, life)
        life.volume.kill_before = None
        log = opened(folder, life.volume)  # the next process, with what the kernel has of the first
        number = min(len(life.answered), ENTRIES - 1)  # whoever was not answered asks again
        index = log.commit(by="camera", action="live", subject=f"grant {number}", id=ulid(number))
        life.answered.append((len(life.volume.ops), index, ulid(number)))
        log.close()
        image = left_at_worst(life.volume)
        (tmp_path / "left").mkdir(exist_ok=True)
        put(image, tmp_path / "left")
        assert list(wrongs(tmp_path / "left", life, len(life.volume.ops))) == [], kill


def _until_killed(folder: Path, life: Life) -> None:
    log = None
    try:
        log = opened(folder, life.volume)
        for number in range(ENTRIES):
            index = log.commit(by="camera", action="live", subject=f"grant {number}", id=ulid(number))
            life.answered.append((len(life.volume.ops), index, ulid(number)))
    except Killed:
        pass
    finally:
        life.volume.kill_before = None
        if log is not None:
            log.close()


def left_at_worst(volume: CrashVolume) -> Image:
    """Where nothing survives that was not synced."""
    surviving = Surviving(volume)
    for _ in volume.ops:
        surviving.advance()
    return surviving.image(CrashPoint(surviving.ops, ()))
