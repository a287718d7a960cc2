"""Every audit log vector reads as what stands beside it."""

from pathlib import Path

import pytest
from vectors.make_keys import signing_key
from vectors.shelf import ExpectedAudit, expectation, name_of, vectors

from node.formats import audit
from node.formats.audit import BadEntry, Head
from node.recorder.audit_check import check_audit
from node.recorder.audit_files import FileState, follow

LOGS = vectors("audit")
NODE = signing_key("test-node").private.public_key()


def read(path: Path) -> tuple[Head, BadEntry | None, int]:
    """The head behind the last good entry, the first bad one, and how many were read before it was found."""
    state, count = FileState(), 0
    for _ in follow(path, state):
        count += 1
    torn = BadEntry("A1", state.head.size, "torn") if state.torn else None
    return state.head, state.bad or torn, count


@pytest.mark.parametrize("path", LOGS, ids=name_of)
def test_the_first_bad_entry_is_named_and_none_else(path: Path) -> None:
    expected = expectation(path, ExpectedAudit)
    head, bad, count = read(path)
    assert count == expected.good
    found = (bad.number, bad.index) if bad else (None, None)
    assert found == (expected.violation, expected.bad_entry)
    assert expected.head is None or head.digest.hex() == expected.head


@pytest.mark.parametrize("path", LOGS, ids=name_of)
def test_a_log_is_held_against_its_checkpoint(path: Path) -> None:
    expected = expectation(path, ExpectedAudit)
    found = [violation.number for violation in check_audit(path, said=expected.checkpoint, node=NODE)]
    wrong = (expected.violation, expected.opening_violation, expected.checkpoint_violation)
    assert found == [number for number in wrong if number]


@pytest.mark.parametrize(
    "path", [p for p in LOGS if expectation(p, ExpectedAudit).violation is None], ids=name_of
)
def test_entries_are_spelled_again_byte_for_byte(path: Path) -> None:
    again = b"".join(audit.encode(entry) for entry in follow(path, FileState()))
    assert again == path.read_bytes()


def test_a_checkpoint_signed_here_is_the_one_of_the_vector() -> None:
    path = next(path for path in LOGS if path.stem == "five")
    said = expectation(path, ExpectedAudit).checkpoint
    assert said is not None
    made = audit.checkpoint(read(path)[0], time_ns=said.time_ns, signing=signing_key("test-node"))
    assert made == said
