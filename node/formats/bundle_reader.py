"""Reading a bundle in one pass: what is damaged or cut is named, and what is sound before and behind it is returned.

Owns a reader's way from one segment to the next. Judges no signature: it says over which digest each one is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO, Final

from node.errors import Damaged
from node.formats import bundle as fmt
from node.formats.bundle import Block, BundledSegment, Kind, Manifest
from node.formats.segment import MAGIC as SEGMENT_MAGIC
from node.mandate.signatures import MAX_DOCUMENT_BYTES

CHUNK_BYTES: Final = 1 << 20
MAX_SEGMENT_BYTES: Final = 1 << 30
_HEAD_BYTES: Final = fmt.END_BYTES  # more than a block's head with the magic behind it


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature and the message that it is over."""

    signature: bytes
    message: bytes


@dataclass(frozen=True, slots=True)
class Start:
    """Order and mandates as they came, the manifest, and the signature over all of it."""

    order: bytes
    mandates: tuple[bytes, ...]
    manifest: Manifest
    signed: Signed


@dataclass(frozen=True, slots=True)
class CarriedSegment:
    """One segment as it lay in the ring. `told` is its line of the manifest; None where there is none.

    `layer_key` lifts its epoch layer, or opens nothing where it was damaged; `cut` if not all bytes are here.
    """

    number: int
    data: bytes
    layer_key: bytes
    told: BundledSegment | None
    cut: bool

    @property
    def is_as_told(self) -> bool:
        """Whether these are the bytes that the manifest names."""
        return self.told is not None and f"sha256:{sha256(self.data).hexdigest()}" == self.told.sha256


class BundleReader:
    """One pass over a bundle. `segments` yields what it carries; after it `gone`, `damage` and `end` are complete."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._ahead = bytearray()
        self._running = sha256()
        self.start: Start | None = None
        """None where it cannot be read: then `damage` says so, and the segments are found without it."""
        self.gone: dict[int, Kind] = {}
        """Segments of the manifest that went before their turn, by number."""
        self.damage: list[str] = []
        self.end: Signed | None = None
        """The last signature; None if the bundle was cut."""
        if self._peek(len(fmt.MAGIC)) != fmt.MAGIC:
            raise Damaged("not a bundle of version 1")
        try:
            self.start = self._read_start()
        except Damaged as error:
            self.damage.append(f"order and manifest cannot be read: {error}")

    def segments(self) -> Iterator[CarriedSegment]:
        """Every segment in turn, each whole in memory."""
        number = 0
        while True:
            head = self._peek(_HEAD_BYTES)
            if head.startswith(fmt.END_MAGIC) and self._ended(number):
                return
            block = self._block(head, number)
            if block is None:
                if self._search():
                    continue
                self.damage.append(
                    f"cut after segment {number - 1}" if number else "cut before the first segment"
                )
                return
            self._take(fmt.BLOCK_BYTES)
            if block.number != number:
                self.damage.append(f"segment {block.number} stands where segment {number} is due")
            number = block.number + 1
            if block.kind is not Kind.THERE:
                self.gone[block.number] = block.kind
                continue
            data = self._content(block)
            cut = len(data) < block.size
            yield CarriedSegment(block.number, data, block.layer_key, self._told(block.number), cut)
            if cut:
                self.damage.append(f"cut within segment {block.number}")
                return

    def _read_start(self) -> Start:
        """Nothing is taken before all of it could be read: where it cannot, the first segment is searched from here."""
        position = len(fmt.MAGIC)
        order, position = self._sized(position, MAX_DOCUMENT_BYTES, "order")
        count = self._peek(position + 1)[position:]
        if not count or count[0] > fmt.MAX_MANDATES:
            raise Damaged("its number of mandates cannot be")
        position += 1
        mandates = []
        for _ in range(count[0]):
            mandate, position = self._sized(position, MAX_DOCUMENT_BYTES, "mandate")
            mandates.append(mandate)
        encoded, position = self._sized(position, fmt.MAX_MANIFEST_BYTES, "manifest")
        manifest = fmt.read_manifest(encoded)
        digest = sha256(self._peek(position)).digest()
        signature = self._peek(position + fmt.SIGNATURE_BYTES)[position:]
        if len(signature) < fmt.SIGNATURE_BYTES:
            raise Damaged("it ends before its signature")
        self._take(position + fmt.SIGNATURE_BYTES)
        return Start(order, tuple(mandates), manifest, Signed(signature, fmt.manifest_message(digest)))

    def _sized(self, position: int, limit: int, name: str) -> tuple[bytes, int]:
        length = int.from_bytes(self._peek(position + 4)[position:], "big")
        position += 4
        if not 0 < length <= limit:
            raise Damaged(f"its {name} has a length that cannot be")
        data = self._peek(position + length)[position:]
        if len(data) < length:
            raise Damaged(f"it ends within its {name}")
        return data, position + length

    def _told(self, number: int) -> BundledSegment | None:
        told = self.start.manifest.segments if self.start else ()
        return told[number] if number < len(told) else None

    def _block(self, head: bytes, number: int) -> Block | None:
        """The block that stands here; by the manifest where its head is damaged; None where there is none."""
        told = self._told(number)
        try:
            block = fmt.read_block(head[: fmt.BLOCK_BYTES])
        except Damaged as error:
            if told is None or head[fmt.BLOCK_BYTES :][: len(SEGMENT_MAGIC)] != SEGMENT_MAGIC:
                return None
            self.damage.append(f"segment {number}: {error}: taken as the manifest says")
            return Block(Kind.THERE, number, told.size, fmt.guessed_key(head))
        told = self._told(block.number)
        if block.size > MAX_SEGMENT_BYTES or (told and block.kind is Kind.THERE and block.size != told.size):
            self.damage.append(f"segment {block.number} has another size than the manifest says")
        return None if block.size > MAX_SEGMENT_BYTES else block

    def _content(self, block: Block) -> bytes:
        data = self._peek(block.size)
        self._take(len(data))
        return data

    def _ended(self, number: int) -> bool:
        ending = self._peek(fmt.END_BYTES)
        if len(ending) < fmt.END_BYTES:
            return False
        count, signature = fmt.read_end(ending)
        self._take(fmt.END_BYTES - fmt.SIGNATURE_BYTES)
        self.end = Signed(signature, fmt.end_message(self._running.digest()))
        self._take(fmt.SIGNATURE_BYTES)
        if count != number:
            self.damage.append(f"its end counts {count} segments, {number} stand before it")
        if self._peek(1):
            self.damage.append("there are bytes behind its end")
        return True

    def _search(self) -> bool:
        """Go to the next place where a segment or the end stands; what was passed over is named."""
        passed = 0
        while True:
            self._peek(CHUNK_BYTES)
            for magic in (fmt.BLOCK_MAGIC, fmt.END_MAGIC):
                at = self._ahead.find(magic, 0 if passed else 1)
                while at >= 0 and magic == fmt.BLOCK_MAGIC and not _is_sound(self._ahead, at):
                    at = self._ahead.find(magic, at + 1)
                if at >= 0:
                    self._take(at)
                    self.damage.append(f"{passed + at} bytes are no segment: skipped")
                    return True
            left = max(1, len(self._ahead) - _HEAD_BYTES)
            if len(self._ahead) <= _HEAD_BYTES:
                return False
            self._take(left)
            passed += left

    def _peek(self, count: int) -> bytes:
        """The next bytes, fewer only where the file ends; they stay."""
        while len(self._ahead) < count:
            more = self._file.read(min(CHUNK_BYTES, max(count - len(self._ahead), 4096)))
            if not more:
                break
            self._ahead += more
        return bytes(self._ahead[:count])

    def _take(self, count: int) -> None:
        self._running.update(self._ahead[:count])
        del self._ahead[:count]


def _is_sound(ahead: bytearray, at: int) -> bool:
    """Whether a block's head stands there, as far as it can be seen."""
    try:
        fmt.read_block(bytes(ahead[at : at + fmt.BLOCK_BYTES]))
    except Damaged:
        return len(ahead) - at < fmt.BLOCK_BYTES
    return True
