"""Payloads: strict both ways, schemas for others, and a page that tells every one of them."""

from pathlib import Path
from typing import get_args

import msgspec
import pytest

from node.formats import payloads
from node.formats.payloads import Payload, Stamp, Status, common, decode, encode, restamped

PAGE = (Path(__file__).parents[2] / "node" / "formats" / "TOPICS.md").read_text()
STAMP = Stamp(
    id="01ARZ3NDEKTSV4RRFFQ69G5FAV",
    node="n-7f3a",
    boot="b",
    seq=7,
    time="2026-11-05T19:00:00.000Z",
    time_trusted=True,
    mandate=None,
    masks=None,
)
STATUS = Status(**common(STAMP), state="dark", reason="no_mandate", session=3, series=STAMP.id)


def test_what_is_encoded_is_read_back() -> None:
    assert decode(encode(STATUS)) == STATUS


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schema", "stolpe/status/2"), ("id", "x"), ("node", "Ö"), ("boot", "b" * 65), ("seq", -1),
        ("time", "2026-11-05T19:00:00.000+01:00"), ("time", "yesterday"), ("time_trusted", 1),
        ("mandate", "m" * 81), ("masks", 5), ("state", "asleep"), ("reason", "bored"), ("surprise", 1),
    ],
)  # fmt: skip
def test_what_is_not_as_it_must_be_is_refused(field: str, value: object) -> None:
    broken = msgspec.json.decode(encode(STATUS)) | {field: value}
    with pytest.raises(msgspec.DecodeError):
        decode(msgspec.json.encode(broken))


def test_told_again_it_has_a_new_id_number_and_time_and_the_same_content() -> None:
    later = msgspec.structs.replace(
        STAMP, id="01ARZ3NDEKTSV4RRFFQ69G5FAW", seq=9, time="2026-11-05T19:00:01.000Z"
    )
    again = restamped(STATUS, later)
    assert isinstance(again, Status)
    assert (again.id, again.seq, again.time) == (later.id, later.seq, later.time)
    assert (again.state, again.reason, again.session) == ("dark", "no_mandate", 3)


@pytest.mark.parametrize("payload", get_args(Payload))
def test_every_payload_has_the_common_fields_a_schema_and_a_line_on_the_page(payload: type) -> None:
    fields = set(Stamp.__struct_fields__)
    assert fields <= set(payload.__struct_fields__)  # type: ignore[attr-defined]  # they are structs
    schema = msgspec.json.schema(payload)
    described = schema["$defs"][payload.__name__]
    assert described["additionalProperties"] is False
    assert fields | {"schema"} <= set(described["required"])
    assert f"`{payload.__name__}`" in PAGE


def test_the_page_tells_every_common_field_and_every_reason_to_be_dark() -> None:
    for word in (*Stamp.__struct_fields__, *get_args(payloads.DarkReason), "starting", "camera_silent"):
        assert f"`{word}`" in PAGE
