"""A mandate made from key files and a few terms, to be read and edited before it is signed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from node.clock import NS, utc_moment
from node.errors import Refused
from node.mandate import documents as doc
from node.mandate.hours import DAYS, Site, Window
from node.mandate.ids import new_ulid
from node.sealing.keys import Jwk, OkpJwk, owner_of, public_halves, read_jwk_set


@dataclass(frozen=True, slots=True)
class People:
    """Public key files by role. One person may have several roles: the same file is given for each."""

    controller: Sequence[Path]
    technician: Sequence[Path]
    approver: Sequence[Path]
    operator: Sequence[Path]
    releaser: Sequence[Path]
    recipient: Sequence[Path]
    recovery: Path | None


@dataclass(frozen=True, slots=True)
class Terms:
    """What the command line can say of a mandate."""

    nodes: tuple[str, ...]
    hours: str
    start_ns: int
    until_ns: int
    retention_hours: int
    threshold: int
    nothing_to_mask: bool


def new_root(controllers: Sequence[Path], threshold: int) -> doc.Root:
    """A first root of the given controllers."""
    keys: dict[str, tuple[OkpJwk, Jwk]] = {}
    owners = [_with_keys_of(path, keys) for path in controllers]
    return doc.Root(
        version=1,
        threshold=threshold,
        controllers=tuple(doc.RootController(owner, keys[owner][0]) for owner in owners),
    )


def new_mandate(people: People, terms: Terms) -> doc.Mandate:
    """Version 1. What the terms do not say is filled with words that ask to be edited."""
    keys: dict[str, tuple[OkpJwk, Jwk]] = {}
    authorities = tuple(_with_keys_of(path, keys) for path in people.recipient)
    recovery = _with_keys_of(people.recovery, keys) if people.recovery else None
    opens, closes = _window(terms.hours)
    start = utc_moment(terms.start_ns // NS * NS)
    return doc.Mandate(
        id=new_ulid(terms.start_ns),
        version=1,
        reference="EDIT: diary number of the decision",
        basis="assessment",
        decided=start.date(),
        controller=doc.Controller(
            name="EDIT: who is responsible",
            contact="EDIT: how to reach them",
            data_protection_officer="EDIT: how to reach them",
            information_url="https://edit.example/",
        ),
        purpose="EDIT: why this place is filmed",
        site=Site("EDIT: name of the place", 59.61, 16.54, "Europe/Stockholm"),
        nodes=terms.nodes,
        valid_from=start,
        valid_until=utc_moment(terms.until_ns // NS * NS),
        hours=(Window(DAYS, opens, closes),),
        commissioning=doc.CommissioningClause(allowed=True, minutes=20),
        recording=doc.RecordingClause(
            "continuous", preroll_seconds=10, postroll_seconds=30, retention_hours=terms.retention_hours
        ),
        masks=doc.MasksClause(("technician", "approver"), nothing_to_mask=terms.nothing_to_mask),
        alarms=(doc.AlarmRule("tamper", "high"), doc.AlarmRule("fire", "critical")),
        acknowledge=doc.AcknowledgeClause(repeat_seconds=30, escalate_seconds=120),
        live=doc.LiveClause("alarm_or_reason", minutes=10, preroll_seconds=15),
        release=doc.ReleaseClause(
            threshold=terms.threshold,
            recipients=authorities,
            recovery=recovery,
        ),
        people=_people(people),
        keys={owner: enc for owner, (_, enc) in keys.items()},
    )


def _people(people: People) -> tuple[doc.Person, ...]:
    roles: tuple[tuple[doc.Role, Sequence[Path]], ...] = (
        ("controller", people.controller),
        ("technician", people.technician),
        ("approver", people.approver),
        ("operator", people.operator),
        ("releaser", people.releaser),
    )
    held: dict[str, list[doc.Role]] = {}
    keys: dict[str, tuple[OkpJwk, Jwk]] = {}
    for role, paths in roles:
        for path in paths:
            owner = _with_keys_of(path, keys)
            held.setdefault(owner, []).append(role)
    return tuple(doc.Person(owner, tuple(held[owner]), *keys[owner]) for owner in held)


def _with_keys_of(path: Path, known: dict[str, tuple[OkpJwk, Jwk]]) -> str:
    """Add a file's keys under their owner's id, which must not have others already; returns the id."""
    keys = read_jwk_set(path)
    owner, halves = owner_of(keys, path), public_halves(keys)
    if known.setdefault(owner, halves) != halves:
        raise Refused(f"{path}: {owner} has other keys in another of these files: give a new key a new id")
    return owner


def _window(hours: str) -> tuple[str, str]:
    """`20:00-06:00`, or with `/` where a sun event has an offset: `dusk-00:30/dawn+00:30`."""
    opens, separator, closes = hours.partition("/") if "/" in hours else hours.partition("-")
    if not separator:
        raise Refused(f"--hours {hours!r}: write it like 20:00-06:00 or dusk-00:30/dawn")
    return opens, closes
