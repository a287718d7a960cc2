"""The documents that govern a node, as frozen values: root, mandate, mask set, grant, release and erasure order.

Each is parsed once, with unknown fields refused, and bound to its content rules on the way in; who signed it is
`trust`'s business. The shapes are a contract with the offices that write them.
"""

import json
from datetime import date, datetime
from itertools import pairwise
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from node.clock import utc_ns
from node.errors import Refused
from node.mandate.hours import Site, Window
from node.masks.geometry import Geometry, Points
from node.masks.polygon import MAX_POLYGONS, simple_polygon
from node.names import Digest, Name, Ulid
from node.sealing.keys import AkpJwk, Jwk, recipient_key, verifying_key
from node.sealing.recipients import Subset, subsets

Role = Literal["controller", "technician", "approver", "operator", "releaser"]
AlarmKind = Literal[
    "intrusion", "line", "loitering", "running", "vehicle", "fire", "smoke", "tamper", "abnormal", "motion"
]
Text = Annotated[str, Meta(min_length=1, max_length=500)]
LAST_VERSION = 0xFFFF_FFFF
Version = Annotated[int, Meta(ge=1, le=LAST_VERSION)]
Moment = Annotated[datetime, Meta(tz=True)]
Fractions = tuple[tuple[float, float], ...]

MIN_GUARD_BAND_PX, MAX_GUARD_BAND_PX = 16, 512
LAST_YEAR = 2199  # as far as hours are worked out
MIN_RELEASERS = 2  # no single person releases footage, whatever a mandate says


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A frozen value in which unknown fields are refused."""


class Controller(_Part, frozen=True):
    """Who answers for the surveillance, as the signs say."""

    name: Text
    contact: Text
    data_protection_officer: Text
    information_url: Text


class CommissioningClause(_Part, frozen=True):
    """Whether the button at the pole may start a commissioning visit, and how long it lasts."""

    allowed: bool
    minutes: Annotated[int, Meta(ge=1, le=120)]


class RecordingClause(_Part, frozen=True):
    """What is kept, and for how long: `retention_hours` counted from capture."""

    mode: Literal["continuous", "on_alarm"]
    preroll_seconds: Annotated[int, Meta(ge=0, le=120)]
    postroll_seconds: Annotated[int, Meta(ge=0, le=600)]
    retention_hours: Annotated[int, Meta(ge=1, le=24 * 366)]


class MasksClause(_Part, frozen=True):
    """Who must sign the first mask set, another person for each role; what uncovers something needs the same.

    `nothing_to_mask` is the signed statement that none is needed. Once a mask set was in force, only an empty one,
    signed like a first one, takes masks away under it.
    """

    first_set: Annotated[tuple[Role, ...], Meta(max_length=5)]
    nothing_to_mask: bool


class AlarmRule(_Part, frozen=True):
    """One kind of behaviour that the decision lets the node react to."""

    kind: AlarmKind
    severity: Literal["low", "medium", "high", "critical"]
    zone: Name | None = None
    min_seconds: Annotated[float, Meta(ge=0, le=3600)] | None = None
    nuisance_per_night: Annotated[int, Meta(ge=0, le=1000)] | None = None


class AcknowledgeClause(_Part, frozen=True):
    """How often an alarm is repeated, and after how long it is escalated."""

    repeat_seconds: Annotated[int, Meta(ge=5, le=3600)]
    escalate_seconds: Annotated[int, Meta(ge=5, le=86_400)]


class LiveClause(_Part, frozen=True):
    """Under which condition an operator may watch live, and for how long."""

    requires: Literal["alarm", "alarm_or_reason"]
    minutes: Annotated[int, Meta(ge=1, le=60)]
    preroll_seconds: Annotated[int, Meta(ge=0, le=120)]


class ReleaseClause(_Part, frozen=True):
    """How many releasers it takes, to whom they may release, and the recipient that stands in for a lost key."""

    threshold: Annotated[int, Meta(ge=MIN_RELEASERS, le=8)]
    recipients: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=16)]
    recovery: Name | None = None


class Person(_Part, frozen=True):
    """A named person and the public halves of their keys."""

    id: Name
    roles: Annotated[tuple[Role, ...], Meta(min_length=1, max_length=5)]
    sig: Jwk  # Ed25519 alone is taken; where only one type can be, msgspec does not ask for `kty`
    enc: Jwk


class Mandate(_Part, frozen=True, tag_field="type", tag="mandate"):
    """The signed surveillance decision: who films what, where, when, until when, and who may see."""

    id: Ulid
    version: Version
    reference: Text
    basis: Literal["permit", "assessment", "police"]
    decided: date
    controller: Controller
    purpose: Text
    site: Site
    nodes: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=1000)]
    valid_from: Moment
    valid_until: Moment
    hours: Annotated[tuple[Window, ...], Meta(min_length=1, max_length=32)]
    commissioning: CommissioningClause
    recording: RecordingClause
    masks: MasksClause
    alarms: Annotated[tuple[AlarmRule, ...], Meta(max_length=64)]
    acknowledge: AcknowledgeClause
    live: LiveClause
    release: ReleaseClause
    people: Annotated[tuple[Person, ...], Meta(min_length=2, max_length=100)]
    keys: dict[Name, Jwk]
    revoked_people: Annotated[tuple[Name, ...], Meta(max_length=100)] = ()

    def __post_init__(self) -> None:
        _check_keys(self)
        _check_release(self)
        if utc_ns(self.valid_from) >= utc_ns(self.valid_until):
            raise Refused("mandate: valid_from must be before valid_until")
        if (
            utc_ns(self.valid_from) < 0
            or self.valid_until.year > LAST_YEAR
            or self.valid_from.year > LAST_YEAR
        ):
            raise Refused(f"mandate: its time must lie between 1970 and {LAST_YEAR}")
        if not {"technician", "approver"} <= set(self.masks.first_set):
            raise Refused("mandate: masks.first_set must name technician and approver")

    def with_role(self, role: Role) -> dict[str, Person]:
        """The persons who have this role and were not revoked, by id."""
        return {p.id: p for p in self.people if role in p.roles and p.id not in self.revoked_people}

    @property
    def release_keys(self) -> dict[str, Jwk]:
        """Everyone to whom a segment is sealed: the releasers, and the recovery recipient where there is one."""
        keys = {person.id: person.enc for person in self.with_role("releaser").values()}
        if self.release.recovery is not None:
            keys[self.release.recovery] = self.keys[self.release.recovery]
        return keys

    @property
    def release_subsets(self) -> tuple[Subset, ...]:
        """Which of them can open a segment together."""
        return subsets(tuple(self.release_keys), self.release.threshold)


class Zone(_Part, frozen=True):
    """A named part of the picture that behaviours refer to; fractions of the pixel array."""

    name: Name
    points: Fractions


class MaskPolygon(_Part, frozen=True):
    """A part of the world that is never seen; fractions of the pixel array."""

    label: Text
    points: Fractions


class Scale(_Part, frozen=True):
    """Known sizes: x, y (fractions of the pixel array), pixels per metre there."""

    pixels_per_metre: Annotated[tuple[tuple[float, float, float], ...], Meta(max_length=16)]


class Sign(_Part, frozen=True):
    """What the technician found at the pole: the sign, its photo's digest, and the mandate it speaks of."""

    present: bool
    photo: Digest | None
    mandate_version: Version


class MaskSet(_Part, frozen=True, tag_field="type", tag="masks"):
    """The privacy masks of one node, for exactly one geometry, under one mandate."""

    id: Ulid
    version: Version
    node: Name
    mandate: Ulid
    geometry: Geometry
    guard_band_px: Annotated[int, Meta(ge=MIN_GUARD_BAND_PX, le=MAX_GUARD_BAND_PX)]
    polygons: Annotated[tuple[MaskPolygon, ...], Meta(max_length=MAX_POLYGONS)]
    made_by: Name
    made_at: Moment
    zones: Annotated[tuple[Zone, ...], Meta(max_length=MAX_POLYGONS)] = ()
    scale: Scale | None = None
    pose_reference: Digest | None = None
    sign: Sign | None = None

    def __post_init__(self) -> None:
        _ = self.outlines
        for zone in self.zones:
            simple_polygon(zone.points, name=f"zone {zone.name!r}")

    @property
    def outlines(self) -> tuple[Points, ...]:
        """The polygons as arrays (n, 2) of fractions of the pixel array."""
        return tuple(simple_polygon(p.points, name=f"mask {p.label!r}") for p in self.polygons)


class RootController(_Part, frozen=True):
    """One of those whose signatures make a mandate."""

    id: Name
    sig: Jwk


class Root(_Part, frozen=True, tag_field="type", tag="root"):
    """Where trust begins: the controllers, and how many of them must sign a mandate or the next root."""

    version: Version
    threshold: Annotated[int, Meta(ge=1, le=16)]
    controllers: Annotated[tuple[RootController, ...], Meta(min_length=1, max_length=16)]
    demo: bool = False

    def __post_init__(self) -> None:
        _distinct("root", "controllers' ids", [c.id for c in self.controllers])
        _distinct("root", "controllers' keys", [_spelled(c.sig) for c in self.controllers])
        for controller in self.controllers:
            _public_only("root", controller.id, controller.sig)
            verifying_key(controller.sig)
        if self.threshold > len(self.controllers):
            raise Refused("root: the threshold is more than there are controllers")

    @classmethod
    def from_controllers(cls, controllers: list[tuple[str, Jwk]]) -> "Root":
        """A root of one voice among the given controllers."""
        return cls(version=1, threshold=1, controllers=tuple(RootController(*pair) for pair in controllers))


class GrantReason(_Part, frozen=True, omit_defaults=True):
    """Why somebody may look: an alarm's id, or words."""

    alarm: Ulid | None = None
    text: Text | None = None


class Grant(_Part, frozen=True, tag_field="type", tag="grant"):
    """Leave for one named operator to watch live for some minutes."""

    id: Ulid
    node: Name
    operator: Name
    minutes: Annotated[int, Meta(ge=1, le=60)]
    reason: GrantReason
    session_key: Jwk
    expires: Moment

    def __post_init__(self) -> None:
        _public_only("grant", "the session", self.session_key)
        recipient_key(self.session_key)


class ReleaseOrder(_Part, frozen=True, tag_field="type", tag="release"):
    """Footage of one interval, to one recipient of the mandate, for one case."""

    id: Ulid
    node: Name
    from_: Annotated[datetime, Meta(tz=True)] = msgspec.field(name="from")
    to: Moment
    case: Text
    recipient: Name
    expires: Moment

    def __post_init__(self) -> None:
        if utc_ns(self.from_) >= utc_ns(self.to):
            raise Refused("release order: from must be before to")


class ErasureOrder(_Part, frozen=True, tag_field="type", tag="erase"):
    """Footage of one interval is to be gone before its time. `dry_run`: say what would go, and do nothing."""

    id: Ulid
    node: Name
    from_: Annotated[datetime, Meta(tz=True)] = msgspec.field(name="from")
    to: Moment
    reason: Text
    expires: Moment
    dry_run: bool = False

    def __post_init__(self) -> None:
        if utc_ns(self.from_) >= utc_ns(self.to):
            raise Refused("erasure order: from must be before to")


Document = Root | Mandate | MaskSet | Grant | ReleaseOrder | ErasureOrder
D = TypeVar("D", Root, Mandate, MaskSet, Grant, ReleaseOrder, ErasureOrder)


def decode(payload: bytes, kind: type[D]) -> D:
    """The document of the given kind, or `Refused` with the field that is wrong."""
    document = decode_any(payload)
    if not isinstance(document, kind):
        raise Refused(f"this is a {type(document).__name__.lower()}, a {kind.__name__.lower()} was expected")
    return document


def decode_any(payload: bytes) -> Document:
    """The document, of the kind that its `type` names, or `Refused`."""
    try:
        json.loads(payload, object_pairs_hook=_each_once)
        document: Document = msgspec.json.decode(payload, type=Document)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Refused(f"not a document: {error}") from error
    return document


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object's members; two readers could take different ones of a name that occurs twice."""
    if len({name for name, _ in pairs}) != len(pairs):
        raise Refused("not a document: a field occurs twice")
    return dict(pairs)


def encode(document: Document) -> bytes:
    """The bytes that are signed: JSON, indented so that a person can read what was signed."""
    return msgspec.json.format(msgspec.json.encode(document), indent=1)


def _check_keys(mandate: Mandate) -> None:
    _distinct("mandate", "people's ids", [person.id for person in mandate.people] + list(mandate.keys))
    _distinct("mandate", "people's signature keys", [_spelled(person.sig) for person in mandate.people])
    sealed_to = [(person.id, person.enc) for person in mandate.people] + list(mandate.keys.items())
    _distinct("mandate", "keys to seal to", [_spelled(key) for _, key in sealed_to])
    for person in mandate.people:
        _public_only("mandate", person.id, person.sig)
        verifying_key(person.sig)
    for owner, key in sealed_to:
        _public_only("mandate", owner, key)
        recipient_key(key)


def _check_release(mandate: Mandate) -> None:
    release, releasers = mandate.release, mandate.with_role("releaser")
    for name in (*release.recipients, *((release.recovery,) if release.recovery else ())):
        if name not in mandate.keys:
            raise Refused(f"mandate: keys has no key for {name!r}")
    if len(releasers) < release.threshold:
        raise Refused(f"mandate: {release.threshold} must release, but {len(releasers)} releasers are named")
    if len(releasers) == release.threshold and release.recovery is None:
        raise Refused(
            "mandate: one lost key would lose all footage: name another releaser or a recovery recipient"
        )
    _ = mandate.release_subsets


def _distinct(document: str, what: str, values: list[str]) -> None:
    ordered = sorted(values)
    if any(a == b for a, b in pairwise(ordered)):
        raise Refused(f"{document}: the {what} must be distinct")


def _public_only(document: str, owner: str, key: Jwk) -> None:
    if (key.priv if isinstance(key, AkpJwk) else key.d) is not None:
        raise Refused(f"{document}: the key of {owner} contains its private half: that key is burned")


def _spelled(key: Jwk) -> str:
    return key.pub if isinstance(key, AkpJwk) else key.x
