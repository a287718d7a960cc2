"""Calls that fail, and processes that die, at any chosen place."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import BuiltinFunctionType, FrameType


@contextmanager
def fails_at(call: str, number: int, seen: list[str], *, error: int = 5) -> Iterator[None]:
    """The `number`-th call of this name into C raises OSError instead of running; `seen` names all that ran."""

    def profile(_frame: FrameType, event: str, function: object) -> None:
        if event == "c_call" and isinstance(function, BuiltinFunctionType):
            seen.append(function.__name__)
            if function.__name__ == call and seen.count(call) == number:
                sys.setprofile(None)
                raise OSError(error, "Input/output error")

    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(None)
