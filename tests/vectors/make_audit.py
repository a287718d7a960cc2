"""Audit logs good and broken. The lines are spelled here, from FORMAT.md, not by the code under test."""

import json
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

import msgspec
from vectors.make_keys import b64, other_spelling, signing_key
from vectors.shelf import ExpectedAudit

from node.messages import AuditCheckpoint

TIME_NS = 1_793_739_600_000_000_000  # 2026-11-03T21:00:00Z
ZEROS = bytes(32)
ULID = "01KAR0F2T9Z6S3X8V1N4K7J5H"

Made = tuple[str, bytes, ExpectedAudit]
Fields = dict[str, object]
Edit = Callable[[list[Fields]], None]


def fields(index: int, **changes: object) -> Fields:
    """An entry that follows from its index; `previous` is filled in when it is written."""
    by = ("camera", "recorder", "uplink", "commissioning", "unknown")[index % 5]
    return {
        "previous": "",
        "index": index,
        "time": f"2026-11-03T21:00:{index:02d}.000Z",
        "time_trust": "synchronised",
        "by": by,
        "action": "mandate_accepted",
        "subject": f"mandate version {index}",
        "reason": "",
        "id": f"{ULID}{index:X}",
        **changes,
    }


def spelled(entry: Fields) -> bytes:
    """The line: JSON without white space, in UTF-8."""
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def chained(entries: Sequence[Fields]) -> list[bytes]:
    """The lines, each bound to the one before."""
    lines, digest = [], ZEROS
    for entry in entries:
        line = spelled({**entry, "previous": digest.hex()})
        digest = sha256(line).digest()
        lines.append(line)
    return lines


def checkpoint(lines: Sequence[bytes], *, owner: str = "test-node") -> AuditCheckpoint:
    """Signed size and head."""
    head = sha256(lines[-1]).digest() if lines else ZEROS
    message = (
        b"stolpe audit checkpoint v1\0" + len(lines).to_bytes(8, "big") + head + TIME_NS.to_bytes(8, "big")
    )
    return AuditCheckpoint(len(lines), head.hex(), TIME_NS, b64(signing_key(owner).sign(message)))


FIVE = [fields(index) for index in range(5)]


def logs() -> Iterator[Made]:
    """Every vector of this kind."""
    yield from _good()
    yield from _altered()
    yield from _cut()
    yield from _other_spellings()
    yield from _values()
    yield from _checkpoints()
    yield from _rolled_over()


def _good() -> Iterator[Made]:
    yield "empty", b"", _whole("no entry yet", [])
    yield "one", b"".join(chained(FIVE[:1])), _whole("the first entry", chained(FIVE[:1]))
    yield "five", b"".join(chained(FIVE)), _whole("five entries", chained(FIVE))
    text = "åäö € \U0001f3a5 / \u2028 \x7f"
    lines = chained([fields(0, subject=text, reason='"\\\b\t\n\f\r\x00\x1f')])
    yield "escapes", b"".join(lines), _whole("every escape, and what is not escaped", lines)
    lines = chained([fields(0, action="\x01" * 64, subject="\x02" * 400, reason="\U0001f3a5" * 400)])
    yield "longest", b"".join(lines), _whole("the longest texts", lines)
    lines = chained([fields(0, time="2199-12-31T23:59:59.999Z", time_trust="untrusted")])
    yield "untrusted", b"".join(lines), _whole("a clock that nobody trusts", lines)


def _altered() -> Iterator[Made]:
    lines = chained(FIVE)
    edited = [*lines[:2], lines[2].replace(b"version 2", b"version 9"), *lines[3:]]
    yield "edited", b"".join(edited), _bad("entry 2 says something else", 3, "A3", 2)
    edited = [*lines[:4], lines[4].replace(b"version 4", b"version 9")]
    said = checkpoint(lines)
    about = "the last entry says something else: only the checkpoint shows it"
    expected = ExpectedAudit(about, True, 5, head=sha256(edited[4]).hexdigest(), checkpoint=said)
    yield "last_edited", b"".join(edited), msgspec.structs.replace(expected, checkpoint_violation="A5")
    yield "deleted", b"".join(lines[:1] + lines[2:]), _bad("entry 1 was taken out", 1, "A2", 1)
    yield "first_deleted", b"".join(lines[1:]), _bad("entry 0 was taken out", 0, "A2", 0)
    renumbered = chained([fields(n, id=f"{ULID}{old:X}") for n, old in enumerate((0, 2, 3, 4))])
    foreign = [lines[0], *renumbered[1:]]
    assert b"".join(foreign) == b"".join(renumbered)
    about = "entry 1 was taken out and all after it written anew: only the checkpoint shows it"
    expected = ExpectedAudit(about, True, 4, head=sha256(renumbered[-1]).hexdigest(), checkpoint=said)
    yield "rewritten", b"".join(renumbered), msgspec.structs.replace(expected, checkpoint_violation="A5")
    swapped = [*lines[:2], lines[3], lines[2], lines[4]]
    yield "swapped", b"".join(swapped), _bad("entries 2 and 3 changed places", 2, "A2", 2)
    yield "twice", b"".join([*lines[:2], lines[1], *lines[2:]]), _bad("entry 1 twice", 2, "A2", 2)
    other = chained([fields(0, subject="another log"), *FIVE[1:]])
    yield "spliced", b"".join(lines[:2] + other[2:]), _bad("the end of another log", 2, "A3", 1)
    first = spelled({**FIVE[0], "previous": "01" * 32})
    yield "no_first", first, _bad("the first entry follows something", 0, "A3", 0)


def _cut() -> Iterator[Made]:
    lines = chained(FIVE)
    whole = b"".join(lines)
    yield "torn", whole[:-20], _bad("the last line is not whole", 4, "A1", 4)
    yield "no_newline", whole[:-1], _bad("only the last newline is missing", 4, "A1", 4)
    yield "zeros_behind", whole + bytes(100), _bad("zeros behind the last entry", 5, "A1", 5)
    yield "garbage_behind", whole + b"garbage\n", _bad("a line behind it that is no entry", 5, "A1", 5)
    yield "blank_line", whole + b"\n", _bad("an empty line behind it", 5, "A1", 5)
    zeroed = [*lines[:2], bytes(len(lines[2]) - 1) + b"\n", *lines[3:]]
    yield "zeros_within", b"".join(zeroed), _bad("entry 2 is zeros", 2, "A1", 2)
    endless = b'{"previous":"' + b"0" * 9000 + b'"}\n'
    yield "endless_line", whole + endless, _bad("a line longer than any entry", 5, "A1", 5)


def _other_spellings() -> Iterator[Made]:
    line = chained(FIVE[:1])[0]
    entry: Fields = json.loads(line)
    turned = dict(reversed(list(entry.items())))
    for name, about, data in (
        ("spaced", "white space", json.dumps(entry).encode() + b"\n"),
        ("other_order", "its fields in another order", spelled(turned)),
        ("carriage_return", "a carriage return before the newline", line[:-1] + b"\r\n"),
        ("escaped", "a letter escaped", line.replace(b"mandate", b"\\u006dandate", 1)),
        ("field_twice", "a field twice, the same value", line[:-2] + b',"reason":""}\n'),
        ("byte_order_mark", "a byte order mark", b"\xef\xbb\xbf" + line),
    ):
        yield name, data, _bad(about, 0, "A1", 0)


def _values() -> Iterator[Made]:
    for name, about, changes in (
        ("field_unknown", "a field that is not in FORMAT.md", {"more": 1}),
        ("index_negative", "a negative index", {"index": -1}),
        ("index_text", "an index in quotes", {"index": "0"}),
        ("previous_upper", "previous in capitals", {"previous": "AB" * 32}),
        ("previous_short", "previous too short", {"previous": "00" * 31}),
        ("time_offset", "a time that is not UTC", {"time": "2026-11-03T22:00:00.000+01:00"}),
        ("time_seconds", "a time without milliseconds", {"time": "2026-11-03T21:00:00Z"}),
        ("trust_unknown", "an unknown trust", {"time_trust": "surely"}),
        ("by_unknown", "a daemon that there is not", {"by": "board"}),
        ("action_empty", "no action", {"action": ""}),
        ("action_long", "an action of 65 characters", {"action": "a" * 65}),
        ("reason_long", "a reason of 401 characters", {"reason": "a" * 401}),
        ("id_short", "an id that is no ULID", {"id": ULID}),
    ):
        entry = {**fields(0), "previous": ZEROS.hex(), **changes}
        yield name, spelled(entry), _bad(about, 0, "A1", 0)
    yield "not_utf8", chained(FIVE[:1])[0].replace(b"version", b"versi\xf6n"), _bad("no UTF-8", 0, "A1", 0)


def _checkpoints() -> Iterator[Made]:
    lines = chained(FIVE)
    data, head, said = b"".join(lines), sha256(lines[-1]).hexdigest(), checkpoint(lines)
    turned = msgspec.structs.replace(said, signature=other_spelling(said.signature))
    grown = msgspec.structs.replace(said, size=4, head=sha256(lines[3]).hexdigest())
    for name, about, checked, violation in (
        ("checkpoint", "signed for all of it", said, None),
        ("checkpoint_before", "signed when it had three entries", checkpoint(lines[:3]), None),
        ("checkpoint_of_nothing", "signed when it was empty", checkpoint([]), None),
        ("checkpoint_stranger", "signed by another node", checkpoint(lines, owner="test-stranger"), "A4"),
        ("checkpoint_altered", "another size and head under the signature", grown, "A4"),
        ("checkpoint_respelled", "the signature's unused bits are set", turned, "A4"),
        ("checkpoint_ahead", "signed for more than there is", checkpoint([*lines, b"more"]), "A5"),
        ("checkpoint_of_another", "signed for another log", checkpoint([*lines[:2], b"other"]), "A5"),
    ):
        yield name, data, ExpectedAudit(about, bool(violation), 5, None, None, head, checked, violation)


def opening(before: Sequence[bytes], changes: Fields | None = None, *, owner: str = "test-node") -> Fields:
    """The first entry of the file that follows these lines, which are a file by themselves."""
    index, digest = len(before), sha256(before[-1]).digest()
    heads = sha256(b"".join(sha256(line).digest() for line in before)).digest()
    first, last = "2026-11-03T21:00:00.000Z", f"2026-11-03T21:00:{index - 1:02d}.000Z"
    message = b"stolpe audit roll-over v1\0" + index.to_bytes(8, "big") + digest + (0).to_bytes(8, "big")
    signature = b64(signing_key(owner).sign(message + heads + first.encode() + last.encode()))
    told = {
        "file": 0,
        "first": first,
        "last": last,
        "heads": heads.hex(),
        "signature": signature,
        **(changes or {}),
    }
    entry = fields(index, by="recorder", action="log_continues", subject="audit-000000000000.jsonl")
    return {**entry, "previous": digest.hex(), "before": told}


def _second_file(before: Sequence[bytes], begin: Fields) -> list[bytes]:
    """Three entries."""
    lines = [spelled(begin)]
    for index in range(len(before) + 1, len(before) + 3):
        lines.append(spelled({**fields(index), "previous": sha256(lines[-1]).hexdigest()}))
    return lines


def _rolled_over() -> Iterator[Made]:
    """A file that follows another one, by itself: what was before it was dropped."""
    end = fields(5, by="recorder", action="log_rolled_over", subject="audit.jsonl")
    before = chained([*FIVE, end])
    lines = _second_file(before, opening(before))
    head = sha256(lines[-1]).hexdigest()
    said = checkpoint([*before, *lines])
    yield (
        "continues",
        b"".join(lines),
        ExpectedAudit("a file behind six entries that were dropped", False, 3, head=head, checkpoint=said),
    )
    early = checkpoint(before[:2])
    yield (
        "continues_checkpoint_before",
        b"".join(lines),
        ExpectedAudit("a checkpoint of what was dropped", False, 3, head=head, checkpoint=early),
    )
    ahead = checkpoint([*before, *lines, b"more"])
    yield (
        "continues_checkpoint_ahead",
        b"".join(lines),
        ExpectedAudit("signed for more than there is", True, 3, None, None, head, ahead, "A5"),
    )
    strange = _second_file(before, opening(before, owner="test-stranger"))
    yield (
        "continues_stranger",
        b"".join(strange),
        _unsigned("another node signed what was before it", strange),
    )
    for name, about, changes in (
        ("continues_first", "another first time under the signature", {"first": "2025-11-03T21:00:00.000Z"}),
        ("continues_last", "another last time under the signature", {"last": "2026-11-03T21:00:09.000Z"}),
        ("continues_heads", "other heads under the signature", {"heads": "00" * 32}),
        ("continues_file", "another file under the signature", {"file": 1}),
    ):
        altered = _second_file(before, opening(before, dict(changes)))
        yield name, b"".join(altered), _unsigned(about, altered)
    begin = opening(before)
    told = begin["before"]
    assert isinstance(told, dict)
    respelled = _second_file(
        before, {**begin, "before": {**told, "signature": other_spelling(str(told["signature"]))}}
    )
    yield (
        "continues_respelled",
        b"".join(respelled),
        _unsigned("the unused bits of the signature are set", respelled),
    )
    without = _second_file(before, {k: v for k, v in begin.items() if k != "before"})
    yield "continues_unsaid", b"".join(without), _bad("it does not say what was before it", 0, "A2", 0)
    null = _second_file(before, {**begin, "before": None})
    yield "continues_null", b"".join(null), _bad("before is null", 0, "A1", 0)
    within = [*before, *lines]
    yield "continues_within", b"".join(within), _bad("two files in one", 6, "A6", 6)
    behind = [*before, spelled({**fields(6), "previous": sha256(before[-1]).hexdigest()})]
    yield "behind_the_end", b"".join(behind), _bad("an entry behind the one that ends the file", 6, "A7", 6)


def _unsigned(about: str, lines: Sequence[bytes]) -> ExpectedAudit:
    """Every entry is well spelled and chained; whether the node said it is another question."""
    return ExpectedAudit(about, True, len(lines), head=sha256(lines[-1]).hexdigest(), opening_violation="A6")


def _whole(about: str, lines: Sequence[bytes]) -> ExpectedAudit:
    head = sha256(lines[-1]).digest() if lines else ZEROS
    return ExpectedAudit(about, False, len(lines), head=head.hex(), checkpoint=checkpoint(lines))


def _bad(about: str, good: int, violation: str, entry: int) -> ExpectedAudit:
    return ExpectedAudit(about, True, good, violation, entry)
