"""A command loads its own module and no other; all of them are there for who asks for help."""

import subprocess
import sys
from importlib.metadata import entry_points

import pytest
import typer.main

from node.cli.program import COMMANDS, OWN, program

NAMES = sorted({point.name for point in (*OWN, *entry_points(group=COMMANDS))})
LIGHT = {
    "camera": ("cv2", "av", "numpy", "node.recorder", "node.uplink", "provisioning", "central"),
    "recorder": ("cv2", "av", "numpy", "node.camera", "node.uplink", "provisioning", "central"),
    "uplink": ("cv2", "av", "numpy", "node.camera", "node.recorder", "provisioning", "central"),
    "keys": ("cv2", "av", "node.camera", "node.recorder", "central"),
    "open": ("cv2", "node.camera", "node.recorder", "provisioning"),
    "check": ("cv2", "av", "node.camera", "provisioning", "central"),
}


def commands_of(asked: str | None) -> set[str]:
    group = typer.main.get_command(program(asked))
    return set(getattr(group, "commands", {}))


@pytest.mark.parametrize("name", NAMES)
def test_a_commands_name_finds_the_module_that_has_it(name: str) -> None:
    assert name in commands_of(name)


@pytest.mark.parametrize("asked", [None, "--help", "nonsense", ""])
def test_all_commands_are_there_if_none_of_them_is_asked_for(asked: str | None) -> None:
    assert commands_of(asked) == set(NAMES)


@pytest.mark.parametrize("name", LIGHT)
def test_a_command_is_registered_without_the_libraries_of_others(name: str) -> None:
    code = f"import sys; from node.cli.program import program; program({name!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(LIGHT[name]).isdisjoint(done.stdout.split())


def test_what_a_demo_runs_is_no_command() -> None:
    modules = {point.module for point in (*OWN, *entry_points(group=COMMANDS))}
    assert modules.isdisjoint({"node.cli.demo_daemon", "node.cli.demo_geometry"})
