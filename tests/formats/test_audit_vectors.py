"""Every audit log vector reads as what stands beside it."""

from pathlib import Path

import pytest
from vectors.make_keys import signing_key
from vectors.shelf import ExpectedAudit, expectation, name_of, vectors

from node.formats import audit
from node.formats.audit import BadEntry, Head
from node.recorder.audit_check import check_audit
from node.recorder.audit_files import lines

LOGS = vectors("audit")
NODE = signing_key("test-node").private.public_key()


def read(path: Path) -> tuple[Head, BadEntry | None, int]:
    """The head behind the last good entry, the first bad one, and how many were read before it was found."""
    head, count = Head(), 0
    with path.open("rb") as file:
        try:
            for _, behind in audit.read(lines(file)):
                head, count = behind, count + 1
        except BadEntry as bad:
            return head, bad, count
    return head, None, count


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
    assert found == [number for number in (expected.violation, expected.checkpoint_violation) if number]


@pytest.mark.parametrize(
    "path", [p for p in LOGS if expectation(p, ExpectedAudit).violation is None], ids=name_of
)
def test_entries_are_spelled_again_byte_for_byte(path: Path) -> None:
    with path.open("rb") as file:
        again = b"".join(audit.encode(entry) for entry, _ in audit.read(lines(file)))
    assert again == path.read_bytes()


def test_a_checkpoint_signed_here_is_the_one_of_the_vector() -> None:
    path = next(path for path in LOGS if path.stem == "five")
    said = expectation(path, ExpectedAudit).checkpoint
    assert said is not None
    made = audit.checkpoint(read(path)[0], time_ns=said.time_ns, signing=signing_key("test-node"))
    assert made == said
