"""Which camera a configuration names: the only place that knows them all."""

from collections.abc import Callable
from pathlib import Path

from node.camera.replay import ReplaySource
from node.camera.source import FrameSource
from node.camera.synthetic import SyntheticStreet
from node.clock import Clock
from node.config import SensorSection
from node.errors import Refused


def source_factory(sensor: SensorSection, *, clock: Clock) -> Callable[[], FrameSource]:
    """Makes a closed camera each time it is called, always of the same geometry."""
    if sensor.source == "synthetic":
        return lambda: SyntheticStreet(
            clock=clock, size=sensor.main, lores=sensor.lores, frame_rate=sensor.frames_per_second
        )
    if sensor.source == "replay":
        if not sensor.videos:
            raise Refused("sensor.source is replay, but sensor.videos names no file")
        return lambda: ReplaySource([Path(video) for video in sensor.videos], clock=clock)
    raise Refused(
        "sensor.source picamera2: this version has no driver for it yet; synthetic and replay are there"
    )
