"""What a replay stands under: documents given by the user and verified, or an example made for the occasion."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from node.errors import Refused
from node.mandate import trust
from node.mandate.documents import Fractions, Mandate, MaskSet, Root, decode
from node.mandate.example import NODE, make_documents, make_keys
from node.mandate.signatures import parse
from node.mandate.store import DocumentStore, read_document
from node.mandate.trust import Believed
from node.masks.geometry import Geometry, sensor_to_stream
from node.masks.raster import touched
from node.sealing.keys import PrivateKeys, new_keys, read_private_keys, write_key_files

NODE_KEY = "node"


@dataclass(frozen=True, slots=True)
class GivenDocuments:
    """Documents as the user's files have them; nothing is verified yet."""

    mandate: Path
    masks: Path | None
    root: Path | None


@dataclass(frozen=True, slots=True)
class Authority:
    """What is in force during a replay, and the node's own key."""

    node: str
    mandate: Believed[Mandate]
    masks: Believed[MaskSet] | None
    node_keys: PrivateKeys


def example_authority(
    directory: Path, *, start_ns: int, geometry: Geometry, polygons: tuple[Fractions, ...]
) -> Authority:
    """Make keys and documents of the example in `directory`, then believe them as if they had been given."""
    for number, polygon in enumerate(polygons, 1):
        outline = sensor_to_stream(np.asarray(polygon), geometry, geometry.main)
        if not touched([outline], geometry.main).any():
            raise Refused(f"mask {number} lies outside the picture: nothing would be masked")
    keys_directory = directory / "keys"
    keys_directory.mkdir()
    node_keys = _node_keys(directory)
    made = make_documents(make_keys(keys_directory), start_ns=start_ns, geometry=geometry, polygons=polygons)
    root = trust.first_root(made.root)
    mandate = trust.mandate(made.mandate, root=root.document, node=NODE, floor=1)
    masks = None
    if made.masks is not None:
        masks = trust.masks(
            made.masks, under=mandate.document, node=NODE, geometry=geometry, floor=1, current=None
        )
    _keep(directory, root=root, mandate=mandate, masks=masks)
    return Authority(NODE, mandate, masks, node_keys)


def given_authority(
    directory: Path, given: GivenDocuments, *, geometry: Geometry, say: Callable[[str], None]
) -> Authority:
    """Verify the user's documents as the node would; the first node of the mandate is played."""
    data = read_document(given.mandate)
    claimed = decode(parse(data).payload, Mandate)
    beside = given.mandate.with_name("root.jws.json")
    root_path = given.root or (beside if beside.exists() else None)
    if root_path is not None:
        root = trust.first_root(read_document(root_path))
    else:
        say("no --root: it is only checked that a controller named in the mandate signed it")
        root = None
    node = claimed.nodes[0]
    mandate = trust.mandate(
        data, root=root.document if root else _own_controllers(claimed), node=node, floor=1
    )
    masks = None
    if given.masks is not None:
        masks = trust.masks(
            read_document(given.masks),
            under=mandate.document,
            node=node,
            geometry=geometry,
            floor=1,
            current=None,
        )
    _keep(directory, root=root, mandate=mandate, masks=masks)
    return Authority(node, mandate, masks, _node_keys(directory))


def _own_controllers(mandate: Mandate) -> Root:
    """A stand-in where no root was given: it shows that nothing was altered, not that anyone had the right to sign."""
    people = mandate.with_role("controller").values()
    if not people:
        raise Refused("the mandate names no controller: give the --root that it is signed under")
    return Root.from_controllers([(person.id, person.sig) for person in people])


def _node_keys(directory: Path) -> PrivateKeys:
    keys_directory = directory / "keys"
    keys_directory.mkdir(exist_ok=True)
    path = keys_directory / f"{NODE_KEY}.key"
    write_key_files(path, new_keys(NODE_KEY))
    return read_private_keys(path)


def _keep(
    directory: Path,
    *,
    root: Believed[Root] | None,
    mandate: Believed[Mandate],
    masks: Believed[MaskSet] | None,
) -> None:
    (directory / "documents").mkdir()
    store = DocumentStore(directory / "documents")
    if root is not None:
        store.commit("root", root.raw)
    store.commit("mandate", mandate.raw)
    if masks is not None:
        store.commit("masks", masks.raw)
