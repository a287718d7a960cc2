"""A minute is erased over real daemons and a real broker: disk, slot and every key together do not open it."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes.live_node import HOST, ORGANISATION, LiveNode, live_node
from fakes.released import TWO
from system.program import Done, stolpe

from node.clock import NS, rfc3339
from node.formats import segment as fmt
from node.mandate.example import NODE
from node.recorder.erasure import HELD_NS

pytestmark = pytest.mark.timeout(240)  # the whole story, told once

EVERYBODY = (*TWO, "recovery")


@dataclass(frozen=True)
class Erased:
    """Copies of the node's folder from before and after, the three segments' names, and how each command ended."""

    before: Path
    after: Path
    names: tuple[str, str, str]
    unsigned: Done
    tried: Done
    done: Done
    again: Done

    def opened(self, ring: Path, slot: Path, name: str, out: Path) -> Done:
        """With the private keys of everybody."""
        keys = [part for owner in EVERYBODY for part in ("--key", self.before / "keys" / f"{owner}.key")]
        node = self.before / "keys" / "node.pub.json"
        return stolpe(
            *("open", ring / "ring" / name, *keys, "--slot", slot / "epochs.slot", "--node", node),
            *("--out", out),
        )


def segments(live: LiveNode) -> list[Path]:
    return sorted(live.files.ring.glob("*.seg"))


def films_another(live: LiveNode, records: int) -> None:
    """The camera dies, another one films on, into a segment of its own."""
    count, pid = len(segments(live)), live.children.pids["camera"]
    os.kill(pid, signal.SIGKILL)
    live.until(lambda: len(segments(live)) > count, seconds=40)
    name = segments(live)[-1].name
    live.until(lambda: live.records().get(name, 0) >= records, seconds=60)


def order(live: LiveNode, name: str, *more: str, signers: tuple[str, ...] = TWO) -> Path:
    """To erase a second of the second segment."""
    folder = live.files.directory
    start_ns = fmt.read_start(segments(live)[1].read_bytes())[0].start_ns
    made = folder / f"{name}.json"
    done = stolpe(
        *("erase", "request", "--mandate", folder / "documents" / "mandate.jws.json", "--node", NODE),
        *("--from", rfc3339(start_ns + NS), "--to", rfc3339(start_ns + 2 * NS)),
        *("--reason", "begäran 7", "--out", made, *more),
    )
    assert done.code == 0, done.err
    for signer in signers:
        key = folder / "keys" / f"{signer}.key"
        done = stolpe("erase", "sign", made, "--key", key, "--out", made)
        assert done.code == 0, done.err
    return made


def sent(live: LiveNode, path: Path) -> Done:
    """`stolpe erase send`, while the node works."""
    files = live.files
    arguments = (
        *("erase", "send", path, "--node-key", files.directory / "keys" / "node.pub.json", "--host", HOST),
        *("--port", files.config.broker.port, "--ca", files.authority, "--certificate", files.office),
        *("--organisation", ORGANISATION, "--patience", "40"),
    )
    command = [sys.executable, "-m", "node", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        live.until(lambda: process.poll() is not None, seconds=60)
    finally:
        process.kill()
        out, err = process.communicate()
    return Done(process.returncode, out, err)


def copied(live: LiveNode, to: Path) -> Path:
    folder = to / "node"
    for name in ("ring", "keys"):
        shutil.copytree(live.files.directory / name, folder / name)
    shutil.copy(live.files.config.paths.epoch_slot, folder / "epochs.slot")
    return folder


@pytest.fixture(scope="module")
def erased(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Erased]:
    with live_node(tmp_path_factory.mktemp("live")) as live:
        live.until(lambda: live.stored > 3, seconds=40)
        films_another(live, 4)
        films_another(live, HELD_NS // NS + 3)
        first, second, third = (path.name for path in segments(live))
        before = copied(live, tmp_path_factory.mktemp("before"))
        unsigned = sent(live, order(live, "by-one", signers=TWO[:1]))
        tried = sent(live, order(live, "try", "--dry-run"))
        wish = order(live, "erase")
        done = sent(live, wish)
        again = sent(live, wish)
        live.until(lambda: len(segments(live)) > 2, seconds=20)  # behind the cut it films on
        live.stop_in_order()
        after = copied(live, tmp_path_factory.mktemp("after"))
        yield Erased(before, after, (first, second, third), unsigned, tried, done, again)


def test_one_releaser_alone_erases_nothing(erased: Erased) -> None:
    assert erased.unsigned.code == 1
    assert "signed by 1 of the 2 releasers" in erased.unsigned.err


def test_a_dry_run_says_what_would_go(erased: Erased) -> None:
    assert erased.tried.code == 0, erased.tried.err
    start = erased.names[1].partition("_")[0]
    assert f"1 whole segments, which begin at {start}, would be erased; 2 others" in erased.tried.out


def test_the_node_says_when_it_is_gone_and_what_that_is_worth(erased: Erased) -> None:
    assert erased.done.code == 0, erased.done.err
    assert "are being erased" in erased.done.out
    assert "1 segments are erased with the keys of 1 epochs (deletion: unlink); 2 others" in erased.done.out
    assert erased.again.code == 1
    assert "was used before" in erased.again.err


def test_before_the_order_everything_opens(erased: Erased, tmp_path: Path) -> None:
    for number, name in enumerate(erased.names):
        opened = erased.opened(erased.before, erased.before, name, tmp_path / f"{number}.mp4")
        assert opened.code == 0, (name, opened.err)


def test_afterwards_nobody_opens_the_minute_with_disk_slot_and_every_key(
    erased: Erased, tmp_path: Path
) -> None:
    assert not (erased.after / "ring" / erased.names[1]).exists()
    opened = erased.opened(erased.before, erased.after, erased.names[1], tmp_path / "clip.mp4")
    assert opened.code == 1
    assert "epoch" in opened.err
    assert not list(tmp_path.glob("*.mp4"))


@pytest.mark.parametrize("which", [0, 2])
def test_afterwards_what_was_before_and_after_opens_and_is_signed(
    which: int, erased: Erased, tmp_path: Path
) -> None:
    opened = erased.opened(erased.after, erased.after, erased.names[which], tmp_path / "clip.mp4")
    assert opened.code == 0, opened.err
    assert "signature good" in opened.out


def test_it_films_on_and_its_ring_checks(erased: Erased) -> None:
    left = sorted(path.name for path in (erased.after / "ring").glob("*.seg"))
    assert left[:2] == [erased.names[0], erased.names[2]]
    assert len(left) > 2
    checked = stolpe("check", "ring", erased.after / "ring", "--slot", erased.after / "epochs.slot")
    assert checked.code == 0, (checked.out, checked.err)
