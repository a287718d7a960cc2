"""What a person sees while the demo runs: lines as things happen, and below them, on a terminal, the figures of now."""

from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from node.clock import NS, Clock

FIGURES_EVERY_NS: Final = 5 * NS
REDRAW_NS: Final = NS // 4


@dataclass(frozen=True, slots=True)
class Figures:
    """How far it is. `seconds`: filmed so far, of `of`."""

    seconds: float
    of: float
    frames: int
    fragments: int
    sealed_mb: float
    began: int
    ended: int
    processes: int

    def __str__(self) -> str:
        return (
            f"{self.seconds:.0f} of {self.of:.0f} s: {self.frames} frames, {self.fragments} fragments, "
            f"{self.sealed_mb:.1f} MB sealed, {self.began} events"
        )


class Screen(Protocol):
    """Where the demo says what it does."""

    def say(self, line: str) -> None:
        """Something happened."""
        ...

    def show(self, figures: Figures) -> None:
        """How far it is; as often as one likes."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class PlainScreen:
    """Lines with the seconds since the start: for files and pipes."""

    def __init__(self, console: Console, *, clock: Clock) -> None:
        self._console = console
        self._clock = clock
        self._start_ns = clock.boottime_ns()
        self._next_ns = self._start_ns + FIGURES_EVERY_NS

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def say(self, line: str) -> None:
        """A line."""
        seconds = (self._clock.boottime_ns() - self._start_ns) / NS
        self._console.print(f"{seconds:6.1f}  {line}", markup=False, soft_wrap=True)

    def show(self, figures: Figures) -> None:
        """A line every five seconds."""
        if self._clock.boottime_ns() >= self._next_ns:
            self._next_ns += FIGURES_EVERY_NS
            self.say(str(figures))


class LiveScreen(PlainScreen):
    """The same lines, and the figures in a table that stays below them."""

    def __init__(self, console: Console, *, clock: Clock) -> None:
        super().__init__(console, clock=clock)
        self._live = Live(console=console, transient=True, auto_refresh=False)
        self._drawn_ns = 0

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, figures: Figures) -> None:
        """The table, anew, four times a second."""
        now_ns = self._clock.boottime_ns()
        if now_ns - self._drawn_ns < REDRAW_NS:
            return
        self._drawn_ns = now_ns
        table = Table("filmed", "frames", "fragments", "sealed", "events", "daemons")
        table.add_row(
            f"{figures.seconds:.0f} of {figures.of:.0f} s",
            str(figures.frames),
            str(figures.fragments),
            f"{figures.sealed_mb:.1f} MB",
            f"{figures.began} began, {figures.ended} ended",
            f"{figures.processes} of 3 run",
        )
        self._live.update(table, refresh=True)


def screen_for(console: Console, *, clock: Clock) -> Screen:
    """What fits where it is shown."""
    return (LiveScreen if console.is_terminal else PlainScreen)(console, clock=clock)
