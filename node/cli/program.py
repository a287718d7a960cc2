"""`stolpe` itself: gathers the commands, and turns every refusal into one line on stderr."""

import errno
import signal
import sys
from importlib.metadata import entry_points
from types import FrameType
from typing import Protocol

import av.logging
import cv2
import typer

from node.cli import bench, check, replay
from node.errors import Refused, one_line

COMMANDS = "stolpe.commands"


class Register(Protocol):
    """What packages above the node offer: it adds their commands to the program."""

    def __call__(self, app: typer.Typer) -> None:
        """Add commands to `app`."""
        ...


def program() -> typer.Typer:
    """All commands: the node's own, and those of the packages that announced theirs as entry points."""
    app = typer.Typer(
        name="stolpe",
        help="Camera nodes that film only what a signed decision allows.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    replay.register(app)
    check.register(app)
    bench.register(app)
    for point in sorted(entry_points(group=COMMANDS), key=lambda point: point.name):
        register: Register = point.load()
        register(app)
    return app


def main() -> None:
    """Run the program: exit 0, 1 with one line on stderr if something was refused or failed, 2 for wrong usage."""
    av.logging.set_level(av.logging.PANIC)  # what FFmpeg has to say is said in our own one line
    cv2.setNumThreads(1)
    signal.signal(signal.SIGTERM, _stop)  # so that what was half made is cleaned up
    try:
        program()()
    except Refused as refusal:
        sys.exit(f"stolpe: {refusal}")
    except OSError as error:
        sys.exit(f"stolpe: {one_line(_sentence(error))}")


def _stop(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _sentence(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    if error.errno == errno.ENOSPC:
        return f"{where}the disk is full: nothing was kept; make room and try again"
    return f"{where}{error.strerror or error}"
