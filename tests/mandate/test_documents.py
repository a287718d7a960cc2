"""The documents of the design are read, and nothing that is not one: every field, type and byte."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mandate.design_documents import READ, WRITTEN, Json, Path, at, bytes_of, objects

from node.errors import Refused
from node.mandate.documents import Mandate, decode, decode_any, encode

EVERY_OBJECT = [(kind, path) for kind, write in WRITTEN.items() for path in objects(write())]
EVERY_FIELD = [(kind, (*path, field)) for kind, path in EVERY_OBJECT for field in at(WRITTEN[kind](), path)]
MAY_BE_LEFT_OUT = {
    "revoked_people", "zone", "min_seconds", "nuisance_per_night", "zones", "scale", "pose_reference", "sign", "alarm",
}  # fmt: skip


def named(value: object) -> str | None:
    return ".".join(map(str, value)) or "document" if isinstance(value, tuple) else None


def contains(whole: Json, part: Json) -> bool:
    if isinstance(part, dict):
        return all(key in whole and contains(whole[key], value) for key, value in part.items())
    if isinstance(part, list):
        return len(whole) == len(part) and all(contains(w, p) for w, p in zip(whole, part, strict=True))
    return bool(whole == part)


@pytest.mark.parametrize("kind", WRITTEN)
def test_the_documents_of_the_design_are_read_and_written_again(kind: str) -> None:
    written = WRITTEN[kind]()
    document = READ[kind](bytes_of(written))
    assert contains(json.loads(encode(document)), written)
    assert READ[kind](encode(document)) == document
    assert decode_any(encode(document)) == document


@pytest.mark.parametrize("kind", WRITTEN)
@pytest.mark.parametrize("other", WRITTEN)
def test_a_document_is_read_as_what_it_says_it_is_only(kind: str, other: str) -> None:
    if kind != other:
        with pytest.raises(Refused):
            READ[other](bytes_of(WRITTEN[kind]()))


@pytest.mark.parametrize(("kind", "path"), EVERY_OBJECT, ids=named)
def test_an_unknown_field_is_refused_at_every_level(kind: str, path: Path) -> None:
    document = WRITTEN[kind]()
    at(document, path)["surprise"] = 1
    with pytest.raises(Refused, match=r"surprise|keys"):
        READ[kind](bytes_of(document))


@pytest.mark.parametrize(("kind", "path"), EVERY_OBJECT, ids=named)
def test_a_field_that_is_left_out_is_missed_unless_it_is_optional(kind: str, path: Path) -> None:
    for field in at(WRITTEN[kind](), path).keys() - {"type"}:
        document = WRITTEN[kind]()
        del at(document, path)[field]
        if field in MAY_BE_LEFT_OUT:
            READ[kind](bytes_of(document))
        else:
            with pytest.raises(Refused):
                READ[kind](bytes_of(document))


@pytest.mark.parametrize("kind", WRITTEN)
def test_a_document_that_does_not_say_what_it_is_is_not_guessed(kind: str) -> None:
    document = WRITTEN[kind]()
    del document["type"]
    with pytest.raises(Refused, match="type"):
        decode_any(bytes_of(document))
    with pytest.raises(Refused, match="type"):
        READ[kind](bytes_of(document))


@pytest.mark.parametrize(
    ("kind", "path"),
    [("mandate", ("people", 0, "sig", "kty")), ("root", ("controllers", 0, "sig", "kty"))],
    ids=named,
)
def test_a_tag_is_never_left_out(kind: str, path: Path) -> None:
    document = WRITTEN[kind]()
    del at(document, path[:-1])[path[-1]]
    with pytest.raises(Refused):
        READ[kind](bytes_of(document))


@pytest.mark.parametrize(("kind", "path"), EVERY_OBJECT, ids=named)
def test_a_value_of_another_type_is_refused_everywhere(kind: str, path: Path) -> None:
    for field, value in at(WRITTEN[kind](), path).items():
        document = WRITTEN[kind]()
        at(document, path)[field] = "1" if isinstance(value, bool | int | float) else 1
        with pytest.raises(Refused):
            READ[kind](bytes_of(document))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def refused_or_itself(payload: bytes, kind: str) -> None:
    """Nothing but `Refused` is raised; what is taken is written and read again as the same."""
    try:
        document = READ[kind](payload)
    except Refused:
        return
    assert READ[kind](encode(document)) == document


@given(value=JSON, kind=st.sampled_from(sorted(READ)))
@settings(deadline=None)
def test_any_json_is_refused_or_read(value: object, kind: str) -> None:
    refused_or_itself(bytes_of(value), kind)
    with pytest.raises(Refused):
        decode_any(bytes_of(value))


@given(field=st.sampled_from(EVERY_FIELD), value=JSON)
@settings(deadline=None, max_examples=150)
def test_any_value_in_any_field_is_refused_or_read(field: tuple[str, Path], value: object) -> None:
    kind, path = field
    document = WRITTEN[kind]()
    at(document, path[:-1])[path[-1]] = value
    refused_or_itself(bytes_of(document), kind)


@given(kind=st.sampled_from(sorted(READ)), data=st.data())
@settings(deadline=None, max_examples=150)
def test_any_damage_to_the_bytes_is_refused_or_read(kind: str, data: st.DataObject) -> None:
    payload = bytes_of(WRITTEN[kind]())
    start = data.draw(st.integers(0, len(payload)))
    end = data.draw(st.integers(start, min(len(payload), start + 4)))
    refused_or_itself(payload[:start] + data.draw(st.binary(max_size=4)) + payload[end:], kind)


@pytest.mark.parametrize(
    "payload", [b"", b"null", b"[" * 200_000, b'{"a":' * 100_000, b'{"type":"\xff"}', b"\xff\xfe"]
)
def test_bytes_that_are_no_document_are_refused_in_one_line(payload: bytes) -> None:
    for read in READ.values():
        with pytest.raises(Refused, match=r"^[^\n]{1,300}$"):
            read(payload)
    with pytest.raises(Refused, match=r"^[^\n]{1,300}$"):
        decode_any(payload)


@pytest.mark.parametrize("name", ["version", "sensor"])
def test_a_field_that_occurs_twice_is_refused_at_any_level(name: str) -> None:
    """Of two values, a person might read the one and a program the other."""
    once = json.dumps(WRITTEN["masks"]())
    twice = once.replace(f'"{name}":', f'"{name}": 1, "{name}":', 1)
    assert twice != once
    with pytest.raises(Refused, match="twice"):
        READ["masks"](twice.encode())


@pytest.mark.parametrize("payload", [b'{"type": "mandate", "a\\nb": 1}', b'{"type": "a\\nb"}'])
def test_what_a_document_says_cannot_break_the_line_of_its_refusal(payload: bytes) -> None:
    with pytest.raises(Refused, match=r"^[^\n]{1,300}\Z"):
        decode(payload, Mandate)
