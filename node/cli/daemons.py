"""`stolpe camera`, `stolpe recorder`, `stolpe uplink`: the daemons of a real node, as systemd starts them.

Their clock is the machine's, trusted only as far as it deserves; their peers are told apart by their users; a demo's
root is refused, and so is a machine that would let keys reach a disk. Nothing here can be chosen otherwise.
"""

import logging
from pathlib import Path
from typing import Annotated

import typer

from node import memory_lock
from node.bus import UserPeers
from node.cli.daemon_run import DaemonName, log_to_stderr, run_daemon
from node.clock_trust import JudgedClock, Machine
from node.config import read_config

CONFIG = Path("/etc/stolpe/node.toml")
HOLDS_KEYS_OF_FOOTAGE: frozenset[DaemonName] = frozenset({"camera", "recorder"})

ConfigOption = Annotated[Path, typer.Option(help="what this machine is")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("camera", epilog=f"Example: stolpe camera --config {CONFIG}")(camera_command)
    app.command("recorder", epilog=f"Example: stolpe recorder --config {CONFIG}")(recorder_command)
    app.command("uplink", epilog=f"Example: stolpe uplink --config {CONFIG}")(uplink_command)


def camera_command(config: ConfigOption = CONFIG) -> None:
    """Film what the mandate allows, through its masks, sealed."""
    _run("camera", config)


def recorder_command(config: ConfigOption = CONFIG) -> None:
    """Keep what was sealed as long as the mandate allows, and its documents and its log."""
    _run("recorder", config)


def uplink_command(config: ConfigOption = CONFIG) -> None:
    """Carry events, state and documents between this node and its broker."""
    _run("uplink", config)


def _run(name: DaemonName, path: Path) -> None:
    log_to_stderr()
    memory_lock.forbid_core_dumps()
    memory_lock.forbid_reading()
    memory_lock.forbid_swap()
    if name in HOLDS_KEYS_OF_FOOTAGE:
        memory_lock.lock()
    config = read_config(path)
    peers = UserPeers(config.users)
    log = logging.getLogger(__name__)
    if peers.missing:
        log.warning("no users for %s: nothing is taken from them", " and ".join(peers.missing))
    for daemons in peers.shared:
        log.warning("%s have one user: an inbox cannot tell them apart", " and ".join(daemons))
    run_daemon(name, config, clock=JudgedClock(source=Machine()), peers=peers, allow_demo_root=False)
