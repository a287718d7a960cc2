"""A medium that somebody has put into the node: orders are found on it, and their bundles are written beside them.

Everything on it is foreign: names, sizes and links are looked at before anything is read. Whoever holds the medium
needs an order as good as any other.
"""

import os
import stat
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from node.clock import Clock
from node.errors import Refused
from node.files import replace_whole
from node.mandate.documents import ReleaseOrder
from node.mandate.trust import Believed
from node.messages import MAX_DOCUMENT_MESSAGE_BYTES
from node.recorder.keeper import Keeper
from node.recorder.outlets import MediumOutlet, Outlet
from node.recorder.selection import Selection
from node.service import Every

LOOK_S: Final = 2
MOST_FILES: Final = 64
ORDER_SUFFIX, ANSWER_SUFFIX, BUNDLE_SUFFIX = ".order", ".answer.json", ".bundle"


class ReleaseMedium:
    """Looks into one directory, if there is one. An order that has an answer beside it was taken before."""

    def __init__(
        self,
        directory: Path | None,
        *,
        keeper: Keeper,
        clock: Clock,
        note: Callable[[str, str, str], None],
    ) -> None:
        self._directory = directory
        self._keeper = keeper
        self._note = note
        self._trouble = ""
        self._look = Every(LOOK_S, clock=clock)

    def tend(self) -> None:
        """Take the next order, if one lies there."""
        if self._directory is None or not self._look.due():
            return
        try:
            order = _next_order(self._directory)
            if order is not None:
                self._take(order)
        except (
            OSError
        ) as error:  # it was pulled out, or is full; or the node's own disk fails, which is told elsewhere
            self._is_in_trouble(f"{error.strerror or error}")
        else:
            self._trouble = ""

    def _is_in_trouble(self, why: str) -> None:
        """Into the log once, not every two seconds."""
        if why != self._trouble:
            self._trouble = why
            self._note("release_medium_failed", "release medium", why)

    def _take(self, path: Path) -> None:
        try:
            verdict = self._keeper.take(_bytes(path), by_hand=partial(_outlet, path))
            accepted, reason = verdict.accepted, verdict.reason
        except Refused as refusal:
            accepted, reason = False, f"{refusal}"
        answer = msgspec.json.encode({"accepted": accepted, "reason": reason})
        replace_whole(path.with_name(path.name + ANSWER_SUFFIX), answer + b"\n")


def _outlet(path: Path, believed: Believed[ReleaseOrder], selection: Selection) -> Outlet:
    del selection
    return MediumOutlet(path.with_name(f"{believed.document.id}{BUNDLE_SUFFIX}"))


def _next_order(directory: Path) -> Path | None:
    """The first order without an answer."""
    if not directory.is_dir():
        return None
    there = islice(directory.iterdir(), 100 * MOST_FILES)
    paths = sorted(path for path in there if path.suffix == ORDER_SUFFIX)[:MOST_FILES]
    return next(
        (path for path in paths if not os.path.lexists(path.with_name(path.name + ANSWER_SUFFIX))), None
    )


def _bytes(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Refused("an order is a file")
        data = file.read(MAX_DOCUMENT_MESSAGE_BYTES + 1)
    if len(data) > MAX_DOCUMENT_MESSAGE_BYTES:
        raise Refused("too large for an order")
    return data
