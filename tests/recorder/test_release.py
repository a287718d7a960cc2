"""Releases over the bus: who may have what, what is written down before, and what leaves of it."""

from pathlib import Path

import msgspec
import pytest
from recorder.footage import START_NS, footage
from recorder.release_office import MINUTE, TWO, Office, manifest_of, moment, read
from recorder.station import ULID

from node.clock import NS
from node.formats import audit, bundle
from node.formats import segment as fmt
from node.formats.bundle import Kind, Missing
from node.mandate.documents import Mandate, decode
from node.mandate.example import NODE
from node.mandate.ids import new_ulid
from node.mandate.signatures import parse
from node.messages import (
    ReleaseChunk,
    ReleaseTaken,
    UplinkAlive,
)
from node.recorder.outlets import STALLED_NS, WINDOW
from node.recorder.ring import segment_paths
from node.sealing.keys import fingerprint, verifies


def test_a_bundle_has_the_segments_as_they_lie_in_the_ring_and_lifts_their_layer_alone(
    office: Office,
) -> None:
    made = office.record(0, 1, 2)
    order = office.order(since=MINUTE, until=2 * MINUTE)
    answer = office.ask(order)
    assert (answer.accepted, answer.kind) == (True, "release"), answer.reason
    assert office.delivered().outcome == "finished"
    reader, carried = read(office.bundle(order))
    assert [one.data for one in carried] == [office.station.paths[1].read_bytes()]
    assert all(one.is_as_told for one in carried)
    assert fmt.lift(fmt.read(carried[0].data), carried[0].layer_key) == (b"a wrap",)
    assert made[1].opened(carried[0].data).records
    assert not reader.damage


def test_nothing_that_lifts_an_epoch_layer_rests_on_the_node(office: Office) -> None:
    office.record(0)
    order = office.order(until=MINUTE)
    office.ask(order)
    office.delivered()
    layer_key = read(office.bundle(order))[1][0].layer_key
    folder = Path(office.station.config.paths.ring).parent
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert not [path for path in files if layer_key in path.read_bytes()]


def test_a_bundle_is_signed_by_the_node_from_its_order_to_its_end(office: Office) -> None:
    office.record(0)
    order = office.order(until=MINUTE)
    office.ask(order)
    office.delivered()
    reader, _ = read(office.bundle(order))
    node = office.desk.keys["node"].signing.private.public_key()
    assert reader.start is not None
    assert reader.end is not None
    for signed in (reader.start.signed, reader.end):
        assert verifies(node, signed.signature, signed.message)
    manifest = reader.start.manifest
    assert (manifest.made_by, manifest.node, manifest.node_key) == ("node", NODE, fingerprint(node))
    assert parse(reader.start.order).digest.hex() == manifest.order.removeprefix("sha256:")
    assert reader.start.mandates == (office.desk.mandate,)


def test_the_entry_is_in_the_log_before_a_byte_leaves_and_the_bundle_has_it_signed(office: Office) -> None:
    office.record(0)
    order = office.order(until=MINUTE)
    office.ask(order)
    assert not [m for m in office.heard() if isinstance(m, ReleaseChunk)]
    accepted = office.log[-1]
    assert (accepted.action, "K 123-26" in accepted.reason) == ("release_accepted", True)
    assert "releaser-1, releaser-2" in accepted.reason
    office.delivered()
    manifest = manifest_of(read(office.bundle(order))[0])
    assert manifest.checkpoint is not None
    assert audit.parse(manifest.audit[0].encode(), index=accepted.index) == accepted
    assert audit.head_of(manifest.checkpoint).size == accepted.index + 1
    assert audit.is_signed_by(manifest.checkpoint, office.desk.keys["node"].signing.private.public_key())
    assert office.actions("release") == ["release_accepted", "release_finished"]


def test_a_piece_opens_only_for_who_signed_the_order(office: Office) -> None:
    office.record(0)
    order = office.order(until=MINUTE)
    office.ask(order)
    office.delivered()
    assert office.bundle(order, by="releaser-2").startswith(bundle.MAGIC)
    with pytest.raises(Exception, match="has not signed that order"):
        office.bundle(order, by="controller-1")


def test_pieces_expire_with_the_epoch_of_what_they_open(office: Office) -> None:
    office.record(0)
    order = office.order(until=MINUTE)
    office.ask(order)
    office.delivered()
    assert {chunk.expires_ns for chunk in office.chunks.values()} == {START_NS + 72 * 3600 * NS}


def test_no_more_than_a_window_of_pieces_is_on_its_way(office: Office) -> None:
    digest = parse(office.desk.mandate).digest
    big = [footage(n + 1, start_ns=START_NS, payloads=[bytes(1 << 20)] * 2, mandate=digest) for n in range(1)]
    office.station.ask(*big[0].messages)
    order = office.order(until=MINUTE)
    office.ask(order)
    pieces = []
    for _ in range(20):
        office.station.after(0.3)
        pieces += office.heard()
    assert [piece.number for piece in pieces] == list(range(WINDOW))
    office.acknowledge(*pieces)
    assert office.delivered().outcome == "finished"
    assert [one.is_as_told for one in read(office.bundle(order))[1]] == [True]


def test_footage_is_taken_while_a_release_is_on_its_way(office: Office) -> None:
    office.record(0)
    order = office.order(until=MINUTE)
    office.ask(order)
    made = office.record(1)
    assert len(office.station.paths) == 2
    assert office.delivered().outcome == "finished"
    assert made[0].header.segment in office.station.paths[1].name


@pytest.mark.parametrize(
    ("changes", "signers", "reason"),
    [
        ({}, ("releaser-1",), "signed by 1 of the 2 releasers"),
        ({}, ("releaser-1", "operator-1"), "has no say"),
        ({"node": "n-other"}, TWO, "it is for node n-other"),
        ({"expires": moment(0)}, TWO, "it has expired"),
        ({"recipient": "newspaper"}, TWO, "newspaper is not a recipient"),
        ({"from_": moment(-7200), "to": moment(-3600)}, TWO, "no footage of that interval"),
    ],
)
def test_an_order_that_is_not_good_is_refused_with_the_reason_and_logged(
    changes: dict[str, object], signers: tuple[str, ...], reason: str, office: Office
) -> None:
    office.record(0)
    answer = office.ask(msgspec.structs.replace(office.order(until=MINUTE), **changes), *signers)
    assert (answer.accepted, answer.kind) == (False, "release")
    assert reason in answer.reason
    assert (office.log[-1].action, office.log[-1].subject) == ("document_refused", "release")
    assert reason in office.log[-1].reason


def test_one_person_does_not_sign_twice(office: Office) -> None:
    office.record(0)
    raw = office.desk.signed(office.order(until=MINUTE), "releaser-1", "releaser-2")
    told = msgspec.json.decode(raw)
    told["signatures"][1] = told["signatures"][0]
    answer = office.send(msgspec.json.encode(told))
    assert not answer.accepted
    assert "signed twice by one person" in answer.reason


def test_a_person_who_was_revoked_since_releases_nothing(office: Office) -> None:
    office.record(0)
    mandate = decode(parse(office.desk.mandate).payload, Mandate)
    people = tuple(
        msgspec.structs.replace(person, roles=(*person.roles, "releaser"))
        if person.id in {"operator-1", "approver-1"}
        else person
        for person in mandate.people
    )
    after = office.desk.next_mandate(2, people=people, revoked_people=("releaser-2",))
    assert office.send(after).accepted
    answer = office.ask(office.order(until=MINUTE))
    assert not answer.accepted
    assert "releaser-2, who was revoked since" in answer.reason


def test_footage_of_a_mandate_that_was_replaced_is_released_by_its_own_releasers(office: Office) -> None:
    office.record(0)
    mandate = decode(parse(office.desk.mandate).payload, Mandate)
    others = tuple(
        msgspec.structs.replace(
            person, roles=("releaser",) if person.id in {"operator-1", "approver-1"} else ("operator",)
        )
        if person.id in {"operator-1", "approver-1", *TWO}
        else person
        for person in mandate.people
    )
    assert office.send(office.desk.next_mandate(2, people=others)).accepted
    order = office.order(until=MINUTE)
    assert office.ask(order).accepted
    assert office.delivered().outcome == "finished"
    assert read(office.bundle(order))[0].start.mandates == (office.desk.mandate,)  # type: ignore[union-attr]


def test_footage_is_released_after_its_mandate_has_ended_for_as_long_as_it_lives(office: Office) -> None:
    office.desk.mandate = office.desk.next_mandate(2, valid_until=moment(2 * MINUTE))
    assert office.send(office.desk.mandate).accepted
    office.record(0)
    office.station.after(3600)
    assert office.ask(office.order(until=MINUTE)).accepted


def test_what_is_missing_is_named_with_its_reason(office: Office) -> None:
    office.record(0, 10)
    order = office.order(since=-80 * 3600, until=11 * MINUTE)
    office.ask(order)
    office.delivered()
    manifest = manifest_of(read(office.bundle(order))[0])
    now_ns = manifest.missing[0].until_ns + 72 * 3600 * NS
    assert manifest.missing == (
        Missing(START_NS - 80 * 3600 * NS, now_ns - 72 * 3600 * NS, "destroyed"),
        Missing(now_ns - 72 * 3600 * NS, START_NS, "unknown"),
        Missing(START_NS + 90 * NS, START_NS + 10 * MINUTE * NS, "not_filmed"),
    )


def test_what_had_to_make_room_is_named_as_evicted(office: Office) -> None:
    assert office.station.recorder is not None
    ring = office.station.recorder._ring
    office.record(0)
    ring._capacity_bytes = ring._preallocate_bytes + 2 * ring.size
    office.record(1, 2, 3)
    order = office.order(until=4 * MINUTE)
    office.ask(order)
    office.delivered()
    reader, carried = read(office.bundle(order))
    missing = manifest_of(reader).missing
    assert [one.told.start_ns for one in carried if one.told] == [one.start_ns for one in ring.segments]
    assert missing == (Missing(START_NS, manifest_of(reader).segments[0].start_ns, "evicted"),)


def test_footage_whose_key_was_destroyed_is_not_released(office: Office) -> None:
    office.record(0)
    office.station.after(72 * 3600)
    answer = office.ask(office.order(until=MINUTE, expires=moment(100 * 3600)))
    assert not answer.accepted
    assert "no footage of that interval here (destroyed" in answer.reason


def test_a_segment_that_goes_before_its_turn_is_named_as_gone(office: Office) -> None:
    office.record(0, 1)
    order = office.order(until=2 * MINUTE)
    office.ask(order)

    assert office.station.recorder is not None
    running = office.station.recorder._releases._running
    assert running is not None
    while not (piece := next(running.made)).data:  # up to the manifest
        pass
    running.outlet.put(piece.data, expires_ns=piece.expires_ns)
    segment_paths(Path(office.station.config.paths.ring))[-1].unlink()
    assert office.delivered().outcome == "finished"
    reader, carried = read(office.bundle(order))
    assert ([one.number for one in carried], reader.gone) == ([0], {1: Kind.EVICTED})


def test_what_the_broker_refuses_ends_the_release(office: Office) -> None:
    office.record(0)
    order = office.order(until=MINUTE)
    office.ask(order)
    for _ in range(100):
        office.station.after(0.1)
        pieces = [m for m in office.heard() if isinstance(m, ReleaseChunk)]
        if pieces:
            break
    office.station.tell(ReleaseTaken(order.id, 0, "Not authorized"), sender="uplink")
    ended = office.delivered()
    assert (ended.outcome, "Not authorized" in ended.reason) == ("stopped", True)
    assert office.actions("release") == ["release_accepted", "release_stopped"]


def test_a_release_that_nobody_takes_stops_after_a_while(office: Office) -> None:
    office.record(0)
    order = office.order(until=MINUTE)
    office.ask(order)
    for _ in range(30):
        office.station.after(0.1)
    office.heard()
    office.station.after(STALLED_NS / NS + 1)
    assert office.actions("release") == ["release_accepted", "release_stopped"]


def test_a_new_uplink_gets_again_what_the_old_one_had_not_delivered(office: Office) -> None:
    office.record(0)
    office.ask(office.order(until=MINUTE))
    office.station.tell(UplinkAlive(ULID), sender="uplink")
    for _ in range(30):
        office.station.after(0.1)
    first = [message.number for message in office.heard()]
    office.station.after(2)
    assert not office.heard()
    office.station.tell(UplinkAlive(new_ulid(START_NS)), sender="uplink")
    office.station.after(0.1)
    again = office.heard()
    assert [message.number for message in again] == first
    office.acknowledge(*again)
    assert office.delivered().outcome == "finished"


def test_a_second_order_waits_for_the_first(office: Office) -> None:
    office.record(0)
    assert office.ask(office.order(until=MINUTE)).accepted
    second = office.order(until=MINUTE)
    assert "another release is on its way" in office.ask(second).reason
    office.delivered()
    assert office.ask(second).accepted


def test_an_order_on_a_medium_is_answered_and_served_beside_it(office: Office) -> None:
    office.record(0)
    order = office.order(until=MINUTE)
    medium = Path(office.station.config.paths.release_medium or "")
    (medium / "a.order").write_bytes(office.desk.signed(order, *TWO))
    for _ in range(60):
        office.station.after(0.5)
        if (medium / f"{order.id}.bundle").exists():
            break
    answer = msgspec.json.decode((medium / "a.order.answer.json").read_bytes())
    assert answer["accepted"], answer
    reader, carried = read((medium / f"{order.id}.bundle").read_bytes())
    assert [one.is_as_told for one in carried] == [True]
    assert reader.end is not None
    assert sorted(path.name for path in medium.iterdir()) == sorted(
        [f"{order.id}.bundle", "a.order", "a.order.answer.json"]
    )


def test_a_link_on_a_medium_is_not_followed(office: Office, tmp_path: Path) -> None:
    office.record(0)
    order = office.order(until=MINUTE)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(office.desk.signed(order, *TWO))
    medium = Path(office.station.config.paths.release_medium or "")
    (medium / "a.order").symlink_to(elsewhere)
    for _ in range(20):
        office.station.after(0.5)
    assert office.actions("release") == ["release_medium_failed"]


def test_a_bad_first_file_on_a_medium_does_not_keep_the_later_ones(office: Office, tmp_path: Path) -> None:
    office.record(0)
    order = office.order(until=MINUTE)
    medium = Path(office.station.config.paths.release_medium or "")
    (medium / "a.order").symlink_to(tmp_path / "nowhere")
    (medium / "b.order").mkdir()
    (medium / "c.order").write_bytes(office.desk.signed(order, *TWO))
    for _ in range(60):
        office.station.after(0.5)
        if (medium / f"{order.id}.bundle").exists():
            break
    assert read((medium / f"{order.id}.bundle").read_bytes())[1][0].is_as_told
    assert not (medium / "a.order.answer.json").exists()
