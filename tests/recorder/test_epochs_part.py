"""A key slot in a small part: written in pages, never synced, worn with time, and cut in the middle of a page."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.part import Part, PowerCut
from recorder.footage import MANDATE, START_NS

from node.clock import NS
from node.errors import Damaged
from node.formats import slot
from node.recorder import wear
from node.recorder.epochs import EpochKeys, SlotFailed
from node.recorder.recovery import check_slot
from node.recorder.upkeep import PERSIST_S

HOUR_NS = 3600 * NS
RETENTION_NS = 72 * HOUR_NS
SIZE = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A part as it comes from its factory."""
    (tmp_path / "eeprom").write_bytes(b"\xff" * SIZE)
    return tmp_path / "eeprom"


def opened(path: Path, part: Part | None = None) -> EpochKeys:
    return EpochKeys(path, medium="part", volume=part or Part())


def capture(keys: EpochKeys, at_ns: int = START_NS) -> tuple[int, bytes]:
    return keys.for_capture(at_ns, mandate=MANDATE, retention_ns=RETENTION_NS)


def test_a_part_from_the_factory_becomes_an_empty_key_slot(path: Path) -> None:
    keys = opened(path)
    assert (keys.live, keys.header) == (frozenset(), slot.SlotHeader())
    assert list(check_slot(path.read_bytes(), now_ns=None)) == []
    assert path.stat().st_size == SIZE
    keys.close()


def test_a_file_that_is_blank_is_refused(path: Path) -> None:
    with pytest.raises(Damaged):
        EpochKeys(path)


def test_a_part_with_anything_else_in_it_is_refused_and_stays_as_it_is(path: Path) -> None:
    path.write_bytes(b"somebody else's".ljust(SIZE, b"\xff"))
    path.write_bytes(path.read_bytes()[:200] + b"another key" + path.read_bytes()[211:])
    before = path.read_bytes()
    with pytest.raises(Damaged):
        opened(path)
    assert path.read_bytes() == before


def test_a_part_that_was_in_use_is_never_formatted_again(path: Path) -> None:
    keys = opened(path)
    capture(keys)
    keys.close()
    path.write_bytes(bytes(64) + path.read_bytes()[64:128] + bytes(SIZE - 128))
    assert opened(path).header.generation == 1  # the other copy counts
    path.write_bytes(bytes(128) + path.read_bytes()[128:])
    with pytest.raises(Damaged):
        opened(path)


def test_a_formatting_that_was_cut_is_repeated(path: Path) -> None:
    part = Part()
    opened(path, part).close()
    for pages in range(0, part.writes.total(), 5):
        path.write_bytes(b"\xff" * SIZE)
        with pytest.raises(PowerCut):
            opened(path, Part(cut_after=pages, garbage=b"\xff" * 16 + bytes(16)))
        keys = opened(path)
        assert capture(keys)[0] == 1
        keys.close()


def test_a_key_is_made_and_destroyed_in_a_part_that_cannot_be_synced(path: Path) -> None:
    keys = opened(path)
    number, key = capture(keys)
    assert key in path.read_bytes()
    assert keys.destroy_due(START_NS + RETENTION_NS).epochs == (number,)
    assert key not in path.read_bytes()
    keys.close()


def test_in_a_file_what_cannot_be_synced_has_failed(tmp_path: Path) -> None:
    EpochKeys.create(tmp_path / "epochs.slot", size=SIZE).close()
    with pytest.raises((SlotFailed, OSError), match="Invalid argument"):
        EpochKeys(tmp_path / "epochs.slot", volume=Part())


def cut_everywhere(path: Path, image: bytes, work: Callable[[EpochKeys], object]) -> list[bytes]:
    """What the part holds after a power cut in the middle of each page that the work writes."""
    found = []
    for garbage in (b"\xa5" * 32, bytes(32), b"\xff" * 32):
        for pages in range(100):
            path.write_bytes(image)
            keys = opened(path, Part(cut_after=pages, garbage=garbage))
            try:
                work(keys)
            except PowerCut:
                found.append(path.read_bytes())
            else:
                break
            finally:
                keys.close()
    return found


def test_a_power_cut_in_any_page_of_a_creation_wastes_a_number_at_most(path: Path) -> None:
    keys = opened(path)
    made = capture(keys)
    keys.close()
    later_ns = START_NS + 10 * HOUR_NS
    left = cut_everywhere(path, path.read_bytes(), lambda keys: capture(keys, later_ns))
    assert len(left) == 3 * 4
    for image in left:
        path.write_bytes(image)
        again = opened(path)
        assert again.key(1) == made[1]
        assert list(check_slot(path.read_bytes(), now_ns=later_ns)) == []
        assert capture(again, later_ns)[0] in {2, 3}
        again.close()


def test_a_power_cut_in_any_page_of_a_destruction_leaves_the_key_or_nothing(path: Path) -> None:
    keys = opened(path)
    _, key = capture(keys)
    keys.close()
    left = cut_everywhere(path, path.read_bytes(), lambda keys: keys.destroy_due(START_NS + RETENTION_NS))
    assert len(left) == 3 * 2
    for image in left:
        path.write_bytes(image)
        again = opened(path)
        assert again.key(1) in {None, key}
        again.destroy_due(START_NS + RETENTION_NS)
        assert not any(key[at : at + 4] in path.read_bytes() for at in range(29))
        assert list(check_slot(path.read_bytes(), now_ns=START_NS + RETENTION_NS)) == []
        again.close()


def test_wear_is_what_was_computed(path: Path) -> None:
    # Four retentions of filming without a break, and the time persisted as upkeep does it.
    part = Part()
    keys = opened(path, part)
    part.writes.clear()
    for step in range(4 * RETENTION_NS // (PERSIST_S * NS)):
        now_ns = START_NS + step * PERSIST_S * NS
        if keys.destroy_due(now_ns).epochs:
            keys.commit_header(keys.header.next(time_floor_ns=now_ns))
        capture(keys, now_ns)
        keys.commit_header(keys.header.next(time_floor_ns=now_ns))
    budget = wear.header_writes_a_year(size=SIZE, retention_ns=RETENTION_NS, persist_ns=PERSIST_S * NS)
    a_year = wear.YEAR_NS / (4 * RETENTION_NS)
    assert 0.8 * budget <= part.writes[0] * a_year <= 1.01 * budget
    assert part.writes[0] == pytest.approx(wear.header_writes(keys.header), abs=1)
    busiest = max(count for page, count in part.writes.items() if page >= 4)
    assert busiest <= wear.slot_writes_a_year(retention_ns=RETENTION_NS) / a_year + 2
    keys.close()


def test_erasures_wear_no_slot_as_much_as_the_header(path: Path) -> None:
    part = Part()
    keys = opened(path, part)
    number, _ = capture(keys)
    part.writes.clear()
    for _ in range(1000):
        fresh = keys.successor(number)
        keys.destroy(number)
        number = fresh.epoch
    busiest = max(count for page, count in part.writes.items() if page >= 4)
    assert part.writes[0] == 1000 * wear.ERASED_EPOCH_HEADER_WRITES / 2
    assert busiest <= 2 * (1000 / slot.slot_count(SIZE) + 1)
    keys.close()


def test_an_eeprom_lasts_ten_years_and_fram_for_ever() -> None:
    # The reference part, at the shortest epochs that there are.
    a_year = wear.header_writes_a_year(
        size=slot.REFERENCE_BYTES, retention_ns=20 * HOUR_NS, persist_ns=PERSIST_S * NS
    )
    assert a_year < wear.EEPROM_CYCLES / 10
    assert a_year < wear.FRAM_CYCLES / 1_000_000


def test_a_worn_part_is_told() -> None:
    assert wear.level(slot.SlotHeader(generation=1_599_998)) == "good"
    assert wear.level(slot.SlotHeader(generation=1_600_000)) == "worn"
