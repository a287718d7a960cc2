"""What is no message: refused, counted, and the next one is received as if nothing had been."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from fakes.said import ONE_OF_EACH, ULID, all_heard, heard, raw, stranger
from hypothesis import given, settings
from hypothesis import strategies as st

from node.bus import MAX_REFUSED_AT_A_TIME, MESSAGE_BYTES, Bus, SpawnedPeers
from node.messages import CameraAlive

GOOD = CameraAlive(ULID, 1)


@pytest.fixture
def uplink(tmp_path: Path) -> Iterator[Bus]:
    (tmp_path / "d").write_bytes(msgspec.json.encode({"camera": os.getpid()}))
    with Bus("uplink", run=tmp_path, peers=SpawnedPeers(tmp_path / "d")) as bus:
        yield bus


def packed(value: object) -> bytes:
    return msgspec.msgpack.encode(value)


NO_MESSAGES = {
    "nothing at all": b"",
    "no MessagePack": b"\xc1",
    "cut": raw(GOOD)[:-1],
    "more behind it": raw(GOOD) + b"\x00",
    "no map": packed(["CameraAlive", ULID]),
    "no tag": packed({"instance": ULID}),
    "an unknown tag": packed({"type": "Surprise", "instance": ULID}),
    "a tag that is no name": packed({"type": 7, "instance": ULID}),
    "a tag of another type's fields": packed({"type": "EventTaken", "instance": ULID}),
    "a field too many": packed({"type": "CameraAlive", "instance": ULID, "surprise": 1}),
    "a field too few": packed({"type": "CameraAlive"}),
    "a field of another type": packed({"type": "CameraAlive", "instance": 7}),
    "no ULID": packed({"type": "CameraAlive", "instance": "8" * 26}),
    "a ULID and a newline": packed({"type": "CameraAlive", "instance": ULID + "\n"}),
    "no UTF-8": b"\x82\xa4type\xa2\xff\xfe\xa8instance\xa0",
    "nested deeply before its tag": b"\x82\xa1x" + b"\x91" * 100_000 + b"\xc0" + b"\xa4type\xa1y",
    "nested maps": b"\x81\xa1x" * 100_000,
    "a map of four billion": b"\xdf\xff\xff\xff\xff",
    "a string of four billion": b"\x81\xdb\xff\xff\xff\xff",
    "an extension": b"\xc7\x04\x01abcd",
}


@pytest.mark.parametrize("data", NO_MESSAGES.values(), ids=NO_MESSAGES.keys())
def test_what_is_no_message_is_refused_and_the_next_one_received(
    uplink: Bus, tmp_path: Path, data: bytes
) -> None:
    with stranger(tmp_path, "uplink") as push:
        push.send(data)
        push.send(raw(GOOD))
        assert all_heard(uplink, 2) == [GOOD]
    assert (uplink.counts.received, uplink.counts.refused) == (1, 1)
    assert uplink.last_refused


@pytest.mark.parametrize("parts", [2, 3, 1000])
def test_a_message_in_parts_is_refused(uplink: Bus, tmp_path: Path, parts: int) -> None:
    with stranger(tmp_path, "uplink") as push:
        push.send_multipart([raw(GOOD)] * parts)
        push.send(raw(GOOD))
        assert all_heard(uplink, 2) == [GOOD]
    assert (uplink.counts.received, uplink.counts.refused) == (1, 1)


def test_who_sends_too_much_at_once_is_hung_up_on_and_others_are_received(
    uplink: Bus, tmp_path: Path
) -> None:
    with stranger(tmp_path, "uplink") as loud, stranger(tmp_path, "uplink") as other:
        loud.send(bytes(MESSAGE_BYTES + 1))
        other.send(raw(GOOD))
        assert heard(uplink) == GOOD
        loud.send(raw(GOOD))  # its socket connects anew
        assert heard(uplink) == GOOD
    assert (uplink.counts.received, uplink.counts.refused) == (2, 0)


def test_why_it_was_refused_is_one_line_whatever_the_message_says(uplink: Bus, tmp_path: Path) -> None:
    said = {"type": "one\nline\x1b[2Jand " + "more " * 10_000}
    with stranger(tmp_path, "uplink") as push:
        push.send(packed(said))
        assert heard(uplink) is None
    assert uplink.last_refused.startswith(r"Invalid value 'one\nline\u001b[2Jand more ")
    assert uplink.last_refused.isprintable()
    assert len(uplink.last_refused) <= 300


def test_a_flood_of_what_is_refused_gives_the_daemon_its_turn(uplink: Bus, tmp_path: Path) -> None:
    flood = MAX_REFUSED_AT_A_TIME + 10
    with stranger(tmp_path, "uplink") as push:
        for _ in range(flood):
            push.send(b"")
        push.send(raw(GOOD))
        turns = 0
        while (message := heard(uplink)) is None:
            turns += 1
    assert message == GOOD
    assert turns >= 1
    assert uplink.counts.refused == flood


def test_no_bytes_make_a_daemon_do_more_than_count(uplink: Bus, tmp_path: Path) -> None:
    with stranger(tmp_path, "uplink") as push:

        @settings(max_examples=300, deadline=None)
        @given(st.binary(max_size=300) | mutated())
        def whatever_is_pushed(data: bytes) -> None:
            before = uplink.counts.refused
            push.send(data)
            message = heard(uplink)
            if message is None:
                assert uplink.counts.refused == before + 1
            else:
                assert msgspec.msgpack.decode(raw(message), type=type(message)) == message

        whatever_is_pushed()


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A real message with some bytes replaced, cut out or put in."""
    data = bytearray(raw(draw(st.sampled_from(list(ONE_OF_EACH.values())))))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        data[start : start + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return bytes(data)


# ZeroMQ's own protocol (ZMTP, rfc.zeromq.org/spec/23), spoken by hand.


def _greeting(minor: int = 0) -> bytes:
    return b"\xff" + bytes(8) + b"\x7f\x03" + bytes([minor]) + b"NULL".ljust(20, b"\0") + bytes(32)


def _ready(**properties: bytes) -> bytes:
    body = b"\x05READY"
    for name, value in properties.items():
        key = name.replace("_", "-").encode()
        body += bytes([len(key)]) + key + len(value).to_bytes(4, "big") + value
    return bytes([0x04, len(body)]) + body


def _frame(data: bytes) -> bytes:
    return bytes([0, len(data)]) + data


def by_hand(run: Path, said: bytes) -> socket.socket:
    out = socket.socket(socket.AF_UNIX)
    out.connect(str(run / "uplink" / "inbox"))
    out.sendall(said)
    return out


def _says_by_hand(run: Path, ready: bytes, message: bytes) -> socket.socket:
    out = by_hand(run, _greeting() + ready)
    out.recv(len(_greeting()), socket.MSG_WAITALL)
    out.recv(1)  # its own READY begins: from here on it takes messages
    out.sendall(_frame(message))
    return out


def test_a_handshake_by_hand_is_heard(uplink: Bus, tmp_path: Path) -> None:
    """So that the next test can fail."""
    with _says_by_hand(tmp_path, _ready(Socket_Type=b"PUSH", Identity=b""), raw(GOOD)):
        assert heard(uplink) == GOOD


@pytest.mark.parametrize("claim", [b":1:1:1", b"x:0:0:1", b"", b":" * 100])
def test_the_other_end_cannot_name_itself(uplink: Bus, tmp_path: Path, claim: bytes) -> None:
    """Process 1 would be the camera, and the handshake claims to be it."""
    (tmp_path / "d").write_bytes(b'{"camera": 1}')
    ready = _ready(Socket_Type=b"PUSH", Identity=b"", Peer_Address=claim)
    with _says_by_hand(tmp_path, ready, raw(GOOD)):
        assert all_heard(uplink, 1) == []
    assert uplink.last_refused == f"process {os.getpid()} of user {os.getuid()} is no daemon of this node"


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"\x01\x00" + bytes([len(raw(GOOD)) + 1, 0]) + raw(GOOD), id="ZMTP 1.0"),
        pytest.param(b"\xff" + bytes(8) + b"\x7f\x01\x08\x00\x00" + _frame(raw(GOOD)), id="ZMTP 2.0"),
    ],
)
def test_of_an_old_protocol_nobody_knows_who_speaks_and_it_is_refused(
    uplink: Bus, tmp_path: Path, said: bytes
) -> None:
    (tmp_path / "d").write_bytes(b'{"camera": %d}' % os.getpid())
    with by_hand(tmp_path, said):
        assert all_heard(uplink, 1) == []
    assert uplink.counts.refused == 1


def test_who_never_finishes_a_greeting_is_in_nobody_s_way(uplink: Bus, tmp_path: Path) -> None:
    with (
        by_hand(tmp_path, b"\xff"),
        by_hand(tmp_path, bytes(100)),
        by_hand(tmp_path, _greeting()[:40]),
        stranger(tmp_path, "uplink") as push,
    ):
        push.send(raw(GOOD))
        assert heard(uplink) == GOOD
    assert uplink.counts.refused == 0
