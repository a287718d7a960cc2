"""Every command explains itself with an example, and wrong usage is told apart from a refusal."""

import re
from collections.abc import Callable, Iterator

import pytest
import typer.main
from system.program import Done

from node.cli.program import program


def commands(command: object, *path: str) -> Iterator[tuple[str, ...]]:
    """The names of every command that does something."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path
    for name, deeper in (inner or {}).items():
        yield from commands(deeper, *path, name)


EVERY_COMMAND = sorted(commands(typer.main.get_command(program())))


def test_the_commands_of_provisioning_have_joined_the_program() -> None:
    assert {" ".join(path) for path in EVERY_COMMAND} >= {
        "keys new", "keys show", "demo",
        "mandate root", "mandate new", "mandate sign", "mandate show", "mandate check",
        "masks new", "masks sign", "masks show", "masks compare",
    }  # fmt: skip


@pytest.mark.parametrize("path", EVERY_COMMAND, ids=" ".join)
def test_help_has_an_example_of_the_command_with_options_that_there_are(
    stolpe: Callable[..., Done], path: tuple[str, ...]
) -> None:
    done = stolpe(*path, "--help")
    assert (done.code, done.err) == (0, "")
    text, _, example = re.sub(r"\s+", " ", done.out).partition("Example: ")
    assert example.startswith(f"stolpe {' '.join(path)}")
    for option in re.findall(r"--[a-z-]+", example):
        assert option in text


@pytest.mark.parametrize("path", EVERY_COMMAND, ids=" ".join)
def test_an_unknown_option_is_wrong_usage(stolpe: Callable[..., Done], path: tuple[str, ...]) -> None:
    done = stolpe(*path, "--surprise")
    assert (done.code, done.out) == (2, "")
    assert "No such option: --surprise" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["nonsense"], ["keys"], ["mandate"], ["masks"], ["keys", "forget"],
        ["keys", "new"], ["keys", "new", "p-31"], ["keys", "new", "p-31", "p-32", "--out", "x"], ["keys", "show"],
        ["keys", "new", "p-31", "--out", "x", "--kem", "RSA"],
        ["mandate", "root", "--out", "x"], ["mandate", "root", "--controller", "x", "--threshold", "two", "--out", "x"],
        ["mandate", "new", "--node", "n-1", "--out", "x"], ["mandate", "sign", "x", "--out", "y"],
        ["mandate", "check", "x"], ["mandate", "show"],
        ["masks", "new", "--out", "x"], ["masks", "sign", "x"], ["masks", "show", "x"], ["masks", "compare", "x"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage_exits_with_2_and_says_so_on_stderr(
    stolpe: Callable[..., Done], arguments: list[str]
) -> None:
    done = stolpe(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "Usage: " in done.err
    assert "Traceback" not in done.err
