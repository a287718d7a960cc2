"""The program in this process, and an office with keys, a root, a mandate and a mask set."""

import json
import sys
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from system.program import Done

from node.cli.program import main
from node.sealing.keys import new_keys, write_key_files

OWNERS = ("p-01", "p-02", "p-11", "p-12", "p-21", "p-31", "p-32", "police", "share")
GEOMETRY = {
    "sensor": "example", "pixel_array": [320, 240], "mode": [320, 240], "crop": [0, 0, 320, 240],
    "transform": "identity", "main": [320, 240], "lores": [160, 120],
}  # fmt: skip


def run(folder: Path, *arguments: str | Path) -> Done:
    """What `stolpe` does in a folder. An exception that would be a traceback is one here too."""
    out, err, code = StringIO(), StringIO(), 0
    before, sys.argv = sys.argv, ["stolpe", *map(str, arguments)]
    try:
        with redirect_stdout(out), redirect_stderr(err), chdir(folder):
            main()
    except SystemExit as done:
        if isinstance(done.code, str):  # which Python prints as it ends
            code = 1
            err.write(f"{done.code}\n")
        else:
            code = done.code or 0
    finally:
        sys.argv = before
    return Done(code, out.getvalue(), err.getvalue())


@pytest.fixture
def stolpe(tmp_path: Path) -> Callable[..., Done]:
    """Runs `stolpe` with these arguments in `tmp_path`."""
    return lambda *arguments: run(tmp_path, *arguments)


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys of everybody, signed by two controllers: `root.jws.json`, `mandate.jws.json`; and `masks.json`."""
    folder = tmp_path_factory.mktemp("office")
    for owner in OWNERS:
        write_key_files(folder / f"{owner}.key", new_keys(owner))
    (folder / "geometry.json").write_text(json.dumps(GEOMETRY))
    people = {
        "controller": "p-01", "technician": "p-11", "approver": "p-12", "operator": "p-21",
        "releaser": "p-31", "recipient": "police", "recovery": "share",
    }  # fmt: skip
    named = [part for role, who in people.items() for part in (f"--{role}", f"{who}.pub.json")]
    (folder / "people.json").write_text(json.dumps([*named, "--releaser", "p-32.pub.json"]))
    both = ["--controller", "p-01.pub.json", "--controller", "p-02.pub.json"]
    new = ["new", "--node", "n-1", *json.loads((folder / "people.json").read_text())]
    masks = ["--mandate", "mandate.json", "--node", "n-1", "--geometry", "geometry.json", "--made-by", "p-11"]
    square = "0.25,0.25 0.5,0.25 0.5,0.5 0.25,0.5"
    for command in (
        ["mandate", "root", *both, "--threshold", "2", "--out", "root.json"],
        ["mandate", *new, "--out", "mandate.json"],
        ["mandate", "sign", "root.json", "--key", "p-01.key", "--out", "root.jws.json"],
        ["mandate", "sign", "root.jws.json", "--key", "p-02.key", "--out", "root.jws.json"],
        ["mandate", "sign", "mandate.json", "--key", "p-01.key", "--out", "mandate-1.jws.json"],
        ["mandate", "sign", "mandate-1.jws.json", "--key", "p-02.key", "--out", "mandate.jws.json"],
        ["masks", "new", *masks, "--mask", square, "--out", "masks.json"],
    ):
        done = run(folder, *command)
        assert (done.code, done.err) == (0, ""), done
    return folder


@pytest.fixture
def here(office: Path, tmp_path: Path) -> Path:
    """The office's papers, copied to `tmp_path`, to be spoiled at will."""
    for path in office.iterdir():
        copy = tmp_path / path.name
        copy.write_bytes(path.read_bytes())
        copy.chmod(path.stat().st_mode)
    return tmp_path


@pytest.fixture
def people(office: Path) -> list[str]:
    """The options of `mandate new` that name everybody it needs."""
    named: list[str] = json.loads((office / "people.json").read_text())
    return named
