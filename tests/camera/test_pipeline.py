"""The pipeline: when the sensor may be open, what leaves it, and that nothing behind a mask makes any difference."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from central.opening import epoch_keys, opened
from node.camera.gate import Gate
from node.camera.painter import MaskedFrame
from node.camera.source import Picture, new_picture
from node.clock import NS, SimulatedClock
from node.formats.segment import Gap, RecordType, end_count
from node.mandate.hours import DAYS, Window
from node.masks.geometry import Size
from node.messages import CloseSegment, DarkReason, SegmentMessage
from node.recorder.epochs import EpochKeys
from node.recorder.ring import Ring
from node.sealing.keys import public_halves, verifying_key
from tests.fakes.kept import OpenedSegment
from tests.fakes.office import Office, Papers, altered
from tests.fakes.playback import played
from tests.fakes.rig import EVENING, HERE, Rig, Watcher, every_half_second
from tests.fakes.scripted import Pictures, plain

DAY_NS = 86_400 * NS
CORNER = ((0.0, 0.0), (0.2, 0.0), (0.0, 0.2))
BLACK = 16
BLACK_LORES = bytes([16]) * (32 * 24) + bytes([128]) * (2 * 16 * 12)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    return Office(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def papers(office: Office) -> Papers:
    """A corner of `HERE` is masked; filming is allowed at all hours."""
    return office.papers(start_ns=EVENING, geometry=HERE, polygons=[CORNER])


@pytest.fixture(scope="module")
def one_minute(papers: Papers) -> Papers:
    """Filming is allowed from 20:00 to 20:01 each day."""
    return Papers(altered(papers.mandate, hours=(Window(DAYS, "20:00", "20:01"),)), papers.masks)


# When the sensor may be open.


@pytest.mark.parametrize("why", ["time_untrusted", "no_mandate", "ended", "no_masks", "mask_fault"])
def test_while_anything_but_the_hours_is_missing_it_gives_up_without_ever_opening_the_sensor(
    one_minute: Papers, why: DarkReason
) -> None:
    gate = Gate(
        mandate=None if why == "no_mandate" else one_minute.mandate,
        masks=None if why == "no_masks" else one_minute.masks,
    )
    rig = Rig(
        one_minute,
        times_ns=every_half_second(5),
        gate=gate,
        trust="untrusted" if why == "time_untrusted" else "battery",
        geometry=msgspec.structs.replace(HERE, transform="hflip") if why == "mask_fault" else HERE,
        start_ns=EVENING + 366 * DAY_NS if why == "ended" else EVENING,
    )
    assert not rig.pipeline.step()
    assert rig.pipeline.dark == why
    assert (rig.source.opened_ns, rig.messages.messages, rig.watcher.seen) == ([], [], [])


def test_the_sensor_opens_and_closes_with_the_hours_and_the_segment_ends(
    office: Office, one_minute: Papers
) -> None:
    rig = Rig(one_minute, start_ns=EVENING - 10 * NS, times_ns=every_half_second(90))
    rig.run_until_closed()
    assert (rig.source.opened_ns, rig.source.closed_ns) == ([10 * NS], [70 * NS])
    assert rig.pipeline.dark == "outside_hours"
    assert rig.watcher.times_ns == every_half_second(60, start=10)
    assert rig.watcher.finished == 1
    assert isinstance(rig.messages.messages[-1], CloseSegment)
    (segment,) = rig.messages.opened(office.keys)
    assert segment.header.start_ns == EVENING
    assert len(played(segment.video)) == 120
    assert segment.records[-1].type is RecordType.END
    assert segment.records[-1].utc_ns == EVENING + 60 * NS


def test_the_next_night_it_opens_again_with_a_segment_of_its_own(office: Office, one_minute: Papers) -> None:
    nights = every_half_second(90, start=-10) + [DAY_NS + time_ns for time_ns in every_half_second(30)]
    rig = Rig(one_minute, times_ns=nights)
    rig.run()
    assert rig.source.opened_ns == [0, DAY_NS]
    assert rig.source.closed_ns == [60 * NS, DAY_NS + 29 * NS + NS // 2]
    segments = rig.messages.opened(office.keys)
    assert [segment.header.start_ns for segment in segments] == [EVENING, EVENING + DAY_NS]
    assert [segment.kinds.count("GAP") for segment in segments] == [0, 0]  # that night and day is no gap
    assert (rig.pipeline.counts.sensor_opened, rig.watcher.finished) == (2, 2)


def test_a_frame_for_which_the_waiting_took_until_after_the_hours_is_not_used(one_minute: Papers) -> None:
    rig = Rig(one_minute, times_ns=[0, 59 * NS, 63 * NS])
    rig.run_until_closed()
    assert rig.watcher.times_ns == [0, 59 * NS]
    assert [request.releases for request in rig.source.requests] == [1, 1, 1]


def test_when_the_scene_is_over_the_sensor_is_closed_and_everything_kept(
    office: Office, papers: Papers
) -> None:
    rig = Rig(papers, times_ns=every_half_second(5))
    rig.run()
    rig.pipeline.close()
    assert (len(rig.source.closed_ns), rig.watcher.finished) == (1, 1)
    (segment,) = rig.messages.opened(office.keys)
    assert segment.closed
    assert len(played(segment.video)) == rig.pipeline.counts.frames == 10


def test_where_nothing_is_to_be_recorded_frames_are_analysed_and_nothing_is_sent(papers: Papers) -> None:
    rig = Rig(papers, times_ns=every_half_second(5), record=False)
    rig.run()
    assert (len(rig.watcher.seen), rig.pipeline.counts.frames, rig.messages.messages) == (10, 10, [])


# Faults.


def faulty(
    numbers: set[int], *, main: Size = HERE.main, lores: Size = HERE.lores
) -> Callable[[int], Pictures]:
    """A camera that now and then delivers pictures of another size."""
    good = plain(HERE)

    def film(number: int) -> Pictures:
        return (_white(main), _white(lores)) if number in numbers else good(number)

    return film


def _white(size: Size) -> Picture:
    picture = new_picture(size)
    picture.luma.fill(235)
    return picture


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param({"lores": (32, 22)}, id="lores too low"),
        pytest.param({"lores": (34, 24)}, id="lores too wide"),
        pytest.param({"main": (60, 40)}, id="main too small"),
        pytest.param(
            {"main": (66, 48)},
            id="main too wide",
        ),
    ],
)
def test_three_paint_faults_in_a_row_close_the_sensor_for_good(
    office: Office, papers: Papers, sizes: dict[str, Size]
) -> None:
    rig = Rig(papers, times_ns=every_half_second(20), film=faulty(set(range(5, 40)), **sizes))
    rig.run()
    assert not rig.pipeline.step()
    assert (rig.pipeline.dark, rig.source.is_open) == ("mask_fault", False)
    assert (rig.pipeline.counts.frames, rig.pipeline.counts.black_frames) == (8, 3)
    assert rig.pipeline.counts.sensor_opened == 1
    (segment,) = rig.messages.opened(office.keys)
    assert segment.closed
    assert len(played(segment.video)) == 8


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param({"lores": (32, 22)}, id="lores"),
        pytest.param(
            {"main": (60, 40)},
            id="main",
        ),
    ],
)
def test_a_frame_with_a_fault_is_black_in_the_footage(
    office: Office, papers: Papers, sizes: dict[str, Size]
) -> None:
    rig = Rig(papers, times_ns=every_half_second(3), film=faulty({3}, **sizes))
    rig.run()
    (segment,) = rig.messages.opened(office.keys)
    brightest = [int(luma[:, 32:].max()) for _, luma in played(segment.video)]
    assert [value > BLACK + 10 for value in brightest] == [True, True, True, False, True, True]


def test_faults_that_are_not_in_a_row_are_counted_and_filming_goes_on(papers: Papers) -> None:
    rig = Rig(papers, times_ns=every_half_second(5), film=faulty({0, 1, 3, 4, 6, 7, 9}, lores=(8, 8)))
    rig.run()
    assert (rig.pipeline.counts.frames, rig.pipeline.counts.black_frames) == (10, 7)
    assert rig.pipeline.dark is None


class Failing(Watcher):
    """Fails at its third frame, and looks whether a request is given back while it is looked at."""

    def observe(self, frame: MaskedFrame) -> None:
        super().observe(frame)
        if len(self.seen) == 3:
            raise RuntimeError("a detector failed")


def full_disk(message: SegmentMessage) -> None:
    raise OSError(28, "No space left on device")


def read_only(number: int) -> Pictures:
    main, lores = plain(HERE)(number)
    main.luma.flags.writeable = False
    return main, lores


@pytest.mark.parametrize(
    ("breakage", "error"),
    [
        pytest.param({"watcher": Failing()}, RuntimeError, id="analyser"),
        pytest.param({"send": full_disk}, OSError, id="recorder"),
        pytest.param({"times_ns": [0, NS, NS]}, ValueError, id="encoder: a time that comes twice"),
    ],
)
def test_a_request_is_released_once_whatever_fails(
    papers: Papers, breakage: dict[str, object], error: type[Exception]
) -> None:
    rig = Rig(papers, **({"times_ns": every_half_second(5)} | breakage))  # type: ignore[arg-type]
    with pytest.raises(error):
        rig.run()
    assert {request.releases for request in rig.source.requests} == {1}
    assert rig.pipeline.counts.frames == len(rig.source.requests) < 10


def test_what_cannot_be_painted_is_shown_to_nobody(papers: Papers) -> None:
    rig = Rig(papers, times_ns=every_half_second(5), film=read_only)
    rig.run()
    assert {request.releases for request in rig.source.requests} == {1}
    assert set(rig.watcher.seen) == {BLACK_LORES}


# What is kept.


def gaps(segment: OpenedSegment) -> list[tuple[int, int, str]]:
    """From, until (ns since `EVENING`), why."""
    found = [
        (gap.utc_ns, msgspec.json.decode(gap.payload, type=Gap)) for gap in segment.of_type(RecordType.GAP)
    ]
    return [(start_ns - EVENING, gap.until_ns - EVENING, gap.reason) for start_ns, gap in found]


def test_a_stall_of_more_than_two_seconds_is_noted_in_the_footage(office: Office, papers: Papers) -> None:
    times = [*every_half_second(3), *every_half_second(2, start=4.5), *every_half_second(2, start=9)]
    rig = Rig(papers, times_ns=times)
    rig.run()
    (segment,) = rig.messages.opened(office.keys)
    assert gaps(segment) == [(6 * NS, 9 * NS, "no frames came")]  # from 2.5 to 4.5 it was two seconds just
    assert len(played(segment.video)) == len(times)


def test_a_stall_right_after_opening_is_noted_too(office: Office, papers: Papers) -> None:
    rig = Rig(papers, times_ns=[0, *every_half_second(3, start=5)])
    rig.run()
    (segment,) = rig.messages.opened(office.keys)
    assert gaps(segment) == [(0, 5 * NS, "no frames came")]


def test_every_segment_is_a_minute_with_one_init_before_and_one_end_behind_its_fragments(
    office: Office, papers: Papers
) -> None:
    rig = Rig(papers, times_ns=every_half_second(150))
    rig.run()
    segments = rig.messages.opened(office.keys)
    assert [segment.kinds for segment in segments] == [
        ["INIT", *["FRAGMENT"] * 60, "END"],
        ["INIT", *["FRAGMENT"] * 60, "END"],
        ["INIT", *["FRAGMENT"] * 30, "END"],
    ]
    assert [segment.header.start_ns - EVENING for segment in segments] == [0, 60 * NS, 120 * NS]
    assert [end_count(segment.records[-1]) for segment in segments] == [61, 61, 31]
    fragments = [r.utc_ns - EVENING for segment in segments for r in segment.of_type(RecordType.FRAGMENT)]
    assert fragments == [n * NS for n in range(150)]
    assert sum(len(played(segment.video)) for segment in segments) == 300


def test_a_header_names_what_the_segment_stands_under(office: Office, papers: Papers) -> None:
    rig = Rig(papers, times_ns=every_half_second(2), trust="battery")
    rig.run()
    header = rig.messages.opened(office.keys)[0].header
    assert papers.masks is not None
    assert header.mandate == f"sha256:{papers.mandate.digest.hex()}"
    assert header.masks == f"sha256:{papers.masks.digest.hex()}"
    assert (header.size, header.time_trust, len(header.subsets)) == (HERE.main, "battery", 3)


def test_what_the_ring_kept_opens_and_plays_every_frame(
    office: Office, papers: Papers, tmp_path: Path
) -> None:
    (tmp_path / "ring").mkdir()
    clock = SimulatedClock(start_utc_ns=EVENING)
    node = office.keys["operator-1"]  # somebody must sign for the node
    slot = EpochKeys.create(tmp_path / "epochs.slot")
    ring = Ring(
        directory=tmp_path / "ring",
        keys=slot,
        signing=node.signing,
        clock=clock,
        capacity_bytes=1 << 30,
        preallocate_bytes=1 << 16,
    )
    rig = Rig(papers, times_ns=every_half_second(70), clock=clock, send=ring.accept)
    rig.run()
    slot.close()
    epochs = epoch_keys(tmp_path / "epochs.slot")
    public = verifying_key(public_halves(node.public)[0])
    releasers = {who: office.keys[who] for who in ("releaser-1", "releaser-2")}
    shown = 0
    for kept in ring.segments:
        segment = opened(kept.path, epochs=epochs, keys=releasers, node=public)
        video = segment.init + b"".join(data for _, data in segment.fragments)
        shown += len(played(video))
        assert (segment.ending, segment.signature, segment.notes) == ("closed", "good", [])
    assert (len(ring.segments), shown) == (2, 140)
