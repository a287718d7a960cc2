"""An example mandate with every key that it needs: for demos, replays and tests, under a root that says so.

A demo root is refused by a node's production configuration, so nothing signed here can open a real camera.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from node.clock import NS, utc_moment
from node.mandate import documents as doc
from node.mandate.hours import DAYS, Site, Window
from node.mandate.ids import new_ulid
from node.mandate.signatures import add_signature, sign
from node.masks.geometry import Geometry
from node.sealing.keys import PrivateKeys, new_keys, public_halves, read_private_keys, write_key_files

NODE = "n-demo"
PEOPLE: dict[str, tuple[doc.Role, ...]] = {
    "controller-1": ("controller",),
    "technician-1": ("technician",),
    "approver-1": ("approver",),
    "operator-1": ("operator",),
    "releaser-1": ("releaser",),
    "releaser-2": ("releaser",),
}
RECIPIENT = "police"
RECOVERY = "recovery"


@dataclass(frozen=True, slots=True)
class ExampleDocuments:
    """Signed documents, ready to be verified like any others; `masks` is None where nothing is to be masked."""

    root: bytes
    mandate: bytes
    masks: bytes | None


def make_keys(directory: Path) -> dict[str, PrivateKeys]:
    """Key files for everyone in the example, by owner, in a directory that exists."""
    for owner in (*PEOPLE, RECIPIENT, RECOVERY):
        write_key_files(directory / f"{owner}.key", new_keys(owner))
    return {owner: read_private_keys(directory / f"{owner}.key") for owner in (*PEOPLE, RECIPIENT, RECOVERY)}


def make_documents(
    keys: dict[str, PrivateKeys], *, start_ns: int, geometry: Geometry, polygons: Sequence[doc.Fractions]
) -> ExampleDocuments:
    """A mandate for all hours from the day before `start_ns` for a year, and a first mask set of `polygons`."""
    start = utc_moment(start_ns // NS * NS)
    controller = keys["controller-1"]
    root = doc.Root(
        version=1,
        threshold=1,
        controllers=(doc.RootController(controller.owner, public_halves(controller.public)[0]),),
        demo=True,
    )
    mandate = _mandate(keys, start, start_ns, nothing_to_mask=not polygons)
    signed_masks = None
    if polygons:
        mask_set = _mask_set(mandate, start, start_ns, geometry, polygons)
        signed_masks = sign(doc.encode(mask_set), keys["technician-1"].signing)
        signed_masks = add_signature(signed_masks, keys["approver-1"].signing)
    return ExampleDocuments(
        root=sign(doc.encode(root), controller.signing),
        mandate=sign(doc.encode(mandate), controller.signing),
        masks=signed_masks,
    )


def _mandate(
    keys: dict[str, PrivateKeys], start: datetime, start_ns: int, *, nothing_to_mask: bool
) -> doc.Mandate:
    halves = {owner: public_halves(private.public) for owner, private in keys.items()}
    return doc.Mandate(
        id=new_ulid(start_ns),
        version=1,
        reference="DEMO 2026/1",
        basis="assessment",
        decided=start.date(),
        controller=doc.Controller(
            name="Exempelstads kommun",
            contact="kamera@exempelstad.example",
            data_protection_officer="dso@exempelstad.example",
            information_url="https://exempelstad.example/kamera",
        ),
        purpose="Visa hur Stolpe fungerar",
        site=Site("Exempelgatan", 59.61, 16.54, "Europe/Stockholm"),
        nodes=(NODE,),
        valid_from=start - timedelta(days=1),
        valid_until=start + timedelta(days=365),
        hours=(Window(DAYS, "00:00", "24:00"),),
        commissioning=doc.CommissioningClause(allowed=True, minutes=20),
        recording=doc.RecordingClause(
            "continuous", preroll_seconds=10, postroll_seconds=30, retention_hours=72
        ),
        masks=doc.MasksClause(("technician", "approver"), nothing_to_mask=nothing_to_mask),
        alarms=(doc.AlarmRule("tamper", "high"), doc.AlarmRule("fire", "critical")),
        acknowledge=doc.AcknowledgeClause(repeat_seconds=30, escalate_seconds=120),
        live=doc.LiveClause("alarm_or_reason", minutes=10, preroll_seconds=15),
        release=doc.ReleaseClause(threshold=2, recipients=(RECIPIENT,), recovery=RECOVERY),
        people=tuple(doc.Person(who, roles, *halves[who]) for who, roles in PEOPLE.items()),
        keys={name: halves[name][1] for name in (RECIPIENT, RECOVERY)},
    )


def _mask_set(
    mandate: doc.Mandate,
    start: datetime,
    start_ns: int,
    geometry: Geometry,
    polygons: Sequence[doc.Fractions],
) -> doc.MaskSet:
    return doc.MaskSet(
        id=new_ulid(start_ns),
        version=1,
        node=NODE,
        mandate=mandate.id,
        geometry=geometry,
        guard_band_px=doc.MIN_GUARD_BAND_PX,
        polygons=tuple(doc.MaskPolygon(f"mask {n}", points) for n, points in enumerate(polygons, 1)),
        made_by="technician-1",
        made_at=start,
    )
