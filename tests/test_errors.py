"""What somebody else wrote, made fit for one line."""

from hypothesis import given
from hypothesis import strategies as st

from node.errors import one_line


@given(st.text(max_size=500), st.integers(min_value=1, max_value=450))
def test_a_line_is_printable_and_no_longer_than_allowed(words: str, most: int) -> None:
    line = one_line(words, most=most)
    assert len(line) <= most
    assert line.isprintable()


def test_a_line_of_plain_words_stays_as_it_is() -> None:
    assert one_line(ValueError("no such key: `größe`")) == "no such key: `größe`"


def test_what_was_cut_shows_it() -> None:
    assert one_line("abcdef", most=4) == "abc…"
