"""`make mutants`: undoes one protection after another in a copy of the tree, and demands that a named test notices.

Each `*.patch` here begins with a sentence that says what is undone, and with `Killed-by:` lines that name the tests
which must fail of it, by an assertion (or by what a `Raises:` line names). A patch that does not apply, a test that
cannot be collected or breaks otherwise, and a mutant that lives are errors; so is a named test that fails without
any patch.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import msgspec
from rich.console import Console
from rich.table import Table

from tests.mutants.witness import Testimony

HERE = Path(__file__).resolve().parent
TREE = HERE.parents[1]
ASSERTIONS = {"AssertionError", "Failed"}  # the second is pytest.raises that met nothing
WORKERS, MINUTES = 2, 10
WIDTH = 150
GIT = shutil.which("git") or "git"
OPTIONS = (
    *("-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "tests.mutants.witness"),
    "--hypothesis-seed=0",
    "--timeout=300",
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One patch, and what it says of itself."""

    name: str
    patch: Path
    undoes: str
    killers: tuple[str, ...]
    raises: frozenset[str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How it ended; `wrong` is empty if the mutant is dead as it should be."""

    killed_by: str
    wrong: str
    seconds: float


def main(names: Sequence[str]) -> int:
    """Try the mutants of these names, or all; 0 if every one of them is dead."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    mutants = [read(path) for path in sorted(HERE.glob("*.patch")) if not names or path.stem in names]
    unknown = set(names) - {mutant.name for mutant in mutants}
    if unknown or not mutants:
        console.print(f"no mutant is called {', '.join(sorted(unknown)) or 'anything'}")
        return 2
    files = tracked_files()
    killers = sorted({killer for mutant in mutants for killer in mutant.killers})
    with console.status("the tests without any patch"):
        unpatched = without_a_patch(killers, files)
    if unpatched.wrong:
        console.print(f"without any patch: {unpatched.wrong}", markup=False)
        return 1
    with ThreadPoolExecutor(WORKERS) as pool, console.status(f"{len(mutants)} mutants"):
        verdicts = list(pool.map(lambda mutant: tried(mutant, files), mutants))
    table = Table("mutant", "what it undoes", "killed by", "s")
    table.add_row("(no patch)", "Nothing.", unpatched.killed_by, f"{unpatched.seconds:.0f}")
    for mutant, verdict in zip(mutants, verdicts, strict=True):
        fate = f"NOT KILLED: {verdict.wrong}" if verdict.wrong else verdict.killed_by
        table.add_row(mutant.name, mutant.undoes, fate, f"{verdict.seconds:.0f}")
    console.print(table)
    alive = sum(bool(verdict.wrong) for verdict in verdicts)
    console.print(f"{len(mutants) - alive} of {len(mutants)} mutants were killed, each by the test it names")
    return int(alive > 0)


def read(path: Path) -> Mutant:
    """A patch file's own words, which stand before the first difference."""
    words, found, _ = path.read_text().partition("\ndiff --git ")
    lines = words.splitlines()
    if not found:
        sys.exit(f"{path.name}: changes nothing")
    killers = tuple(line.split(": ", 1)[1] for line in lines if line.startswith("Killed-by: "))
    if not killers:
        sys.exit(f"{path.name}: names no test that kills it")
    raises = frozenset(line.split(": ", 1)[1] for line in lines if line.startswith("Raises: "))
    return Mutant(path.stem, path, lines[0], killers, raises or frozenset(ASSERTIONS))


def tracked_files() -> list[str]:
    """What git has of the tree; the copies get it as it lies here now."""
    listed = subprocess.run([GIT, "ls-files", "-z"], cwd=TREE, check=True, capture_output=True, text=True)
    return [name for name in listed.stdout.split("\0") if (TREE / name).is_file()]


def without_a_patch(killers: Sequence[str], files: Sequence[str]) -> Verdict:
    """Whether the named tests pass in a copy of the tree as it is: a test that always fails kills nothing."""
    started = perf_counter()
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = copied(Path(folder), files)
        testimony, said = run_tests(copy, killers)
    wrong = said if testimony is None else not_sound(killers, testimony)
    return Verdict(f"nothing: all {len(killers)} named tests pass", wrong, perf_counter() - started)


def not_sound(killers: Sequence[str], testimony: Testimony) -> str:
    """Which of the named tests did not pass; empty if all of them did."""
    if testimony.elsewhere:
        return f"the copy's code was not used: {testimony.elsewhere[0]}"
    bad = [f"{test} {outcome}" for test, outcome in testimony.outcomes.items() if outcome != "passed"]
    absent = [killer for killer in killers if not ran(killer, testimony)]
    return "; ".join([*bad, *(f"{killer} does not exist" for killer in absent)])


def tried(mutant: Mutant, files: Sequence[str]) -> Verdict:
    """Apply the patch to a copy and run the tests that it names there."""
    started = perf_counter()
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = copied(Path(folder), files)
        environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(copy.parent)}
        command = [GIT, "apply", "--whitespace=nowarn", str(mutant.patch)]
        applied = subprocess.run(
            command, cwd=copy, env=environment, check=False, capture_output=True, text=True
        )
        if applied.returncode:
            return Verdict("", f"the patch does not apply: {last_line(applied.stderr)}", 0.0)
        testimony, said = run_tests(copy, mutant.killers)
    wrong = said if testimony is None else what_is_wrong(mutant, testimony)
    return Verdict("; ".join(map(short, mutant.killers)), wrong, perf_counter() - started)


def what_is_wrong(mutant: Mutant, testimony: Testimony) -> str:
    """Why this is not the death that the patch names; empty if it is."""
    if testimony.elsewhere:
        return f"the copy's code was not used: {testimony.elsewhere[0]}"
    for killer in mutant.killers:
        failed = [test for test in ran(killer, testimony) if testimony.outcomes[test] == "failed"]
        if not failed:
            outcomes = sorted({testimony.outcomes[test] for test in ran(killer, testimony)})
            return f"{short(killer)}: {', '.join(outcomes) or 'was not run'}"
        others = {name for test in failed for name in testimony.raised[test]} - mutant.raises
        if others:
            return f"{short(killer)} failed of {', '.join(sorted(others))}"
    return ""


def ran(killer: str, testimony: Testimony) -> list[str]:
    """The test of that name, in all its variants."""
    return [test for test in testimony.outcomes if test == killer or test.startswith(f"{killer}[")]


def copied(folder: Path, files: Iterable[str]) -> Path:
    """The tree in a folder of its own."""
    for name in files:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(TREE / name, target)
    return folder.resolve()


def run_tests(copy: Path, tests: Iterable[str]) -> tuple[Testimony | None, str]:
    """Run them in the copy, which comes first in the path: what is installed is this tree, and must not be used."""
    told = copy / "testimony.json"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        "PYTHONPATH": str(copy),
        "PYTHONDONTWRITEBYTECODE": "1",
        "STOLPE_WITNESS": str(told),
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *OPTIONS, *tests],
        cwd=copy,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=60 * MINUTES,
    )
    if done.returncode not in (0, 1) or not told.exists():  # usage, collection, a crash
        return None, f"the tests did not run: {last_line(done.stdout + done.stderr)}"
    return msgspec.json.decode(told.read_bytes(), type=Testimony), ""


def last_line(text: str) -> str:
    """The last line that says anything."""
    return next((line for line in reversed(text.splitlines()) if line.strip()), "nothing was said")


def short(test: str) -> str:
    """The test's file, and its name as the sentence that it is."""
    file, _, name = test.rpartition("/")[2].partition("::")
    return f"{file}: {name.removeprefix('test_').replace('_', ' ')}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
