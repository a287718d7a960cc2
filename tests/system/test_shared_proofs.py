"""`stolpe prove masks` on real footage of three cameras: indoors, infrared at night, outdoors in wind."""

import json
import os
from pathlib import Path

import pytest

from node.cli.prove import masks_command

CLIPS = Path(os.environ.get("STOLPE_SHARED", Path(__file__).parents[3] / "shared")) / "data" / "clips"
MASKS = ["0.1,0.1 0.4,0.1 0.4,0.3 0.1,0.3", "0.6,0.55 1.2,0.5 0.8,0.9 0.75,0.65"]

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not CLIPS.exists(), reason="the shared scenes are not here (STOLPE_SHARED)"),
    pytest.mark.timeout(240),
]


@pytest.mark.parametrize("clip", ["intel_car-detection.mp4", "mirafra_tamper1.mp4", "youngsoul_walkers.mp4"])
def test_nothing_behind_the_masks_makes_any_difference(clip: str, capsys: pytest.CaptureFixture[str]) -> None:
    masks_command(CLIPS / clip, mask=MASKS, seconds=3.0, as_json=True)
    proof = json.loads(capsys.readouterr().out)
    assert proof["verdict"] == "proven"
    assert proof["samples_checked"] > 1_000_000
    assert all("pictures" in control["different"] for control in proof["controls"])
