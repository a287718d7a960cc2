"""What the measures run on: irregular masks of a given cover, an example's documents, a ring in a folder."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from node.camera.segments import SealedUnder
from node.clock import Clock, SimulatedClock
from node.mandate import trust
from node.mandate.example import NODE, make_documents, make_keys
from node.masks.geometry import Geometry, Points
from node.recorder.epochs import EpochKeys
from node.recorder.ring import Ring
from node.sealing.aead import fastest_aead
from node.sealing.keys import PrivateKeys, new_keys, read_private_keys, write_key_files

POLYGONS, CORNERS = 6, 24
START_NS = 1_800_000_000 * 1_000_000_000


def irregular_polygons(cover: float) -> Sequence[Points]:
    """Six wobbly polygons that together cover about that share of the picture, the same ones every time."""
    if cover == 0:
        return ()
    random = np.random.default_rng(1)
    found = []
    for n in range(POLYGONS):
        centre = np.array([(n % 3 + 0.5) / 3, (n // 3 + 0.5) / 2])
        angle = np.sort(random.uniform(0, 2 * np.pi, CORNERS))
        radius = np.sqrt(cover / POLYGONS / np.pi) * random.uniform(0.7, 1.2, CORNERS)
        found.append(centre + np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=1))
    return found


def example_keys(folder: Path) -> dict[str, PrivateKeys]:
    """Everyone's keys, and the node's own."""
    keys = make_keys(folder)
    write_key_files(folder / "node.key", new_keys("node"))
    return {**keys, "node": read_private_keys(folder / "node.key")}


def sealed_under(keys: dict[str, PrivateKeys], geometry: Geometry) -> SealedUnder:
    """An example mandate, believed, without masks."""
    people = {owner: key for owner, key in keys.items() if owner != "node"}
    made = make_documents(people, start_ns=START_NS, geometry=geometry, polygons=())
    root = trust.first_root(made.root).document
    mandate = trust.mandate(made.mandate, root=root, node=NODE, floor=1)
    return SealedUnder(
        node=NODE, boot="0" * 32, mandate=mandate, masks=None, size=geometry.main, aead=fastest_aead()
    )


def ring_in(folder: Path, keys: dict[str, PrivateKeys], clock: Clock, *, preallocate_bytes: int) -> Ring:
    """A ring with a fresh key slot in `folder`."""
    (folder / "ring").mkdir(parents=True)
    return Ring(
        directory=folder / "ring",
        keys=EpochKeys.create(folder / "epochs.slot"),
        signing=keys["node"].signing,
        clock=clock,
        capacity_bytes=1 << 40,
        preallocate_bytes=preallocate_bytes,
    )


def reopened_ring(folder: Path) -> Ring:
    """The ring of `ring_in` as a new start finds it."""
    return Ring(
        directory=folder / "ring",
        keys=EpochKeys(folder / "epochs.slot"),
        signing=read_private_keys(folder / "node.key").signing,
        clock=SimulatedClock(start_utc_ns=START_NS),
        capacity_bytes=1 << 40,
        preallocate_bytes=0,
    )
