"""`python -m node.cli.demo_daemon`: a daemon as the demo's child, on a machine that is nobody's node.

The same daemons by the same `build`; what differs stands in this file, and no command, configuration or variable of a
real node leads here: wall time is believed as "demo", peers are the processes that the demo started, a demo's root is
taken, and memory that is not protected is only told.
"""

import ctypes
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer

from node import memory_lock
from node.bus import SpawnedPeers
from node.cli.daemon_run import DaemonName, log_to_stderr, run_daemon
from node.cli.program import exit_with_a_reason
from node.clock import SystemClock
from node.config import read_config
from node.errors import Refused

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


def main() -> None:
    """Run one daemon."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(daemon_command)
    exit_with_a_reason(app)


def daemon_command(
    name: Annotated[DaemonName, typer.Argument(help="which daemon")],
    *,
    config: Annotated[Path, typer.Option(help="the demo's node.toml")],
    peers: Annotated[Path, typer.Option(help="JSON that the demo keeps: its children's pids by name")],
) -> None:
    """Run one daemon of a demo."""
    _end_with_the_demo()
    log_to_stderr()
    for protect in (memory_lock.forbid_core_dumps, memory_lock.forbid_swap, memory_lock.lock):
        _or_tell(protect)
    run_daemon(
        name,
        read_config(config),
        clock=SystemClock(trust="demo"),
        peers=SpawnedPeers(peers),
        allow_demo_root=True,
    )


def _end_with_the_demo() -> None:
    """If the demo is killed its children end too, in order: nobody is left to stop them."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() == 1:
        raise Refused("the demo that started this has ended")


def _or_tell(protect: Callable[[], None]) -> None:
    try:
        protect()
    except Refused as refusal:
        logging.getLogger(__name__).warning("%s (a demo goes on)", refusal)


if __name__ == "__main__":
    main()
