"""Lives that nobody wrote down: steps in any order, kills between any two operations, power cuts at any of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.crash_volume import Killed, Surviving
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recorder.aftermath import BACK_S, Aftermath
from recorder.crash_script import Office, Script, prepare
from recorder.crash_table import offices_in, place
from recorder.ledger import Ledger

Pole = tuple[Path, Path, Office, Path]

STEPS = ("film", "film", "cut", "entries", "document", "full", "wait", "expire", "restart")


@pytest.fixture(scope="module")
def pole() -> Iterator[Pole]:
    with place() as (folder, run):
        yield folder, run, *offices_in(folder)


class RandomLife:
    """The script's steps in another order. Documents come in their own."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self._documents = iter(script.documents)
        self._number = 30

    def do(self, what: str) -> None:
        script, now_s = self.script, self.script.now_s
        self._number += 1
        match what:
            case "film":
                script.film(self._number, now_s + 5)
            case "cut":
                script.cut(self._number, now_s + 5)
            case "entries":
                script.entries()
            case "document":
                if (raw := next(self._documents, None)) is not None:
                    script.document(raw)
            case "full":
                script.full(self._number, now_s + 5)
            case "wait":
                script.station.after(11 * 60)
            case "expire":
                script.station.after(61 * 60)
            case _:
                script.restart()


def lived(folder: Path, pole: Pole, steps: list[str], kill_after: int | None) -> Script:
    """A life of these steps; if it is killed, another process goes on."""
    _, run, offices, node_key = pole
    (folder / "live").mkdir(parents=True)
    prepare(folder / "live", node_key, offices.first_root)
    script = Script(folder / "live", run, offices, kill_before=kill_after)
    life = RandomLife(script)
    try:
        script.step("the first start", script.start)
        for what in steps:
            script.step(what, lambda what=what: life.do(what))
    except Killed:
        script.step("a start after a kill", script.start_after_kill)
    finally:
        script.station.close()
    return script


@given(
    steps=st.lists(st.sampled_from(STEPS), min_size=2, max_size=7),
    kill_after=st.none() | st.integers(25, 200),
    cuts=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=30, max_size=30),
)
@settings(
    derandomize=True,
    deadline=None,
    max_examples=3,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_no_life_owes_anything_after_a_power_cut(
    steps: list[str],
    kill_after: int | None,
    cuts: list[tuple[float, float]],
    pole: Pole,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("life")
    life = lived(folder, pole, steps, kill_after).life
    (folder / "left").mkdir()
    aftermath = Aftermath(life, folder / "left", pole[1])
    surviving, ledger = Surviving(life.volume), Ledger(life)
    for at, which in sorted(cuts):
        while surviving.ops < int(at * len(life.volume.ops)):
            surviving.advance()
        points = list(surviving.points())
        point = points[min(int(which * len(points)), len(points) - 1)]
        owed = ledger.at(surviving.ops)
        at_s = life.second_at(surviving.ops) + BACK_S
        assert aftermath.violations(surviving.image(point), owed, at_s=at_s) == [], point
