"""A release over the real daemons and a real broker: what comes out, for whom it opens, and for whom not."""

import io
import json
import shutil
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import av
import pytest
from fakes.live_node import live_node
from fakes.released import TWO, Released, fetched, released
from formats import independent_bundle
from system.program import Done, stolpe

from node.clock import parse_rfc3339


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Released, Done]]:
    """What was released, and how the same order fared when it was sent again."""
    with live_node(tmp_path_factory.mktemp("live")) as live:
        made = released(live)
        again = fetched(live, made.order, made.folder / "again.bundle")
        yield made, again


@pytest.fixture
def bundle(done: tuple[Released, Done]) -> Released:
    assert done[0].fetched.code == 0, (done[0].fetched.out, done[0].fetched.err)
    return done[0]


@pytest.mark.timeout(150)
def test_a_bundle_comes_over_mqtt_and_every_check_holds(bundle: Released) -> None:
    checked = stolpe("verify", bundle.bundle, "--node", bundle.node, "--root", bundle.root, "--json")
    assert checked.code == 0, checked.err
    findings = json.loads(checked.out)["findings"]
    assert {found["verdict"] for found in findings} == {"good"}, findings
    assert len(findings) == 10


def test_an_order_is_refused_the_second_time(done: tuple[Released, Done]) -> None:
    assert done[1].code == 1
    assert "was used before" in done[1].err
    assert not (done[0].folder / "again.bundle").exists()


def test_two_releasers_open_a_clip_with_a_track_of_times_and_place(bundle: Released, tmp_path: Path) -> None:
    opened = bundle.open(tmp_path / "clip.mp4", *TWO)
    assert opened.code == 0, opened.err
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        assert sum(1 for _ in clip.decode(video=0)) > 60
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        texts = [
            bytes(packet)[2:].decode() for packet in clip.demux(clip.streams.subtitles[0]) if packet.size > 2
        ]
    assert len(texts) >= 5
    assert all(text.endswith("Z)\nExempelgatan") and " CE" in text for text in texts)


def test_the_report_says_who_when_which_node_and_what_holds(bundle: Released, tmp_path: Path) -> None:
    assert bundle.open(tmp_path / "clip.mp4", *TWO).code == 0
    report = json.loads((tmp_path / "clip.report.json").read_bytes())
    told = report["release"]
    assert (told["case"], told["recipient"], told["signed_by"]) == ("K 123-26 åäö", "police", list(TWO))
    assert report["kems"] == dict.fromkeys(TWO, "MLKEM768-X25519")
    assert [line["signature"] for line in report["segments"]] == ["good"] * len(report["segments"])
    assert {gap["reason"] for gap in told["missing"]} <= {"unknown", "not_filmed"}
    assert parse_rfc3339(told["start"]) < parse_rfc3339(report["first"]) < parse_rfc3339(told["until"])
    assert "B4 good" in (tmp_path / "clip.report.txt").read_text()


@pytest.mark.parametrize(("language", "title"), [("sv", "Utl"), ("en", "Released")])
def test_the_page_is_one_page_in_the_language_that_was_asked_for(
    language: str, title: str, bundle: Released, tmp_path: Path
) -> None:
    assert bundle.open(tmp_path / "clip.mp4", *TWO, more=("--language", language)).code == 0
    page = (tmp_path / "clip.report.pdf").read_bytes()
    assert page.count(b"/Type /Page\n") == 1
    assert page.startswith(b"%PDF")
    assert title.encode() in page or title.encode("utf-16-be") in page


def test_the_recipients_key_opens_what_was_sealed_to_it_and_no_other_does(
    bundle: Released, tmp_path: Path
) -> None:
    assert bundle.open(tmp_path / "clip.mp4", *TWO).code == 0
    sealed, key = tmp_path / "clip.sealed", bundle.key("police")
    got = stolpe("open", sealed, "--key", key, "--out", tmp_path / "theirs.mp4")
    assert got.code == 0, got.err
    for suffix in (".mp4", ".report.json", ".report.txt", ".report.pdf"):
        assert (tmp_path / f"theirs{suffix}").read_bytes() == (tmp_path / f"clip{suffix}").read_bytes()
    other = stolpe("open", sealed, "--key", bundle.key("releaser-1"), "--out", tmp_path / "other.mp4")
    assert (other.code, "it is sealed to police" in other.err) == (1, True)
    torn = tmp_path / "torn.sealed"
    torn.write_bytes(sealed.read_bytes()[:-100])
    assert stolpe("open", torn, "--key", key, "--out", tmp_path / "torn.mp4").code == 1
    assert not (tmp_path / "torn.mp4").exists()


@pytest.mark.parametrize(
    "owners", [("releaser-1",), ("releaser-2",), ("recovery",), ("police", "operator-1")]
)
def test_no_proper_subset_and_no_stranger_opens_anything(
    owners: tuple[str, ...], bundle: Released, tmp_path: Path
) -> None:
    opened = bundle.open(tmp_path / "clip.mp4", *owners)
    assert opened.code == 1
    assert "it takes 2 different keys" in opened.err
    assert not list(tmp_path.glob("*.mp4"))


@pytest.mark.parametrize("owners", [("releaser-1", "recovery"), ("releaser-2", "recovery")])
def test_a_lost_key_is_stood_in_for_by_the_recovery_recipient(
    owners: tuple[str, ...], bundle: Released, tmp_path: Path
) -> None:
    opened = bundle.open(tmp_path / "clip.mp4", *owners)
    assert opened.code == 0, opened.err


def test_every_opening_is_in_the_desks_log_also_one_that_opens_nothing(
    bundle: Released, tmp_path: Path
) -> None:
    bundle.open(tmp_path / "clip.mp4", "releaser-1")
    bundle.open(tmp_path / "clip.mp4", *TWO)
    lines = [json.loads(line) for line in (tmp_path / "desk-log.jsonl").read_bytes().splitlines()]
    assert [line["reason"] for line in lines] == [
        "with keys of releaser-1 into clip.mp4",
        "with keys of releaser-1, releaser-2 into clip.mp4",
    ]
    log = tmp_path / "desk-log.jsonl"
    log.write_bytes(log.read_bytes().replace(b"keys of releaser-1 into", b"keys of releaser-2 into"))
    refused = bundle.open(tmp_path / "again.mp4", *TWO)
    assert refused.code == 1
    assert not (tmp_path / "again.mp4").exists()


def jwk(path: Path, use: str) -> dict[str, str]:
    return next(key for key in json.loads(path.read_bytes())["keys"] if key["use"] == use)


def test_a_reader_written_from_the_page_alone_verifies_and_opens_the_same(
    bundle: Released, tmp_path: Path
) -> None:
    node = jwk(bundle.node, "sig")
    found = independent_bundle.read(bundle.bundle.read_bytes(), node)
    assert (found.manifest_signature, found.end_signature, found.damaged) == ("good", "good", False)
    assert found.manifest is not None
    assert independent_bundle.released_by(found) == {
        line["mandate"]: set(TWO) for line in found.manifest["segments"]
    }
    assert all(found.is_as_told(number, data) for number, _, data in found.segments)
    people = {owner: jwk(bundle.key(owner), "enc") for owner in (*TWO, "recovery")}
    read = {
        subset: independent_bundle.opened(found, people=people, subset=subset, node=node)
        for subset in combinations((*TWO, "recovery"), 2)
    }
    assert all(
        one is not None and one.signature == "good" for opened in read.values() for one in opened.values()
    )
    first = read[TWO][0]
    assert first is not None
    pictures = [record[3] for record in first.records if record[1] in {"init", "fragment"}]
    with av.open(io.BytesIO(b"".join(pictures)), "r") as clip:
        frames = sum(1 for _ in clip.decode(video=0))
    assert bundle.open(tmp_path / "clip.mp4", *TWO).code == 0
    if len(found.segments) == 1:
        assert json.loads((tmp_path / "clip.report.json").read_bytes())["frames"] == frames


def test_a_burned_node_is_salvaged_from_its_card_and_slot_under_the_same_order(
    bundle: Released, tmp_path: Path
) -> None:
    card = tmp_path / "card"
    for name in ("ring", "documents"):
        shutil.copytree(bundle.folder / name, card / name)
    shutil.copy(bundle.folder / "epochs.slot", card / "epochs.slot")
    made = tmp_path / "salvaged.bundle"
    done = stolpe(
        *("salvage", card / "ring", "--order", bundle.order, "--key", bundle.key("releaser-1"), "--out", made)
    )
    assert done.code == 0, done.err
    checked = stolpe("verify", made, "--node", bundle.node, "--root", bundle.root, "--json")
    assert checked.code == 0, checked.err
    verdicts = {found["number"]: found["verdict"] for found in json.loads(checked.out)["findings"]}
    assert verdicts == {**dict.fromkeys((f"B{n}" for n in range(1, 10)), "good"), "B10": "not checked"}
    keys = [part for owner in TWO for part in ("--key", bundle.key(owner))]
    opened = stolpe("open", made, *keys, "--out", tmp_path / "clip.mp4", "--node", bundle.node)
    assert opened.code == 0, opened.err
    assert "bundle made by releaser-1" in opened.out
    other = stolpe(
        *("salvage", card / "ring", "--order", bundle.order, "--key", bundle.key("police")),
        *("--out", tmp_path / "other.bundle"),
    )
    assert (other.code, "police is no releaser of the mandate" in other.err) == (1, True)


@pytest.mark.parametrize("at", [20, 400, 9000, -30, -2000])
def test_a_flipped_byte_is_found_and_named(at: int, bundle: Released, tmp_path: Path) -> None:
    data = bytearray(bundle.bundle.read_bytes())
    data[at] ^= 4
    changed = tmp_path / "changed.bundle"
    changed.write_bytes(data)
    checked = stolpe("verify", changed, "--node", bundle.node, "--root", bundle.root)
    assert checked.code == 1
    assert len(checked.lines) == 1
    assert "do not hold" in checked.err


def test_a_bundle_whose_order_cannot_be_read_still_opens_and_says_so(
    bundle: Released, tmp_path: Path
) -> None:
    data = bytearray(bundle.bundle.read_bytes())
    data[8] ^= 1  # the order's length
    changed = tmp_path / "changed.bundle"
    changed.write_bytes(data)
    keys = [part for owner in TWO for part in ("--key", bundle.key(owner))]
    opened = stolpe("open", changed, *keys, "--out", tmp_path / "clip.mp4", "--node", bundle.node)
    assert (opened.code, (tmp_path / "clip.mp4").exists()) == (1, True)
    assert "nobody can say who released it" in opened.out
    assert not (tmp_path / "clip.sealed").exists()


def test_what_a_bundle_holds_is_listed_without_any_key(bundle: Released) -> None:
    listed = stolpe("release", "list", bundle.bundle)
    assert listed.code == 0, listed.err
    assert "closed" in listed.out
    ring = stolpe("release", "list", bundle.folder / "ring")
    assert "key there" in ring.out
