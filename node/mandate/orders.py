"""Whether a release order holds for footage: of the mandate that it was taken under, less the persons revoked since.

Pure decisions, for the recorder and for whoever salvages a node's card alike.
"""

from collections.abc import Collection, Iterable, Sequence

from node.errors import Refused
from node.mandate import trust
from node.mandate.documents import Mandate, ReleaseOrder
from node.mandate.trust import Believed


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
    found: Believed[ReleaseOrder] | None = None
    for mandate in under:
        try:
            revoked = revoked_since(mandate, known)
            found = trust.order(raw, under=mandate, node=node, now_ns=now_ns, used=used, revoked=revoked)
        except Refused as refusal:
            if len(under) == 1:
                raise
            why = f"{refusal} (under mandate version {mandate.version}; ask for each mandate's footage by itself)"
            raise Refused(why) from refusal
    if found is None:
        raise ValueError("an order is judged under at least one mandate")
    return found
