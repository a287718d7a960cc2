"""What can be checked of a bundle without any releaser's key: who ordered it, who made it, and that it is whole.

Judges and changes nothing. One pass, one segment in memory at a time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final, Literal

from node.clock import rfc3339, utc_ns
from node.errors import CannotOpen, Damaged, Refused
from node.formats import audit
from node.formats import segment as fmt
from node.formats.bundle_reader import BundleReader, CarriedSegment, Start
from node.mandate import orders, trust
from node.mandate.documents import Mandate, ReleaseOrder, Root, decode
from node.mandate.signatures import parse
from node.sealing.keys import VerifyingKey, fingerprint, verifies, verifying_key

Verdict = Literal["good", "bad", "not checked"]
MOST_TOLD: Final = 3
NUMBERS: Final = {
    "B1": "nothing is cut, damaged or missing in the file",
    "B2": "manifest and end are signed by who the manifest says made it: the node, or a releaser who salvaged",
    "B3": "the order is the one of the manifest: its digest, node and interval",
    "B4": "enough distinct releasers of every mandate in it have signed the order, none of them revoked",
    "B5": "the mandates are signed by the root's controllers",
    "B6": "every segment is, byte for byte, the one that the manifest names",
    "B7": "every segment is signed by the node: its trailer, or the node's own manifest where it has none",
    "B8": "every segment's header is of this node, of a mandate in the bundle, and as the manifest says",
    "B9": "the layer key of every segment lifts its epoch layer",
    "B10": "the order's entry is in the node's audit log, by its signed checkpoint",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked, by its number in the list above."""

    number: str
    verdict: Verdict
    what: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A whole bundle, judged. `order`, `mandates` and `start` are there if its start can be read."""

    sha256: str
    findings: tuple[Finding, ...]
    start: Start | None
    order: ReleaseOrder | None
    mandates: Mapping[str, Mandate]
    signers: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Whether nothing is bad; what was not checked is not bad."""
        return all(finding.verdict != "bad" for finding in self.findings)


class _Hashed:
    """A file of which every byte that is read is hashed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data


def judge_bundle(
    path: Path, *, node: VerifyingKey | None, root: Root | None, known: tuple[Mandate, ...] = ()
) -> Judged:
    """Everything that can be said of the bundle at that path; `Damaged` if it is none.

    `known`: later mandates, for whom they revoke.
    """
    with path.open("rb") as file:
        hashed = _Hashed(file)
        reader = BundleReader(hashed)  # type: ignore[arg-type]  # it reads, and nothing else
        checks = _Checks(reader, node=node, known=known)
        for carried in reader.segments():
            checks.segment(carried)
        while hashed.read(1 << 20):
            pass
        findings = tuple(checks.findings(root))
    return Judged(
        sha256=hashed.digest.hexdigest(),
        findings=findings,
        start=reader.start,
        order=checks.order,
        mandates=checks.mandates,
        signers=checks.signers,
    )


class _Checks:
    def __init__(
        self, reader: BundleReader, *, node: VerifyingKey | None, known: tuple[Mandate, ...]
    ) -> None:
        self._reader = reader
        self._node = node
        self._known = known
        self._wrong: dict[str, list[str]] = {number: [] for number in NUMBERS}
        self._seen: set[int] = set()
        self._without_trailer: list[str] = []
        self.mandates: dict[str, Mandate] = {}
        self.order: ReleaseOrder | None = None
        self.signers: tuple[str, ...] = ()
        self._read_documents()

    def segment(self, carried: CarriedSegment) -> None:
        """Look at one segment."""
        self._seen.add(carried.number)
        name = f"segment {carried.number}"
        if not carried.is_as_told:
            self._wrong["B6"].append(name)
        try:
            segment = fmt.read(carried.data)
        except Damaged as error:
            self._wrong["B8"].append(f"{name}: {error}")
            return
        self._header(segment, carried, name)
        try:
            fmt.lift(segment, carried.layer_key)
        except (CannotOpen, Damaged):
            self._wrong["B9"].append(name)
        trailer = segment.trailer
        if trailer is None:
            self._without_trailer.append(name)
            if carried.told is None or carried.told.state != "cut" or not carried.is_as_told:
                self._wrong["B7"].append(f"{name} has no trailer")
        elif self._node and not verifies(self._node, trailer.signature, fmt.trailer_message(trailer.signed)):
            self._wrong["B7"].append(name)

    def findings(self, root: Root | None) -> Iterator[Finding]:
        """What there is to say when all segments were looked at."""
        start = self._reader.start
        self._wrong["B1"] += self._reader.damage
        self._wrong["B1"] += [] if self._reader.end else ["its end is missing"]
        if start is None:
            yield self._finding("B1", checked=True)
            return
        gone = self._reader.gone
        lost = [n for n in range(len(start.manifest.segments)) if n not in self._seen and n not in gone]
        self._wrong["B6"] += [f"segment {number} is not here" for number in lost]
        key = self._maker(start)
        if key is not None:
            self._signatures(start, key)
        self._unproven(start)
        self._order(start)
        is_nodes = start.manifest.made_by == "node"
        checked = {
            "B2": key is not None
            and (is_nodes or root is not None),  # a salvager's key is a claim of the mandates
            "B4": root is not None,
            "B5": root is not None,
            "B7": self._node is not None,
        }
        if root is not None:
            self._roots(start, root)
        checked["B10"] = self._audit(start)
        for number in NUMBERS:
            yield self._finding(number, checked=checked.get(number, True))

    def _finding(self, number: str, *, checked: bool) -> Finding:
        wrong = self._wrong[number]
        if wrong:
            more = f" and {len(wrong) - MOST_TOLD} more" if len(wrong) > MOST_TOLD else ""
            return Finding(number, "bad", f"{NUMBERS[number]}: not so: {'; '.join(wrong[:MOST_TOLD])}{more}")
        known = "" if number != "B4" or self._known else ", as far as the mandates in the bundle say"
        return Finding(number, "good" if checked else "not checked", NUMBERS[number] + known)

    def _read_documents(self) -> None:
        start = self._reader.start
        if start is None:
            return
        for raw in start.mandates:
            try:
                signed = parse(raw)
                self.mandates[fmt.digest_text(signed.digest)] = decode(signed.payload, Mandate)
            except Refused as refusal:
                self._wrong["B4"].append(f"{refusal}")
        try:
            self.order = decode(parse(start.order).payload, ReleaseOrder)
        except Refused as refusal:
            self._wrong["B3"].append(f"{refusal}")

    def _header(self, segment: fmt.Segment, carried: CarriedSegment, name: str) -> None:
        start, told, header = self._reader.start, carried.told, segment.header
        if told is None or start is None:
            self._wrong["B8"].append(f"{name} is not in the manifest")
            return
        as_told = (told.segment, told.start_ns, told.mandate, told.epoch)
        if as_told != (header.segment, header.start_ns, header.mandate, segment.epoch):
            self._wrong["B8"].append(f"{name}: its header says otherwise")
        if header.node != start.manifest.node:
            self._wrong["B8"].append(f"{name}: it is of node {header.node}")
        if header.mandate not in self.mandates:
            self._wrong["B8"].append(f"{name}: its mandate is not in the bundle")

    def _maker(self, start: Start) -> VerifyingKey | None:
        """Whose signatures must be on it: the node's, or of the person who salvaged it, by the mandates."""
        if start.manifest.made_by == "node":
            return self._node
        signer, found = start.manifest.signer, None
        for mandate in self.mandates.values():
            person = mandate.with_role("releaser").get(signer)
            revoked = orders.revoked_since(mandate, (*self.mandates.values(), *self._known))
            if person is None or signer in revoked:
                self._wrong["B2"].append(f"{signer} may release nothing of mandate version {mandate.version}")
                return None
            found = verifying_key(person.sig)
        if found is None:
            self._wrong["B2"].append(f"{signer} is nobody of the mandates")
        return found

    def _unproven(self, start: Start) -> None:
        """Without a trailer a segment is the node's by the node's manifest alone: anybody can seal to public keys."""
        if start.manifest.made_by != "node":
            self._wrong["B7"] += [
                f"{name} has no trailer: nothing proves that the node filmed it"
                for name in self._without_trailer
            ]
        elif self._node is not None and not verifies(
            self._node, start.signed.signature, start.signed.message
        ):
            self._wrong["B7"] += self._without_trailer

    def _signatures(self, start: Start, key: VerifyingKey) -> None:
        if fingerprint(key) != start.manifest.node_key:
            self._wrong["B2"].append(f"it names the key {start.manifest.node_key[:19]}")
        if not verifies(key, start.signed.signature, start.signed.message):
            self._wrong["B2"].append("the manifest's signature is not good")
        end = self._reader.end
        if end is not None and not verifies(key, end.signature, end.message):
            self._wrong["B2"].append("the last signature is not good")

    def _order(self, start: Start) -> None:
        order, manifest = self.order, start.manifest
        if order is None:
            return
        asked = (
            fmt.digest_text(parse(start.order).digest),
            order.node,
            utc_ns(order.from_),
            utc_ns(order.to),
        )
        if asked != (manifest.order, manifest.node, manifest.from_ns, manifest.until_ns):
            self._wrong["B3"].append("the manifest names another order, node or interval")
        under = tuple(self.mandates.values())
        if not under:
            self._wrong["B4"].append("there is no mandate in it")
            return
        try:
            believed = orders.entitled(
                start.order,
                under=under,
                known=(*under, *self._known),
                node=manifest.node,
                now_ns=manifest.made_ns,
                used=(),
            )
        except Refused as refusal:
            self._wrong["B4"].append(f"{refusal}")
        else:
            self.signers = tuple(sorted(believed.signers))

    def _roots(self, start: Start, root: Root) -> None:
        for raw in start.mandates:
            try:
                trust.mandate(raw, root=root, node=start.manifest.node, floor=1)
            except Refused as refusal:
                self._wrong["B5"].append(f"{refusal}")

    def _audit(self, start: Start) -> bool:
        """Whether there was anything to check."""
        said, lines = start.manifest.checkpoint, [line.encode() for line in start.manifest.audit]
        if said is None or not lines or self._node is None:
            return False
        try:
            size = said.size - len(lines)
            for number, line in enumerate(lines):
                audit.parse(line, index=size + number)
            head = audit.Head(said.size, sha256(lines[-1]).digest())
            order = self.order.id if self.order else ""
            if (
                head != audit.head_of(said)
                or f"release {order}:" not in audit.parse(lines[0], index=size).subject
            ):
                self._wrong["B10"].append(f"the checkpoint of {rfc3339(said.time_ns)} is not of this entry")
        except Damaged as error:
            self._wrong["B10"].append(f"{error}")
        if not audit.is_signed_by(said, self._node):
            self._wrong["B10"].append("the checkpoint is not signed by the node")
        return True
