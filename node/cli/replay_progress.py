"""What a person sees of a replay while it runs: a bar where there is a terminal, and lines for what happens."""

from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from node.cli.replay_outputs import EventLine


class ReplayProgress:
    """A context: the bar stands while it is entered."""

    def __init__(self, out: Path, *, quiet: bool) -> None:
        """`quiet` leaves stdout to the summary: no lines, and the bar on stderr."""
        self.out = out
        self._quiet = quiet
        console = Console(stderr=quiet, highlight=False)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._console = self._bar.console
        self._task = self._bar.add_task("frames", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def expect(self, frames: int | None) -> None:
        """How many frames there will be, if that is known."""
        self._bar.update(self._task, total=frames)

    def frames(self, count: int) -> None:
        """So many were taken."""
        self._bar.update(self._task, completed=count)

    def say(self, line: str) -> None:
        """A line that stays."""
        if not self._quiet:
            self._console.print(line, markup=False, soft_wrap=True)

    def event(self, event: EventLine) -> None:
        """An event has ended."""
        what = "alarm" if event.alarm else "event"
        self.say(
            f"{event.start}  {what} {event.kind}, {event.end_s - event.start_s:.1f} s, score {event.score:.2f}"
        )
