"""What the camera daemon keeps for itself: sealed to its own key, so that whoever has the disk learns nothing of it."""

from typing import Literal

from node.sealing.keys import Jwk, RecipientKey
from node.sealing.recipients import unwrap, wrap

Purpose = Literal["pose reference"]


def seal_to_camera(data: bytes, *, purpose: Purpose, node: str, key: Jwk) -> bytes:
    """HPKE (RFC 9180, single shot) to the camera daemon's `enc` key; bound to the node's id and the purpose."""
    return wrap(data, (node,), {node: key}, context=_context(purpose))


def open_for_camera(sealed: bytes, *, purpose: Purpose, node: str, key: RecipientKey) -> bytes:
    """The data, or `CannotOpen` if it is not for this camera and purpose, or was altered."""
    return unwrap(sealed, (node,), {node: key}, context=_context(purpose))


def _context(purpose: Purpose) -> bytes:
    return f"camera {purpose}".encode()
