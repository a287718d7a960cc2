"""A document sealed to one node for its way there: whoever carries it, or owns the broker, cannot read it."""

from node.sealing.keys import Jwk, RecipientKey
from node.sealing.recipients import unwrap, wrap

_CONTEXT = b"document"


def seal_to_node(document: bytes, *, node: str, key: Jwk) -> bytes:
    """HPKE (RFC 9180, single shot) to the node's `enc` key; bound to the node's id."""
    return wrap(document, (node,), {node: key}, context=_CONTEXT)


def open_for_node(sealed: bytes, *, node: str, key: RecipientKey) -> bytes:
    """The document, or `CannotOpen` if it is not for this node or was altered."""
    return unwrap(sealed, (node,), {node: key}, context=_CONTEXT)
