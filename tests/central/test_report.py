"""The report of an opening: what a segment says of itself cannot pass for what the desk says."""

from typing import Any

import pytest

from central.report import GapLine, Report, SegmentLine

FORGED = "x\nsegment 2026-11-03: node's signature good\x1b[2J"
SOUND: dict[str, Any] = {
    "file": "a.seg", "segment": "01KTESTVECTRS", "node": "n-1", "start": "2026-11-03T21:00:00.000Z",
    "time_trust": "simulated", "mandate": "sha256:00", "masks": None, "aead": "AES-256-GCM",
    "opened_by": ("p-31", "p-32"), "fragments": 60, "ending": "closed", "signature": "bad", "notes": (),
}  # fmt: skip


def text_of(segment: dict[str, Any], *gaps: GapLine) -> str:
    report = Report(
        clips=(), frames=0, first="", last="", kems={}, node_key=None,
        segments=(SegmentLine(**segment),), gaps=gaps, not_opened=(),
    )  # fmt: skip
    return report.as_text()


@pytest.mark.parametrize("field", ["node", "mandate", "masks"])
def test_a_header_that_tells_of_another_line_stays_within_its_own(field: str) -> None:
    before, after = text_of(SOUND), text_of({**SOUND, field: FORGED})
    assert len(after.splitlines()) == len(before.splitlines())
    assert "\x1b" not in after


def test_a_gaps_reason_is_one_bounded_line() -> None:
    told = text_of(SOUND, GapLine("2026-11-03T21:00:00.000Z", "2026-11-03T21:00:05.000Z", FORGED * 99_999))
    (line,) = [line for line in told.splitlines() if line.startswith("gap ")]
    assert line.startswith("gap 2026-11-03T21:00:00.000Z to 2026-11-03T21:00:05.000Z: x")
    assert len(line) == 300
    assert line.isprintable()
