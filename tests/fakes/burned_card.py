"""A node's card made by hand: sealed segments with real pictures, its key slot, and documents; and bundles of them.

Everything is sealed with public keys, as anybody could who has written to the card: only the trailer needs the node's.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from hashlib import sha256
from pathlib import Path

import av
import msgspec
import numpy as np
from system.program import Done, stolpe

from central.salvage import Card, salvage
from node.clock import NS, Instant, SystemClock, rfc3339, utc_moment
from node.formats import framing, slot
from node.formats import segment as fmt
from node.formats.bundle import BundleWriter, Manifest
from node.formats.bundle_reader import BundleReader
from node.formats.segment import Record, RecordSealer, RecordType, SegmentHeader, TrailerState
from node.mandate.documents import Mandate, ReleaseOrder, decode, encode
from node.mandate.example import NODE, make_documents, make_keys
from node.mandate.ids import new_ulid
from node.mandate.signatures import add_signature, parse, sign
from node.masks.geometry import Geometry
from node.sealing.aead import new_key
from node.sealing.keys import PrivateKeys, fingerprint, new_keys, read_private_keys, write_key_files
from node.sealing.recipients import wrap

TWO = ("releaser-1", "releaser-2")
EPOCH = 7
SIZE = (64, 48)
TIMESCALE = 90_000
RATE = 4
_GEOMETRY = Geometry(
    sensor="test",
    pixel_array=SIZE,
    mode=SIZE,
    crop=(0, 0, *SIZE),
    transform="identity",
    main=SIZE,
    lores=(32, 24),
)


@cache
def pictures() -> tuple[bytes, bytes]:
    """The init section, and one second of pictures as a fragment."""
    sink = io.BytesIO()
    options = {"movflags": "empty_moov+default_base_moof+frag_keyframe", "fflags": "+bitexact"}
    with av.open(sink, "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=RATE, options={"bf": "0", "g": "1000"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.time_base = Fraction(1, TIMESCALE)
        for number in range(RATE):
            shown = np.full((SIZE[1] * 3 // 2, SIZE[0]), 60 + 30 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(shown, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    data = sink.getvalue()
    at = data.index(b"moof") - 4
    return data[:at], data[at : data.rindex(b"mfra") - 4]


@dataclass
class BurnedCard:
    """In `folder`: `ring`, `documents`, `epochs.slot`, `keys`, `root.jws.json`. Times are seconds after `start_ns`."""

    folder: Path
    start_ns: int
    keys: dict[str, PrivateKeys]
    mandate: bytes
    epoch_key: bytes
    made: int = field(default=0)
    said: list[str] = field(default_factory=list)
    """What was said while it was salvaged."""

    @property
    def ring(self) -> Path:
        return self.folder / "ring"

    @property
    def node(self) -> Path:
        return self.folder / "keys" / "node.pub.json"

    @property
    def root(self) -> Path:
        return self.folder / "root.jws.json"

    @property
    def document(self) -> Mandate:
        return decode(parse(self.mandate).payload, Mandate)

    def key(self, owner: str) -> Path:
        return self.folder / "keys" / f"{owner}.key"

    def at(self, seconds: float) -> int:
        return self.start_ns + round(seconds * NS)

    def film(
        self,
        since: float,
        *seconds: float,
        gaps: Sequence[tuple[float, float]] = (),
        has_trailer: bool = True,
        under: bytes | None = None,
    ) -> Path:
        """A segment that begins at `since`, with a second of pictures at each of `seconds`."""
        self.made += 1
        header = SegmentHeader(
            node=NODE,
            boot="test-boot",
            segment=new_ulid(self.at(since)),
            start_ns=self.at(since),
            time_trust="battery",
            mandate=fmt.digest_text(parse(under or self.mandate).digest),
            masks=None,
            codec="h264",
            size=SIZE,
            timescale=TIMESCALE,
            aead="ChaCha20-Poly1305",
            subsets=self.document.release_subsets,
        )
        init, fragment = pictures()
        shown = [Record(RecordType.FRAGMENT, self.at(one), fragment) for one in seconds]
        told = [
            Record(
                RecordType.GAP,
                self.at(at),
                msgspec.json.encode({"until_ns": self.at(until), "reason": "no camera"}),
            )
            for at, until in gaps
        ]
        data = self._sealed(header, [Record(RecordType.INIT, header.start_ns, init), *shown, *told])
        if has_trailer:
            data += fmt.start_of_trailer(TrailerState.CLOSED)
            data += self.keys["node"].signing.sign(fmt.trailer_message(sha256(data).digest()))
        start = rfc3339(header.start_ns).replace("-", "").replace(":", "")
        path = self.ring / f"{start}_{header.segment}.seg"
        path.write_bytes(data)
        return path

    def _sealed(self, header: SegmentHeader, records: Sequence[Record]) -> bytes:
        encoded, key, document = fmt.encode_header(header), new_key(), self.document
        context = fmt.wrap_context(encoded)
        wraps = [wrap(key, subset, document.release_keys, context=context) for subset in header.subsets]
        sealed = fmt.seal_wraps(
            fmt.pack_wraps(wraps),
            header=encoded,
            aead=header.aead,
            segment=header.segment,
            epoch=EPOCH,
            epoch_key=self.epoch_key,
        )
        sealer = RecordSealer(aead=header.aead, key=key, header=encoded)
        whole = (*records, fmt.end_record(len(records), header.start_ns + 60 * NS))
        frames = [framing.frame(sealer.seal(record)) for record in whole]
        return fmt.start_of_file(encoded, sealed) + b"".join(frames) + bytes(framing.END_BYTES)

    def order(
        self, since: float, until: float, *, signers: Sequence[str] = TWO, recipient: str = "police"
    ) -> bytes:
        order = ReleaseOrder(
            id=new_ulid(self.start_ns),
            node=NODE,
            from_=utc_moment(self.at(since)),
            to=utc_moment(self.at(until)),
            case="K 123-26",
            recipient=recipient,
            expires=utc_moment(self.at(86_400)),
        )
        signed = sign(encode(order), self.keys[signers[0]].signing)
        for signer in signers[1:]:
            signed = add_signature(signed, self.keys[signer].signing)
        return signed

    def salvaged(
        self, order: bytes, *, by: str = "releaser-1", mandates: Sequence[bytes] = ()
    ) -> tuple[Path, Manifest]:
        """The bundle, and what its manifest says."""
        path = self.folder / "salvaged.bundle"
        card = Card(self.ring, self.folder / "epochs.slot", (self.mandate, *mandates))
        now = Instant(SystemClock().now().utc_ns, "battery")
        with path.open("wb") as file:
            made = salvage(card, order, by=self.keys[by], now=now, target=file, say=self.said.append)
        return path, made

    def released(self, order: bytes) -> Path:
        """The same bundle as the node would have made it: signed by its own key."""
        return self.resealed(self.salvaged(order)[0], made_by="node", signer="node")

    def resealed(
        self, path: Path, *, signer: str, mandates: Sequence[bytes] | None = None, **changes: object
    ) -> Path:
        """The bundle with other mandates, or with fields of its manifest changed, signed by that key."""
        with path.open("rb") as file:
            reader = BundleReader(file)
            carried = [(bytes(one.data), one.layer_key) for one in reader.segments()]
        start, signing = reader.start, self.keys[signer].signing
        assert start is not None
        key = fingerprint(signing.private.public_key())
        manifest = msgspec.structs.replace(
            start.manifest, signer=NODE if signer == "node" else signer, node_key=key, **changes
        )
        writer, made = BundleWriter(signing.sign), self.folder / "resealed.bundle"
        with made.open("wb") as file:
            file.write(writer.start(start.order, start.mandates if mandates is None else mandates, manifest))
            for data, layer_key in carried:
                file.write(writer.there(len(data), layer_key) + writer.content(data))
            file.write(writer.end())
        return made

    def amended(self, **changes: object) -> bytes:
        """The mandate with some fields changed, signed by its controller."""
        return sign(
            encode(msgspec.structs.replace(self.document, **changes)), self.keys["controller-1"].signing
        )

    def open(self, bundle: Path, out: Path, *more: str | Path, is_checked: bool = True) -> Done:
        """`stolpe open` with the keys of both releasers, and what it is checked by."""
        keys = [part for owner in TWO for part in ("--key", self.key(owner))]
        checked = ("--node", self.node, "--root", self.root) if is_checked else ()
        return stolpe("open", bundle, *keys, "--out", out, *checked, *more)


def burned_card(folder: Path) -> BurnedCard:
    """An empty ring, ten minutes old."""
    start_ns = (SystemClock().now().utc_ns // NS - 600) * NS
    for name in ("ring", "documents", "keys"):
        (folder / name).mkdir()
    keys = make_keys(folder / "keys")
    write_key_files(folder / "keys" / "node.key", new_keys(NODE))
    keys["node"] = read_private_keys(folder / "keys" / "node.key")
    made = make_documents(keys, start_ns=start_ns, geometry=_GEOMETRY, polygons=())
    (folder / "root.jws.json").write_bytes(made.root)
    (folder / "documents" / "mandate.jws.json").write_bytes(made.mandate)
    epoch_key = new_key()
    first = slot.pack_header(slot.SlotHeader(1, start_ns, 0, slot.Floors(1, 1, 0, EPOCH, 0)))
    entry = slot.EpochSlot(EPOCH, start_ns + 72 * 3600 * NS, parse(made.mandate).digest[:16], epoch_key)
    image = first + bytes(slot.FIRST_SLOT - len(first)) + slot.pack_slot(entry)
    (folder / "epochs.slot").write_bytes(image + bytes(4096 - len(image)))
    return BurnedCard(folder, start_ns, keys, made.mandate, epoch_key)
