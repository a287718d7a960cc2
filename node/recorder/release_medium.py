"""A medium that somebody has put into the node: orders are found on it, and their bundles are written beside them.

Everything on it is foreign: names, sizes and links are looked at before anything is read. Whoever holds the medium
needs an order as good as any other.
"""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
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
from node.recorder.medium_hand import Job, MediumHand
from node.recorder.outlets import MediumOutlet, Outlet
from node.recorder.selection import Selection
from node.service import Every

LOOK_S: Final = 2
MOST_FILES: Final = 64
ORDER_SUFFIX, ANSWER_SUFFIX, BUNDLE_SUFFIX = ".order", ".answer.json", ".bundle"


@dataclass(frozen=True, slots=True)
class _Found:
    """The next order on the medium; `data` is what stands in it, or why that cannot be read."""

    path: Path
    data: bytes | OSError | Refused


class ReleaseMedium:
    """Looks into one directory, if there is one. An order that has an answer beside it was taken before.

    Everything on the medium is done by `hand`: one that hangs keeps nothing else from being done. A file that cannot
    be read or answered is passed over until the medium is taken out.
    """

    def __init__(
        self,
        directory: Path | None,
        *,
        keeper: Keeper,
        hand: MediumHand,
        clock: Clock,
        note: Callable[[str, str, str], None],
    ) -> None:
        self._directory = directory
        self._keeper = keeper
        self._hand = hand
        self._note = note
        self._trouble = ""
        self._passed_over: set[str] = set()
        self._looking: Job[_Found | None] | None = None
        self._answering: tuple[Path, Job[None]] | None = None
        self._look = Every(LOOK_S, clock=clock)

    def tend(self) -> None:
        """Take the next order, if one lies there."""
        if self._directory is None:
            return
        if self._hand.is_busy:
            if self._hand.is_stuck:
                self._is_in_trouble("it does not answer")
        elif self._answering is not None:
            self._is_answered(*self._answering)
        elif self._looking is not None:
            self._has_looked(self._looking)
        elif self._look.due():
            passed_over = frozenset(self._passed_over)
            self._looking = self._hand.ask(partial(_next_order, self._directory, passed_over))
            if self._looking.is_over():
                self._has_looked(self._looking)

    def _has_looked(self, looking: Job["_Found | None"]) -> None:
        self._looking = None
        if looking.error is not None:  # it was pulled out
            self._passed_over.clear()
            self._is_in_trouble(_words(looking.error))
        elif looking.value is None:
            self._trouble = ""
        elif isinstance(looking.value.data, OSError):
            self._pass_over(looking.value.path, _words(looking.value.data))
        else:
            self._take(looking.value.path, looking.value.data)

    def _take(self, path: Path, data: bytes | Refused) -> None:
        try:
            if isinstance(data, Refused):
                raise data
            verdict = self._keeper.take(data, by_hand=partial(self._outlet, path))
            accepted, reason = verdict.accepted, verdict.reason
        except Refused as refusal:
            accepted, reason = False, f"{refusal}"
        except OSError as error:  # the node's own disk fails, which is told elsewhere
            self._is_in_trouble(_words(error))
            return
        answer = msgspec.json.encode({"accepted": accepted, "reason": reason}) + b"\n"
        beside = path.with_name(path.name + ANSWER_SUFFIX)
        self._answering = path, self._hand.ask(partial(replace_whole, beside, answer))

    def _is_answered(self, path: Path, job: Job[None]) -> None:
        self._answering = None
        if job.error is not None:
            self._pass_over(path, _words(job.error))

    def _pass_over(self, path: Path, why: str) -> None:
        if len(self._passed_over) < MOST_FILES:
            self._passed_over.add(path.name)
        self._is_in_trouble(f"{path.name}: {why}")

    def _is_in_trouble(self, why: str) -> None:
        """Into the log once, not every two seconds."""
        if why != self._trouble:
            self._trouble = why
            self._note("release_medium_failed", "release medium", why)

    def _outlet(self, path: Path, believed: Believed[ReleaseOrder], selection: Selection) -> Outlet:
        del selection
        return MediumOutlet(path.with_name(f"{believed.document.id}{BUNDLE_SUFFIX}"), hand=self._hand)


def _words(error: OSError | Refused) -> str:
    return f"{getattr(error, 'strerror', None) or error}"


def _next_order(directory: Path, passed_over: frozenset[str]) -> _Found | None:
    """The first order without an answer; in the hand's thread."""
    if not directory.is_dir():
        return None
    there = islice(directory.iterdir(), 100 * MOST_FILES)
    paths = sorted(path for path in there if path.suffix == ORDER_SUFFIX)
    for path in [path for path in paths if path.name not in passed_over][:MOST_FILES]:
        if not os.path.lexists(path.with_name(path.name + ANSWER_SUFFIX)):
            try:
                return _Found(path, _bytes(path))
            except (OSError, Refused) as error:
                return _Found(path, error)
    return None


def _bytes(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Refused("an order is a file")
        data = file.read(MAX_DOCUMENT_MESSAGE_BYTES + 1)
    if len(data) > MAX_DOCUMENT_MESSAGE_BYTES:
        raise Refused("too large for an order")
    return data
