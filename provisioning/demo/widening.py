"""While the node runs a technician widens the masks, alone: what only hides more needs no second person.

The new mask set goes the way of every document: signed, sealed to the node, over the broker, and answered.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from node.clock import NS
from node.errors import Refused
from node.mandate.documents import Fractions, MaskPolygon, MaskSet, decode, encode
from node.mandate.example import NODE
from node.mandate.ids import new_ulid
from node.mandate.signatures import parse, sign
from node.mandate.store import DocumentStore
from node.sealing.keys import public_halves, read_private_keys
from node.sealing.post import seal_to_node
from provisioning.demo.node_files import NODE_KEYS, NodeFiles

TECHNICIAN: Final = "technician-1"
CORNER: Fractions = ((0.86, 0.02), (0.98, 0.02), (0.98, 0.14), (0.86, 0.14))
"""What is hidden in addition: a piece of the sky, where nobody walks."""


def widened_masks(files: NodeFiles, *, now_ns: int) -> bytes:
    """The mask set in force with one more polygon, signed and sealed to the node; `Refused` if nothing is masked."""
    data = DocumentStore(Path(files.config.paths.documents)).read("masks")
    if data is None:
        raise Refused("there are no masks to widen")
    before = decode(parse(data).payload, MaskSet)
    after = msgspec.structs.replace(
        before,
        id=new_ulid(now_ns),
        version=before.version + 1,
        polygons=(*before.polygons, MaskPolygon("the sky", CORNER)),
        made_at=datetime.fromtimestamp(now_ns // NS, UTC),
    )
    signed = sign(encode(after), read_private_keys(files.key(TECHNICIAN)).signing)
    _, enc = public_halves(read_private_keys(files.key(NODE_KEYS)).public)
    return seal_to_node(signed, node=NODE, key=enc)
