"""Whether a release or erasure order holds for footage: of the mandate that it was taken under, less the persons
revoked since.

Pure decisions, for the recorder and for whoever salvages a node's card alike.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeVar

from node.errors import Refused
from node.mandate import trust
from node.mandate.documents import ErasureOrder, Mandate, ReleaseOrder
from node.mandate.trust import Believed

O = TypeVar("O", ReleaseOrder, ErasureOrder)  # noqa: E741 — an order


def revoked_since(under: Mandate, known: Iterable[Mandate]) -> frozenset[str]:
    """Everybody whom a later version revokes. Who was put back by a still later one stays revoked for this footage."""
    later = (mandate for mandate in known if mandate.version > under.version)
    return frozenset(person for mandate in later for person in mandate.revoked_people)


def entitled(
    raw: bytes,
    *,
    under: Sequence[Mandate],
    known: Sequence[Mandate],
    node: str,
    now_ns: int,
    used: Collection[str],
) -> Believed[ReleaseOrder]:
    """The order, believed under each mandate of the footage that it asks for; `Refused` if one of them refuses it.

    `known` are all mandates that were ever seen: who of them revokes whom counts.
    """

    def judge(mandate: Mandate, revoked: Collection[str]) -> Believed[ReleaseOrder]:
        return trust.order(raw, under=mandate, node=node, now_ns=now_ns, used=used, revoked=revoked)

    return _under_each(judge, under, known)


def may_erase(
    raw: bytes,
    *,
    under: Sequence[Mandate],
    known: Sequence[Mandate],
    node: str,
    now_ns: int,
    used: Collection[str],
) -> Believed[ErasureOrder]:
    """The same of an order to erase footage."""

    def judge(mandate: Mandate, revoked: Collection[str]) -> Believed[ErasureOrder]:
        return trust.erasure(raw, under=mandate, node=node, now_ns=now_ns, used=used, revoked=revoked)

    return _under_each(judge, under, known)


def _under_each(
    judge: Callable[[Mandate, Collection[str]], Believed[O]],
    under: Sequence[Mandate],
    known: Sequence[Mandate],
) -> Believed[O]:
    found: Believed[O] | None = None
    for mandate in under:
        try:
            found = judge(mandate, revoked_since(mandate, known))
        except Refused as refusal:
            if len(under) == 1:
                raise
            why = f"{refusal} (under mandate version {mandate.version}; ask for each mandate's footage by itself)"
            raise Refused(why) from refusal
    if found is None:
        raise ValueError("an order is judged under at least one mandate")
    return found
