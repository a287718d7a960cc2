"""What was opened, from when, by whom, and what was not as it should be: as text for people and as JSON."""

import msgspec

from node.errors import one_line, printable


class SegmentLine(msgspec.Struct, frozen=True):
    """One segment of the clip."""

    file: str
    segment: str
    node: str
    start: str
    time_trust: str
    mandate: str
    masks: str | None
    aead: str
    opened_by: tuple[str, ...]
    fragments: int
    ending: str
    signature: str
    notes: tuple[str, ...]


class GapLine(msgspec.Struct, frozen=True):
    """A stretch without footage, and why."""

    start: str
    until: str
    reason: str


class ClipLine(msgspec.Struct, frozen=True):
    """A file that was written."""

    file: str
    frames: int
    sha256: str


class FindingLine(msgspec.Struct, frozen=True):
    """One thing that was checked of a bundle: `good`, `bad` or `not checked`."""

    number: str
    verdict: str
    what: str


class MandateLine(msgspec.Struct, frozen=True):
    """The decision that footage was taken under."""

    digest: str
    reference: str
    version: int
    controller: str
    site: str
    timezone: str
    purpose: str


class ReleaseLine(msgspec.Struct, frozen=True):
    """The release whose bundle was opened."""

    bundle_sha256: str
    order: str
    order_digest: str
    case: str
    recipient: str
    signed_by: tuple[str, ...]
    node: str
    node_key: str
    made_by: str
    made: str
    time_trust: str
    start: str
    until: str
    missing: tuple[GapLine, ...]
    mandates: tuple[MandateLine, ...]
    findings: tuple[FindingLine, ...]


class Report(msgspec.Struct, frozen=True):
    """One opening. `release` is None where no bundle was opened, but a ring or segments.

    `not_sealed`: why none of it was sealed to the recipient of the release.
    """

    clips: tuple[ClipLine, ...]
    frames: int
    first: str
    last: str
    kems: dict[str, str]
    node_key: str | None
    segments: tuple[SegmentLine, ...]
    gaps: tuple[GapLine, ...]
    not_opened: tuple[str, ...]
    release: ReleaseLine | None = None
    not_sealed: str | None = None

    def as_json(self) -> bytes:
        """Indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"

    def as_text(self) -> str:
        """A page a person can read; what a segment says of itself stays within its line."""
        lines = [f"{clip.file}: {clip.frames} pictures, SHA-256 {clip.sha256}" for clip in self.clips]
        lines += [f"from {self.first} to {self.last} (UTC)"]
        lines += [f"opened with {owner}'s key ({kem})" for owner, kem in self.kems.items()]
        if self.node_key is not None:
            lines.append(f"node's signatures are judged by {self.node_key}, as it was found or named")
        for line in self.segments:
            lines.append(
                f"segment {line.start} {line.segment}: node {line.node}, {line.fragments} fragments, "
                f"{line.ending}, node's signature {line.signature}, clock {line.time_trust}"
            )
            lines += [f"  note: {note}" for note in line.notes]
        lines += [one_line(f"gap {gap.start} to {gap.until}: {gap.reason}") for gap in self.gaps]
        lines += [f"not opened: {reason}" for reason in self.not_opened]
        mandates = sorted({line.mandate for line in self.segments})
        masks = sorted({line.masks or "none (the mandate says: nothing to mask)" for line in self.segments})
        lines += [f"mandate {', '.join(mandates)}", f"mask set {', '.join(masks)}"]
        lines += self._release_lines()
        return "".join(f"{printable(line)}\n" for line in lines)

    def _release_lines(self) -> list[str]:
        told = self.release
        if told is None:
            return []
        lines = [
            f"release {told.order} (order {told.order_digest}), case {told.case}, to {told.recipient}",
            f"signed by {', '.join(told.signed_by)}",
            f"asked for {told.start} to {told.until}; bundle made by {told.made_by} {told.node} at {told.made}",
            f"bundle SHA-256 {told.bundle_sha256}",
        ]
        lines += [f"missing {gap.start} to {gap.until}: {gap.reason}" for gap in told.missing]
        for mandate in told.mandates:
            lines.append(
                f"decision {mandate.reference} version {mandate.version} of {mandate.controller}: {mandate.site}"
            )
        lines += [f"{found.number} {found.verdict}: {found.what}" for found in told.findings]
        lines += [f"not sealed to {told.recipient}: {self.not_sealed}"] if self.not_sealed else []
        return [one_line(line) for line in lines]
