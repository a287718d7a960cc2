"""What is got from a card whose files are damaged: everything else, and a line for each of them."""

import io
from pathlib import Path

import pytest
from fakes.burned_card import BurnedCard

from central import salvage


def test_a_segment_whose_start_is_damaged_is_unknown_and_its_file_is_named(card: BurnedCard) -> None:
    card.film(0, *range(5))
    bad = card.film(60, *range(60, 65))
    card.film(120, *range(120, 125))
    bad.write_bytes(b"\x00" * 16 + bad.read_bytes()[16:])
    _, made = card.salvaged(card.order(0, 180))
    assert len(made.segments) == 2
    (gap,) = made.missing
    assert (gap.from_ns, gap.until_ns, gap.reason) == (card.at(60), card.at(120), "unknown")
    assert any(bad.name in line for line in card.said)


def test_of_a_time_of_which_the_card_has_nothing_nobody_says_that_it_was_not_filmed(card: BurnedCard) -> None:
    card.film(0, *range(5))
    card.film(300, *range(300, 305))
    _, made = card.salvaged(card.order(-60, 400))
    assert {gap.reason for gap in made.missing} == {"unknown"}


@pytest.mark.parametrize("reads", [0, 1], ids=["when it is hashed", "when it is carried"])
def test_an_unreadable_sector_loses_its_segment_alone(
    reads: int, card: BurnedCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.film(0, *range(5))
    bad = card.film(60, *range(60, 65))
    card.film(120, *range(120, 125))
    _break(bad, reads=reads, monkeypatch=monkeypatch)
    bundle, made = card.salvaged(card.order(0, 180))
    assert len(made.segments) == 2 + reads
    assert any(bad.name in line for line in card.said)
    if not reads:
        assert {gap.reason for gap in made.missing} == {"unknown"}
    assert bundle.stat().st_size > 2 * bad.stat().st_size


def _break(bad: Path, *, reads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its start was read, and `reads` times all of it, the file's sectors are unreadable."""
    real, opened = Path.open, [0]

    class Sectors(io.RawIOBase):
        def read(self, _size: int = -1) -> bytes:
            raise OSError(5, "Input/output error")

    def open_(path: Path, how: str = "r") -> object:
        if path == bad:
            opened[0] += 1
            if opened[0] > 1 + reads:
                return Sectors()
        return real(path, how)

    monkeypatch.setattr(salvage.Path, "open", open_)
