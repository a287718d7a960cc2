"""The runner of mutants calls nothing dead that is not, and every patch still fits the code."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.mutants.run import ASSERTIONS, HERE, TREE, Mutant, copied, not_sound, read, tried, what_is_wrong
from tests.mutants.witness import Testimony

KILLER = "tests/x/test_y.py::test_that_it_is_masked"
PATCHES = sorted(HERE.glob("*.patch"))


def mutant(*killers: str) -> Mutant:
    return Mutant("m", Path("m.patch"), "Undoes it.", killers or (KILLER,), frozenset(ASSERTIONS))


def seen(outcome: str, raised: tuple[str, ...] = (), *, test: str = KILLER) -> Testimony:
    return Testimony({test: outcome}, {test: list(raised)} if raised else {})


@pytest.mark.parametrize("test", [KILLER, f"{KILLER}[a-1]"])
@pytest.mark.parametrize("error", ["AssertionError", "Failed"])
def test_a_mutant_of_which_the_named_test_fails_by_an_assertion_is_dead(test: str, error: str) -> None:
    assert what_is_wrong(mutant(), seen("failed", (error,), test=test)) == ""


@pytest.mark.parametrize(
    ("testimony", "why"),
    [
        (seen("passed"), "passed"),
        (seen("skipped"), "skipped"),
        (Testimony(), "was not run"),
        (seen("failed", ("AssertionError",), test=f"{KILLER}_and_more"), "was not run"),
        (seen("setup broke", ("AssertionError",)), "setup broke"),
        (seen("failed", ("ImportError",)), "failed of ImportError"),
        (seen("failed", ("AssertionError", "ValueError")), "failed of ValueError"),
        (
            Testimony({KILLER: "failed"}, {KILLER: ["AssertionError"]}, ["node from elsewhere"]),
            "was not used",
        ),
    ],
)
def test_any_other_end_is_no_death(testimony: Testimony, why: str) -> None:
    assert why in what_is_wrong(mutant(), testimony)


def test_each_of_the_named_tests_must_fail() -> None:
    both = mutant(KILLER, "tests/x/test_z.py::test_other")
    assert "was not run" in what_is_wrong(both, seen("failed", ("AssertionError",)))


def test_a_named_test_that_fails_without_a_patch_or_does_not_exist_is_told() -> None:
    assert not_sound([KILLER], seen("passed")) == ""
    assert "failed" in not_sound([KILLER], seen("failed", ("AssertionError",)))
    assert "does not exist" in not_sound([KILLER], Testimony())


def test_a_patch_that_does_not_apply_is_an_error(tmp_path: Path) -> None:
    patch = tmp_path / "stale.patch"
    patch.write_text(
        f"Undoes nothing.\n\nKilled-by: {KILLER}\n\ndiff --git a/Makefile b/Makefile\n"
        "--- a/Makefile\n+++ b/Makefile\n@@ -1 +1 @@\n-nothing like this\n+or that\n"
    )
    assert "does not apply" in tried(read(patch), ["Makefile"]).wrong


@pytest.mark.parametrize("path", PATCHES, ids=lambda path: path.stem)
def test_every_patch_applies_and_names_tests_that_are_there(path: Path, tmp_path: Path) -> None:
    named = read(path)
    lines = path.read_text().splitlines()
    changed = sorted({line.removeprefix("--- a/") for line in lines if line.startswith("--- a/")})
    git = shutil.which("git")
    assert git is not None
    copied(tmp_path, changed)
    environment = {"GIT_CEILING_DIRECTORIES": str(tmp_path.parent), "PATH": str(Path(git).parent)}
    subprocess.run([git, "apply", "--check", str(path)], cwd=tmp_path, env=environment, check=True)
    for killer in named.killers:
        file, _, test = killer.partition("::")
        assert f"def {test.partition('[')[0]}(" in (TREE / file).read_text()


def test_there_are_patches() -> None:
    assert len(PATCHES) >= 8
