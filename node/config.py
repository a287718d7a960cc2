"""`/etc/stolpe/node.toml`: what a machine is, not what it may do. Read once, frozen, unknown keys are errors."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from node.errors import Refused
from node.files import read_bounded
from node.names import Name

MAX_CONFIG_BYTES = 64 * 1024
FilePath = Annotated[str, Meta(pattern=r"\A/[^\x00-\x1f\x7f]*\Z", max_length=255)]
FilePathOrNone = Annotated[str, Meta(pattern=r"\A(/[^\x00-\x1f\x7f]*)?\Z", max_length=255)]
HostName = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9:][A-Za-z0-9.:-]*\Z", max_length=253)]
UserName = Annotated[str, Meta(pattern=r"\A[a-z_][a-z0-9_-]{0,31}\Z")]
Side = Annotated[int, Meta(ge=32, le=8192)]
EvenSide = Annotated[int, Meta(multiple_of=2, ge=32, le=8192)]


class NodeSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who this node is: its opaque id, also its certificate's CN, and its organisation's topic."""

    id: Name
    organisation: Name


class BrokerSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The MQTT broker, spoken to over TLS 1.3 with the node's certificate."""

    host: HostName
    port: Annotated[int, Meta(ge=1, le=65535)] = 8883
    ca_file: FilePath = "/etc/stolpe/tls/ca.pem"
    certificate_file: FilePath = "/etc/stolpe/tls/node.pem"
    keepalive_seconds: Annotated[int, Meta(ge=5, le=600)] = 30
    will_delay_seconds: Annotated[int, Meta(ge=0, le=3600)] = 15
    session_expiry_seconds: Annotated[int, Meta(ge=0, le=30 * 86_400)] = 7 * 86_400


class UplinkSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often the node tells of itself, and how many events it keeps for a broker that is away."""

    health_seconds: Annotated[int, Meta(ge=1, le=3600)] = 30
    republish_seconds: Annotated[int, Meta(ge=60, le=86_400)] = 3600
    outbox_bytes: Annotated[int, Meta(ge=1 << 20, le=1 << 34)] = 64 << 20


class SensorSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The camera and its two streams, in pixels; frames and bits per second."""

    source: Literal["picamera2", "synthetic", "replay"] = "picamera2"
    main: tuple[EvenSide, EvenSide] = (1920, 1080)
    lores: tuple[Side, Side] = (640, 360)
    frames_per_second: Annotated[float, Meta(gt=0, le=60)] = 15.0
    bits_per_second: Annotated[int, Meta(ge=100_000, le=50_000_000)] = 4_000_000
    videos: Annotated[tuple[FilePath, ...], Meta(max_length=100)] = ()
    hung_seconds: Annotated[float, Meta(ge=1, le=60)] = 5.0


class PathsSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where things are kept; the key slot may be a file or an EEPROM's."""

    ring: FilePath = "/var/lib/stolpe/ring"
    root: FilePath = "/etc/stolpe/root.jws.json"
    documents: FilePath = "/var/lib/stolpe/documents"
    epoch_slot: FilePath = "/var/lib/stolpe/epochs.slot"
    audit: FilePath = "/var/lib/stolpe/audit"
    node_key: FilePath = "/var/lib/stolpe/node.key"
    camera_key: FilePath = "/run/credentials/stolpe-camera.service/camera.key"
    outbox: FilePath = "/var/lib/stolpe-uplink/outbox.sqlite"
    release_medium: FilePathOrNone = ""
    run: FilePath = "/run/stolpe"


class RingSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much of the disk the ring may take, and must leave. How long it keeps is the mandate's business."""

    capacity_bytes: Annotated[int, Meta(ge=16 << 20, le=1 << 50)] = 32 << 30
    reserve_bytes: Annotated[int, Meta(ge=0, le=1 << 40)] = 64 << 20


class UsersSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which user each daemon runs as: an inbox takes a message from these only."""

    camera: UserName = "stolpe-camera"
    recorder: UserName = "stolpe-recorder"
    uplink: UserName = "stolpe-uplink"
    commissioning: UserName = "stolpe-commissioning"


class NodeConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file; `node` and `broker` must be there, the rest has defaults."""

    node: NodeSection
    broker: BrokerSection
    uplink: UplinkSection = UplinkSection()
    sensor: SensorSection = SensorSection()
    paths: PathsSection = PathsSection()
    ring: RingSection = RingSection()
    users: UsersSection = UsersSection()


def read_config(path: Path) -> NodeConfig:
    """The configuration, or `Refused` with file and key."""
    data = read_bounded(path, most=MAX_CONFIG_BYTES, what="a configuration")
    try:
        return msgspec.toml.decode(data, type=NodeConfig)
    except (
        ValueError,
        RecursionError,
    ) as error:  # tomllib lets a number too long and nesting too deep through
        raise Refused(f"{path}: {error}") from error
