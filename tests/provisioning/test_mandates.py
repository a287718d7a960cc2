"""`stolpe mandate`: roots and mandates are written, signed by two controllers, shown and checked."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from system.program import Done

from node.clock import parse_rfc3339
from node.mandate import trust
from node.mandate.documents import Mandate, Root, decode

ALL_DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
NOVEMBER = ["--from", "2026-11-01T00:00:00+01:00", "--until", "2026-11-04T00:00:00+01:00"]


def told(done: Done) -> str:
    """What a command said that succeeded."""
    assert (done.code, done.err) == (0, ""), done
    return done.out


def refusal(done: Done) -> str:
    """The one line of a command that refused."""
    assert (done.code, done.out, len(done.lines)) == (1, "", 1), done
    return done.lines[0]


# Written


def test_a_root_names_its_controllers_and_their_threshold(stolpe: Callable[..., Done], here: Path) -> None:
    controllers = ["--controller", "p-01.pub.json", "--controller", "p-02.pub.json"]
    assert "signed by 2 of 2" in told(
        stolpe("mandate", "root", *controllers, "--threshold", "2", "--out", "r.json")
    )
    root = decode((here / "r.json").read_bytes(), Root)
    assert (root.version, root.threshold, root.demo) == (1, 2, False)
    assert [controller.id for controller in root.controllers] == ["p-01", "p-02"]


def test_an_unedited_mandate_is_one_that_can_be_signed_and_checked(
    stolpe: Callable[..., Done], here: Path, people: list[str]
) -> None:
    told(stolpe("mandate", "new", "--node", "n-1", *people, *NOVEMBER, "--out", "m.json"))
    for signer in ("p-01", "p-02"):
        told(stolpe("mandate", "sign", "m.json", "--key", f"{signer}.key", "--out", "m.json"))
    assert "version 1 for node n-1, signed by p-01, p-02: good" in told(
        stolpe("mandate", "check", "m.json", "--root", "root.jws.json")
    )
    authority = trust.first_root((here / "root.jws.json").read_bytes()).document
    believed = trust.mandate((here / "m.json").read_bytes(), root=authority, node="n-1", floor=1).document
    assert believed.reference.startswith("EDIT")


def test_a_mandate_says_what_the_options_said(
    stolpe: Callable[..., Done], here: Path, people: list[str]
) -> None:
    terms = ["--node", "n-2", "--retention-hours", "24", "--nothing-to-mask", "--hours", "20:00-06:00"]
    told(stolpe("mandate", "new", "--node", "n-1", *people, *NOVEMBER, *terms, "--out", "m.json"))
    mandate = decode((here / "m.json").read_bytes(), Mandate)
    assert mandate.nodes == ("n-1", "n-2")
    assert (mandate.recording.retention_hours, mandate.masks.nothing_to_mask) == (24, True)
    assert mandate.valid_from.timestamp() * 10**9 == parse_rfc3339("2026-11-01T00:00:00+01:00")
    assert mandate.valid_until.timestamp() * 10**9 == parse_rfc3339("2026-11-04T00:00:00+01:00")
    assert {person.id: person.roles for person in mandate.people} == {
        "p-01": ("controller",), "p-11": ("technician",), "p-12": ("approver",), "p-21": ("operator",),
        "p-31": ("releaser",), "p-32": ("releaser",),
    }  # fmt: skip
    assert (mandate.release.recipients, mandate.release.recovery) == (("police",), "share")
    assert set(mandate.keys) == {"police", "share"}


def test_a_mandate_begins_now_and_lasts_a_year_unless_it_is_told(
    stolpe: Callable[..., Done], here: Path, people: list[str]
) -> None:
    told(stolpe("mandate", "new", "--node", "n-1", *people, "--out", "m.json"))
    mandate = decode((here / "m.json").read_bytes(), Mandate)
    assert (mandate.valid_until - mandate.valid_from).total_seconds() == 365 * 86_400


def test_one_person_may_have_several_roles(
    stolpe: Callable[..., Done], here: Path, people: list[str]
) -> None:
    told(stolpe("mandate", "new", "--node", "n-1", *people, "--operator", "p-11.pub.json", "--out", "m.json"))
    mandate = decode((here / "m.json").read_bytes(), Mandate)
    assert [person.roles for person in mandate.people if person.id == "p-11"] == [("technician", "operator")]


@pytest.mark.parametrize(
    ("hours", "ends"),
    [
        ("20:00-06:00", ("20:00", "06:00")),
        ("00:00-24:00", ("00:00", "24:00")),
        ("dusk-dawn", ("dusk", "dawn")),
        ("dusk/dawn", ("dusk", "dawn")),
        ("dusk-00:30/dawn", ("dusk-00:30", "dawn")),
        ("dusk-00:30/dawn+00:30", ("dusk-00:30", "dawn+00:30")),
        ("20:00/dawn+00:30", ("20:00", "dawn+00:30")),
    ],
)
def test_hours_are_written_with_a_dash_or_a_slash(
    stolpe: Callable[..., Done], here: Path, people: list[str], hours: str, ends: tuple[str, str]
) -> None:
    told(stolpe("mandate", "new", "--node", "n-1", *people, "--hours", hours, "--out", "m.json"))
    assert json.loads((here / "m.json").read_text())["hours"] == [
        {"days": ALL_DAYS, "open": ends[0], "close": ends[1]}
    ]


# Signed


def test_a_further_signature_keeps_the_first_and_the_payload(stolpe: Callable[..., Done], here: Path) -> None:
    one = json.loads((here / "mandate-1.jws.json").read_text())
    assert "signed by p-01, p-02" in told(
        stolpe("mandate", "sign", "mandate-1.jws.json", "--key", "p-02.key", "--out", "both.json")
    )
    both = json.loads((here / "both.json").read_text())
    assert both["payload"] == one["payload"]
    assert both["signatures"][:1] == one["signatures"]


def test_a_signature_may_be_added_in_place(stolpe: Callable[..., Done], here: Path) -> None:
    told(stolpe("mandate", "sign", "mandate-1.jws.json", "--key", "p-02.key", "--out", "mandate-1.jws.json"))
    assert "good" in told(stolpe("mandate", "check", "mandate-1.jws.json", "--root", "root.jws.json"))
    assert not list(here.glob(".*"))


def test_a_document_is_itself_under_another_spelling_of_its_name(
    stolpe: Callable[..., Done], here: Path
) -> None:
    again = here / "mandate-1.jws.json"
    told(stolpe("mandate", "sign", "mandate-1.jws.json", "--key", "p-02.key", "--out", again))
    assert "good" in told(stolpe("mandate", "check", again, "--root", "root.jws.json"))


def test_nobody_signs_twice(stolpe: Callable[..., Done], here: Path) -> None:
    before = (here / "mandate.jws.json").read_bytes()
    signing = ["mandate", "sign", "mandate.jws.json", "--key", "p-01.key", "--out", "mandate.jws.json"]
    assert "p-01 has signed this document already" in refusal(stolpe(*signing))
    assert (here / "mandate.jws.json").read_bytes() == before


@pytest.mark.parametrize("victim", ["p-02.key", "p-11.pub.json", "root.jws.json"])
def test_signing_writes_over_nothing_but_the_document_itself(
    stolpe: Callable[..., Done], here: Path, victim: str
) -> None:
    before = (here / victim).read_bytes()
    done = stolpe("mandate", "sign", "mandate.json", "--key", "p-01.key", "--out", victim)
    assert "is not written over: name another file" in refusal(done)
    assert (here / victim).read_bytes() == before


# Shown


def test_show_prints_the_mandate_its_signers_and_its_hours(
    stolpe: Callable[..., Done], here: Path, people: list[str]
) -> None:
    terms = [
        "--from",
        "2090-11-01T00:00:00+01:00",
        "--until",
        "2090-11-03T00:00:00+01:00",
        "--hours",
        "20:00-06:00",
    ]
    told(stolpe("mandate", "new", "--node", "n-1", *people, *terms, "--out", "m.json"))
    told(stolpe("mandate", "sign", "m.json", "--key", "p-01.key", "--out", "m.json"))
    document, _, rest = told(stolpe("mandate", "show", "m.json")).partition("\nsignatures claimed: ")
    assert decode(document.encode(), Mandate).nodes == ("n-1",)
    assert rest.splitlines() == [
        "p-01",
        "open in the 7 days from 2090-10-31T23:00:00Z:",
        "  2090-10-31T23:00:00Z to 2090-11-01T05:00:00Z",
        "  2090-11-01T19:00:00Z to 2090-11-02T05:00:00Z",
        "  2090-11-02T19:00:00Z to 2090-11-02T23:00:00Z",
    ]


def test_show_prints_nothing_that_a_terminal_obeys(stolpe: Callable[..., Done], here: Path) -> None:
    forged = json.loads((here / "mandate.json").read_text())
    forged["purpose"] = "\x9b2J\u2028\u202e\x7f\N{LATIN SMALL LETTER A WITH RING ABOVE}"
    (here / "forged.json").write_text(json.dumps(forged))
    document, _, _ = told(stolpe("mandate", "show", "forged.json")).partition("\nsignatures claimed: ")
    assert all(line.isprintable() for line in document.split("\n"))
    assert "\N{LATIN SMALL LETTER A WITH RING ABOVE}" in document
    assert json.loads(document) == forged


def test_show_says_when_a_mandate_has_ended(
    stolpe: Callable[..., Done], here: Path, people: list[str]
) -> None:
    ended = ["--from", "2020-11-01T00:00:00Z", "--until", "2020-11-02T00:00:00Z"]
    told(stolpe("mandate", "new", "--node", "n-1", *people, *ended, "--out", "m.json"))
    said = told(stolpe("mandate", "show", "m.json")).splitlines()
    assert said[-2:] == ["signatures claimed: none", "it has ended: the sensor stays closed"]


def test_show_verifies_nothing_and_check_does(stolpe: Callable[..., Done], here: Path) -> None:
    envelope = json.loads((here / "mandate.jws.json").read_text())
    first, second = envelope["signatures"]
    first["signature"], second["signature"] = second["signature"], first["signature"]
    (here / "swapped.json").write_text(json.dumps(envelope))
    assert "signatures claimed: p-01, p-02" in told(stolpe("mandate", "show", "swapped.json"))
    checked = stolpe("mandate", "check", "swapped.json", "--root", "root.jws.json")
    assert "a signature is not good" in refusal(checked)


# Checked


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["mandate-1.jws.json", "--root", "root.jws.json"], "signed by 1 of the 2 controllers"),
        (["mandate.jws.json", "--root", "root.jws.json", "--node", "n-2"], "not for node n-2"),
        (["mandate.jws.json", "--root", "root.json"], "not a signed document"),
        (["mandate.json", "--root", "root.jws.json"], "not a signed document"),
        (["root.jws.json", "--root", "root.jws.json"], "this is a root, a mandate was expected"),
        (["mandate.jws.json", "--root", "mandate.jws.json"], "this is a mandate, a root was expected"),
        (["masks.json", "--root", "root.jws.json"], "not a signed document"),
    ],
)
def test_check_refuses_what_a_node_would_refuse(
    stolpe: Callable[..., Done], here: Path, arguments: list[str], expected: str
) -> None:
    assert here.exists()
    assert expected in refusal(stolpe("mandate", "check", *arguments))


# What new should refuse


@pytest.mark.parametrize(
    "wrong",
    [
        ["--node", "BAD ID"],
        ["--retention-hours", "0"],
        ["--retention-hours", "9000"],
        ["--threshold", "1"],
        ["--from", "1900-01-01T00:00:00Z"],
        ["--approver", "nameless.pub.json"],
    ],
    ids=" ".join,
)
def test_a_mandate_that_no_node_would_take_is_not_written(
    stolpe: Callable[..., Done], here: Path, people: list[str], wrong: list[str]
) -> None:
    told(stolpe("keys", "new", "other", "--out", "other.key"))
    (here / "nameless.pub.json").write_text((here / "other.pub.json").read_text().replace("other", "Bad Id"))
    refusal(stolpe("mandate", "new", "--node", "n-1", *people, *wrong, "--out", "m.json"))
    assert not (here / "m.json").exists()


def test_one_id_with_two_different_keys_makes_no_mandate(
    stolpe: Callable[..., Done], here: Path, people: list[str]
) -> None:
    told(stolpe("keys", "new", "p-11", "--out", "stranger.key"))
    refusal(
        stolpe(
            "mandate", "new", "--node", "n-1", *people, "--approver", "stranger.pub.json", "--out", "m.json"
        )
    )
    assert not (here / "m.json").exists()


@pytest.mark.parametrize("role", ["--recipient", "--recovery"])
def test_one_recipient_with_two_different_keys_makes_no_mandate(
    stolpe: Callable[..., Done], here: Path, people: list[str], role: str
) -> None:
    told(stolpe("keys", "new", "police", "--out", "stranger.key"))
    new = ["mandate", "new", "--node", "n-1", *people, role, "stranger.pub.json", "--out", "m.json"]
    assert "stranger.pub.json: police has other keys" in refusal(stolpe(*new))
    assert not (here / "m.json").exists()


@pytest.mark.parametrize("threshold", ["0", "-1"])
def test_a_root_that_no_node_would_take_is_not_written(
    stolpe: Callable[..., Done], here: Path, threshold: str
) -> None:
    root = ["mandate", "root", "--controller", "p-01.pub.json", "--threshold", threshold, "--out", "r.json"]
    refusal(stolpe(*root))
    assert not (here / "r.json").exists()
