"""The kinds of failure that callers tell apart. What is not one of these is a bug and ends the process."""


class Refused(Exception):  # noqa: N818 — the design's word for it
    """An input was refused and nothing changed. The text is one line that a person can act on."""


class Damaged(Refused):
    """Bytes that are not what their format says: torn, flipped, foreign or of another version."""


class CannotOpen(Refused):
    """Sealed content stays sealed. The text never tells which cryptographic check failed."""
