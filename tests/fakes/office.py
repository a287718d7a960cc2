"""The offices behind a node: the example's documents, signed and believed, and what a test alters in them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import msgspec

from node.mandate import trust
from node.mandate.documents import Fractions, Mandate, MaskSet, encode
from node.mandate.example import NODE, make_documents, make_keys
from node.mandate.trust import Believed
from node.masks.geometry import Geometry

D = TypeVar("D", Mandate, MaskSet)


@dataclass(frozen=True, slots=True)
class Papers:
    """A mandate, and the mask set where there is something to mask."""

    mandate: Believed[Mandate]
    masks: Believed[MaskSet] | None


class Office:
    """Holds everybody's keys, made in `directory`, which is empty."""

    def __init__(self, directory: Path) -> None:
        self.keys = make_keys(directory)

    def papers(self, *, start_ns: int, geometry: Geometry, polygons: Sequence[Fractions]) -> Papers:
        """The example's documents for this geometry, verified as a node verifies them."""
        made = make_documents(self.keys, start_ns=start_ns, geometry=geometry, polygons=polygons)
        root = trust.first_root(made.root).document
        mandate = trust.mandate(made.mandate, root=root, node=NODE, floor=1)
        if made.masks is None:
            return Papers(mandate, None)
        masks = trust.masks(
            made.masks, under=mandate.document, node=NODE, geometry=geometry, floor=1, current=None
        )
        return Papers(mandate, masks)


def altered(believed: Believed[D], **changes: object) -> Believed[D]:
    """The document with some fields changed, as if it had been signed so."""
    document = msgspec.structs.replace(believed.document, **changes)
    return replace(believed, document=document, digest=sha256(encode(document)).digest())
