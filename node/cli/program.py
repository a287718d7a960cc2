"""`stolpe` itself: loads the command that is asked for, and turns every refusal into one line on stderr."""

import errno
import io
import signal
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from types import FrameType
from typing import Final, Protocol

import typer

from node.errors import Refused, one_line

COMMANDS: Final = "stolpe.commands"
"""The entry points by which packages above the node join: an entry point's name is its command's."""

OWN: Final = tuple(
    EntryPoint(name, f"node.cli.{module}:register", COMMANDS)
    for name, module in {
        "camera": "daemons",
        "recorder": "daemons",
        "uplink": "daemons",
        "replay": "replay",
        "prove": "prove",
        "pose": "pose",
        "check": "check",
        "bench": "bench",
    }.items()
)


class Register(Protocol):
    """What a command's module offers: it adds its commands to the program."""

    def __call__(self, app: typer.Typer) -> None:
        """Add commands to `app`."""
        ...


def program(asked: str | None = None) -> typer.Typer:
    """The program with the command `asked` alone, or with all of them where there is none of that name.

    A daemon lives on a small machine for months: it does not carry the libraries of other commands.
    """
    app = typer.Typer(
        name="stolpe",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_stolpe)
    for point in _of(asked):
        register: Register = point.load()
        register(app)
    return app


def main() -> None:
    """Run the program: exit 0, 1 with one line on stderr if something was refused or failed, 2 for wrong usage."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # while libraries load there is nothing to clean up
    run = program(*sys.argv[1:2])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _stop)  # so that what was half made is cleaned up
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # nohup(1) has set it otherwise
        signal.signal(signal.SIGHUP, _stop)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that has no such letter shows its escape
            stream.reconfigure(errors="backslashreplace")
    exit_with_a_reason(run)


def exit_with_a_reason(run: Callable[[], object]) -> None:
    """Run a program; what it refuses, or cannot do on this machine, is one line on stderr and exit 1."""
    try:
        run()
    except Refused as refusal:
        sys.exit(f"stolpe: {refusal}")
    except OSError as error:
        sys.exit(f"stolpe: {one_line(_sentence(error))}")


def _stolpe() -> None:
    """Camera nodes that film only what a signed decision allows."""


def _of(asked: str | None) -> tuple[EntryPoint, ...]:
    """Where that command is registered; every place, once, if it is not known or none is asked for."""
    own = [point for point in OWN if point.name == asked]
    if own:
        return tuple(own)
    joined = sorted(entry_points(group=COMMANDS), key=lambda point: point.name)
    named = [point for point in joined if point.name == asked]
    every = {point.value: point for point in (*OWN, *joined)}
    return tuple(named or every.values())


def _stop(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _sentence(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    if error.errno == errno.ENOSPC:
        return f"{where}the disk is full: make room and try again"
    return f"{where}{error.strerror or error}"
