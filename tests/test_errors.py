"""What a refusal repeats of its input never passes for more than one bounded, printable line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import CannotOpen, Damaged, Refused, one_line, printable


@pytest.mark.parametrize("kind", [Refused, Damaged, CannotOpen])
@given(text=st.text())
def test_a_refusal_is_one_bounded_line_without_control_characters(kind: type[Refused], text: str) -> None:
    said = str(kind(text))
    assert said.isprintable()
    assert len(said) <= 300


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[2J\x7f\x9b", r"\u001b[2J\u007f\u009b"),
        ("\u2028\u202e", r"\u2028\u202e"),
        ("\ud800", r"\ud800"),
        ("\U000e0001", r"\udb40\udc01"),
        ("Skånegatan 3 \U0001f6a9", "Skånegatan 3 \U0001f6a9"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_as_its_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(text=st.text())
def test_json_that_is_made_printable_is_the_same_json(text: str) -> None:
    assert json.loads(printable(json.dumps(text, ensure_ascii=False))) == text


def test_a_long_text_keeps_its_beginning_and_its_end() -> None:
    assert one_line("a" * 300) == "a" * 300
    shown = one_line("/a/path/" + "x" * 500_000 + ": the reason")
    assert len(shown) == 300
    assert shown.startswith("/a/path/xxx")
    assert shown.endswith("xxx: the reason")
