"""The encoder: a key picture every second whatever the frame rate, nothing held back, the same bytes every time."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.camera.encoder import TIMESCALE, Packet, X264Encoder
from node.camera.painter import MaskedFrame, Painter
from node.camera.source import Picture
from node.clock import NS
from node.masks.geometry import Size, full_view
from node.masks.raster import rasterise
from tests.fakes.layouts import Layout
from tests.fakes.masked import masked_frames
from tests.fakes.scripted import ScriptedRequest, filmed

SIZE: Size = (64, 48)


def encoder(frame_rate: float = 10.0, *, size: Size = SIZE) -> X264Encoder:
    return X264Encoder(size=size, frame_rate=frame_rate, bits_per_second=500_000)


def encoded(frames: list[MaskedFrame], frame_rate: float = 10.0) -> list[Packet]:
    coder = encoder(frame_rate)
    return [packet for frame in frames for packet in coder.encode(frame)]


def keys_ns(packets: list[Packet]) -> list[int]:
    return [packet.sensor_ns for packet in packets if packet.key]


@pytest.mark.parametrize("frame_rate", [2, 3, 5, 7, 10, 12, 15, 24, 25, 30])
def test_at_any_whole_frame_rate_a_key_picture_comes_each_second(frame_rate: int) -> None:
    start_ns = 77 * NS
    times = [start_ns + n * NS // frame_rate for n in range(3 * frame_rate + 1)]
    packets = encoded(masked_frames(times, SIZE), frame_rate)
    assert keys_ns(packets) == [start_ns + n * NS for n in range(4)]


@pytest.mark.parametrize("frame_rate", [2.5, 4.5, 12.5, 30_000 / 1001])
def test_at_a_frame_rate_that_is_not_whole_key_pictures_are_no_more_than_a_second_apart(
    frame_rate: float,
) -> None:
    times = [round(n * NS / frame_rate) for n in range(int(3 * frame_rate) + 1)]
    keys = keys_ns(encoded(masked_frames(times, SIZE), frame_rate))
    assert max(after - before for before, after in pairwise(keys)) <= NS


@settings(max_examples=25, deadline=None)
@given(frame_rate=st.integers(2, 30), data=st.data())
def test_with_jitter_a_picture_a_second_after_the_last_key_picture_is_a_key_picture(
    frame_rate: int, data: st.DataObject
) -> None:
    period_ns = NS // frame_rate
    jitter = st.integers(-period_ns * 2 // 5, period_ns * 2 // 5)
    times = [n * period_ns + data.draw(jitter) + NS for n in range(2 * frame_rate)]
    packets = encoded(masked_frames(times, SIZE), frame_rate)
    last_key_ns = times[0]
    assert packets[0].key
    for packet in packets:
        if packet.key:
            assert packet.sensor_ns - last_key_ns <= NS + 3 * period_ns // 2
            last_key_ns = packet.sensor_ns
        else:
            assert packet.sensor_ns - last_key_ns < NS


def test_after_a_pause_the_next_picture_is_a_key_picture() -> None:
    times = [0, NS // 10, 5 * NS, 5 * NS + NS // 10]
    assert [packet.key for packet in encoded(masked_frames(times, SIZE))] == [True, False, True, False]


def test_every_picture_gives_its_packet_at_once_with_its_own_time() -> None:
    coder = encoder()
    times = [7 * NS + n * NS // 10 for n in range(25)]
    for n, frame in enumerate(masked_frames(times, SIZE)):
        (packet,) = coder.encode(frame)
        assert packet.sensor_ns == times[n]
        assert packet.pts == n * TIMESCALE // 10


def test_every_key_packet_carries_its_parameter_sets() -> None:
    packets = encoded(masked_frames([n * NS // 10 for n in range(25)], SIZE))
    for packet in packets:
        kinds = [
            unit[0] & 0x1F
            for unit in packet.data.replace(b"\x00\x00\x01", b"|\x00\x00\x01|").split(b"\x00\x00\x01|")[1:]
        ]
        assert ({7, 8, 5} <= set(kinds)) == packet.key  # sequence and picture parameters, IDR


def test_the_same_pictures_give_the_same_bytes() -> None:
    times = [n * NS // 10 for n in range(15)]
    once, again = (encoded(masked_frames(times, SIZE, seed=3)) for _ in range(2))
    assert once == again


def test_other_pictures_give_other_bytes() -> None:
    times = [n * NS // 10 for n in range(3)]
    assert encoded(masked_frames(times, SIZE, seed=3)) != encoded(masked_frames(times, SIZE, seed=4))


def test_when_it_started_makes_no_difference_to_the_bytes() -> None:
    early, late = (
        encoded(masked_frames([start_ns + n * NS // 10 for n in range(12)], SIZE))
        for start_ns in (0, 991 * NS)
    )
    assert [(p.data, p.pts, p.key) for p in early] == [(p.data, p.pts, p.key) for p in late]


def test_interleaved_colour_gives_the_bytes_of_the_same_colour_in_two_planes() -> None:
    geometry = full_view(sensor="s", main=SIZE, lores=SIZE)
    painter = Painter(rasterise([], geometry, guard_px=0))

    def draw(picture: Picture) -> None:
        for number, plane in enumerate((picture.luma, *picture.chroma)):
            plane[:] = np.random.default_rng(number).integers(16, 236, plane.shape)

    main, lores = filmed(geometry, draw)
    planar, interleaved = (
        encoded([painter.paint(ScriptedRequest((layout.laid(main), lores), sensor_ns=0))])
        for layout in (Layout(padding=(3, 5)), Layout(interleaved=True, padding=(8, 2)))
    )
    assert planar == interleaved
