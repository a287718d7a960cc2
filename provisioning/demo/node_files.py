"""What a node finds on its disk before its first start: keys, signed documents, certificates, configuration.

An enrolment puts the same things there, made by the persons whose they are. Here one person plays them all, under a
root that says so; a real node refuses it.
"""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from central.broker import Site, write_configuration
from node.config import NodeConfig, read_config
from node.errors import Refused
from node.mandate.documents import Fractions
from node.mandate.example import NODE, make_documents, make_keys
from node.mandate.store import DocumentStore
from node.masks.geometry import Geometry, Size, sensor_to_stream
from node.masks.raster import touched
from node.sealing.certificates import CertificateAuthority
from node.sealing.keys import new_keys, write_key_files

ORGANISATION: Final = "demo"
OFFICE: Final = "office"
HOST: Final = "127.0.0.1"
CERTIFICATE_DAYS: Final = 90
NODE_KEYS: Final = "node"
CAMERA_KEYS: Final = "camera"
LORES_WIDTH: Final = 640
FULL_HD: Final = 1920 * 1080
"""From so many pixels on 4 Mbit/s, 2 below: as `stolpe replay` does."""


@dataclass(frozen=True, slots=True)
class Filmed:
    """What the demo's camera films: the made-up street, or a video over and over."""

    video: Path | None
    polygons: tuple[Fractions, ...]
    size: Size
    frames_per_second: float


@dataclass(frozen=True, slots=True)
class NodeFiles:
    """Where everything is. `run` has the sockets: it is short, for a socket's path may not be long."""

    directory: Path
    run: Path
    config: NodeConfig
    broker_configuration: Path

    @property
    def config_file(self) -> Path:
        """The node's configuration."""
        return self.directory / "node.toml"

    @property
    def ring(self) -> Path:
        """Sealed segments."""
        return self.directory / "ring"

    @property
    def authority(self) -> Path:
        """The certificate of who signs the others."""
        return self.directory / "tls" / "ca.pem"

    @property
    def office(self) -> Path:
        """An office's certificate and key: it may read everything, and send documents."""
        return self.directory / "tls" / f"{OFFICE}.pem"

    def key(self, owner: str) -> Path:
        """A person's private key file, or the node's."""
        return self.directory / "keys" / f"{owner}.key"


def camera_geometry(config: Path) -> Geometry:
    """As the camera of that configuration says; a process of its own, for nothing here knows a camera."""
    command = [sys.executable, "-m", "node.cli.demo_geometry", "--config", str(config)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 — our own program
    if done.returncode != 0:
        raise Refused(done.stderr.strip().removeprefix("stolpe: "))
    return msgspec.json.decode(done.stdout, type=Geometry)


def write_node_files(
    directory: Path,
    *,
    run: Path,
    filmed: Filmed,
    port: int,
    now_ns: int,
    geometry_of: Callable[[Path], Geometry] = camera_geometry,
) -> NodeFiles:
    """Fill an empty folder. `geometry_of` says how the camera of a configuration looks through its sensor."""
    for name in ("keys", "documents", "tls", "broker", "logs", "outbox"):
        (directory / name).mkdir(mode=0o700)
    authority = CertificateAuthority.create("Stolpe demo", now_ns=now_ns, days=CERTIFICATE_DAYS)
    (directory / "tls" / "ca.pem").write_bytes(authority.certified.certificate)
    for name in (NODE, OFFICE):
        both = authority.node(name, now_ns=now_ns, days=CERTIFICATE_DAYS).both
        _write_private(directory / "tls" / f"{'node' if name == NODE else name}.pem", both)
    files = NodeFiles(
        directory=directory,
        run=run,
        config=_configuration(directory, run, filmed, port),
        broker_configuration=write_configuration(
            directory / "broker",
            Site(ORGANISATION, (OFFICE,)),
            authority,
            host=HOST,
            port=port,
            now_ns=now_ns,
        ),
    )
    for owner in (NODE_KEYS, CAMERA_KEYS):
        write_key_files(files.key(owner), new_keys(owner))
    _write_documents(files, filmed.polygons, geometry=geometry_of(files.config_file), now_ns=now_ns)
    return files


def _write_documents(
    files: NodeFiles, polygons: Sequence[Fractions], *, geometry: Geometry, now_ns: int
) -> None:
    """Root, mandate and mask set, signed by everyone's key as if they had been there."""
    for number, polygon in enumerate(polygons, 1):
        outline = sensor_to_stream(np.asarray(polygon), geometry, geometry.main)
        if not touched([outline], geometry.main).any():
            raise Refused(f"mask {number} lies outside the picture: nothing would be masked")
    made = make_documents(
        make_keys(files.directory / "keys"), start_ns=now_ns, geometry=geometry, polygons=polygons
    )
    Path(files.config.paths.root).write_bytes(made.root)
    store = DocumentStore(Path(files.config.paths.documents))
    store.commit("mandate", made.mandate)
    if made.masks is not None:
        store.commit("approved_masks", made.masks)
        store.commit("masks", made.masks)


def _configuration(directory: Path, run: Path, filmed: Filmed, port: int) -> NodeConfig:
    """`node.toml`, written and read back as the node reads it."""
    width, height = filmed.size
    scale = min(1.0, LORES_WIDTH / width)
    sections: dict[str, Mapping[str, object]] = {
        "node": {"id": NODE, "organisation": ORGANISATION},
        "broker": {
            "host": HOST,
            "port": port,
            "ca_file": f"{directory}/tls/ca.pem",
            "certificate_file": f"{directory}/tls/node.pem",
        },
        "uplink": {"health_seconds": 1},
        "sensor": {
            "source": "replay" if filmed.video else "synthetic",
            "main": filmed.size,
            "lores": (_even(width * scale), _even(height * scale)),
            "frames_per_second": filmed.frames_per_second,
            "bits_per_second": 4_000_000 if width * height >= FULL_HD else 2_000_000,
            "videos": [str(filmed.video.resolve())] if filmed.video else [],
        },
        "paths": {
            "ring": f"{directory}/ring",
            "root": f"{directory}/root.jws.json",
            "documents": f"{directory}/documents",
            "epoch_slot": f"{directory}/epochs.slot",
            "audit": f"{directory}/audit",
            "node_key": f"{directory}/keys/{NODE_KEYS}.key",
            "camera_key": f"{directory}/keys/{CAMERA_KEYS}.key",
            "outbox": f"{directory}/outbox/outbox.sqlite",
            "run": str(run),
        },
    }
    path = directory / "node.toml"
    path.write_text("\n".join(_toml(name, values) for name, values in sections.items()))
    return read_config(path)


def _toml(section: str, values: Mapping[str, object]) -> str:
    """A section of numbers, strings and lists of them, which TOML writes as JSON does."""
    lines = [f"{key} = {msgspec.json.encode(value).decode()}" for key, value in values.items()]
    return "\n".join((f"[{section}]", *lines, ""))


def _even(side: float) -> int:
    return max(32, round(side / 2) * 2)


def _write_private(path: Path, data: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(data)
