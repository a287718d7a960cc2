"""`make crash`: a recorder's life cut at every operation, and a kill before each sync with a power cut after it."""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from recorder.aftermath import Aftermath, Tally, Verdict, crash_everywhere
from recorder.crash_script import Life, Office, Script, office, prepare

from node.mandate.example import make_keys
from node.sealing.keys import new_keys, read_private_keys, write_key_files


@contextmanager
def place() -> Iterator[tuple[Path, Path]]:
    """A folder in memory if there is one, and a short one for sockets."""
    memory = Path("/dev/shm")  # noqa: S108 — a file system in memory, not a temporary file
    with (
        tempfile.TemporaryDirectory(
            prefix="stolpe-crash-", dir=memory if memory.is_dir() else None
        ) as folder,
        tempfile.TemporaryDirectory(prefix="stolpe-") as run,
    ):
        yield Path(folder), Path(run)


def offices_in(folder: Path) -> tuple[Office, Path]:
    """Everybody's keys and documents, and the node's key file."""
    (folder / "keys").mkdir()
    made = make_keys(folder / "keys")
    node_key = folder / "keys" / "node.key"
    write_key_files(node_key, new_keys("node"))
    return office(folder / "desk", {**made, "node": read_private_keys(node_key)}), node_key


def life_in(
    folder: Path, run: Path, offices: Office, node_key: Path, *, kill_before: int | None = None
) -> Life:
    """The script, from the node's first start on, in a folder of its own."""
    folder.mkdir()
    prepare(folder, node_key, offices.first_root)
    return Script(folder, run, offices, kill_before=kill_before).run()


def killed(
    folder: Path, run: Path, offices: Office, node_key: Path, numbers: list[int], *, every: int
) -> Verdict:
    """A kill before each of these operations, another start, and then a power cut at any operation of that start."""
    found = Verdict(tallies={"a kill before a sync, another start": Tally()})
    tally = found.tallies["a kill before a sync, another start"]
    for number in numbers:
        (folder / f"{number}" / "left").mkdir(parents=True)
        life = life_in(folder / f"{number}" / "live", run, offices, node_key, kill_before=number)
        left = folder / f"{number}" / "left"
        one = crash_everywhere(life, Aftermath(life, left, run), since=number, every=every)
        tally.points += one.points
        tally.starts += one.starts
        tally.violations += sum(t.violations for t in one.tallies.values())
        found.wrong += one.wrong
    return found


def syncs(life: Life) -> list[int]:
    """Operations that make something last."""
    return [n for n, op in enumerate(life.volume.ops) if op.kind.startswith("sync")]


def table(verdict: Verdict, say: Callable[[str], object]) -> None:
    """What was done, a line a step, and what was wrong."""
    say(f"{'step':44} {'crash points':>12} {'restarts':>9} {'violations':>11}")
    for name, tally in verdict.tallies.items():
        say(f"{name:44} {tally.points:>12} {tally.starts:>9} {tally.violations:>11}")
    wrong = sum(tally.violations for tally in verdict.tallies.values())
    say(f"{'all':44} {verdict.points:>12} {verdict.starts:>9} {wrong:>11}")
    for point, violation in verdict.wrong:
        say(f"{violation.number} {violation.where}: {violation.what} (after {point})")


def main() -> int:
    """Everything; some minutes."""
    with place() as (folder, run):
        offices, node_key = offices_in(folder)
        life = life_in(folder / "live", run, offices, node_key)
        (folder / "left").mkdir()
        verdict = crash_everywhere(life, Aftermath(life, folder / "left", run))
        after_kills = killed(folder, run, offices, node_key, syncs(life), every=50)
        verdict.tallies |= after_kills.tallies
        verdict.wrong += after_kills.wrong
        print(f"{len(life.volume.ops)} operations, {len(syncs(life))} of them syncs")  # noqa: T201
        table(verdict, print)
    return 1 if verdict.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
