"""The whole way on real footage with real noise, wind and light."""

import json
import os
from pathlib import Path

import av
import numpy as np
import pytest
from system.program import MASK, START, stolpe

from node.masks.polygon import parse_polygon
from node.masks.raster import touched

SHARED = Path(os.environ.get("STOLPE_SHARED", Path(__file__).parents[3] / "shared")) / "data"
WALKERS = SHARED / "clips" / "youngsoul_walkers.mp4"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not WALKERS.exists(), reason="the shared scenes are not here (STOLPE_SHARED)"),
    pytest.mark.timeout(240),
]


def test_frames_in_are_frames_out_and_the_mask_is_black_at_2_megabits(tmp_path: Path) -> None:
    out, clip = tmp_path / "out", tmp_path / "clip.mp4"
    rate = ("--bitrate", "2000")
    done = stolpe("replay", WALKERS, "--out", out, "--mask", MASK, "--start", START, *rate, "--json")
    assert done.code == 0, done.err
    with av.open(str(WALKERS)) as source:
        frames_in = sum(1 for _ in source.decode(video=0))
    assert json.loads(done.out)["frames"] == frames_in
    keys = [part for n in (1, 2) for part in ("--key", out / "keys" / f"releaser-{n}.key")]
    assert stolpe("open", out / "ring", *keys, "--out", clip).code == 0

    frames_out, worst, black = 0, 0, None
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            luma = frame.to_ndarray(format="yuv420p")[: frame.height].astype(np.int16)
            if black is None:
                polygon = np.asarray(parse_polygon(MASK)) * (frame.width, frame.height)
                black = touched([polygon], (frame.width, frame.height))
            worst = max(worst, int(np.abs(luma[black] - 16).max()))
            frames_out += 1
    assert frames_out == frames_in
    assert worst <= 2
