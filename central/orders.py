"""Release orders at an office: written from a mandate, and told in words to whoever signs."""

from collections.abc import Iterator
from dataclasses import dataclass

from node.clock import rfc3339, utc_moment, utc_ns
from node.errors import Refused
from node.mandate.documents import Mandate, ReleaseOrder
from node.mandate.ids import new_ulid


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks for; times in UTC nanoseconds."""

    node: str
    from_ns: int
    until_ns: int
    case: str
    recipient: str
    expires_ns: int


def must_be_of_use(mandate: Mandate, *, node: str, expires_ns: int, now_ns: int) -> None:
    """`Refused` if no node would take an order for that node of the mandate, until then."""
    if node not in mandate.nodes:
        raise Refused(f"the mandate is not for node {node}")
    if expires_ns <= now_ns:
        raise Refused("the order has expired before it is signed")


def new_order(asked: Asked, mandate: Mandate, *, now_ns: int) -> ReleaseOrder:
    """The unsigned order; `Refused` if no node would take it."""
    must_be_of_use(mandate, node=asked.node, expires_ns=asked.expires_ns, now_ns=now_ns)
    if asked.recipient not in mandate.release.recipients:
        known = ", ".join(mandate.release.recipients)
        raise Refused(f"{asked.recipient} is not a recipient of the mandate: it names {known}")
    return ReleaseOrder(
        id=new_ulid(now_ns),
        node=asked.node,
        from_=utc_moment(asked.from_ns),
        to=utc_moment(asked.until_ns),
        case=asked.case,
        recipient=asked.recipient,
        expires=utc_moment(asked.expires_ns),
    )


def in_words(order: ReleaseOrder) -> Iterator[str]:
    """What a signature under the order says."""
    minutes = (utc_ns(order.to) - utc_ns(order.from_)) / 60e9
    yield f"You release footage of camera node {order.node}"
    yield f"  from  {rfc3339(utc_ns(order.from_), digits=0)}"
    yield f"  to    {rfc3339(utc_ns(order.to), digits=0)} ({minutes:.1f} minutes)"
    yield f"  to    {order.recipient}, in the case {order.case!r}."
    yield f"The node acts on it once, until {rfc3339(utc_ns(order.expires), digits=0)}. Order {order.id}."
