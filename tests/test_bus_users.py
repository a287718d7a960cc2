"""The bus between real users: the kernel says who it is, and the directory who may stand there. Needs root."""

import os
import pwd
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from fakes.said import DAEMONS, ONE_OF_EACH, all_heard, heard, raw
from test_bus import ALLOWED

from node.bus import Bus, UserPeers
from node.config import UsersSection
from node.errors import Refused
from node.messages import Daemon

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become the daemons' users")

USERS = UsersSection(camera="daemon", recorder="bin", uplink="sys", commissioning="nobody")
COMMON_GROUP = 2  # whichever the daemons share
OTHER_USER = Path(__file__).parent / "fakes" / "other_user.py"


def as_user(name: str, group: int, act: str, *inboxes: Path, said: bytes = b"") -> str:
    """Another user's process doing that; what it printed."""
    uid = pwd.getpwnam(name).pw_uid
    command = [sys.executable, OTHER_USER, str(uid), str(group), act, *inboxes]
    return subprocess.run(command, input=said, capture_output=True, check=True, timeout=30).stdout.decode()


@pytest.fixture
def run() -> Iterator[Path]:
    """A place that every user can reach, as /run is."""
    with tempfile.TemporaryDirectory(prefix="stolpe-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def inboxes(run: Path) -> Iterator[dict[Daemon, Bus]]:
    with ExitStack() as opened:
        yield {name: opened.enter_context(_inbox(name, run)) for name in DAEMONS}


def _inbox(name: Daemon, run: Path) -> Bus:
    bus = Bus(name, run=run, peers=UserPeers(USERS))
    os.chown(run / name / "inbox", -1, COMMON_GROUP)
    return bus


@pytest.mark.parametrize("speaker", [*DAEMONS, "games"])
def test_the_user_decides_and_not_what_the_message_says(
    run: Path, inboxes: dict[Daemon, Bus], speaker: str
) -> None:
    said = b"".join(b64encode(raw(message)) + b"\n" for message in ONE_OF_EACH.values())
    user = getattr(USERS, speaker, speaker)
    as_user(user, COMMON_GROUP, "push", *(run / name / "inbox" for name in DAEMONS), said=said)
    for receiver, inbox in inboxes.items():
        expected = [m for kind, m in ONE_OF_EACH.items() if (speaker, kind, receiver) in ALLOWED]
        if not expected:  # turned away before it can say anything
            assert inbox.receive(timeout_s=0.1) is None
            assert inbox.counts.refused == 0
            continue
        assert all_heard(inbox, len(ONE_OF_EACH)) == expected
        assert inbox.counts.refused == len(ONE_OF_EACH) - len(expected)
        assert inbox.sender == ({speaker} if expected else frozenset())


def test_root_is_no_daemon(run: Path, inboxes: dict[Daemon, Bus]) -> None:
    said = b64encode(raw(ONE_OF_EACH["CameraAlive"]))
    as_user("root", 0, "push", run / "recorder" / "inbox", said=said)
    assert inboxes["recorder"].receive(timeout_s=0.1) is None
    as_user(
        USERS.camera, COMMON_GROUP, "push", run / "recorder" / "inbox", said=said
    )  # the same, by whom it may
    assert heard(inboxes["recorder"]) == ONE_OF_EACH["CameraAlive"]


def test_two_daemons_of_one_user_are_told_apart_by_nothing_but_the_table(run: Path) -> None:
    peers = UserPeers(UsersSection(camera="daemon", recorder="bin", uplink="daemon", commissioning="nobody"))
    assert peers.shared == (("camera", "uplink"),)
    with Bus("recorder", run=run, peers=peers) as inbox:
        os.chown(run / "recorder" / "inbox", -1, COMMON_GROUP)
        said = b"".join(b64encode(raw(ONE_OF_EACH[kind])) + b"\n" for kind in ("AuditRequest", "UplinkAlive"))
        as_user("daemon", COMMON_GROUP, "push", run / "recorder" / "inbox", said=said)
        assert heard(inbox) == ONE_OF_EACH["AuditRequest"]
        assert inbox.sender == {"camera", "uplink"}
        assert heard(inbox) == ONE_OF_EACH["UplinkAlive"]
        assert inbox.sender == {"uplink"}


@pytest.mark.parametrize("name", ["daemon", "nobody"])
def test_nobody_else_can_stand_in_an_inbox_s_place(run: Path, inboxes: dict[Daemon, Bus], name: str) -> None:
    within_the_group = as_user(name, COMMON_GROUP, "usurp", run / "camera" / "inbox").splitlines()
    assert within_the_group == ["done", *["PermissionError"] * 4, "Refused"]
    outside = as_user(name, pwd.getpwnam(name).pw_gid, "usurp", run / "camera" / "inbox").splitlines()
    assert outside == [*["PermissionError"] * 5, "Refused"]


def test_a_directory_of_another_user_is_refused(run: Path) -> None:
    (run / "camera").mkdir()
    os.chown(run / "camera", pwd.getpwnam("games").pw_uid, -1)
    with pytest.raises(Refused, match="another user can write there"):
        Bus("camera", run=run, peers=UserPeers(USERS))
