"""Nothing that a person can set turns masking off: not the configuration, not an option, not the environment."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer.main

from node.cli.program import program
from node.config import NodeConfig

SOURCE = Path(__file__).parents[2]
SUSPICIOUS = re.compile(
    r"mask|privacy|blur|paint|black|guard|unmask|raw|clear|plain|debug|insecure|unsafe|skip|disable|bypass|force|trust"
)
MEANT_SO = {
    "stolpe replay --mask": "adds a mask to a recorded video",
    "stolpe replay --masks": "a mask set for a recorded video",
    "stolpe prove masks --mask": "a mask to be proven on a recorded video",
    "stolpe prove masks --masks": "a mask set to be proven on a recorded video",
    "stolpe pose --masks": "the mask set whose landmarks are looked for beside its masks",
    "stolpe demo --mask": "adds a mask to a demo",
    "stolpe masks new --mask": "a polygon of the set",
    "stolpe masks new --guard-band-px": "at least 16 px, whatever is asked",
    "stolpe mandate new --nothing-to-mask": "writes the statement that controllers then sign",
}


def settings(kind: type[msgspec.Struct], path: str = "") -> Iterator[str]:
    """Every setting of the configuration by its dotted name."""
    for field in msgspec.structs.fields(kind):
        name = f"{path}{field.name}"
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from settings(field.type, f"{name}.")
        else:
            yield name


def options(command: Any, path: str = "stolpe") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 — typer brings its own click
    """Every option of every command."""
    for parameter in command.params:
        for spelled in (*parameter.opts, *parameter.secondary_opts):
            yield f"{path} {spelled}", parameter
    for name, inner in getattr(command, "commands", {}).items():
        yield from options(inner, f"{path} {name}")


OPTIONS = dict(options(typer.main.get_command(program())))


def test_no_setting_of_the_configuration_speaks_of_masks() -> None:
    found = list(settings(NodeConfig))
    assert len(found) > 30
    assert [name for name in found if SUSPICIOUS.search(name)] == []


def test_no_option_speaks_of_masks_but_those_that_make_them() -> None:
    assert len(OPTIONS) > 50
    spoken = {
        name
        for name, parameter in OPTIONS.items()
        if name.count(" --") and SUSPICIOUS.search(name.split(" --")[1])
    }
    assert spoken <= set(MEANT_SO), spoken - set(MEANT_SO)


def test_no_option_reads_the_environment() -> None:
    assert [name for name, parameter in OPTIONS.items() if parameter.envvar] == []


@pytest.mark.parametrize("folder", ["camera", "masks", "mandate", "analysis", "sealing", "formats"])
def test_nothing_that_films_reads_the_environment(folder: str) -> None:
    sources = list((SOURCE / "node" / folder).rglob("*.py"))
    assert sources
    read = [path.name for path in sources if re.search(r"\benviron\b|\bgetenv\b", path.read_text())]
    assert read == []


@pytest.mark.parametrize("daemon", ["camera", "recorder", "uplink"])
def test_a_daemon_has_no_option_but_its_configuration(daemon: str) -> None:
    own = {name.removeprefix(f"stolpe {daemon} ") for name in OPTIONS if name.startswith(f"stolpe {daemon} ")}
    assert own == {"--config"}
