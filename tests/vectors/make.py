"""Makes the vectors of this folder. A person runs it once, by hand, after a change of a format; tests never do.

    PYTHONPATH=tests .venv/bin/python -m vectors.make [FOLDER/NAME...]

With names it makes these and leaves the others as they are.

Expectations are written from what was put in and from FORMAT.md, never from what the reader under test says. All
keys are test keys: they follow from their names, and whoever reads this has them. Everything is the same in every
run, except the wraps: HPKE takes fresh randomness.
"""

import sys
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from vectors import (
    make_audit,
    make_broken_segments,
    make_bundles,
    make_documents,
    make_keys,
    make_poses,
    make_segments,
    make_slots,
)
from vectors.shelf import (
    FOLDER,
    SUFFIXES,
    ExpectedAudit,
    ExpectedBundle,
    ExpectedDocument,
    ExpectedKeyFile,
    ExpectedPose,
    ExpectedSegment,
    ExpectedSlot,
)

LINE = 150


class Vector(NamedTuple):
    """One file and what is expected of it."""

    folder: str
    name: str
    data: bytes
    expected: (
        ExpectedSegment
        | ExpectedSlot
        | ExpectedKeyFile
        | ExpectedDocument
        | ExpectedAudit
        | ExpectedBundle
        | ExpectedPose
    )


def everything() -> Iterator[Vector]:
    """Every vector."""
    for folder, made in (
        ("keys", make_keys.key_files()),
        ("slots", make_slots.slots()),
        ("segments", make_segments.good()),
        ("segments", make_broken_segments.broken()),
        ("documents", make_documents.documents()),
        ("audit", make_audit.logs()),
        ("bundles", make_bundles.bundles()),
        ("poses", make_poses.poses()),
    ):
        for name, data, expected in made:
            yield Vector(folder, name, data, expected)


def main(*names: str) -> None:
    """Write those named, or all anew; then files of vectors that are no more are removed."""
    for folder, suffix in SUFFIXES.items() if not names else ():
        (FOLDER / folder).mkdir(exist_ok=True)
        for old in (FOLDER / folder).iterdir():
            if old.suffix in {suffix, ".json"}:
                old.unlink()
    for folder, name, data, expected in everything():
        if names and f"{folder}/{name}" not in names:
            continue
        path = FOLDER / folder / f"{name}{SUFFIXES[folder]}"
        path.write_bytes(data)
        path.with_suffix(".json").write_bytes(_lines(expected))


def _lines(expected: msgspec.Struct) -> bytes:
    """JSON with a line for each field, and for each part of a list of lists."""
    fields = []
    for name, value in msgspec.to_builtins(expected).items():
        text = msgspec.json.encode(value)
        if len(text) > LINE and isinstance(value, (list, tuple)):
            text = b"[\n  " + b",\n  ".join(map(msgspec.json.encode, value)) + b"\n ]"
        fields.append(b' "' + name.encode() + b'": ' + text)
    return b"{\n" + b",\n".join(fields) + b"\n}\n"


if __name__ == "__main__":
    main(*sys.argv[1:])
