"""A node's folder with the example's documents in force, and buses to play the other daemons on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import msgspec

from node.bus import Bus, SpawnedPeers
from node.clock import Clock
from node.config import BrokerSection, NodeConfig, NodeSection, PathsSection, RingSection, SensorSection
from node.mandate.documents import Fractions
from node.mandate.example import NODE, ExampleDocuments, make_documents, make_keys
from node.mandate.store import DocumentStore
from node.masks.geometry import Geometry
from node.messages import Daemon, Message
from node.sealing.keys import PrivateKeys


@dataclass(frozen=True, slots=True)
class NodePlace:
    """Where one node of the example lives. `folder` is empty at first, and short enough for sockets."""

    folder: Path
    config: NodeConfig
    peers: SpawnedPeers
    keys: dict[str, PrivateKeys]
    documents: ExampleDocuments

    @classmethod
    def made(
        cls,
        folder: Path,
        *,
        start_ns: int,
        geometry: Geometry,
        polygons: Sequence[Fractions],
        pids: Sequence[int],
        sensor: SensorSection | None = None,
    ) -> "NodePlace":
        """With root, mandate and mask set; every process of `pids` may speak as any daemon."""
        for name in ("keys", "ring", "documents", "run"):
            (folder / name).mkdir()
        keys = make_keys(folder / "keys")
        documents = make_documents(keys, start_ns=start_ns, geometry=geometry, polygons=polygons)
        (folder / "root.jws.json").write_bytes(documents.root)
        store = DocumentStore(folder / "documents")
        store.commit("mandate", documents.mandate)
        if documents.masks is not None:
            store.commit("approved_masks", documents.masks)
            store.commit("masks", documents.masks)
        (folder / "peers.json").write_bytes(msgspec.json.encode(dict.fromkeys(get_args(Daemon), pids[0])))
        return cls(
            folder,
            _config(folder, sensor or SensorSection()),
            SpawnedPeers(folder / "peers.json"),
            keys,
            documents,
        )

    @property
    def store(self) -> DocumentStore:
        """The documents in force."""
        return DocumentStore(self.folder / "documents")

    def bus(self, daemon: Daemon) -> Bus:
        """That daemon's end."""
        return Bus(daemon, run=self.folder / "run", peers=self.peers)


def drained(bus: Bus, *, clock: Clock | None = None, wait_s: float = 0.2) -> list[Message]:
    """Everything that has come, and comes within a moment."""
    found: list[Message] = []
    while (message := bus.receive(timeout_s=wait_s)) is not None:
        found.append(message)
    return found


def _config(folder: Path, sensor: SensorSection) -> NodeConfig:
    return NodeConfig(
        node=NodeSection(id=NODE, organisation="demo"),
        broker=BrokerSection(host="127.0.0.1"),
        sensor=sensor,
        paths=PathsSection(
            ring=f"{folder}/ring",
            root=f"{folder}/root.jws.json",
            documents=f"{folder}/documents",
            epoch_slot=f"{folder}/epochs.slot",
            audit=f"{folder}/audit",
            node_key=f"{folder}/node.key",
            outbox=f"{folder}/outbox.sqlite",
            run=f"{folder}/run",
        ),
        ring=RingSection(capacity_bytes=1 << 30, reserve_bytes=0),
    )
