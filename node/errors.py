"""The kinds of failure that callers tell apart. What is not one of these is a bug and ends the process."""


class Refused(Exception):  # noqa: N818 — the design's word for it
    """An input was refused and nothing changed. The text is one line that a person can act on."""


class Damaged(Refused):
    """Bytes that are not what their format says: torn, flipped, foreign or of another version."""


class CannotOpen(Refused):
    """Sealed content stays sealed. The text never tells which cryptographic check failed."""


def one_line(words: object, *, most: int = 400) -> str:
    """What somebody else may have had a hand in, fit for one line of a log: printable, and not too long."""
    text = "".join(c if c.isprintable() else " " for c in f"{words}"[: most + 1])
    return text if len(text) <= most else f"{text[: most - 1]}…"
