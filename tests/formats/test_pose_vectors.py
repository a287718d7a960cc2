"""Every pose reference vector reads as what stands beside it, and is written the same again."""

from pathlib import Path

import pytest
from vectors.shelf import ExpectedPose, expectation, name_of, vectors

from node.errors import Damaged
from node.formats.pose import pack_pose, parse_pose

POSES = vectors("poses")
GOOD = [path for path in POSES if not expectation(path, ExpectedPose).broken]
BROKEN = [path for path in POSES if expectation(path, ExpectedPose).broken]


@pytest.mark.parametrize("path", GOOD, ids=name_of)
def test_a_good_one_holds_its_landmarks_and_has_one_spelling(path: Path) -> None:
    reference = parse_pose(path.read_bytes())
    assert reference.landmarks == expectation(path, ExpectedPose).landmarks
    assert pack_pose(reference) == path.read_bytes()


@pytest.mark.parametrize("path", BROKEN, ids=name_of)
def test_a_broken_one_is_refused(path: Path) -> None:
    with pytest.raises(Damaged):
        parse_pose(path.read_bytes())
