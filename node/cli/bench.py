"""`stolpe bench`: what things cost, each beside its reference in the same run, so that a slow machine cancels out."""

from importlib.metadata import entry_points
from typing import Annotated

import cv2
import msgspec
import typer
from rich.console import Console
from rich.table import Table

from node.cli.bench_measures import MEASURES
from node.errors import Refused
from node.formats.measured import Measured

TABLE_COLUMNS = 160
ENTRY_POINTS = "stolpe.measures"
"""Measures of packages above the node, which put whole nodes together: an entry point's name is the measure's."""
_EXAMPLE = "Example: stolpe bench --only mask_30 --json"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("bench", epilog=_EXAMPLE)(bench_command)


def bench_command(
    only: Annotated[
        list[str] | None, typer.Option(help="one measure by its name; repeat it for more")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False,
) -> None:
    """Measure: medians of five runs, against a reference that runs in the same minute. Whole nodes take minutes."""
    live = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    every = (*MEASURES, *sorted(live))
    unknown = [name for name in only or () if name not in every]
    if unknown:
        raise Refused(f"no measure is called {unknown[0]}: there are {', '.join(every)}")
    cv2.setNumThreads(1)  # as on the node
    console = Console(stderr=True, highlight=False)
    found: list[Measured] = []
    try:
        for name in only or every:
            with console.status(name):
                found.append(MEASURES[name](name) if name in MEASURES else live[name].load()(name))
            if as_json:
                typer.echo(msgspec.json.encode(found[-1]).decode())
    finally:  # minutes of measuring are not lost because a later measure is refused
        if found and not as_json:
            _show(found)


def _show(found: list[Measured]) -> None:
    console = Console(highlight=False)
    width = console.width if console.is_terminal else TABLE_COLUMNS
    console.print(_table(found), width=width)


def _table(found: list[Measured]) -> Table:
    table = Table("measure", "value", "reference", "ratio", "goal", "met", "what the reference is")
    for measured in found:
        against = "" if measured.against is None else f"{measured.against:.3f}"
        ratio = "" if measured.ratio is None else f"{measured.ratio:.2f}"
        goal = "" if measured.goal is None else f"≤ {measured.goal:g}"
        met = {True: "yes", False: "NO", None: ""}[measured.met]
        value = f"{measured.value:.3f} {measured.unit}"
        table.add_row(measured.name, value, against, ratio, goal, met, measured.reference)
    return table
