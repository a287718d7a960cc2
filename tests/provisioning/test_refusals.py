"""Bad input to provisioning: one line on stderr that names what is wrong, exit 1, and nothing changed."""

import json
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from system.program import Done

SQUARE = "0.25,0.25 0.5,0.25 0.5,0.5 0.25,0.5"
MASKS = ["masks", "new", "--made-by", "p-11", "--out", "new"]
UNDER = [*MASKS, "--mandate", "mandate.json", "--node", "n-1"]
MAKE_IT = "stolpe: absent: No such file or directory: make the folder first"
DRAWN = [*UNDER, "--geometry", "geometry.json"]
OVERLONG = "n" * 300


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture
def spoiled(here: Path) -> Path:
    """The office's papers, with bad ones among them."""
    (here / "empty").touch()
    (here / "folder").mkdir()
    (here / "noise").write_bytes(bytes(range(256)) * 8)
    (here / "deep").write_text('{"type": ' + "[" * 100_000)
    (here / "large").write_text(" " * 600_000)
    (here / "other").write_text('{"type": "grant", "id": 1}')
    (here / "half.json").write_bytes((here / "mandate.jws.json").read_bytes()[:900])
    (here / "open.key").write_bytes((here / "p-01.key").read_bytes())
    (here / "open.key").chmod(0o644)
    keys = json.loads((here / "p-01.key").read_text())
    for name, edit in (
        ("mixed", lambda sig, enc: (sig, {**enc, "kid": "p-02"})),
        ("swapped", lambda sig, enc: ({**sig, "d": "A" * 43}, enc)),
        ("short", lambda sig, enc: ({**sig, "d": "AAAA"}, enc)),
        ("lone", lambda sig, enc: (sig,)),
        ("nameless", lambda sig, enc: ({**sig, "kid": None}, {**enc, "kid": None})),
    ):
        path = here / f"{name}.key"
        path.touch(0o600)
        path.write_text(json.dumps({"keys": edit(*keys["keys"])}))
    return here


@pytest.mark.parametrize(
    "arguments",
    [
        ["keys", "show", "BAD"],
        ["mandate", "root", "--controller", "BAD", "--out", "new"],
        ["mandate", "sign", "BAD", "--key", "p-01.key", "--out", "new"],
        ["mandate", "sign", "root.json", "--key", "BAD", "--out", "new"],
        ["mandate", "show", "BAD"],
        ["mandate", "check", "BAD", "--root", "root.jws.json"],
        ["mandate", "check", "mandate.jws.json", "--root", "BAD"],
        [*MASKS, "--node", "n-1", "--geometry", "geometry.json", "--mandate", "BAD"],
        ["masks", "sign", "BAD", "--key", "p-11.key", "--out", "new"],
        ["masks", "show", "BAD", "--out", "new"],
        ["masks", "show", "masks.json", "--picture", "BAD", "--out", "new"],
        ["masks", "compare", "BAD", "masks.json", "--out", "new"],
        ["masks", "compare", "masks.json", "BAD", "--out", "new"],
    ],
    ids=" ".join,
)
def test_a_bad_file_is_refused_in_every_place(
    stolpe: Callable[..., Done], spoiled: Path, arguments: list[str]
) -> None:
    before = contents(spoiled)
    for bad in ["absent", "empty", "folder", "noise", "deep", "large", "other", "half.json", OVERLONG]:
        done = stolpe(*(bad if argument == "BAD" else argument for argument in arguments))
        assert (done.code, len(done.lines)) == (1, 1), done
        assert done.err.startswith("stolpe: ")
    assert contents(spoiled) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["mandate", "sign", "root.json", "--key", "p-01.pub.json", "--out", "new"], "others can read"),
        (["mandate", "sign", "root.json", "--key", "open.key", "--out", "new"], "chmod 600"),
        (["mandate", "sign", "root.json", "--key", "mixed.key", "--out", "new"], "same owner"),
        (["mandate", "sign", "root.json", "--key", "swapped.key", "--out", "new"], "do not belong together"),
        (["mandate", "sign", "root.json", "--key", "short.key", "--out", "new"], "32 bytes"),
        (["mandate", "sign", "root.json", "--key", "lone.key", "--out", "new"], "one Ed25519 key and one HPKE key"),
        (["mandate", "sign", "root.json", "--key", "nameless.key", "--out", "new"], "same owner"),
        (["mandate", "sign", "geometry.json", "--key", "p-01.key", "--out", "new"], "not a document"),
        (["mandate", "sign", "root.json", "--key", "p-01.key", "--out", "folder"], "directory"),
        (["mandate", "sign", "root.json", "--key", "p-01.key", "--out", "absent/new"], MAKE_IT),
        (["mandate", "root", "--controller", "p-01.pub.json", "--threshold", "2", "--out", "new"], "more than"),
        (["mandate", "root", *["--controller", "p-01.pub.json"] * 2, "--out", "new"], "distinct"),
        (["mandate", "root", "--controller", "nameless.key", "--out", "new"], "does not say whose it is"),
        (["mandate", "root", "--controller", "p-01.pub.json", "--out", "root.json"], "exists"),
        (["mandate", "root", "--controller", "p-01.pub.json", "--out", "folder"], "exists"),
        (["mandate", "root", "--controller", "p-01.pub.json", "--out", "absent/new"], MAKE_IT),
        (["mandate", "show", "root.json"], "this is a root, a mandate was expected"),
        (["mandate", "show", "masks.json"], "this is a maskset, a mandate was expected"),
        ([*DRAWN, "--mask", "0,0 1,0"], "at least three points"),
        ([*DRAWN, "--mask", "0,0 1,1 1,0 0,1"], "crosses or touches itself"),
        ([*DRAWN, "--mask", "nan,0 1,0 1,1"], "--mask 'nan,0 1,0 1,1': every point is two finite numbers"),
        ([*DRAWN, "--zone", "gate: 0,inf 1,0 1,1"], "--zone ' 0,inf 1,0 1,1': every point is two finite numbers"),
        ([*DRAWN, "--mask", "9,0 1,0 1,1"], "too far outside"),
        ([*DRAWN, "--mask", "here"], "--mask 'here': write it like"),
        ([*DRAWN, "--mask", "0,0,0 1,0 1,1"], "every corner is x,y"),
        ([*DRAWN, "--mask", ""], "at least three points"),
        ([*DRAWN, "--zone", "gate"], "at least three points"),
        ([*DRAWN, "--zone", "The Gate: 0,0 1,0 1,1"], "zones"),
        ([*DRAWN, "--version", "0"], "--version is from 1 to"),
        ([*DRAWN, "--guard-band-px", "15"], "--guard-band-px is from 16 to 512, not 15"),
        ([*DRAWN, "--node", "../n-1"], "'../n-1' cannot be an id"),
        ([*DRAWN, "--made-by", ""], "'' cannot be an id"),
        ([*UNDER, "--geometry", "mandate.json"], "no camera geometry"),
        ([*UNDER, "--geometry", "root.jws.json"], "no camera geometry"),
        (["masks", "show", "root.json", "--out", "new"], "maskset"),
        (["masks", "show", "masks.json", "--out", "folder"], "directory"),
        (["masks", "show", "masks.json", "--out", "absent/new.png"], "No such file"),
        (["keys", "show", "lone.key"], "one Ed25519 key and one HPKE key"),
        (["keys", "new", "p-99", "--out", "folder"], "exists"),
        (["keys", "new", "p-99", "--out", "absent/new.key"], "No such file"),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, list) else value,
)  # fmt: skip
def test_bad_input_is_refused_in_one_line(
    stolpe: Callable[..., Done], spoiled: Path, arguments: list[str], said: str
) -> None:
    before = contents(spoiled)
    done = stolpe(*arguments)
    assert (done.code, done.out, len(done.lines)) == (1, "", 1), done
    assert done.err.startswith("stolpe: ")
    assert said in done.err
    assert contents(spoiled) == before


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        (["--from", "2026-11-01T00:00:00"], "without an offset"),
        (["--from", "soon"], "not an RFC 3339 time"),
        (["--from", "2026-11-01T00:00:00Z", "--until", "2026-11-01T00:00:00Z"], "valid_from must be before"),
        (["--hours", "20:00"], "write it like 20:00-06:00"),
        (["--hours", "20:00-25:00"], "hours: close"),
        (["--hours", "dusk-00:30-dawn"], "hours: "),
        (["--hours", "24:00-06:00"], "hours: open"),
        (["--threshold", "3"], "3 must release, but 2 releasers"),
        (["--recovery", "p-31.pub.json"], "distinct"),
        (["--recovery", "police.pub.json", "--recipient", "p-31.pub.json"], "distinct"),
        (["--controller", "absent"], "absent: No such file"),
        (["--out", "mandate.json"], "exists"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_a_bad_term_makes_no_mandate(
    stolpe: Callable[..., Done], spoiled: Path, people: list[str], terms: list[str], said: str
) -> None:
    before = contents(spoiled)
    done = stolpe("mandate", "new", "--node", "n-1", *people, "--out", "new", *terms)
    assert (done.code, done.out, len(done.lines)) == (1, "", 1), done
    assert said in done.err
    assert contents(spoiled) == before


def test_without_a_recovery_recipient_another_releaser_is_needed(
    stolpe: Callable[..., Done], spoiled: Path, people: list[str]
) -> None:
    place = people.index("--recovery")
    done = stolpe("mandate", "new", "--node", "n-1", *people[:place], *people[place + 2 :], "--out", "new")
    assert (done.code, len(done.lines)) == (1, 1)
    assert "name another releaser or a recovery recipient" in done.err
    assert not (spoiled / "new").exists()


STRANGE = [
    pytest.param(
        ["masks", "compare", "vast.json", "vast.json"], id="a picture of more pixels than fit into memory"
    ),
    pytest.param(
        ["mandate", "show", "late.json"],
        id="a mandate that begins in the year 10000",
    ),
    pytest.param([*UNDER, "--geometry", "deep-geometry"], id="nested geometry"),
    pytest.param(
        [*UNDER, "--geometry", "latin-geometry"],
        id="geometry that is not UTF-8",
    ),
    pytest.param(
        ["keys", "new", "p-99", "--out", "."],
        id="a key file named .",
    ),
]


@pytest.mark.parametrize("arguments", STRANGE)
def test_nothing_ends_in_a_traceback(
    stolpe: Callable[..., Done], spoiled: Path, arguments: list[str]
) -> None:
    (spoiled / "deep-geometry").write_text('{"a": ' + "[" * 100_000)
    (spoiled / "latin-geometry").write_bytes(b'{"sensor": "\xe5"}')
    late = json.loads((spoiled / "mandate.json").read_text())
    late.update(valid_from="9999-12-31T22:00:00-12:00", valid_until="9999-12-31T23:00:00-12:00")
    (spoiled / "late.json").write_text(json.dumps(late))
    vast = json.loads((spoiled / "masks.json").read_text())
    vast["geometry"].update(pixel_array=[16_384, 16_384], crop=[0, 0, 1, 1], main=[16_384, 16_384])
    (spoiled / "vast.json").write_text(json.dumps(vast))
    done = stolpe(*arguments)
    assert (done.code, len(done.lines)) == (1, 1), done


@pytest.mark.parametrize(
    "terms", [["--from", "9999-12-31T23:59:59-12:00"], ["--from", "0001-01-01T00:00:00+14:00"]], ids=" ".join
)
def test_no_term_ends_in_a_traceback(
    stolpe: Callable[..., Done], spoiled: Path, people: list[str], terms: list[str]
) -> None:
    done = stolpe("mandate", "new", "--node", "n-1", *people, *terms, "--out", "new")
    assert (done.code, len(done.lines)) == (1, 1), done
    assert not (spoiled / "new").exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["mandate", "show", "lines"], '{"type": "mandate", "a\\nb": 1}'),
        (["masks", "show", "lines", "--out", "new"], '{"type": "masks", "a\\nb": 1}'),
        (["keys", "show", "lines"], '{"a\\nb": 1}'),
        ([*UNDER, "--geometry", "lines"], '{"a\\nb": 1}'),
    ],
    ids=["mandate", "masks", "keys", "geometry"],
)
def test_a_refusal_is_one_line_whatever_the_file_says(
    stolpe: Callable[..., Done], spoiled: Path, arguments: list[str], text: str
) -> None:
    (spoiled / "lines").write_text(text)
    done = stolpe(*arguments)
    assert (done.code, len(done.lines)) == (1, 1), done


@pytest.mark.parametrize(
    "arguments",
    [
        ["keys", "new", "p-99", "--out", "new.key"],
        ["mandate", "root", "--controller", "p-01.pub.json", "--out", "new"],
        ["mandate", "sign", "mandate-1.jws.json", "--key", "p-02.key", "--out", "mandate-1.jws.json"],
        ["masks", "show", "masks.json", "--out", "new"],
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_where_the_disk_is_full_nothing_is_changed(
    stolpe: Callable[..., Done], spoiled: Path, arguments: list[str]
) -> None:
    before = contents(spoiled)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        done = stolpe(*arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (done.code, len(done.lines)) == (1, 1), done
    assert contents(spoiled) == before
