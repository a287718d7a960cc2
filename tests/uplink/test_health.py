"""Health: what is wrong raises the level at once, and it falls when that has been over for a while."""

from typing import Any

import msgspec
import pytest

from node.clock import NS
from node.formats.payloads import Level, MachineNumbers
from node.uplink.health import Health, Reading
from tests.fakes.pole import camera_report, recorder_report

WELL = MachineNumbers(
    load_1min=0.5,
    memory_available_bytes=500 << 20,
    memory_bytes=1 << 30,
    disk_free_bytes=1 << 30,
    disk_bytes=1 << 34,
    temperature_c=50.0,
    throttled=False,
)
CAMERA, RECORDER = camera_report("01ARZ3NDEKTSV4RRFFQ69G5FAV"), recorder_report("01ARZ3NDEKTSV4RRFFQ69G5FAV")
GOOD = Reading(machine=WELL, camera=CAMERA, recorder=RECORDER)


def machine(**numbers: Any) -> Reading:  # noqa: ANN401 — fields of either
    return Reading(machine=msgspec.structs.replace(WELL, **numbers), camera=CAMERA, recorder=RECORDER)


WORN = msgspec.structs.replace(RECORDER, slot_wear="worn")
"""Its key slot's part."""


def camera(**numbers: Any) -> Reading:  # noqa: ANN401 — fields of either
    return Reading(machine=WELL, camera=msgspec.structs.replace(CAMERA, **numbers), recorder=RECORDER)


def judged(*readings: Reading, seconds: float = 1.0) -> list[tuple[Level, list[str]]]:
    """Level and reasons after each reading, so many seconds apart."""
    health, found = Health(), []
    for number, reading in enumerate(readings):
        verdict = health.judge(reading, now_ns=round(number * seconds * NS))
        found.append((verdict.level, [reason.name for reason in verdict.reasons]))
    return found


def test_a_node_that_films_and_lacks_nothing_is_good() -> None:
    assert judged(GOOD) == [("good", [])]


@pytest.mark.parametrize(
    ("reading", "level", "name"),
    [
        (Reading(machine=WELL, camera_silent=True), "bad", "camera_silent"),
        (Reading(machine=WELL, recorder_silent=True), "bad", "recorder_silent"),
        (camera(dark="mask_fault"), "bad", "mask_fault"),
        (camera(dark="pose_lost"), "bad", "pose_lost"),
        (camera(dark="time_untrusted"), "bad", "time_untrusted"),
        (camera(frame_age_s=5), "bad", "frames_late"),
        (Reading(machine=WELL, outbox_filled=0.81), "warning", "outbox_filling"),
        (Reading(machine=WELL, subscription_refused="Not authorized"), "warning", "subscription_refused"),
        (Reading(machine=WELL, recorder=WORN), "warning", "slot_worn"),
        (machine(temperature_c=80.0), "warning", "heat"),
        (machine(temperature_c=90.0), "bad", "heat_bad"),
        (machine(throttled=True), "warning", "throttled"),
        (machine(disk_free_bytes=31 << 20), "warning", "disk"),
        (machine(disk_free_bytes=15 << 20), "bad", "disk_bad"),
        (machine(memory_available_bytes=50 << 20), "warning", "memory"),
    ],
)
def test_what_is_wrong_is_a_reason_at_once(reading: Reading, level: Level, name: str) -> None:
    assert judged(reading) == [(level, [name])]


@pytest.mark.parametrize("dark", ["no_mandate", "ended", "outside_hours", "no_masks"])
def test_a_camera_that_is_rightly_dark_is_good(dark: str) -> None:
    assert judged(camera(dark=dark, frame_age_s=None)) == [("good", [])]


def test_a_dark_camera_has_no_late_pictures() -> None:
    assert judged(camera(dark="outside_hours", frame_age_s=60)) == [("good", [])]


@pytest.mark.parametrize(
    ("reading", "name"),
    [
        (camera(black_frames=1), "black_frames"),
        (camera(dropped_fragments=1), "dropped_fragments"),
        (camera(events_dropped=1), "events_dropped"),
        (camera(messages_refused=1), "messages_refused"),
        (Reading(machine=WELL, camera=CAMERA, recorder=RECORDER, outbox_failures=1), "outbox_failing"),
        (Reading(machine=WELL, camera=CAMERA, recorder=RECORDER, outbox_dropped=1), "outbox_dropped"),
        (Reading(machine=WELL, camera=CAMERA, recorder=RECORDER, publish_refused=1), "publish_refused"),
        (Reading(machine=WELL, camera=CAMERA, recorder=RECORDER, messages_refused=1), "messages_refused"),
    ],
)
def test_a_counter_that_rises_is_a_reason_for_a_minute(reading: Reading, name: str) -> None:
    found = judged(GOOD, *[reading] * 7, seconds=10)
    assert [names for _, names in found] == [[]] + [[name]] * 6 + [[]]


def test_a_counter_that_was_high_before_we_looked_is_none() -> None:
    assert judged(camera(black_frames=9), camera(black_frames=9))[-1] == ("good", [])


def test_a_camera_that_started_anew_counts_from_nothing() -> None:
    again = msgspec.structs.replace(CAMERA, instance="01ARZ3NDEKTSV4RRFFQ69G5FAW", black_frames=3)
    after = Reading(machine=WELL, camera=again, recorder=RECORDER)
    assert judged(camera(black_frames=1), after)[-1] == ("good", [])


def test_the_level_falls_only_when_it_was_better_for_ten_seconds() -> None:
    found = judged(Reading(machine=WELL, camera_silent=True), *[GOOD] * 11)
    assert [level for level, _ in found] == ["bad"] * 10 + ["good"] * 2


@pytest.mark.parametrize(
    ("on", "between", "off"),
    [
        (machine(temperature_c=80.0), machine(temperature_c=76.0), machine(temperature_c=74.0)),
        (
            machine(disk_free_bytes=31 << 20),
            machine(disk_free_bytes=40 << 20),
            machine(disk_free_bytes=50 << 20),
        ),
        (
            Reading(machine=WELL, outbox_filled=0.81),
            Reading(machine=WELL, outbox_filled=0.7),
            Reading(machine=WELL, outbox_filled=0.5),
        ),
        (camera(frame_age_s=5), camera(frame_age_s=3), camera(frame_age_s=0)),
    ],
)
def test_between_two_thresholds_it_stays_as_it_was(on: Reading, between: Reading, off: Reading) -> None:
    assert judged(between)[-1][0] == "good"
    assert judged(on, *[between] * 30)[-1][0] != "good"
    assert judged(on, *[off] * 30)[-1][0] == "good"


def test_the_worst_reason_is_the_level_and_comes_first() -> None:
    reading = Reading(machine=msgspec.structs.replace(WELL, throttled=True), recorder_silent=True)
    assert judged(reading) == [("bad", ["recorder_silent", "throttled"])]


def test_a_camera_that_films_for_a_minute_without_knowing_where_it_looks_is_a_warning() -> None:
    learning = camera(pose="learning")
    assert judged(*[learning] * 7, seconds=10.0) == [("good", [])] * 6 + [("warning", ["pose_learning"])]
    assert judged(*[learning] * 3, camera(pose="session"), *[learning] * 5, seconds=10.0)[-1] == ("good", [])
    assert judged(*[camera(pose="learning", dark="outside_hours")] * 9, seconds=10.0)[-1] == ("good", [])
