"""A program: a daemon whose every unit of work is a line of stdin. It works if the line is `work`."""

import sys

from node.clock import SystemClock
from node.service import Stop, Supervisor, run


def step() -> bool:
    """Say that a unit has begun, do it, say that it is done."""
    print("begun", flush=True)  # noqa: T201
    line = sys.stdin.readline()
    print("done", flush=True)  # noqa: T201
    return line == "work\n"


if __name__ == "__main__":
    run(step, stop=Stop(), supervisor=Supervisor(clock=SystemClock()))
    print("ended in order", flush=True)  # noqa: T201
