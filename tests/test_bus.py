"""The bus: who may send what to whom, from a process that tries everything."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import get_args

import msgspec
import pytest
import zmq
from fakes.said import DAEMONS, ONE_OF_EACH, ULID, connected, heard, raw, stranger

from node.bus import ROUTES, Bus, Peer, SpawnedPeers, UserPeers
from node.config import UsersSection
from node.errors import Refused
from node.messages import CameraAlive, CloseSegment, Daemon, DocumentArrived, Message, SealedRecord

TABLE = """
OpenSegment       camera                           recorder
SealedRecord      camera                           recorder
CloseSegment      camera                           recorder
RecordsStored     recorder                         camera
SegmentRefused    recorder                         camera
CameraAlive       camera                           recorder,uplink
RecorderAlive     recorder                         camera,uplink
UplinkAlive       uplink                           camera,recorder
EventHappened     camera,recorder                  uplink
EventTaken        uplink                           camera,recorder
AuditRequest      camera,uplink,commissioning      recorder
AuditCommitted    recorder                         camera,uplink,commissioning
AuditCheckpoint   recorder                         uplink
DocumentArrived   uplink,commissioning             recorder
DocumentAnswered  recorder                         uplink,commissioning
ReleaseChunk      recorder                         uplink
ReleaseEnded      recorder                         uplink
ReleaseTaken      uplink                           recorder
CameraReport      camera                           recorder,uplink
RecorderReport    recorder                         uplink
"""
"""Written a second time, by hand: a slip in the source must not agree with itself."""

ALLOWED = {
    (sender, kind, receiver)
    for kind, senders, receivers in map(str.split, TABLE.strip().splitlines())
    for sender in senders.split(",")
    for receiver in receivers.split(",")
}


class Daemons:
    """All four inboxes in this process, which speaks as whichever daemon it says."""

    def __init__(self, run: Path, opened: ExitStack) -> None:
        self.run = run
        self._spawned = run / "daemons.json"
        peers = SpawnedPeers(self._spawned)
        self.inboxes: Mapping[Daemon, Bus] = {
            name: opened.enter_context(Bus(name, run=run, peers=peers)) for name in DAEMONS
        }

    def this_process_is(self, *daemons: Daemon) -> None:
        self._spawned.write_bytes(msgspec.json.encode(dict.fromkeys(daemons, os.getpid())))


@pytest.fixture
def all_four(tmp_path: Path) -> Iterator[Daemons]:
    with ExitStack() as opened:
        yield Daemons(tmp_path, opened)


def test_the_table_has_every_message_type_and_no_daemon_talks_to_itself() -> None:
    names = {kind.__name__ for kind in get_args(Message)}
    assert names == set(ONE_OF_EACH) == {kind for _, kind, _ in ALLOWED} == {k.__name__ for k in ROUTES}
    assert all(sender != receiver for sender, _, receiver in ALLOWED)


@pytest.mark.parametrize("sender", DAEMONS)
@pytest.mark.parametrize("receiver", DAEMONS)
def test_of_every_pair_exactly_the_table_is_received_whatever_the_sender_pushes(
    all_four: Daemons, sender: Daemon, receiver: Daemon
) -> None:
    all_four.this_process_is(sender)
    inbox = all_four.inboxes[receiver]
    with stranger(all_four.run, receiver) as push:
        for kind, message in ONE_OF_EACH.items():
            received, refused = inbox.counts.received, inbox.counts.refused
            push.send(raw(message))
            if (sender, kind, receiver) in ALLOWED:
                assert heard(inbox) == message
                assert inbox.sender == {sender}
                assert (inbox.counts.received, inbox.counts.refused) == (received + 1, refused)
            else:
                assert heard(inbox) is None
                assert (inbox.counts.received, inbox.counts.refused) == (received, refused + 1)
                assert f"process {os.getpid()} of user {os.getuid()}" in inbox.last_refused
    silent = [bus for name, bus in all_four.inboxes.items() if name != receiver]
    assert not any(bus.counts.received or bus.counts.refused or bus.inbox.poll(0) for bus in silent)


@pytest.mark.parametrize("sender", DAEMONS)
@pytest.mark.parametrize("receiver", DAEMONS)
def test_a_daemon_sends_exactly_what_the_table_lets_it_send(
    all_four: Daemons, sender: Daemon, receiver: Daemon
) -> None:
    all_four.this_process_is(sender)
    bus, inbox = all_four.inboxes[sender], all_four.inboxes[receiver]
    for kind, message in ONE_OF_EACH.items():
        if (sender, kind, receiver) in ALLOWED:
            assert connected(bus, receiver)
            assert bus.send(message, to=receiver)
            assert heard(inbox) == message
        else:
            with pytest.raises(ValueError, match=f"{sender} does not send {kind} to {receiver}"):
                bus.send(message, to=receiver)
    assert inbox.counts.refused == 0


def test_a_process_that_nobody_spawned_is_not_even_read(all_four: Daemons) -> None:
    all_four.this_process_is()
    inbox = all_four.inboxes["recorder"]
    with stranger(all_four.run, "recorder") as push:
        push.send(b"\xc1 this is no MessagePack")
        assert heard(inbox) is None
    assert inbox.last_refused == f"process {os.getpid()} of user {os.getuid()} is no daemon of this node"
    assert inbox.sender == frozenset()


def test_who_sent_is_told_as_exactly_as_the_peers_can_be_told_apart(all_four: Daemons) -> None:
    all_four.this_process_is(*DAEMONS)
    inbox = all_four.inboxes["recorder"]
    with stranger(all_four.run, "recorder") as push:
        push.send(raw(ONE_OF_EACH["AuditRequest"]))
        assert heard(inbox) == ONE_OF_EACH["AuditRequest"]
        assert inbox.sender == {"camera", "uplink", "commissioning"}
        push.send(raw(ONE_OF_EACH["CameraAlive"]))
        assert heard(inbox) == ONE_OF_EACH["CameraAlive"]
        assert inbox.sender == {"camera"}
        push.send(raw(ONE_OF_EACH["RecorderReport"]))
        assert heard(inbox) is None
        assert inbox.sender == {"camera"}  # of the message that was received last, not of the refused one


def test_the_spawned_file_is_read_anew_for_every_message(all_four: Daemons) -> None:
    inbox, message = all_four.inboxes["recorder"], ONE_OF_EACH["CameraAlive"]
    with stranger(all_four.run, "recorder") as push:
        for spawned, expected in (
            ({"camera": os.getpid()}, message),
            ({"camera": os.getpid() + 1}, None),
            ({"uplink": os.getpid()}, None),
            ({"camera": os.getpid()}, message),
        ):
            (all_four.run / "daemons.json").write_bytes(msgspec.json.encode(spawned))
            push.send(raw(message))
            assert heard(inbox) == expected


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"camera": "1"}', b'{"stranger": 1}', b"\xff", b"{}" + b" " * 5000]
)
def test_a_spawned_file_that_is_no_such_file_names_nobody(tmp_path: Path, content: bytes) -> None:
    peers = SpawnedPeers(tmp_path / "daemons.json")
    assert peers.daemons(Peer(os.geteuid(), os.getpid())) == frozenset()
    (tmp_path / "daemons.json").write_bytes(content)
    assert peers.daemons(Peer(os.geteuid(), os.getpid())) == frozenset()


def test_a_spawned_pid_counts_only_under_the_own_user(tmp_path: Path) -> None:
    (tmp_path / "daemons.json").write_bytes(b'{"camera": 42}')
    peers = SpawnedPeers(tmp_path / "daemons.json")
    assert peers.daemons(Peer(os.geteuid(), 42)) == {"camera"}
    assert peers.daemons(Peer(os.geteuid() + 1, 42)) == frozenset()


def test_a_user_that_this_machine_does_not_have_stands_for_nobody() -> None:
    peers = UserPeers(UsersSection(camera="root", recorder="nobody-of-this-name"))
    assert "recorder" in peers.missing
    assert peers.daemons(Peer(0, 1)) == {"camera"}
    assert peers.daemons(Peer(4_294_967_295, 1)) == frozenset()


def test_two_daemons_of_one_name_cannot_be(tmp_path: Path) -> None:
    peers = SpawnedPeers(tmp_path / "daemons.json")
    with Bus("camera", run=tmp_path, peers=peers):
        for _ in range(2):
            with pytest.raises(Refused, match="another camera runs there"):
                Bus("camera", run=tmp_path, peers=peers)
        Bus("uplink", run=tmp_path, peers=peers).close()
    Bus("camera", run=tmp_path, peers=peers).close()


def test_an_inbox_is_for_its_owner_and_the_group_in_a_directory_of_the_owner_alone(tmp_path: Path) -> None:
    with Bus("camera", run=tmp_path, peers=SpawnedPeers(tmp_path / "daemons.json")):
        directory = tmp_path / "camera"
        assert (directory / "inbox").stat().st_mode & 0o777 == 0o660
        assert directory.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777])
def test_a_directory_in_which_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "camera").mkdir()
    (tmp_path / "camera").chmod(mode)
    with pytest.raises(Refused, match=r"^[^\n]*/camera: another user can write there"):
        Bus("camera", run=tmp_path, peers=SpawnedPeers(tmp_path / "daemons.json"))


def test_a_place_where_no_inbox_can_be_is_refused_and_leaves_nothing_behind(tmp_path: Path) -> None:
    peers = SpawnedPeers(tmp_path / "daemons.json")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Refused, match=r"/file/camera: no inbox can be had there \(Not a directory\)"):
        Bus("camera", run=tmp_path / "file", peers=peers)
    (tmp_path / "camera" / "inbox").mkdir(parents=True)
    with pytest.raises(Refused, match=r"/camera/inbox: no inbox can be had there"):
        Bus("camera", run=tmp_path, peers=peers)
    (tmp_path / "camera" / "inbox").rmdir()
    Bus("camera", run=tmp_path, peers=peers).close()


def test_the_longest_socket_path_works_and_one_more_is_refused(tmp_path: Path) -> None:
    room = zmq.IPC_PATH_MAX_LEN - len(f"{tmp_path}//commissioning/inbox")
    fits = tmp_path / ("r" * room)
    Bus("commissioning", run=fits, peers=SpawnedPeers(tmp_path / "d")).close()
    with pytest.raises(Refused, match=r"too long for a socket: choose a shorter paths\.run"):
        Bus("commissioning", run=tmp_path / ("r" * (room + 1)), peers=SpawnedPeers(tmp_path / "d"))


def test_closing_hands_out_what_was_sent_before_and_closing_twice_is_allowed(all_four: Daemons) -> None:
    all_four.this_process_is("camera")
    camera, recorder = all_four.inboxes["camera"], all_four.inboxes["recorder"]
    records = [SealedRecord(ULID, index, bytes(200_000)) for index in range(20)]
    assert connected(camera, "recorder")
    for record in records:
        assert camera.send(record, to="recorder")
    camera.close()
    camera.close()
    assert [heard(recorder) for _ in records] == records


def test_a_receiver_that_does_not_read_holds_a_bounded_number(all_four: Daemons) -> None:
    all_four.this_process_is("uplink")
    uplink, recorder = all_four.inboxes["uplink"], all_four.inboxes["recorder"]
    sent = 0
    while connected(uplink, "recorder", within_ms=200):
        assert uplink.send(DocumentArrived(ULID, bytes(100_000)), to="recorder")
        sent += 1
        assert sent < 100
    assert not uplink.send(ONE_OF_EACH["UplinkAlive"], to="recorder")
    assert uplink.counts.not_sent == 1
    assert [type(heard(recorder)) for _ in range(sent)] == [DocumentArrived] * sent
    assert connected(uplink, "recorder")
    assert uplink.send(ONE_OF_EACH["UplinkAlive"], to="recorder")
    assert heard(recorder) == ONE_OF_EACH["UplinkAlive"]


def test_nothing_is_kept_for_a_receiver_that_is_not_there(tmp_path: Path) -> None:
    with Bus("camera", run=tmp_path, peers=SpawnedPeers(tmp_path / "d")) as camera:
        assert not camera.send(CameraAlive(ULID, 1), to="recorder")
        assert camera.counts.not_sent == 1
        assert camera.receive(timeout_s=0) is None


def test_a_message_that_the_receiver_would_hang_up_on_is_not_sent(all_four: Daemons) -> None:
    all_four.this_process_is("camera")
    camera, recorder = all_four.inboxes["camera"], all_four.inboxes["recorder"]
    with pytest.raises(ValueError, match=r"SealedRecord of \d+ bytes is more than recorder takes"):
        camera.send(SealedRecord(ULID, 0, bytes(33 << 20)), to="recorder")
    assert connected(camera, "recorder")
    largest = SealedRecord(ULID, 0, bytes(32 << 20))
    assert camera.send(largest, to="recorder")
    assert camera.send(CloseSegment(ULID, 1), to="recorder")
    assert heard(recorder) == largest
    assert heard(recorder) == CloseSegment(ULID, 1)
