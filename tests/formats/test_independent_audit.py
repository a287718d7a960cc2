"""FORMAT.md is enough for the audit log, too: a reader written from it alone says the same of every vector."""

import ast
from pathlib import Path

import msgspec
import pytest
from formats import independent_audit as other
from vectors.make_keys import signing_key
from vectors.shelf import ExpectedAudit, expectation, name_of, vectors

NODE = signing_key("test-node").private.public_key()


def test_the_independent_reader_knows_nothing_of_the_project() -> None:
    tree = ast.parse(Path(other.__file__).read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    roots = {name.partition(".")[0] for name in names}
    assert roots <= {"json", "re", "base64", "dataclasses", "hashlib", "typing", "cryptography"}


@pytest.mark.parametrize("path", vectors("audit"), ids=name_of)
def test_it_finds_in_every_log_what_is_to_be_found(path: Path) -> None:
    expected = expectation(path, ExpectedAudit)
    log = other.read(path.read_bytes(), NODE)
    assert log.good == expected.good
    assert log.bad == (None if expected.violation is None else (expected.violation, expected.bad_entry))
    assert log.signed == (expected.opening_violation is None)
    assert expected.head is None or log.head == expected.head
    if expected.checkpoint is not None and log.bad is None:
        said = msgspec.to_builtins(expected.checkpoint)
        assert other.checkpoint_rule(log, said, NODE) == expected.checkpoint_violation
