"""What the release desk does with a bundle: judge it, open it, and say in a report what was found."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from central.desk import Desk
from central.opening import OpenedSegment, node_key, opened_from_bundle
from central.report import FindingLine, GapLine, MandateLine, ReleaseLine, Report, SegmentLine
from central.verify import Judged, judge_bundle
from node.clock import rfc3339, utc_moment, utc_ns
from node.errors import Refused
from node.formats.bundle import MAGIC, Manifest
from node.formats.bundle_reader import BundleReader
from node.formats.interval import Interval
from node.mandate.documents import Mandate, ReleaseOrder, Root
from node.sealing.keys import Jwk, PrivateKeys, VerifyingKey

_KEY_HANGS_ON: Final = ("B2", "B3", "B4", "B5", "B8")
"""Who made it, what was ordered and by whom, under whose mandate, and that its segments are of that mandate."""


def is_bundle(path: Path) -> bool:
    """Whether the file begins as a bundle does."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def judged(path: Path, *, node: Path | None, root: Root | None, later: Sequence[Mandate] = ()) -> Judged:
    """The bundle, judged by the node's public key and the root, where they are given.

    `later`: mandates that are not in it, for whom they have revoked.
    """
    return judge_bundle(path, node=node_key(node), root=root, known=tuple(later))


def open_bundle(
    path: Path,
    *,
    keys: Mapping[str, PrivateKeys],
    node: Path | None,
    found: Judged,
    work: Path,
    out: Path,
) -> tuple[tuple[Path, ...], Report]:
    """The clips in `work`, named like `out`, and the report; `Refused` if nothing opens with these keys."""
    key = node_key(node)
    order = found.order
    interval = Interval(utc_ns(order.from_), utc_ns(order.to)) if order else None
    told = found.start.manifest.missing if found.start else ()
    missing = [Interval(gap.from_ns, gap.until_ns) for gap in told]
    desk = Desk(work=work, out=out, caption=_caption(found.mandates), interval=interval, missing=missing)
    with path.open("rb") as file:
        reader = BundleReader(file)
        clips, report = desk.open_each(
            _sources(reader, keys, key), keys, node_key=node.name if node else None
        )
    if found.start is None or order is None:
        lost = (
            *report.not_opened,
            "order and manifest cannot be read: nobody can say who released it, or for whom",
        )
        return clips, msgspec.structs.replace(report, not_opened=lost, not_sealed="its order")
    return clips, msgspec.structs.replace(report, release=_release(found, found.start.manifest, order))


def _sources(
    reader: BundleReader, keys: Mapping[str, PrivateKeys], node: VerifyingKey | None
) -> Iterator[Callable[[], OpenedSegment]]:
    for carried in reader.segments():
        yield partial(opened_from_bundle, carried, keys=keys, node=node)


def _caption(mandates: Mapping[str, Mandate]) -> Callable[[int], str]:
    """UTC, and the local time and name of the place where all footage was taken."""
    sites = {(mandate.site.name, mandate.site.timezone) for mandate in mandates.values()}
    if len(sites) != 1:
        return lambda at_ns: rfc3339(at_ns, digits=0)
    ((name, timezone),) = sites
    zone = ZoneInfo(timezone)

    def caption(at_ns: int) -> str:
        local = utc_moment(at_ns).astimezone(zone)
        return f"{local:%Y-%m-%d %H:%M:%S %Z} ({rfc3339(at_ns, digits=0)})\n{name}"

    return caption


def _release(found: Judged, told: Manifest, order: ReleaseOrder) -> ReleaseLine:
    gaps = [GapLine(rfc3339(gap.from_ns), rfc3339(gap.until_ns), gap.reason) for gap in told.missing]
    return ReleaseLine(
        bundle_sha256=found.sha256,
        order=order.id,
        order_digest=told.order,
        case=order.case,
        recipient=order.recipient,
        signed_by=found.signers,
        node=told.node,
        node_key=told.node_key,
        made_by="node" if told.made_by == "node" else told.signer,
        made=rfc3339(told.made_ns),
        time_trust=told.time_trust,
        start=rfc3339(told.from_ns, digits=0),
        until=rfc3339(told.until_ns, digits=0),
        missing=tuple(gaps),
        mandates=tuple(_decision(digest, mandate) for digest, mandate in found.mandates.items()),
        findings=tuple(FindingLine(one.number, one.verdict, one.what) for one in found.findings),
    )


def _decision(digest: str, mandate: Mandate) -> MandateLine:
    return MandateLine(
        digest=digest,
        reference=mandate.reference,
        version=mandate.version,
        controller=mandate.controller.name,
        site=mandate.site.name,
        timezone=mandate.site.timezone,
        purpose=mandate.purpose,
    )


def key_of_recipient(found: Judged, segments: Sequence[SegmentLine]) -> Jwk:
    """What the clip is sealed to: the recipient's key by the newest mandate that an opened segment names.

    `Refused` unless everything that this key hangs on was checked and holds: a bundle's own mandate is a claim.
    """
    unproven = [f"{one.number} {one.verdict}" for one in found.findings if one.number in _KEY_HANGS_ON]
    unproven = [told for told in unproven if not told.endswith(" good")]
    if unproven or found.order is None:
        raise Refused(f"{', '.join(unproven) or 'its order cannot be read'}: name --root and --node")
    named = {line.mandate for line in segments}
    under = [mandate for digest, mandate in found.mandates.items() if digest in named]
    for mandate in sorted(under, key=lambda one: one.version, reverse=True):
        if found.order.recipient in mandate.keys:
            return mandate.keys[found.order.recipient]
    raise Refused(f"no mandate of its segments has a key of the recipient {found.order.recipient!r}")
