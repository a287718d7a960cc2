"""Whatever bytes an audit log has: only `BadEntry`, and no entry that was not written there in that place."""

from io import BytesIO

import msgspec
from formats.mutations import mutated
from hypothesis import given, settings
from hypothesis import strategies as st
from vectors.make_keys import signing_key
from vectors.shelf import vector

from node.errors import Damaged
from node.formats import audit
from node.formats.audit import BadEntry, Head
from node.messages import AuditCheckpoint
from node.recorder.audit_files import lines

LOGS = [vector("audit", name) for name in ("five", "escapes", "longest", "edited", "swapped", "torn")]
FUZZ = settings(derandomize=True, deadline=None, max_examples=200)
NODE = signing_key("test-node").private.public_key()


def read(data: bytes) -> list[bytes]:
    """The lines of the entries before the first bad one."""
    found = []
    try:
        for entry, _ in audit.read(lines(BytesIO(data))):
            found.append(audit.encode(entry))
    except BadEntry as bad:
        assert 0 <= bad.index <= len(found)  # noqa: PT017 — what it names is looked at
    return found


@given(data=st.binary(max_size=400))
@FUZZ
def test_any_bytes_hold_no_entry(data: bytes) -> None:
    assert read(data) == []


@given(mutation=mutated(LOGS))
@FUZZ
def test_a_mutated_log_holds_only_what_was_written_up_to_there(mutation: tuple[int, bytes]) -> None:
    found = read(mutation[1])
    assert mutation[1].startswith(b"".join(found))
    # All but the last one are bound by the one behind them: they stand in an original, in this order.
    bound = b"".join(found[:-1])
    assert any(log.startswith(bound) for log in LOGS)


@given(
    index=st.integers(0, 1 << 62), digest=st.binary(min_size=32, max_size=32), time_ns=st.integers(0, 1 << 62)
)
@FUZZ
def test_a_checkpoint_is_believed_for_exactly_what_was_signed(
    index: int, digest: bytes, time_ns: int
) -> None:
    said = audit.checkpoint(Head(index, digest), time_ns=time_ns, signing=signing_key("test-node"))
    assert audit.head_of(said) == Head(index, digest)
    assert audit.is_signed_by(said, NODE)
    assert not audit.is_signed_by(msgspec.structs.replace(said, size=index + 1), NODE)
    assert not audit.is_signed_by(msgspec.structs.replace(said, time_ns=time_ns + 1), NODE)


@given(head=st.text(max_size=64), signature=st.text(max_size=128))
@FUZZ
def test_any_texts_are_no_checkpoint(head: str, signature: str) -> None:
    said = AuditCheckpoint(1, head, 1, signature)
    try:
        assert not audit.is_signed_by(said, NODE)
    except Damaged:
        return
