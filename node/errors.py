"""The kinds of failure that callers tell apart, each told in one line. What is not one of these is a bug and ends
the process."""

import json

MOST_CHARS = 300
_CUT = " ... "


class Refused(Exception):  # noqa: N818 — the design's word for it
    """An input was refused and nothing changed. The text is one line that a person can act on."""

    def __init__(self, text: str) -> None:
        super().__init__(one_line(text))


class Damaged(Refused):
    """Bytes that are not what their format says: torn, flipped, foreign or of another version."""


class CannotOpen(Refused):
    """Sealed content stays sealed. The text never tells which cryptographic check failed."""


def printable(text: str) -> str:
    """The text with everything that a terminal obeys instead of showing (control, line and direction characters)
    as its JSON escape, so that JSON stays the same JSON."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def one_line(text: str) -> str:
    """Text that others wrote, fit for one line: printable, and of at most 300 characters, cut in its middle."""
    shown = printable(text)
    if len(shown) <= MOST_CHARS:
        return shown
    half = (MOST_CHARS - len(_CUT)) // 2
    return shown[: MOST_CHARS - len(_CUT) - half] + _CUT + shown[-half:]
