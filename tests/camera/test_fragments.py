"""Fragments: all that went in comes out again, from any fragment on, and nothing that was cut off is changed later."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.camera.encoder import Packet, X264Encoder
from node.camera.fragments import Fragment, Fragmenter
from node.camera.source import Plane
from node.clock import NS
from node.masks.geometry import Size
from tests.fakes.masked import masked_frames
from tests.fakes.playback import boxes, played, resemble

SIZE: Size = (64, 48)
TEN_A_SECOND = [n * NS // 10 for n in range(35)]


def packets_of(times_ns: list[int], *, seed: int = 1) -> list[Packet]:
    coder = X264Encoder(size=SIZE, frame_rate=10.0, bits_per_second=500_000)
    return [packet for frame in masked_frames(times_ns, SIZE, seed=seed) for packet in coder.encode(frame)]


def pictures(times_ns: list[int]) -> list[Plane]:
    return [frame.main.luma for frame in masked_frames(times_ns, SIZE)]


def cut(packets: list[Packet]) -> list[Fragment]:
    fragmenter = Fragmenter()
    found = [*[fragmenter.add(packet) for packet in packets], fragmenter.finish()]
    return [fragment for fragment in found if fragment is not None]


def video(fragments: list[Fragment]) -> bytes:
    return fragments[0].init + b"".join(fragment.data for fragment in fragments)


def test_all_fragments_behind_their_init_play_every_picture_at_its_time() -> None:
    packets = packets_of(TEN_A_SECOND)
    shown = played(video(cut(packets)))
    assert [pts for pts, _ in shown] == [packet.pts for packet in packets]
    assert resemble([luma for _, luma in shown], pictures(TEN_A_SECOND))


@pytest.mark.parametrize(("first", "last"), [(0, 1), (1, 2), (1, 3), (2, 4), (3, 4)])
def test_any_run_of_fragments_behind_the_init_plays_its_own_pictures(first: int, last: int) -> None:
    packets = packets_of(TEN_A_SECOND)
    shown = played(video(cut(packets)[first:last]))
    here = slice(10 * first, min(10 * last, 35))
    assert [pts for pts, _ in shown] == [packet.pts for packet in packets[here]]
    assert resemble([luma for _, luma in shown], pictures(TEN_A_SECOND)[here])


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(20, 3000), min_size=1, max_size=40), st.data())
def test_with_frames_at_any_times_every_run_of_fragments_plays_every_picture_in_it(
    waits_ms: list[int], data: st.DataObject
) -> None:
    times = [sum(waits_ms[:n]) * 1_000_000 for n in range(len(waits_ms))]
    packets = packets_of(times)
    fragments = cut(packets)
    first = data.draw(st.integers(0, len(fragments) - 1))
    last = data.draw(st.integers(first + 1, len(fragments)))
    before, within = (sum(f.frames for f in part) for part in (fragments[:first], fragments[first:last]))
    shown = played(video(fragments[first:last]))
    assert [pts for pts, _ in shown] == [packet.pts for packet in packets[before : before + within]]
    assert sum(fragment.frames for fragment in fragments) == len(packets)


def test_a_fragment_is_one_run_from_key_picture_to_key_picture() -> None:
    fragments = cut(packets_of([5 * NS + time_ns for time_ns in TEN_A_SECOND]))
    assert [(f.sensor_ns, f.frames) for f in fragments] == [
        (5 * NS, 10),
        (6 * NS, 10),
        (7 * NS, 10),
        (8 * NS, 5),
    ]


def test_init_and_fragments_are_whole_boxes() -> None:
    fragments = cut(packets_of(TEN_A_SECOND))
    assert {fragment.init for fragment in fragments} == {fragments[0].init}
    assert boxes(fragments[0].init) == ["ftyp", "moov"]
    assert [boxes(fragment.data) for fragment in fragments] == [["moof", "mdat"]] * 4


def test_a_fragment_comes_out_with_the_key_packet_after_it() -> None:
    fragmenter = Fragmenter()
    came = [fragmenter.add(packet) is not None for packet in packets_of(TEN_A_SECOND)]
    assert [n for n, whole in enumerate(came) if whole] == [10, 20, 30]


def test_the_same_packets_give_the_same_bytes() -> None:
    assert cut(packets_of(TEN_A_SECOND)) == cut(packets_of(TEN_A_SECOND))


def test_two_runs_with_other_pictures_have_the_same_init() -> None:
    one, other = (cut(packets_of(TEN_A_SECOND, seed=seed)) for seed in (1, 2))
    assert one[0].init == other[0].init
    assert one[0].data != other[0].data


def test_what_comes_before_the_first_key_packet_is_dropped() -> None:
    packets = packets_of(TEN_A_SECOND)
    fragments = cut(packets[3:])
    assert [(f.sensor_ns, f.frames) for f in fragments] == [(NS, 10), (2 * NS, 10), (3 * NS, 5)]
    shown = [pts for pts, _ in played(video(fragments))]
    assert [pts - shown[0] for pts in shown] == [packet.pts - packets[10].pts for packet in packets[10:]]


def test_an_empty_run_ends_without_a_fragment() -> None:
    assert Fragmenter().finish() is None


def test_a_run_without_any_key_packet_ends_without_a_fragment() -> None:
    assert cut(packets_of(TEN_A_SECOND)[1:5]) == []


def test_a_run_of_a_single_picture_is_a_fragment_that_plays() -> None:
    fragments = cut(packets_of([0]))
    assert [fragment.frames for fragment in fragments] == [1]
    assert len(played(video(fragments))) == 1
