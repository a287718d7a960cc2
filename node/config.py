"""`/etc/stolpe/node.toml`: what a machine is, not what it may do. Read once, frozen, unknown keys are errors."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from node.errors import Refused
from node.names import Name

MAX_CONFIG_BYTES = 64 * 1024
FilePath = Annotated[str, Meta(pattern=r"^/", max_length=255)]
Side = Annotated[int, Meta(ge=32, le=8192)]


class NodeSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who this node is: its opaque id, also its certificate's CN, and its organisation's topic."""

    id: Name
    organisation: Name


class BrokerSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The MQTT broker, spoken to over TLS 1.3 with the node's certificate."""

    host: Annotated[str, Meta(min_length=1, max_length=253)]
    port: Annotated[int, Meta(ge=1, le=65535)] = 8883
    ca_file: FilePath = "/etc/stolpe/tls/ca.pem"
    certificate_file: FilePath = "/etc/stolpe/tls/node.pem"


class SensorSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The camera and its two streams, in pixels; frames and bits per second."""

    source: Literal["picamera2", "synthetic", "replay"] = "picamera2"
    main: tuple[Side, Side] = (1920, 1080)
    lores: tuple[Side, Side] = (640, 360)
    frames_per_second: Annotated[float, Meta(gt=0, le=60)] = 15.0
    bits_per_second: Annotated[int, Meta(ge=100_000, le=50_000_000)] = 4_000_000


class PathsSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where things are kept; the key slot may be a file or an EEPROM's."""

    ring: FilePath = "/var/lib/stolpe/ring"
    documents: FilePath = "/var/lib/stolpe/documents"
    epoch_slot: FilePath = "/var/lib/stolpe/epochs.slot"
    run: FilePath = "/run/stolpe"


class RingSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much of the disk the ring may take. How long it keeps is the mandate's business."""

    capacity_bytes: Annotated[int, Meta(ge=16 << 20, le=1 << 50)] = 32 << 30


class NodeConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file; `node` and `broker` must be there, the rest has defaults."""

    node: NodeSection
    broker: BrokerSection
    sensor: SensorSection = SensorSection()
    paths: PathsSection = PathsSection()
    ring: RingSection = RingSection()


def read_config(path: Path) -> NodeConfig:
    """The configuration, or `Refused` with file and key."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CONFIG_BYTES + 1)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from error
    if len(data) > MAX_CONFIG_BYTES:
        raise Refused(f"{path}: too large for a configuration")
    try:
        return msgspec.toml.decode(data, type=NodeConfig)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:  # the last two are tomllib's own
        raise Refused(f"{path}: {error}") from error
