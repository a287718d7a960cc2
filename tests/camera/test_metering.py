"""Metering: no zone that is weighed touches a mask, and no algorithm that reads the whole picture adapts to it."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.camera.metering import (
    ZONES,
    Commissioned,
    Metering,
    SensorMode,
    Target,
    controls_for,
    metering_for,
    tuning_with_metering,
)
from node.errors import Refused
from node.masks.geometry import Geometry, Transform
from node.masks.raster import MaskRaster, rasterise
from tests.masks.shapes import AS_FOUND, stars

WHOLE = Geometry(
    sensor="imx708_wide",
    pixel_array=(4608, 2592),
    mode=(2304, 1296),
    crop=(0, 0, 4608, 2592),
    transform="identity",
    main=(480, 270),
    lores=(320, 180),
)
BINNED = SensorMode(size=(2304, 1296), crop_limits=(0, 0, 4608, 2592))
FAST = SensorMode(size=(1536, 864), crop_limits=(768, 432, 3072, 1728))
MEASURED = Commissioned(exposure_us=8000, analogue_gain=2.0, colour_gains=(1.6, 1.9), lens_position=0.1)
UPRIGHT: tuple[Transform, ...] = ("identity", "hflip", "vflip", "rotate180")


def raster(*polygons: object, geometry: Geometry = WHOLE, guard_px: int = 16) -> MaskRaster:
    return rasterise([np.array(polygon) for polygon in polygons], geometry, guard_px=guard_px)


def drawn(metering: Metering) -> list[str]:
    rows = np.array(metering.weights).reshape(15, 15)
    return ["".join("#."[weight] for weight in row) for row in rows]


# 480x270: a zone is 32x18 px of main, the guard band 16. The mask covers columns 3 to 4 and rows 2 to 3 of zones.
BOX = [(3.2 / 15, 2.2 / 15), (4.8 / 15, 2.2 / 15), (4.8 / 15, 3.8 / 15), (3.2 / 15, 3.8 / 15)]
AROUND = """
...............
..####.........
..####.........
..####.........
..####.........
...............
...............
...............
...............
...............
...............
...............
...............
...............
...............
"""


@pytest.mark.parametrize("transform", UPRIGHT)
def test_on_a_pi_5_every_zone_that_touches_a_mask_or_its_guard_band_weighs_nothing(
    transform: Transform,
) -> None:
    geometry = msgspec.structs.replace(WHOLE, transform=transform)
    rows = AROUND.split()
    rows = [row[::-1] for row in rows] if transform in ("hflip", "rotate180") else rows
    rows = rows[::-1] if transform in ("vflip", "rotate180") else rows
    assert drawn(metering_for(raster(BOX, geometry=geometry), BINNED, "pisp")) == rows


def test_a_mode_that_reads_out_the_middle_alone_has_its_zones_there() -> None:
    corner = [(0.0, 0.0), (0.05, 0.0), (0.05, 0.05), (0.0, 0.05)]
    middle = msgspec.structs.replace(WHOLE, crop=(768, 432, 3072, 1728))
    assert all(metering_for(raster(corner, geometry=middle), FAST, "pisp").weights)
    left = [(0.1, 0.0), (0.2, 0.0), (0.2, 1.0), (0.1, 1.0)]  # of the array; the mode begins at a sixth
    weights = metering_for(raster(left, geometry=middle), FAST, "pisp").weights
    assert weights == (0, 0, *[1] * 13) * 15


def test_what_main_does_not_show_is_not_metered_either() -> None:
    part = msgspec.structs.replace(WHOLE, crop=(0, 0, 2304, 2592))
    assert metering_for(raster(geometry=part), BINNED, "pisp").weights == (*[1] * 7, *[0] * 8) * 15


@settings(AS_FOUND, max_examples=60)
@given(
    polygons=st.lists(stars(nearest=0.0, farthest=1.0), max_size=3),
    transform=st.sampled_from(UPRIGHT),
    crop=st.sampled_from([(0, 0, 4608, 2592), (768, 432, 3072, 1728), (100, 60, 4001, 2333)]),
    mode=st.sampled_from([BINNED, FAST, SensorMode((4608, 2592), (0, 0, 4608, 2592))]),
)
def test_no_pixel_of_a_zone_that_is_weighed_is_masked_or_out_of_sight(
    polygons: list[Any], transform: Transform, crop: tuple[int, int, int, int], mode: SensorMode
) -> None:
    """Worked out the other way: from pixels of the readout to the zone and to the pixel of main that shows them."""
    geometry = msgspec.structs.replace(WHOLE, transform=transform, crop=crop)
    masks = raster(*polygons, geometry=geometry)
    weights = metering_for(masks, mode, "pisp").weights
    (width, height), (zone_w, zone_h) = mode.size, ((side // 15) & ~1 for side in mode.size)
    x0, y0 = ((width - 15 * zone_w) // 2) & ~1, ((height - 15 * zone_h) // 2) & ~1
    for y in range(y0, y0 + 15 * zone_h, 7):
        for x in range(x0, x0 + 15 * zone_w, 13):
            if not weights[(y - y0) // zone_h * 15 + (x - x0) // zone_w]:
                continue
            u, v = (x + 0.5) / width, (y + 0.5) / height
            u = 1 - u if transform in ("hflip", "rotate180") else u
            v = 1 - v if transform in ("vflip", "rotate180") else v
            left, top, across, down = mode.crop_limits
            sx, sy = (left + u * across - crop[0]) / crop[2], (top + v * down - crop[1]) / crop[3]
            sx = 1 - sx if transform in ("hflip", "rotate180") else sx
            sy = 1 - sy if transform in ("vflip", "rotate180") else sy
            assert 0 <= sx < 1
            assert 0 <= sy < 1
            assert not masks.main.luma[int(sy * 270), int(sx * 480)]


def test_on_an_older_pi_exposure_is_fixed_where_anything_is_masked_or_cut_off() -> None:
    assert metering_for(raster(), BINNED, "bcm2835").weights == (1,) * 15
    assert metering_for(raster(BOX), BINNED, "bcm2835").exposure_is_fixed
    part = msgspec.structs.replace(WHOLE, crop=(0, 0, 4608, 2590))
    assert metering_for(raster(geometry=part), BINNED, "bcm2835").exposure_is_fixed


def test_whoever_has_measured_an_older_pis_zones_may_name_them() -> None:
    columns = [(n / 15, 0.0, (n + 1) / 15, 1.0) for n in range(15)]
    weights = metering_for(raster(BOX), BINNED, "bcm2835", windows=columns).weights
    assert weights == (1, 1, 0, 0, 0, 0, *[1] * 9)
    with pytest.raises(Refused, match="15 zones, 14 were named"):
        metering_for(raster(BOX), BINNED, "bcm2835", windows=columns[1:])


def test_a_transposing_geometry_is_refused() -> None:
    turned = msgspec.structs.replace(WHOLE, transform="rotate90", main=(270, 480))
    with pytest.raises(Refused, match="does not transpose"):
        metering_for(raster(geometry=turned), BINNED, "pisp")


def test_controls_fix_colour_and_focus_always_and_exposure_where_nothing_may_be_metered() -> None:
    free = controls_for(metering_for(raster(BOX), BINNED, "pisp"), MEASURED).named
    assert free == {
        "AeEnable": True,
        "AeMeteringMode": 3,
        "AwbEnable": False,
        "ColourGains": (1.6, 1.9),
        "HdrMode": 0,
        "AfMode": 0,
        "LensPosition": 0.1,
    }
    all_masked = raster([(-1.0, -1.0), (2.0, -1.0), (2.0, 2.0), (-1.0, 2.0)])
    fixed = controls_for(metering_for(all_masked, BINNED, "pisp"), MEASURED).named
    assert fixed == {**free, "AeEnable": False, "ExposureTime": 8000, "AnalogueGain": 2.0}


def test_a_camera_without_a_lens_motor_gets_no_focus_controls() -> None:
    still = controls_for(Metering("pisp", (1,) * 225), without_lens(MEASURED)).named
    assert not {"AfMode", "LensPosition"} & set(still)


def without_lens(commissioned: Commissioned) -> Commissioned:
    return Commissioned(
        commissioned.exposure_us, commissioned.analogue_gain, commissioned.colour_gains, lens_position=None
    )


# Tuning files

AGC = {
    "metering_modes": {"centre-weighted": {"weights": [3, 2, 1]}, "yard": {"weights": [9]}},
    "constraint_modes": {
        "normal": [{"bound": "LOWER", "q_lo": 0.98, "q_hi": 1.0, "y_target": [0, 0.5, 1000, 0.5]}]
    },
    "y_target": [0, 0.16, 1000, 0.165, 10000, 0.17],
    "speed": 0.2,
}
TUNING: dict[str, Any] = {
    "version": 2.0,
    "target": "pisp",
    "algorithms": [
        {"rpi.black_level": {"black_level": 4096}},
        {"rpi.lux": {"reference_lux": 830, "reference_Y": 17755, "reference_gain": 1.0}},
        {"rpi.awb": {"bayes": 1}},
        {"rpi.nn.awb": {"enabled": False}},
        {"rpi.agc": {"channels": [AGC, {**AGC, "base_ev": 0.125}]}},
        {"rpi.alsc": {"omega": 1.3, "n_iter": 100}},
        {"rpi.contrast": {"ce_enable": 1, "gamma_curve": [0, 0, 65535, 65535]}},
        {"rpi.tonemap": {"strength": 1.0}},
        {"rpi.hdr": {"MultiExposure": {}}},
        {"rpi.sharpen": {}},
        {"rpi.sync": {"group": "239.255.255.250"}},
        {"rpi.scene_brightness": {"of": "all the picture"}, "rpi.ccm": {"ccms": []}},
    ],
}
SOME = Metering("pisp", (1,) * 100 + (0,) * 125)


def algorithms(tuning: dict[str, Any]) -> dict[str, Any]:
    return {name: settings for algorithm in tuning["algorithms"] for name, settings in algorithm.items()}


def test_every_metering_mode_of_every_channel_reads_the_same_zones() -> None:
    channels = algorithms(tuning_with_metering(TUNING, SOME))["rpi.agc"]["channels"]
    assert [sorted(channel["metering_modes"]) for channel in channels] == [
        ["centre-weighted", "custom", "matrix", "spot", "yard"]
    ] * 2
    found = {tuple(m["weights"]) for channel in channels for m in channel["metering_modes"].values()}
    assert found == {SOME.weights}
    assert channels[1]["base_ev"] == 0.125


def test_a_tuning_file_of_one_channel_is_metered_alike() -> None:
    single = {**TUNING, "algorithms": [{"rpi.agc": AGC}]}
    agc = algorithms(tuning_with_metering(single, SOME))["rpi.agc"]
    assert agc["metering_modes"]["custom"] == {"weights": list(SOME.weights)}
    assert agc["constraint_modes"] == AGC["constraint_modes"]  # its histogram is weighed


def test_on_an_older_pi_no_constraint_reads_the_histogram_of_the_whole_picture() -> None:
    older = {**TUNING, "target": "bcm2835"}
    agc = algorithms(tuning_with_metering(older, Metering("bcm2835", (1,) * 15)))["rpi.agc"]
    assert [channel["constraint_modes"] for channel in agc["channels"]] == [{"normal": []}] * 2


def test_what_adapts_to_the_whole_picture_is_held_still_or_left_out() -> None:
    held = algorithms(tuning_with_metering(TUNING, SOME))
    assert (held["rpi.lux"]["reference_lux"], held["rpi.contrast"]["ce_enable"]) == (0, 0)
    assert held["rpi.alsc"] == {"omega": 1.3, "n_iter": 0}
    assert not {"rpi.tonemap", "rpi.hdr", "rpi.nn.awb"} & held.keys()
    assert held["rpi.black_level"] == {"black_level": 4096}


def test_an_algorithm_that_nobody_here_knows_is_left_out_and_its_neighbour_in_the_list_is_kept() -> None:
    held = algorithms(tuning_with_metering(TUNING, SOME))
    assert held.keys() == {
        *("rpi.black_level", "rpi.lux", "rpi.awb", "rpi.agc", "rpi.alsc", "rpi.contrast"),
        *("rpi.sharpen", "rpi.ccm"),
    }


def test_the_file_that_was_given_is_not_changed() -> None:
    before = json.dumps(TUNING)
    tuning_with_metering(TUNING, SOME)
    assert json.dumps(TUNING) == before


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"target": "bcm2835"}, "for 'bcm2835', this camera is pisp"),
        ({"target": None}, "for None"),
        ({"algorithms": {"rpi.agc": AGC}}, "must be a list"),
        ({"algorithms": []}, "no rpi.agc"),
        ({"algorithms": [{"rpi.hdr": {}}]}, "no rpi.agc"),
    ],
)
def test_a_tuning_file_that_cannot_be_held_still_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused, match=why):
        tuning_with_metering({**TUNING, **changes}, SOME)


INSTALLED = sorted(Path("/usr/share/libcamera/ipa/rpi").glob("*/*.json"))


@pytest.mark.skipif(not INSTALLED, reason="libcamera's tuning files are not installed here")
@pytest.mark.parametrize("path", INSTALLED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_installed_tuning_file_is_held_still(path: Path) -> None:
    tuning = json.loads(path.read_text())
    target: Target = "pisp" if tuning["target"] == "pisp" else "bcm2835"
    metering = Metering(target, (1,) * ZONES[target])
    held = algorithms(tuning_with_metering(tuning, metering))
    agc = held["rpi.agc"]
    for channel in agc.get("channels", [agc]):
        assert {len(mode["weights"]) for mode in channel["metering_modes"].values()} == {ZONES[target]}
    assert held.get("rpi.alsc", {"n_iter": 0})["n_iter"] == 0
