"""Opening bundles at the desk: for whom it is sealed, and what is done with one that does not hold."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes.burned_card import BurnedCard
from system.program import stolpe

from node.mandate.documents import encode
from node.mandate.signatures import parse, sign
from node.sealing.keys import new_keys, public_halves, read_private_keys, write_key_files


def report_of(clip: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(clip.with_name(f"{clip.stem}.report.json").read_bytes())
    return report


@pytest.fixture
def bundle(card: BurnedCard) -> Path:
    """Two minutes, as the node released them."""
    card.film(0, *range(60))
    card.film(60, *range(60, 120))
    return card.released(card.order(0, 120))


@pytest.fixture
def stranger(card: BurnedCard) -> str:
    """Somebody who would like to be the police."""
    write_key_files(card.key("stranger"), new_keys("police"))
    card.keys["stranger"] = read_private_keys(card.key("stranger"))
    return "stranger"


def with_key_of(stranger: str, card: BurnedCard) -> bytes:
    """The mandate's payload with the stranger's key as the recipient's."""
    keys = {**card.document.keys, "police": public_halves(card.keys[stranger].public)[1]}
    return encode(msgspec.structs.replace(card.document, keys=keys))


def test_what_holds_is_sealed_to_the_recipient(card: BurnedCard, bundle: Path, tmp_path: Path) -> None:
    done = card.open(bundle, tmp_path / "clip.mp4")
    assert done.code == 0, done.err
    got = stolpe(
        "open", tmp_path / "clip.sealed", "--key", card.key("police"), "--out", tmp_path / "theirs.mp4"
    )
    assert got.code == 0, got.err
    assert (tmp_path / "theirs.mp4").read_bytes() == (tmp_path / "clip.mp4").read_bytes()


def test_nothing_is_sealed_to_a_key_that_an_altered_mandate_brings(
    card: BurnedCard, bundle: Path, stranger: str, tmp_path: Path
) -> None:
    envelope = msgspec.json.decode(card.mandate)
    envelope["payload"] = json.loads(sign(with_key_of(stranger, card), card.keys[stranger].signing))[
        "payload"
    ]
    forged = card.resealed(bundle, signer=stranger, mandates=[msgspec.json.encode(envelope)], made_by="node")
    done = card.open(forged, tmp_path / "clip.mp4")
    assert done.code == 1
    assert "B2" in done.err
    assert "B5" in done.err
    assert "B8" in done.err
    assert not (tmp_path / "clip.sealed").exists()
    assert (tmp_path / "clip.mp4").exists()
    assert "B5 bad" in report_of(tmp_path / "clip.mp4")["not_sealed"]


def test_a_mandate_that_no_opened_segment_names_brings_no_key(
    card: BurnedCard, bundle: Path, stranger: str, tmp_path: Path
) -> None:
    another = sign(with_key_of(stranger, card), card.keys["controller-1"].signing)
    assert parse(another).digest != parse(card.mandate).digest
    added = card.resealed(bundle, signer="node", mandates=[another, card.mandate])
    done = card.open(added, tmp_path / "clip.mp4")
    assert done.code == 0, done.err
    sealed = tmp_path / "clip.sealed"
    theirs = stolpe("open", sealed, "--key", card.key(stranger), "--out", tmp_path / "stolen.mp4")
    assert (theirs.code, (tmp_path / "stolen.mp4").exists()) == (1, False)
    assert stolpe("open", sealed, "--key", card.key("police"), "--out", tmp_path / "got.mp4").code == 0


def test_without_the_root_nothing_is_sealed_and_the_report_says_so(
    card: BurnedCard, bundle: Path, tmp_path: Path
) -> None:
    done = card.open(bundle, tmp_path / "clip.mp4", is_checked=False)
    assert done.code == 0, done.err
    assert "not sealed to police: B2 not checked" in done.out
    assert not (tmp_path / "clip.sealed").exists()


@pytest.mark.parametrize("stem", ["ärende", "K 123-26 (två)", "-'; rm", "x" * 120])
def test_a_clip_of_any_name_can_be_opened_by_its_recipient(
    stem: str, card: BurnedCard, bundle: Path, tmp_path: Path
) -> None:
    done = card.open(bundle, tmp_path / f"{stem}.mp4")
    assert done.code == 0, done.err
    got = stolpe(
        "open", tmp_path / f"{stem}.sealed", "--key", card.key("police"), "--out", tmp_path / "å.mp4"
    )
    assert got.code == 0, got.err
    for suffix in (".mp4", ".report.json", ".report.txt", ".report.pdf"):
        assert (tmp_path / f"å{suffix}").read_bytes() == (tmp_path / f"{stem}{suffix}").read_bytes()


def test_bytes_behind_the_end_of_what_was_sealed_are_refused(
    card: BurnedCard, bundle: Path, tmp_path: Path
) -> None:
    assert card.open(bundle, tmp_path / "clip.mp4").code == 0
    sealed = tmp_path / "clip.sealed"
    sealed.write_bytes(sealed.read_bytes() + b"more")
    got = stolpe("open", sealed, "--key", card.key("police"), "--out", tmp_path / "theirs.mp4")
    assert (got.code, "bytes behind its end" in got.err) == (1, True)
    assert not (tmp_path / "theirs.mp4").exists()
