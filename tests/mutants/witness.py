"""A pytest plugin for `run.py`: writes down how each test ended and by what, and from where the code came.

`STOLPE_WITNESS` names the file that it writes.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

TOPS = ("node", "provisioning", "central")


class Testimony(msgspec.Struct):
    """What one run of pytest has shown."""

    outcomes: dict[str, str] = msgspec.field(default_factory=dict)
    """passed, failed or skipped, by test."""
    raised: dict[str, list[str]] = msgspec.field(default_factory=dict)
    """Types of the exceptions that made a test fail."""
    elsewhere: list[str] = msgspec.field(default_factory=list)
    """Modules of the program that did not come from the folder in which pytest ran."""


_seen = Testimony()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[None] | pytest.TestReport:
    report = yield
    assert isinstance(report, pytest.TestReport)
    if report.when == "call" or report.outcome != "passed":
        _seen.outcomes[item.nodeid] = report.outcome if report.when == "call" else f"{report.when} broke"
    if call.excinfo is not None and report.outcome == "failed":
        _seen.raised[item.nodeid] = _types(call.excinfo.value)
    return report


def pytest_sessionfinish() -> None:
    here = Path.cwd().resolve()
    for name, module in sorted(sys.modules.items()):
        origin = getattr(module, "__file__", None)
        if name.partition(".")[0] in TOPS and origin and here not in Path(origin).resolve().parents:
            _seen.elsewhere.append(f"{name} from {origin}")
    Path(os.environ["STOLPE_WITNESS"]).write_bytes(msgspec.json.encode(_seen))


def _types(error: BaseException) -> list[str]:
    if isinstance(error, BaseExceptionGroup):  # Hypothesis found several
        return sorted({name for inner in error.exceptions for name in _types(inner)})
    return [type(error).__name__]
