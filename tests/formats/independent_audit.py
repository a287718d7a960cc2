"""A second reader of audit logs, written from FORMAT.md alone: it imports nothing of the project.

One file at a time; it says which entry is the first bad one and which rule it breaks, as `A1` to `A7` are numbered.
"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FIELDS = ("previous", "index", "time", "time_trust", "by", "action", "subject", "reason", "id")
BEFORE = ("file", "first", "last", "heads", "signature")
LONGEST_LINE, LONGEST_ACTION, LONGEST_TEXT = 8192, 64, 400
TRUSTS = {"synchronised", "battery", "simulated", "demo", "untrusted"}
AUTHORS = {"camera", "recorder", "uplink", "commissioning", "unknown"}
PATTERNS = {
    "previous": r"[0-9a-f]{64}",
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    "id": r"[0-7][0-9A-HJKMNP-TV-Z]{25}",
}
OF_BEFORE = {"first": PATTERNS["time"], "last": PATTERNS["time"], "heads": PATTERNS["previous"]}
_ESCAPES = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}


class Bad(Exception):  # noqa: N818 — a finding about a log
    """Rule and index."""


@dataclass
class Log:
    """What was read: `head` is behind the last good entry, `signed` whether its first entry's signature is good."""

    good: int = 0
    head: str = "00" * 32
    bad: tuple[str, int] | None = None
    signed: bool = True
    heads: dict[int, str] = field(default_factory=dict)
    """By how many entries the log had then."""


def read(data: bytes, node: Ed25519PublicKey) -> Log:
    """All of a file up to its first bad entry."""
    log, index, ended = Log(), 0, False
    for n, line in enumerate(_lines(data)):
        try:
            entry = _entry(line, index)
            if n == 0 and "before" in entry:
                index, log.head = entry["index"], entry["previous"]
                log.heads[index] = log.head
                log.signed = _is_signed(entry, node)
            _chained(entry, index, log.head)
            _in_its_place(entry, first=n == 0, ended=ended)
        except Bad as bad:
            log.bad = bad.args[0], bad.args[1]
            return log
        ended = (entry["by"], entry["action"]) == ("recorder", "log_rolled_over")
        index, log.head, log.good = index + 1, sha256(line).hexdigest(), n + 1
        log.heads[index] = log.head
    return log


def checkpoint_rule(log: Log, said: dict[str, Any], node: Ed25519PublicKey) -> str | None:
    """Which rule a checkpoint shows to be broken; None if none, or if it is older than the file."""
    message = b"stolpe audit checkpoint v1\0" + said["size"].to_bytes(8, "big") + bytes.fromhex(said["head"])
    if not _verifies(node, said["signature"], message + said["time_ns"].to_bytes(8, "big")):
        return "A4"
    if said["size"] > max(log.heads, default=0):
        return "A5"
    then = log.heads.get(said["size"], said["head"])
    return None if then == said["head"] else "A5"


def _lines(data: bytes) -> list[bytes]:
    return [part + b"\n" for part in data.split(b"\n")[:-1]] + (
        [data.rsplit(b"\n", 1)[-1]] if data[-1:] not in (b"", b"\n") else []
    )


def _entry(line: bytes, index: int) -> dict[str, Any]:
    if len(line) > LONGEST_LINE or not line.endswith(b"\n"):
        raise Bad("A1", index)
    try:
        entry = json.loads(line.decode())
    except (ValueError, RecursionError) as error:
        raise Bad("A1", index) from error
    if not isinstance(entry, dict) or not _is_entry(entry) or _spelled(entry).encode() + b"\n" != line:
        raise Bad("A1", index)
    return entry


def _is_entry(entry: dict[str, Any]) -> bool:
    before = entry.get("before", {})
    if tuple(entry) not in {FIELDS, (*FIELDS, "before")} or not isinstance(before, dict):
        return False
    texts = [entry[name] for name in FIELDS if name != "index"]
    return (
        all(isinstance(text, str) for text in texts)
        and all(re.fullmatch(pattern, entry[name], re.ASCII) for name, pattern in PATTERNS.items())
        and _is_count(entry["index"])
        and entry["time_trust"] in TRUSTS
        and entry["by"] in AUTHORS
        and 1 <= len(entry["action"]) <= LONGEST_ACTION
        and max(len(entry["subject"]), len(entry["reason"])) <= LONGEST_TEXT
        and ("before" not in entry or _is_before(before))
    )


def _is_before(before: dict[str, Any]) -> bool:
    return (
        tuple(before) == BEFORE
        and _is_count(before["file"])
        and all(isinstance(before[name], str) for name in BEFORE[1:])
        and all(re.fullmatch(pattern, before[name], re.ASCII) for name, pattern in OF_BEFORE.items())
    )


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def _spelled(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{_spelled(name)}:{_spelled(one)}" for name, one in value.items()) + "}"
    return str(value) if isinstance(value, int) else '"' + "".join(map(_letter, str(value))) + '"'


def _letter(letter: str) -> str:
    code = ord(letter)
    return _ESCAPES.get(code) or (f"\\u{code:04x}" if code < 32 else letter)


def _chained(entry: dict[str, Any], index: int, head: str) -> None:
    if entry["index"] != index:
        raise Bad("A2", index)
    if entry["previous"] != head:
        raise Bad("A3", max(index - 1, 0))


def _in_its_place(entry: dict[str, Any], *, first: bool, ended: bool) -> None:
    if "before" in entry and (not first or entry["index"] == 0):
        raise Bad("A6", entry["index"])
    if ended:
        raise Bad("A7", entry["index"])


def _is_signed(entry: dict[str, Any], node: Ed25519PublicKey) -> bool:
    before = entry["before"]
    message = (
        b"stolpe audit roll-over v1\0" + entry["index"].to_bytes(8, "big") + bytes.fromhex(entry["previous"])
    )
    message += before["file"].to_bytes(8, "big") + bytes.fromhex(before["heads"])
    return _verifies(node, before["signature"], message + (before["first"] + before["last"]).encode())


def _verifies(node: Ed25519PublicKey, text: str, message: bytes) -> bool:
    try:
        signature = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        node.verify(signature, message)
    except (ValueError, InvalidSignature):
        return False
    return urlsafe_b64encode(signature).rstrip(b"=").decode() == text
