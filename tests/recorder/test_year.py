"""A year with summer time, reboots, power cuts, weeks off and clocks that jump: nothing is kept too long."""

import tempfile
from pathlib import Path

from recorder.year import Year


def lived(days: int, seed: int) -> "Year":
    memory = Path("/dev/shm")  # noqa: S108 — a file system in memory
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        year = Year(Path(folder), seed=seed)
        year.run(days)
        return year


def test_at_no_sampled_instant_of_a_year_opens_what_is_older_than_its_retention() -> None:
    counts = lived(365, 1).counts
    assert counts.too_long == []
    assert counts.too_short == []
    assert min(counts.boots, counts.power_cuts, counts.leaps) > 20
    assert counts.filmed > 4000
    assert counts.openable > 10_000
