"""Early erasure: who may order it, what goes and stays, what is written down, and that it is over when that is said."""

import shutil
from pathlib import Path

import msgspec
import pytest
from recorder.erasure_office import ask, erasure, filmed, later, of, opens, over
from recorder.footage import START_NS
from recorder.release_office import MINUTE, TWO, Office, manifest_of, read

from node.clock import NS
from node.formats import segment as fmt
from node.formats import slot
from node.formats.bundle import Missing
from node.messages import EventHappened
from node.recorder.erasing import ATTEMPTS
from node.recorder.segment_file import NEW
from node.sealing.keys import verifies

HOUR_NS = 3600 * NS


def test_the_erased_minute_is_gone_and_what_was_before_and_after_still_opens(office: Office) -> None:
    made, before = filmed(office, 0, 1, 2)
    old_slot = Path(office.station.config.paths.epoch_slot).read_bytes()
    answer = ask(office, erasure())
    assert (answer.accepted, answer.kind) == (True, "erase"), answer.reason
    assert "1 whole segments" in answer.reason
    assert "2 others of the same 1 epochs are kept" in answer.reason
    assert over(office).outcome == "finished"
    left = {path.name: path.read_bytes() for path in office.station.paths}
    assert [made[1].header.segment in name for name in left] == [False, False]
    for one in (made[0], made[2]):
        assert opens(office, one, of(one, left))
        assert one.opened(of(one, left)).ending == "closed"
    assert [opens(office, one, of(one, before)) for one in made] == [False, False, False]
    assert [opens(office, one, of(one, before), image=old_slot) for one in made] == [True, True, True]
    assert office.station.violations == []


def test_nothing_lives_longer_for_it(office: Office) -> None:
    filmed(office, 0, 1, 2)
    path = Path(office.station.config.paths.epoch_slot)
    (before,) = slot.read_slots(path.read_bytes()).values()
    ask(office, erasure())
    over(office)
    after = list(slot.read_slots(path.read_bytes()).values())
    assert {(one.destroy_at_ns, one.mandate_prefix) for one in after} == {
        (before.destroy_at_ns, before.mandate_prefix)
    }
    assert before.key not in {one.key for one in after}


def test_what_is_kept_is_signed_anew_and_only_what_was_signed_well(office: Office) -> None:
    _, _ = filmed(office, 0, 1, 2)
    altered = office.station.paths[2]
    data = bytearray(altered.read_bytes())
    data[-100] ^= 1
    altered.write_bytes(data)
    ask(office, erasure())
    over(office)
    node = office.desk.keys["node"].signing.private.public_key()
    found = [fmt.read(path.read_bytes()).trailer for path in office.station.paths]
    signed = [
        one is not None and verifies(node, one.signature, fmt.trailer_message(one.signed)) for one in found
    ]
    assert signed == [True, False]


def test_a_segment_that_overlaps_goes_whole_and_the_open_one_is_cut_first(office: Office) -> None:
    made, _ = filmed(office, 0)
    running = office.record_open(2)
    later(office, 20)
    answer = ask(office, erasure(since=2 * MINUTE + 1, until=2 * MINUTE + 2))
    assert answer.accepted, answer.reason
    assert over(office).outcome == "finished"
    assert len(office.station.paths) == 1
    (left,) = office.station.paths
    assert made[0].header.segment in left.name
    assert running.header.segment not in left.name
    assert opens(office, made[0], left.read_bytes())


def test_an_open_segment_that_is_kept_is_cut_and_the_camera_goes_on_in_another(office: Office) -> None:
    made, _ = filmed(office, 0)
    running = office.record_open(2)
    assert ask(office, erasure(since=0, until=MINUTE)).accepted
    over(office)
    (left,) = office.station.paths
    assert running.header.segment in left.name
    assert opens(office, running, left.read_bytes())
    assert made[0].header.segment not in left.name
    (after,) = office.record(3)
    newest = office.station.paths[-1]
    assert after.header.segment in newest.name
    assert opens(office, after, newest.read_bytes())
    assert len(slot.read_slots(Path(office.station.config.paths.epoch_slot).read_bytes())) == 1


def test_an_interval_over_several_epochs_takes_something_of_each(office: Office) -> None:
    length_min = 36  # of an epoch of 72 hours in 122 parts
    minutes = (0, length_min - 1, length_min + 1, 2 * length_min + 1, 2 * length_min + 3)
    made, _ = filmed(office, *minutes)
    assert len(slot.read_slots(Path(office.station.config.paths.epoch_slot).read_bytes())) == 3
    assert ask(office, erasure(since=(length_min - 1) * MINUTE, until=(2 * length_min + 2) * MINUTE)).accepted
    ended = over(office)
    assert "3 segments are erased with the keys of 3 epochs" in ended.reason
    left = office.station.paths
    assert [made[n].header.segment in path.name for n, path in zip((0, 4), left, strict=True)] == [True, True]
    assert all(opens(office, made[n], path.read_bytes()) for n, path in zip((0, 4), left, strict=True))
    assert len(slot.read_slots(Path(office.station.config.paths.epoch_slot).read_bytes())) == 2


def test_it_is_written_down_before_anything_happens_and_when_it_is_over(office: Office) -> None:
    filmed(office, 0, 1, 2)
    order = erasure()
    ask(office, order)
    accepted = office.log[-1]
    assert accepted.action == "erasure_accepted"
    assert order.id in accepted.subject
    assert accepted.reason == "signed by releaser-1, releaser-2; request 7 of a data subject"
    assert len(office.station.paths) == 3
    over(office)
    assert [entry.action for entry in office.log[-2:]] == ["epoch_destroyed", "erasure_finished"]
    assert "deletion: unlink" in office.log[-1].reason


def test_a_dry_run_names_what_would_go_and_touches_nothing(office: Office) -> None:
    filmed(office, 0, 1, 2)
    files = {path: path.read_bytes() for path in office.station.paths}
    answer = ask(office, erasure(dry_run=True))
    assert answer.accepted
    assert "1 whole segments, which begin at 20261103T210100.000Z, would be erased" in answer.reason
    assert "2 others of the same 1 epochs would be kept" in answer.reason
    office.station.after(60)
    assert {path: path.read_bytes() for path in office.station.paths} == files
    assert office.log[-1].action == "erasure_tried"
    assert office.log[-1].reason.startswith("signed by releaser-1, releaser-2")


def test_a_release_afterwards_says_that_the_minute_was_destroyed(office: Office) -> None:
    filmed(office, 0, 1, 2)
    ask(office, erasure())
    over(office)
    order = office.order(until=3 * MINUTE)
    assert office.ask(order).accepted
    office.delivered()
    reader, carried = read(office.bundle(order))
    assert [one.is_as_told for one in carried] == [True, True]
    assert manifest_of(reader).missing == (
        Missing(START_NS + MINUTE * NS, START_NS + 2 * MINUTE * NS, "destroyed"),
    )


def test_a_start_in_the_middle_goes_on_and_says_so(office: Office) -> None:
    made, _ = filmed(office, 0, 1, 2)
    ask(office, erasure())
    office.station.stop()
    assert len(office.station.paths) == 3
    office.station.start()
    ended = over(office)
    assert ended.outcome == "finished"
    assert {"erasure_resumed", "erasure_finished"} <= set(office.actions("erasure"))
    left = office.station.paths
    assert [opens(office, made[n], path.read_bytes()) for n, path in zip((0, 2), left, strict=True)] == [
        True,
        True,
    ]
    assert office.station.violations == []


def test_what_cannot_be_read_does_not_keep_the_rest_from_being_erased(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    filmed(office, 0, 1, 2)
    bad = office.station.paths[0]
    bad.write_bytes(bad.read_bytes()[:60])  # its start alone is left, and not all of that
    ask(office, erasure())
    assert over(office).outcome == "finished"
    lost = [entry for entry in office.log if entry.action == "segment_lost"]
    assert [entry.subject for entry in lost] == [bad.name]
    assert len(office.station.paths) == 1


def test_a_segment_that_shrinks_while_it_is_read_is_tried_some_times_and_then_goes(office: Office) -> None:
    filmed(office, 0, 1, 2)
    ask(office, erasure())
    recorder = office.station.recorder
    assert recorder is not None
    erasing = recorder._erasing
    shrunk = office.station.paths[0]
    for _ in range(ATTEMPTS):
        while erasing._copying is None:
            office.station.after(11)
        kept, epoch, copying = erasing._copying
        shrunk.write_bytes(shrunk.read_bytes()[:-100])
        office.station.after(11)
        del kept, epoch, copying
    assert over(office).outcome == "finished"
    assert [entry.subject for entry in office.log if entry.action == "segment_lost"] == [shrunk.name]


def test_what_makes_room_meanwhile_does_not_come_back(office: Office) -> None:
    filmed(office, 0, 1, 2)
    ask(office, erasure())
    recorder = office.station.recorder
    assert recorder is not None
    while recorder._erasing._copying is None:
        office.station.after(0.2)
    recorder._ring._evict()
    over(office)
    assert len(office.station.paths) == 1
    assert recorder._ring.count == 1
    assert not list(Path(office.station.config.paths.ring).glob(f"*{NEW}"))


def test_a_full_key_slot_is_told_and_nothing_is_lost_until_there_is_room(office: Office) -> None:
    made, _ = filmed(office, 0, 1, 2)
    recorder = office.station.recorder
    assert recorder is not None
    keys = recorder._keys
    for n in range(125):
        keys.for_capture(START_NS + n, mandate=bytes([n]) * 32, retention_ns=HOUR_NS)
    assert keys.full
    assert ask(office, erasure()).accepted
    office.station.after(1)
    assert office.station.answer(EventHappened, to="uplink").detail == "key slot: the key slot is full"
    assert len(office.station.paths) == 3
    office.station.after(3600)
    assert over(office).outcome == "finished"
    left = office.station.paths
    assert [opens(office, made[n], path.read_bytes()) for n, path in zip((0, 2), left, strict=True)] == [
        True,
        True,
    ]


def test_footage_is_taken_while_an_erasure_is_under_way(office: Office) -> None:
    filmed(office, 0, 1, 2)
    ask(office, erasure())
    (new,) = office.record(4)
    over(office)
    assert new.header.segment in office.station.paths[-1].name
    assert opens(office, new, office.station.paths[-1].read_bytes())


def test_a_ring_whose_volume_is_missing_is_not_taken_for_an_empty_one(office: Office) -> None:
    filmed(office, 0, 1, 2)
    ask(office, erasure())
    office.station.stop()
    ring = Path(office.station.config.paths.ring)
    away = ring.rename(ring.with_name("away"))
    before = Path(office.station.config.paths.epoch_slot).read_bytes()
    office.station.start()
    office.station.after(30)
    after = Path(office.station.config.paths.epoch_slot).read_bytes()
    assert slot.read_slots(after) == slot.read_slots(before)
    office.station.stop()
    shutil.rmtree(ring)
    away.rename(ring)
    office.station.start()
    assert over(office).outcome == "finished"
    assert len(office.station.paths) == 2


def test_a_plan_that_cannot_be_read_lets_nothing_be_released_until_it_is_ordered_anew(office: Office) -> None:
    filmed(office, 0, 1, 2)
    office.station.stop()
    (Path(office.station.config.paths.documents) / "erasures.json").write_bytes(b"{")
    office.station.start()
    assert "order anew what should have been erased" in office.ask(office.order(until=MINUTE)).reason
    assert "erasure_unknown" in office.actions("erasure")
    assert ask(office, erasure()).accepted
    over(office)
    assert office.ask(office.order(until=MINUTE)).accepted


def test_an_order_on_a_medium_is_answered_beside_it(office: Office) -> None:
    filmed(office, 0, 1, 2)
    medium = Path(office.station.config.paths.release_medium or "")
    (medium / "a.order").write_bytes(office.desk.signed(erasure(), *TWO))
    assert over(office).outcome == "finished"
    answer = msgspec.json.decode((medium / "a.order.answer.json").read_bytes())
    assert answer["accepted"], answer
    assert len(office.station.paths) == 2


def test_a_release_on_a_medium_waits_for_an_erasure_and_is_not_refused(office: Office) -> None:
    filmed(office, 0, 1, 2)
    medium = Path(office.station.config.paths.release_medium or "")
    order = office.order(until=MINUTE)
    assert ask(office, erasure()).accepted
    (medium / "a.order").write_bytes(office.desk.signed(order, *TWO))
    over(office)
    for _ in range(100):
        office.station.after(0.5)
        if (medium / f"{order.id}.bundle").exists():
            break
    answer = msgspec.json.decode((medium / "a.order.answer.json").read_bytes())
    assert answer["accepted"], answer
    assert read((medium / f"{order.id}.bundle").read_bytes())[1][0].is_as_told
