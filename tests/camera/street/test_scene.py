"""Scenes of the made-up street: how their courses run, and what they refuse."""

import pytest

from node.camera.street.scene import DEMO, EMPTY, Moment, StreetScene
from node.camera.street.street import Street
from node.errors import Refused


def test_a_course_runs_in_straight_lines_between_its_knots() -> None:
    scene = StreetScene(daylight=((10.0, 1.0), (20.0, 0.0)), rain=0.5, wind=0.0)
    assert scene.at(0.0) == Moment(daylight=1.0, rain=0.5, wind=0.0)
    assert scene.at(15.0).daylight == pytest.approx(0.5)
    assert scene.at(40.0).daylight == 0.0


def test_courses_begin_anew_with_every_lap() -> None:
    scene = StreetScene(daylight=((0.0, 1.0), (20.0, 0.0)), lap_seconds=30.0)
    assert scene.at(35.0) == scene.at(5.0)


def test_an_empty_scene_has_nothing_in_it() -> None:
    assert EMPTY.at(12.0) == Moment(daylight=1.0, rain=0.0, wind=0.0)
    assert (EMPTY.walkers_per_minute, EMPTY.cars_per_minute, EMPTY.sweeps_per_minute) == (0.0, 0.0, 0.0)
    assert not EMPTY.residents


def test_the_demo_shows_walkers_a_car_nightfall_and_rain_within_half_a_minute() -> None:
    street = Street(size=(160, 90), seed=1, scene=DEMO, frame_rate=15.0)
    kinds = {actor.kind for index in range(0, 450, 5) for actor in street.truth(index)}
    moments = [DEMO.at(second / 2) for second in range(60)]
    assert {"walker", "car", "resident", "television"} <= kinds
    assert {moment.daylight for moment in moments} >= {1.0, 0.0}
    assert max(moment.rain for moment in moments) > 0.5


@pytest.mark.parametrize(
    "change",
    [
        {"daylight": 1.5},
        {"rain": ((0.0, 0.5), (0.0, 1.0))},
        {"wind": ()},
        {"noise": float("nan")},
        {"walkers_per_minute": 1000.0},
        {"lap_seconds": 0.0},
    ],
)
def test_scenes_that_make_no_sense_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(Refused):
        StreetScene(**change)  # type: ignore[arg-type]  # what is wrong is the point
