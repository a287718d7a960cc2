"""No exposure, gain or brightness leaves the node: what a picture's content decides has no field to travel in."""

import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import msgspec
import pytest

from node.formats import audit, segment
from node.formats.payloads import Payload
from node.messages import Message

TELLING = re.compile(
    r"expos|shutter|gain|lux|iso\b|bright|luma|dark_level|colou?r|white|awb|\bae\b|focus|lens|histogram|mean|contrast|metering"
)


def structs(kind: Any) -> Iterator[type[msgspec.Struct]]:  # noqa: ANN401 — any annotation
    """Every struct in an annotation, in depth."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
        for field in msgspec.structs.fields(kind):
            yield from structs(field.type)
    elif get_origin(kind) is not None or get_args(kind):
        for inner in get_args(kind):
            yield from structs(inner)


LEAVING = sorted(
    {
        kind
        for union in (Payload, Message, segment.SegmentHeader, segment.Gap, audit.AuditEntry)
        for kind in structs(union)
    },
    key=lambda kind: kind.__qualname__,
)


def test_the_structs_are_found() -> None:
    assert {"Health", "Event", "CameraNumbers", "CameraReport", "EventHappened"} <= {
        k.__name__ for k in LEAVING
    }


@pytest.mark.parametrize("kind", LEAVING, ids=lambda kind: kind.__qualname__)
def test_no_field_is_named_after_what_a_camera_measures(kind: type[msgspec.Struct]) -> None:
    assert [name for name in kind.__struct_fields__ if TELLING.search(name)] == []
