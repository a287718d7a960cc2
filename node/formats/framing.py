"""Records as they stand in a segment file (FORMAT.md, "Record" and "Damage"): length, CRC32C, ciphertext.

Owns a reader's way from one record to the next, also over what is damaged. Knows no key: how many records are lost
where a length is wrong only the AEAD can tell.
"""

import re
import struct
from dataclasses import dataclass

import google_crc32c

TRAILER_MAGIC = b"STLPTRL1"
MAX_RECORD_BYTES = 32 * 1024 * 1024
MIN_RECORD_BYTES = 9 + 16  # type, time and an empty payload, with the AEAD's tag
END_BYTES = 4

# Nearly every place of a ciphertext whose length happens to be in bounds is none: this bounds what is read for them.
SEARCH_BYTES = 64 * MAX_RECORD_BYTES
_PLACE_BYTES = 1024  # what looking at one place counts for
_SHORT_BYTES = 1 << 20  # up to this a record is tried at once, a longer one only where another can follow

_U32 = struct.Struct(">I")
_FRAME = struct.Struct(">II")
# The end of records with its trailer; zeros of preallocation, many at a time; lengths of 25 to 3 * 2^24.
_PLACE = re.compile(rb"(?P<end>\0{4}STLPTRL1)|\0{4096}(?=\0{4})|(?!\0{3}[\0-\x18])[\0-\2]")


@dataclass(frozen=True, slots=True)
class Span:
    """Where a record's ciphertext stands. `index` counts all records of the file, damaged ones too.

    Behind `skips` places where nobody can count them it is the least that it can be.
    """

    index: int
    start: int
    length: int
    skips: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """All sound records, where they end, and what is wrong between and behind them."""

    spans: tuple[Span, ...]
    end: int
    damage: tuple[str, ...]


def frame(ciphertext: bytes) -> bytes:
    """A record as it stands in the file: length, CRC32C over length and ciphertext, ciphertext."""
    length = _U32.pack(len(ciphertext))
    return length + _U32.pack(_crc32c(length, ciphertext)) + ciphertext


def end_of_records() -> bytes:
    """Length 0: nothing was written after this."""
    return _U32.pack(0)


def find_records(view: memoryview, position: int) -> Found:
    """Every sound record from `position` on."""
    search = _Search(view)
    spans: list[Span] = []
    damage: list[str] = []
    index = skips = 0
    while not _is_end(view, position):
        behind = _behind(view, position)
        if behind is not None and _is_sound(view, position, behind):
            start = position + _FRAME.size
            spans.append(Span(index, start, behind - start, skips))
            index, position = index + 1, behind
        elif behind is not None and search.leads_on(behind):
            damage.append(f"record {index}{_or_later(skips)} is damaged")
            index, position = index + 1, behind
        elif (further := search.next_from(position + 1)) is not None:
            due = f"record {index}{_or_later(skips)}"
            damage.append(f"{further - position} bytes where {due} was due are no record: skipped")
            skips, position = skips + 1, further
        else:
            damage += _cut(view, position, f"cut after record {index - 1}{_or_later(skips)}")
            break
    return Found(tuple(spans), position, tuple(damage))


class _Search:
    """Where to go on behind damage. What it reads for that is bounded for the whole file."""

    def __init__(self, view: memoryview) -> None:
        self._view = view
        self._left = SEARCH_BYTES
        self._leads_until = -1

    def leads_on(self, position: int) -> bool:
        """Whether a sound record, or the end with its trailer, follows, damaged records between or not."""
        while position > self._leads_until and not _is_end(self._view, position):
            behind = _behind(self._view, position)
            if behind is None:
                return False
            if self._is_sound(position, behind):
                break
            position = behind
        self._leads_until = max(position, self._leads_until)
        return True

    def next_from(self, position: int) -> int | None:
        """The next place at which a sound record, or the end with its trailer, stands."""
        for match in _PLACE.finditer(self._view, position):
            place = match.start()
            if match["end"] is not None:
                return place
            behind = _behind(self._view, place)
            if behind is not None and self._is_likely(place, behind) and self._is_sound(place, behind):
                return place
            self._left -= _PLACE_BYTES
            if self._left < 0:
                break
        return None

    def _is_likely(self, place: int, behind: int) -> bool:
        return behind - place <= _SHORT_BYTES or _can_stand(self._view, behind)

    def _is_sound(self, position: int, behind: int) -> bool:
        self._left -= behind - position
        return self._left >= 0 and _is_sound(self._view, position, behind)


def _behind(view: memoryview, position: int) -> int | None:
    """Where the record at `position` ends by its length; None if that cannot be."""
    if position + _U32.size > len(view):
        return None
    (length,) = _U32.unpack_from(view, position)
    behind = position + _FRAME.size + int(length)
    return behind if MIN_RECORD_BYTES <= length <= MAX_RECORD_BYTES and behind <= len(view) else None


def _is_sound(view: memoryview, position: int, behind: int) -> bool:
    length, crc = _FRAME.unpack_from(view, position)
    return _crc32c(_U32.pack(length), view[position + _FRAME.size : behind]) == int(crc)


def _is_end(view: memoryview, position: int) -> bool:
    ending = end_of_records() + TRAILER_MAGIC
    return bytes(view[position : position + len(ending)]) == ending


def _can_stand(view: memoryview, position: int) -> bool:
    """Whether the bytes at `position` can be behind a record: another's, the end of records', or none."""
    there = bytes(view[position : position + _U32.size])
    if there == end_of_records():  # not amid the zeros of preallocation: a ciphertext ends otherwise
        return any(view[position - _FRAME.size : position])
    return len(there) < _U32.size or _behind(view, position) is not None


def _cut(view: memoryview, position: int, cut_after: str) -> list[str]:
    """What there is to say of bytes behind which nothing is found; nothing where length 0 says that it is the end."""
    if position + _U32.size > len(view):
        return [f"{cut_after}: the file ends there"]
    if bytes(view[position : position + _U32.size]) == end_of_records():
        return []
    whole = _behind(view, position) is not None
    return [f"{cut_after}: the next is torn" if whole else f"{cut_after}: what follows is not a whole record"]


def _or_later(skips: int) -> str:
    return " or later" if skips else ""


def _crc32c(length: bytes, ciphertext: bytes | memoryview) -> int:
    return int(google_crc32c.extend(google_crc32c.value(length), bytes(ciphertext)))
