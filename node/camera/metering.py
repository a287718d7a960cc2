"""What a Raspberry Pi's camera may look at when it chooses exposure, colour and focus: never at what is masked.

Pure: makes a libcamera tuning file and controls. Whoever opens the camera must use both, from the first frame on.
libcamera's statistics are taken from the picture that the sensor reads out, before it is cropped and masked, so
each algorithm that reads them is either confined to zones that are wholly seen and unmasked, or held still:

- exposure (`rpi.agc`): zone weights, 0 wherever a zone touches a mask, its guard band, or what main does not show.
  On a Pi 5 (`pisp`) they weigh the histogram that exposure is chosen by; on older ones (`bcm2835`) the histogram is
  of the whole picture, and how its 15 zones lie is not published: there, exposure is fixed where anything is masked.
- white balance reads 16x12 or 32x32 regions of all the picture, and cannot be told which: colour gains are fixed.
- focus is fixed. A camera on a pole does not move.
- `rpi.lux` reads all the picture, and other algorithms follow it: it is made to say 0.
- lens shading (`rpi.alsc`) and contrast (`rpi.contrast`) adapt to all the picture: their adapting is switched off.
- only algorithms that are known by name are kept. Left out are so local tone mapping, HDR, a neural white balance,
  `rpi.sync` (it talks to the network), and whatever a later libcamera invents.

Sources: libcamera's `src/ipa/rpi` (`controller/rpi/agc_channel.cpp`, `lux.cpp`, `alsc.cpp`, `contrast.cpp`,
`vc4/vc4.cpp`, `pisp/pisp.cpp`); Raspberry Pi Camera Algorithm and Tuning Guide.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Any, Literal

import numpy as np

from node.errors import Refused
from node.masks.geometry import TRANSFORMS, Geometry, Size, sensor_to_stream
from node.masks.raster import Mask, MaskRaster

Target = Literal["bcm2835", "pisp"]
Tuning = dict[str, Any]
"""A tuning file, version 2: JSON."""
Window = tuple[float, float, float, float]
"""Left, top, right, bottom, as fractions of the sensor mode's picture."""

ZONES: dict[Target, int] = {"bcm2835": 15, "pisp": 225}
_PISP_SIDE = 15
_REACH = 2
"""Pixels of the mode by which a zone is taken to be larger: a value is mixed from its Bayer neighbours."""
_NEARLY = 1e-6  # of a pixel: rounding
METERING_MODES = ("centre-weighted", "spot", "matrix", "custom")
AE_METERING_CUSTOM, AF_MANUAL, HDR_OFF = 3, 0, 0
_HELD = ("rpi.agc", "rpi.lux", "rpi.contrast", "rpi.alsc")
_READS_NO_PICTURE = (
    *("rpi.black_level", "rpi.decompand", "rpi.dpc", "rpi.noise", "rpi.geq", "rpi.denoise", "rpi.sdn"),
    *("rpi.cac", "rpi.ccm", "rpi.sharpen", "rpi.saturation"),
)
"""They follow the gain, the exposure, the fixed colour gains and a lux that is held at 0, or nothing."""
_STILL_BY_CONTROLS = ("rpi.awb", "rpi.af")
_KEPT = frozenset(_HELD + _READS_NO_PICTURE + _STILL_BY_CONTROLS)


@dataclass(frozen=True, slots=True)
class SensorMode:
    """What the sensor reads out: the mode's picture, and of which part of the pixel array (`crop_limits`)."""

    size: Size
    crop_limits: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Commissioned:
    """What was measured at the pole, once: for what must not be chosen anew by pictures."""

    exposure_us: int
    analogue_gain: float
    colour_gains: tuple[float, float]
    lens_position: float | None


@dataclass(frozen=True, slots=True)
class Metering:
    """One weight a zone. Without any above 0 the exposure is fixed."""

    target: Target
    weights: tuple[int, ...]

    @property
    def exposure_is_fixed(self) -> bool:
        """Whether nothing may be metered."""
        return not any(self.weights)


@dataclass(frozen=True, slots=True)
class Controls:
    """libcamera's controls for as long as the camera is open; `named` is what picamera2 takes."""

    fixed_exposure: tuple[int, float] | None
    colour_gains: tuple[float, float]
    lens_position: float | None

    @property
    def named(self) -> dict[str, object]:
        """By libcamera's names, enumerations as their numbers."""
        named: dict[str, object] = {
            "AeEnable": self.fixed_exposure is None,
            "AeMeteringMode": AE_METERING_CUSTOM,
            "AwbEnable": False,
            "ColourGains": self.colour_gains,
            "HdrMode": HDR_OFF,
        }
        if self.fixed_exposure is not None:
            named["ExposureTime"], named["AnalogueGain"] = self.fixed_exposure
        if self.lens_position is not None:
            named["AfMode"], named["LensPosition"] = AF_MANUAL, self.lens_position
        return named


def metering_for(
    raster: MaskRaster, mode: SensorMode, target: Target, *, windows: Sequence[Window] | None = None
) -> Metering:
    """Weights for these masks in this sensor mode.

    `windows`: where the 15 zones of `bcm2835` lie, for whoever has measured that on the part.
    """
    everything = not raster.main.luma.any() and _shows_all(raster.geometry, mode)
    if target == "bcm2835" and windows is None:
        return Metering(target, (int(everything),) * ZONES[target])
    zones = tuple(_pisp_windows(mode.size)) if target == "pisp" else tuple(windows or ())
    if len(zones) != ZONES[target]:
        raise Refused(f"metering: {target} has {ZONES[target]} zones, {len(zones)} were named")
    return Metering(
        target, tuple(int(_is_clear(zone, raster.main.luma, raster.geometry, mode)) for zone in zones)
    )


def controls_for(metering: Metering, commissioned: Commissioned) -> Controls:
    """What to pass on to the camera together with the tuning file."""
    fixed = (commissioned.exposure_us, commissioned.analogue_gain) if metering.exposure_is_fixed else None
    return Controls(fixed, commissioned.colour_gains, commissioned.lens_position)


def tuning_with_metering(tuning: Tuning, metering: Metering) -> Tuning:
    """A copy of a tuning file in which no algorithm looks at what is masked, and none is of an unknown name."""
    if tuning.get("target") != metering.target:
        raise Refused(f"tuning file: it is for {tuning.get('target')!r}, this camera is {metering.target}")
    algorithms = tuning.get("algorithms")
    if not isinstance(algorithms, list) or not all(isinstance(one, dict) for one in algorithms):
        raise Refused("tuning file: algorithms must be a list, as of version 2.0")
    kept: list[Tuning] = []
    for algorithm in algorithms:
        here = {
            name: _held(name, settings, metering) for name, settings in algorithm.items() if name in _KEPT
        }
        kept += [here] if here else []
    if not any("rpi.agc" in algorithm for algorithm in kept):
        raise Refused("tuning file: it has no rpi.agc")
    return {**tuning, "algorithms": kept}


def _held(name: str, settings: Any, metering: Metering) -> Any:  # noqa: ANN401 — JSON of any algorithm
    match name:
        case "rpi.agc":
            channels = settings.get("channels")
            if channels is None:
                return _metered(settings, metering)
            return {**settings, "channels": [_metered(channel, metering) for channel in channels]}
        case "rpi.lux":
            return {**settings, "reference_lux": 0}
        case "rpi.contrast":
            return {**settings, "ce_enable": 0}
        case "rpi.alsc":
            return {**settings, "n_iter": 0}
        case _:
            return settings


def _metered(channel: Tuning, metering: Metering) -> Tuning:
    """Whichever metering mode is chosen, it reads the same zones."""
    weights = list(metering.weights)
    names = dict.fromkeys((*METERING_MODES, *channel.get("metering_modes", {})))
    held = {**channel, "metering_modes": {name: {"weights": weights} for name in names}}
    if metering.target == "bcm2835":  # its histogram is of the whole picture
        held["constraint_modes"] = {name: [] for name in channel.get("constraint_modes", {"normal": []})}
    return held


def _pisp_windows(size: Size) -> Iterator[Window]:
    """Row by row: 15x15 zones of even sides, in the middle of the mode's picture."""
    (width, height), (zone_w, zone_h) = size, ((side // _PISP_SIDE) & ~1 for side in size)
    left, top = ((width - _PISP_SIDE * zone_w) // 2) & ~1, ((height - _PISP_SIDE * zone_h) // 2) & ~1
    for row in range(_PISP_SIDE):
        for column in range(_PISP_SIDE):
            x, y = left + column * zone_w, top + row * zone_h
            yield x / width, y / height, (x + zone_w) / width, (y + zone_h) / height


def _shows_all(geometry: Geometry, mode: SensorMode) -> bool:
    """Whether main shows all that the sensor reads out."""
    (x, y, width, height), (left, top, across, down) = geometry.crop, mode.crop_limits
    return x <= left and y <= top and x + width >= left + across and y + height >= top + down


def _is_clear(zone: Window, masked: Mask, geometry: Geometry, mode: SensorMode) -> bool:
    """Whether main shows all of a zone, and nothing of it is masked."""
    swap, flip_u, flip_v = TRANSFORMS[geometry.transform]
    if swap:
        raise Refused("metering: a Raspberry Pi's camera does not transpose")
    grown = np.array([zone[:2], zone[2:]]) + np.array([[-_REACH], [_REACH]]) / mode.size
    u, v = grown.clip(0.0, 1.0).T  # beyond the edge of what is read out there is nothing to mix in
    # The sensor itself reads out flipped, so the mode's picture lies as main does.
    u, v = (1.0 - u if flip_u else u), (1.0 - v if flip_v else v)
    x, y, width, height = mode.crop_limits
    sensor = np.stack((x + u * width, y + v * height), axis=1) / geometry.pixel_array
    on_main = sensor_to_stream(sensor, geometry, geometry.main)
    (left, top), (right, bottom) = on_main.min(axis=0), on_main.max(axis=0)
    rows, columns = masked.shape
    if left < -_NEARLY or top < -_NEARLY or right > columns + _NEARLY or bottom > rows + _NEARLY:
        return False
    return not masked[max(0, floor(top)) : ceil(bottom), max(0, floor(left)) : ceil(right)].any()
