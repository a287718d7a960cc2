"""A release from a live node: filmed, ordered, signed, fetched over MQTT into a bundle. Made once for many tests."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from fakes.live_node import HOST, ORGANISATION, LiveNode
from system.program import Done, stolpe

from node.clock import NS, rfc3339
from node.formats import segment as fmt
from node.mandate.example import NODE

TWO = ("releaser-1", "releaser-2")


@dataclass(frozen=True)
class Released:
    """Where everything is. `fetched`: how the fetching command ended."""

    folder: Path
    bundle: Path
    order: Path
    fetched: Done

    def key(self, owner: str) -> Path:
        return self.folder / "keys" / f"{owner}.key"

    @property
    def node(self) -> Path:
        return self.folder / "keys" / "node.pub.json"

    @property
    def root(self) -> Path:
        return self.folder / "root.jws.json"

    def open(self, out: Path, *owners: str, more: tuple[str | Path, ...] = ()) -> Done:
        keys = [part for owner in owners for part in ("--key", self.key(owner))]
        return stolpe(
            "open", self.bundle, *keys, "--out", out, "--node", self.node, "--root", self.root, *more
        )


def signed_order(
    folder: Path, name: str, *, from_ns: int, until_ns: int, signers: tuple[str, ...] = TWO
) -> Path:
    """As an office makes it: requested, then signed by each."""
    order = folder / f"{name}.json"
    done = stolpe(
        *("release", "request", "--mandate", folder / "documents" / "mandate.jws.json", "--node", NODE),
        *(
            "--from",
            rfc3339(from_ns),
            "--to",
            rfc3339(until_ns),
            "--case",
            "K 123-26 åäö",
            "--recipient",
            "police",
        ),
        *("--out", order),
    )
    assert done.code == 0, done.err
    for signer in signers:
        key = folder / "keys" / f"{signer}.key"
        done = stolpe("release", "sign", order, "--key", key, "--out", order)
        assert done.code == 0, done.err
    return order


def fetched(live: LiveNode, order: Path, out: Path, *, key: str = "releaser-1") -> Done:
    """`stolpe release fetch`, while the node works."""
    files = live.files
    arguments = (
        *(
            "release",
            "fetch",
            order,
            "--key",
            files.key(key),
            "--node-key",
            files.directory / "keys/node.pub.json",
        ),
        *("--host", HOST, "--port", str(files.config.broker.port), "--ca", files.authority),
        *("--certificate", files.office, "--organisation", ORGANISATION, "--out", out, "--patience", "20"),
    )
    command = [sys.executable, "-m", "node", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        live.until(lambda: process.poll() is not None, seconds=45)
    finally:
        process.kill()
        out_text, err_text = process.communicate()
    return Done(process.returncode, out_text, err_text)


def released(live: LiveNode) -> Released:
    """Eight seconds are filmed; then the camera ends in order, so that its segment can be released."""
    live.until(lambda: live.stored > 8, seconds=40)
    assert live.children.stop("camera") == 0
    live.until(lambda: all(path.read_bytes()[-73:][:8] == b"STLPTRL1" for path in segments(live)), seconds=10)
    starts = [fmt.read_start(path.read_bytes())[0].start_ns for path in segments(live)]
    folder = live.files.directory
    order = signed_order(folder, "order", from_ns=min(starts) - 60 * NS, until_ns=max(starts) + 120 * NS)
    bundle = folder / "k123.bundle"
    return Released(folder, bundle, order, fetched(live, order, bundle))


def segments(live: LiveNode) -> list[Path]:
    return sorted(live.files.ring.glob("*.seg"))
