"""What can be read on the page that goes with a clip: first of all what does not hold, however much else there is."""

import base64
import re
import zlib
from typing import Any

import pytest

from central.page import Language, page_of
from central.report import ClipLine, FindingLine, GapLine, MandateLine, ReleaseLine, Report, SegmentLine

LONG = "x y " * 200
MOMENT = "2026-11-03T21:00:00.000Z"


def text_of(page: bytes) -> list[str]:
    """Every string that the page draws, in its order."""
    drawn: list[str] = []
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", page, re.DOTALL):
        try:
            content = zlib.decompress(base64.a85decode(stream.strip().removesuffix(b"~>")))
        except (ValueError, zlib.error):
            continue
        drawn += [
            re.sub(rb"\\(\d{3}|.)", _escaped, found).decode("cp1252")
            for found in re.findall(rb"\((.*?)(?<!\\)\) Tj", content)
        ]
    return drawn


def _escaped(found: re.Match[bytes]) -> bytes:
    """A letter as PDF spells it: in octal, or behind a backslash."""
    return bytes([int(found[1], 8)]) if found[1].isdigit() else found[1]


def report(*, bad: int, padding: int) -> tuple[Report, ReleaseLine]:
    words = f"{LONG}" if padding else "short"
    some = max(1, padding)
    findings = [
        FindingLine(f"B{n}", "bad" if n <= bad else "good", f"what was checked: not so: {words}")
        for n in range(1, 11)
    ]
    told: dict[str, Any] = {
        "bundle_sha256": "0" * 64, "order": "01", "order_digest": "sha256:00", "case": words, "recipient": "police",
        "signed_by": ("a", "b"), "node": "n-1", "node_key": "sha256:00", "made_by": "node", "made": MOMENT,
        "time_trust": "battery", "start": MOMENT, "until": MOMENT,
        "missing": (GapLine(MOMENT, MOMENT, words),) * some,
        "mandates": tuple(
            MandateLine(f"sha256:{n}", words, n, f"{words}{n}", f"{words}{n}", "Europe/Stockholm", words)
            for n in range(some)
        ),
        "findings": tuple(findings),
    }  # fmt: skip
    segments = tuple(
        SegmentLine(
            *("a.seg", f"S{n}", "n-1", MOMENT, "battery", "sha256:0", f"masks {n}"),
            *("a", ("a",), 1, "closed", "good", (words,)),
        )
        for n in range(some)
    )  # fmt: skip
    release = ReleaseLine(**told)
    clips = (ClipLine("clip.mp4", 1, "0" * 64),) * some
    whole = Report(clips, 1, MOMENT, MOMENT, {}, None, segments, (), (words,) * padding, release)
    return whole, release


@pytest.mark.parametrize("padding", [0, 1, 8, 60])
@pytest.mark.parametrize("bad", [1, 4, 10])
@pytest.mark.parametrize(("language", "word"), [("en", "DOES NOT HOLD"), ("sv", "STÄMMER INTE")])
def test_every_check_that_fails_stands_right_under_the_title(
    language: Language, word: str, bad: int, padding: int
) -> None:
    drawn = text_of(page_of(*report(bad=bad, padding=padding), language=language))
    numbers = [f"B{n}" for n in range(1, bad + 1)]
    assert drawn[1] == f"{word}: {', '.join(numbers)}"
    for number in numbers:
        assert any(line.startswith(f"{number}: {word}") for line in drawn), number
    what = drawn.index("Footage" if language == "en" else "Material")
    assert all(not line.startswith("B") or drawn.index(line) < what for line in drawn if word in line)


def test_a_page_on_which_all_holds_says_so_and_tells_its_gaps() -> None:
    drawn = text_of(page_of(*report(bad=0, padding=0), language="en"))
    assert drawn[1] == "Every check holds"
    assert f"{MOMENT} - {MOMENT}: short" in drawn
    assert "none known" not in drawn


def test_no_row_hides_the_hash_of_the_bundle() -> None:
    drawn = text_of(page_of(*report(bad=2, padding=60), language="en"))
    assert "Released surveillance footage" in drawn[0]
    assert any("and 55 more" in line for line in drawn)
