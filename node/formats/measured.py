"""What `stolpe bench` says of one measure (DESIGN: the command line)."""

import msgspec

RUNS = 5


class Measured(msgspec.Struct, frozen=True):
    """One measure: median of some runs, its reference in the same run, and the goal that one of them has."""

    name: str
    value: float
    unit: str
    against: float | None
    ratio: float | None
    goal: float | None
    met: bool | None
    reference: str
    runs: int = RUNS


def against(name: str, value: float, unit: str, reference: tuple[float, str], goal: float | None) -> Measured:
    """A value beside that of a reference in the same run; the goal is for their ratio."""
    other, what = reference
    ratio = value / other
    return Measured(name, value, unit, other, ratio, goal, None if goal is None else ratio <= goal, what)


def absolute(name: str, value: float, unit: str, goal: float, what: str, *, runs: int = RUNS) -> Measured:
    """A value whose goal is a value."""
    return Measured(name, value, unit, None, None, goal, value <= goal, what, runs)


class Sent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a sender of footage says of itself: bytes, seconds of film, processor time of encrypting and of all."""

    size: int
    seconds: int
    encrypting_s: float
    used_s: float
