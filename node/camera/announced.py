"""Whether a recorded video file is as long as it says itself: FFmpeg takes what is left of a cut file for the whole.

Looks at sizes alone, never at what they hold. AVI says its length in its RIFF chunk, MP4 and MOV in their top-level
boxes (ISO/IEC 14496-12), Matroska in its segment (RFC 8794, RFC 9559), and an MPEG transport stream (ISO/IEC 13818-1)
consists of whole packets; one that is cut between two packets cannot be told from a short one.
"""

from pathlib import Path
from typing import BinaryIO, Final

from node.errors import Refused

MAX_BOXES: Final = 100_000
TS_SYNC: Final = 0x47
TS_PACKET, M2TS_PACKET = 188, 192
_EBML, _SEGMENT = bytes.fromhex("1a45dfa3"), bytes.fromhex("18538067")
_HEAD_BYTES: Final = 256


def check_whole_file(path: Path) -> None:
    """Refuse a file that is shorter than its own parts say."""
    try:
        length = path.stat().st_size
        with path.open("rb") as file:
            announced = announced_length(file, length)
    except OSError as error:
        raise Refused(f"{path}: cannot be read as video ({error.strerror})") from error
    if length < announced:
        raise Refused(f"{path}: cut off: it announces {announced} bytes, {length} are there")


def announced_length(file: BinaryIO, length: int) -> int:
    """How long this file of `length` bytes must be at least; 0 if it does not say."""
    head = file.read(_HEAD_BYTES)
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return int.from_bytes(head[4:8], "little") + 8
    if head[4:8] == b"ftyp":
        return _last_box_end(file, length)
    if head[:4] == _EBML:
        return _matroska_end(head)
    return _packets_end(head, length)


def _last_box_end(file: BinaryIO, length: int) -> int:
    position = 0
    for _ in range(MAX_BOXES):
        file.seek(position)
        head = file.read(16)
        size = int.from_bytes(head[:4], "big")
        size = int.from_bytes(head[8:16], "big") if size == 1 else size
        if position >= length or size < 8:  # noqa: PLR2004 — the end; or a box that goes on to it, or is none
            break
        position += size
    return position


def _matroska_end(head: bytes) -> int:
    """The segment's end; 0 if its writer did not know it, as of a live stream."""
    after, size = _element(head, 4)
    start = after + (size or 0)
    if size is None or head[start : start + 4] != _SEGMENT:
        return 0
    after, size = _element(head, start + 4)
    return 0 if size is None else after + size


def _element(head: bytes, at: int) -> tuple[int, int | None]:
    """Where an EBML element's content begins, and how long it is: a variable-size integer, all ones for unknown."""
    first = head[at] if at < len(head) else 0
    width = 9 - first.bit_length()  # as many leading zeros as bytes follow
    if first == 0:
        return at, None
    size = int.from_bytes(head[at : at + width], "big") & ((1 << 7 * width) - 1)
    return at + width, None if size == (1 << 7 * width) - 1 else size


def _packets_end(head: bytes, length: int) -> int:
    for packet, sync in ((TS_PACKET, 0), (M2TS_PACKET, 4)):
        if len(head) > sync + packet and head[sync] == head[sync + packet] == TS_SYNC:
            return -(-length // packet) * packet
    return 0
