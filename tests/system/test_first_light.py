"""From a video to a clip and back: what goes in comes out, masked, and only for those who may."""

import json
from pathlib import Path

import av
import numpy as np
import pytest
from system.picture_scan import found, telling_rows
from system.program import MASK, START, behind, stolpe, walking_square, write_video

from node.masks.polygon import parse_polygon
from node.masks.raster import touched

FRAMES = 45
SIZE = (320, 240)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    video = write_video(folder / "square.mkv", walking_square(FRAMES))
    done = stolpe("replay", video, "--out", folder / "out", "--mask", MASK, "--start", START)
    assert done.code == 0, done.err
    return folder / "out"


def keys(out: Path, *owners: str) -> list[str]:
    return [part for owner in owners for part in ("--key", str(out / "keys" / f"{owner}.key"))]


def pictures(clip: Path) -> list[np.ndarray]:
    with av.open(str(clip)) as container:
        return [frame.to_ndarray(format="yuv420p") for frame in container.decode(video=0)]


def inside_mask(size: tuple[int, int] = SIZE) -> np.ndarray:
    """Pixels that the polygon itself touches, without its guard band."""
    return touched([np.asarray(parse_polygon(MASK)) * size], size)


def test_two_releasers_get_as_many_pictures_as_went_in(recorded: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    done = stolpe("open", recorded / "ring", *keys(recorded, "releaser-1", "releaser-2"), "--out", clip)
    assert done.code == 0, done.err
    assert len(pictures(clip)) == FRAMES
    report = json.loads((tmp_path / "clip.report.json").read_text())
    assert report["frames"] == FRAMES
    assert [line["signature"] for line in report["segments"]] == ["good"]
    assert [line["ending"] for line in report["segments"]] == ["closed"]


def test_the_recovery_recipient_stands_in_for_a_lost_key(recorded: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    done = stolpe("open", recorded / "ring", *keys(recorded, "recovery", "releaser-2"), "--out", clip)
    assert done.code == 0, done.err
    assert clip.exists()


@pytest.mark.parametrize(
    "owners",
    [
        ("releaser-1",),
        ("releaser-2",),
        ("recovery",),
        ("releaser-1", "releaser-1"),
        ("releaser-1", "operator-1"),
        ("releaser-1", "node"),
        ("police", "controller-1", "approver-1"),
    ],
)
def test_other_keys_open_nothing(recorded: Path, tmp_path: Path, owners: tuple[str, ...]) -> None:
    done = stolpe("open", recorded / "ring", *keys(recorded, *owners), "--out", tmp_path / "clip.mp4")
    assert (done.code, len(done.lines)) == (1, 1), done.err
    assert {path.name for path in tmp_path.iterdir()} <= {"desk-log.jsonl"}  # the attempt, and nothing else


def test_a_stranger_with_a_releasers_name_opens_nothing(recorded: Path, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.key"
    assert stolpe("keys", "new", "releaser-2", "--out", stranger).code == 0
    out = tmp_path / "out"
    out.mkdir()
    mine = keys(recorded, "releaser-1")
    done = stolpe("open", recorded / "ring", *mine, "--key", stranger, "--out", out / "clip.mp4")
    assert (done.code, len(done.lines)) == (1, 1), done.err
    assert [path.name for path in out.iterdir()] == ["desk-log.jsonl"]


def test_what_is_decoded_is_black_under_the_polygon_in_every_picture(recorded: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    stolpe("open", recorded / "ring", *keys(recorded, "releaser-1", "releaser-2"), "--out", clip)
    inside = inside_mask()
    for picture in pictures(clip):
        black = picture[: SIZE[1]][inside].astype(int)
        assert np.abs(black - 16).max() <= 2


def test_without_the_epoch_key_two_releasers_open_nothing(recorded: Path, tmp_path: Path) -> None:
    image = bytearray((recorded / "epochs.slot").read_bytes())
    image[128:] = bytes(len(image) - 128)
    (tmp_path / "epochs.slot").write_bytes(image)
    both = keys(recorded, "releaser-1", "releaser-2")
    slot = ("--slot", tmp_path / "epochs.slot")
    done = stolpe("open", recorded / "ring", *both, *slot, "--out", tmp_path / "clip.mp4")
    assert done.code == 1
    assert "destroyed" in done.err
    assert not (tmp_path / "clip.mp4").exists()


def test_inputs_that_differ_only_behind_the_mask_leave_the_same(tmp_path: Path) -> None:
    plain = walking_square(FRAMES)
    other = behind(
        plain, inside_mask(), lambda n: np.random.default_rng(n).integers(0, 255, plain[0].shape, np.uint8)
    )
    assert not np.array_equal(plain[0], other[0])
    left = {}
    for name, frames in (("plain", plain), ("other", other)):
        out = tmp_path / name
        video = write_video(tmp_path / f"{name}.mkv", frames)
        video = video.rename(tmp_path / "same-name.mkv")
        assert stolpe("replay", video, "--out", out, "--mask", MASK, "--start", START).code == 0
        clip = out / "clip.mp4"
        both = keys(out, "releaser-1", "releaser-2")
        assert stolpe("open", out / "ring", *both, "--out", clip).code == 0
        events = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
        left[name] = (
            clip.read_bytes(),
            [{k: v for k, v in event.items() if k != "id"} for event in events],
            (out / "scores.csv").read_bytes(),
            [path.stat().st_size for path in sorted((out / "ring").iterdir())],
        )
    assert left["plain"] == left["other"]


def test_inputs_that_differ_beside_the_mask_do_not(tmp_path: Path) -> None:
    """The control of the test before: the comparison can fail."""
    plain = walking_square(FRAMES)
    beside = np.roll(inside_mask(), 120, axis=1)
    other = behind(
        plain, beside, lambda n: np.random.default_rng(n).integers(0, 255, plain[0].shape, np.uint8)
    )
    clips = []
    for name, frames in (("plain", plain), ("other", other)):
        out = tmp_path / name
        video = write_video(tmp_path / f"{name}.mkv", frames)
        assert stolpe("replay", video, "--out", out, "--mask", MASK, "--start", START).code == 0
        both = keys(out, "releaser-1", "releaser-2")
        assert stolpe("open", out / "ring", *both, "--out", out / "clip.mp4").code == 0
        clips.append((out / "clip.mp4").read_bytes())
    assert clips[0] != clips[1]


def test_the_ring_holds_no_picture_and_the_scan_would_find_one(recorded: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    stolpe("open", recorded / "ring", *keys(recorded, "releaser-1", "releaser-2"), "--out", clip)
    luma = pictures(clip)[20][: SIZE[1]]
    rows = telling_rows(luma)
    assert len(rows) > 50
    for path in sorted((recorded / "ring").iterdir()):
        assert found(path.read_bytes(), rows) == []
    noise = np.random.default_rng(1).bytes(5000)
    assert "box moov" in found(noise + clip.read_bytes(), rows)
    assert "H.264 that decodes" in found(noise + clip_as_annex_b(clip), rows)
    assert found(noise + luma.tobytes(), rows) == ["a row of the picture"]


def clip_as_annex_b(clip: Path) -> bytes:
    """The clip's packets as a raw stream, which is what an unsealed recording would hold."""
    with av.open(str(clip)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    stream = bytearray()
    for packet in packets:
        position = 0
        while position < len(packet):
            length = int.from_bytes(packet[position : position + 4], "big")
            stream += b"\x00\x00\x00\x01" + packet[position + 4 : position + 4 + length]
            position += 4 + length
    return bytes(stream)


def test_check_ring_finds_nothing_wrong(recorded: Path) -> None:
    done = stolpe("check", "ring", recorded)
    assert done.code == 0, done.out
    assert "every invariant holds" in done.out


def test_scores_have_one_row_for_every_frame(recorded: Path) -> None:
    rows = (recorded / "scores.csv").read_text().splitlines()
    assert rows[0] == "video,frame,seconds,motion,abnormality,tamper,fire"
    assert [row.split(",")[:3] for row in rows[1:4]] == [
        ["square.mkv", "0", "0.000"],
        ["square.mkv", "1", "0.100"],
        ["square.mkv", "2", "0.200"],
    ]
    assert len(rows) == FRAMES + 1
    scores = [float(cell) for row in rows[1:] for cell in row.split(",")[3:]]
    assert all(0 <= score <= 1 for score in scores)


def test_the_walking_square_is_an_event(recorded: Path) -> None:
    events = [json.loads(line) for line in (recorded / "events.jsonl").read_text().splitlines()]
    fields = ["id", "kind", "alarm", "start", "end", "start_s", "end_s", "zone", "score"]
    assert [list(event) for event in events] == [fields]
    assert events[0]["kind"] == "motion"
    assert 1.3 <= events[0]["start_s"] <= 2.5
