"""What a proof stands under: the user's masks under an example mandate, signed, and verified as a node does it."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

from node.camera.filming import raster_of
from node.cli.prove_trial import Under
from node.errors import Refused
from node.mandate import trust
from node.mandate.documents import Fractions, MaskSet, decode, encode
from node.mandate.example import NODE, make_documents, make_keys
from node.mandate.signatures import add_signature, parse, sign
from node.mandate.store import read_document
from node.masks.geometry import Geometry


@dataclass(frozen=True, slots=True)
class GivenMasks:
    """A mask set from a file, or polygons from the command line."""

    mask_set: MaskSet | None
    polygons: tuple[Fractions, ...]


def read_mask_set(path: Path) -> MaskSet:
    """A mask set, signed or not. Who signed it makes no difference to what it hides, and is not looked at."""
    data = read_document(path)
    signed = b'"signatures"' in data and b'"payload"' in data
    try:
        return decode(parse(data).payload if signed else data, MaskSet)
    except Refused as refusal:
        raise Refused(f"{path}: {refusal}") from refusal


def masked_and_unmasked(
    given: GivenMasks, geometry: Geometry, *, start_ns: int
) -> tuple[MaskSet, Under, Under]:
    """The masks as they come into force, what a camera of this geometry films under, and the same without any.

    Refuses masks that were made for another geometry, or that hide nothing.
    """
    polygons = given.polygons if given.mask_set is None else tuple(p.points for p in given.mask_set.polygons)
    if not polygons:
        raise Refused("there is no mask: nothing to prove")
    with tempfile.TemporaryDirectory(prefix="stolpe-") as folder:
        keys = make_keys(Path(folder))
    made = make_documents(keys, start_ns=start_ns, geometry=geometry, polygons=polygons)
    mandate = trust.mandate(made.mandate, root=trust.first_root(made.root).document, node=NODE, floor=1)
    masks = decode(parse(made.masks or b"").payload, MaskSet)
    if given.mask_set is not None:
        chosen = {name: getattr(given.mask_set, name) for name in ("geometry", "guard_band_px", "polygons")}
        masks = msgspec.structs.replace(masks, **chosen)
    signed = sign(encode(masks), keys["technician-1"].signing)
    believed = trust.masks(
        add_signature(signed, keys["approver-1"].signing),
        under=mandate.document,
        node=NODE,
        geometry=geometry,
        floor=1,
        current=None,
    )
    raster = raster_of(believed, geometry)
    if not raster.main.luma.any():
        raise Refused("every mask lies outside the picture: nothing to prove")
    bare = make_documents(keys, start_ns=start_ns, geometry=geometry, polygons=())
    open_mandate = trust.mandate(bare.mandate, root=trust.first_root(bare.root).document, node=NODE, floor=1)
    return (
        masks,
        Under(mandate, believed, raster),
        Under(open_mandate, None, raster_of(None, geometry)),
    )
