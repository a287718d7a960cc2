"""`python -m node.cli.demo_geometry`: how a configured camera looks through its sensor, as JSON, for the demo.

An enrolled node says it over MQTT, and the technician draws masks for it; the demo needs its masks before that.
"""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from node.camera.sources import source_factory
from node.cli.program import exit_with_a_reason
from node.clock import SystemClock
from node.config import read_config


def main() -> None:
    """Print it."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(geometry_command)
    exit_with_a_reason(app)


def geometry_command(config: Annotated[Path, typer.Option(help="the demo's node.toml")]) -> None:
    """Print the geometry of the camera that this configuration names; it is not opened."""
    source = source_factory(read_config(config).sensor, clock=SystemClock())()
    typer.echo(msgspec.json.encode(source.geometry).decode())


if __name__ == "__main__":
    main()
