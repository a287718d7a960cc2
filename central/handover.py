"""Clip and report sealed to the recipient of a release: what leaves the desk opens with their key alone.

Owns the `.sealed` file (FORMAT.md, "Handover"). Read and written in one pass, in bounded memory.
"""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import msgspec
from msgspec import Meta

from node.errors import Damaged, Refused
from node.names import Name
from node.sealing.aead import TAG_BYTES, Aead, new_key
from node.sealing.keys import Jwk, PrivateKeys
from node.sealing.recipients import unwrap, wrap

MAGIC: Final = b"STLPHND1"
SUFFIX: Final = ".sealed"
STEM: Final = "clip"
"""What every name inside begins with, whatever an office has called its clip."""
CHUNK_BYTES: Final = 1 << 20
MAX_HEADER_BYTES: Final = 64 * 1024
MAX_WRAP_BYTES: Final = 8 * 1024
_AEAD: Final = "ChaCha20-Poly1305"
_FILE_NAME = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._ -]{0,99}\Z")]


class SealedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file inside."""

    name: _FILE_NAME
    size: Annotated[int, Meta(ge=0, le=1 << 50)]


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For whom it is; what is inside is told inside, except names and sizes."""

    recipient: Name
    files: Annotated[tuple[SealedFile, ...], Meta(min_length=1, max_length=64)]


def seal(files: Mapping[str, Path], *, recipient: str, key: Jwk, out: Path) -> None:
    """Write `out` so that only the recipient can open it. `files`: by the name that each has inside."""
    sizes = tuple(SealedFile(name, path.stat().st_size) for name, path in files.items())
    encoded, secret = msgspec.json.encode(Header(recipient, sizes)), new_key()
    try:
        _header(encoded)  # a struct is not checked when it is made
    except Damaged as damage:
        raise Refused(f"{out}: it could not be opened again: {damage}") from damage
    context = _context(encoded)
    wrapped = wrap(secret, (recipient,), {recipient: key}, context=context)
    aead, number = Aead(_AEAD, secret), 0
    with out.open("xb") as target:
        target.write(MAGIC + _sized(encoded) + _sized(wrapped))
        for path in files.values():
            with path.open("rb") as file:
                while data := file.read(CHUNK_BYTES):
                    target.write(aead.seal(number, data, context))
                    number += 1


def read_header(path: Path) -> Header:
    """For whom a file is, or `Damaged`."""
    with path.open("rb") as file:
        return _start(file)[0]


def open_sealed(path: Path, *, key: PrivateKeys, into: Path) -> tuple[Path, ...]:
    """Write what is inside into the folder `into`; `CannotOpen` if it is for somebody else or was altered."""
    with path.open("rb") as file:
        header, encoded, wrapped = _start(file)
        if header.recipient != key.owner:
            raise Refused(f"{path}: it is sealed to {header.recipient}, this is the key of {key.owner}")
        context = _context(encoded)
        secret = unwrap(wrapped, (key.owner,), {key.owner: key.recipient}, context=context)
        aead, number, made = Aead(_AEAD, secret), 0, []
        for told in header.files:
            made.append(into / told.name)
            with made[-1].open("xb") as target:
                left = told.size
                while left > 0:
                    size = min(CHUNK_BYTES, left)
                    target.write(aead.open(number, file.read(size + TAG_BYTES), context))
                    left, number = left - size, number + 1
        if file.read(1):
            raise Damaged(f"{path}: there are bytes behind its end")
    return tuple(made)


def _start(file: BinaryIO) -> tuple[Header, bytes, bytes]:
    if file.read(len(MAGIC)) != MAGIC:
        raise Damaged("not a sealed handover of version 1")
    encoded, wrapped = _block(file, MAX_HEADER_BYTES), _block(file, MAX_WRAP_BYTES)
    return _header(encoded), encoded, wrapped


def _header(encoded: bytes) -> Header:
    try:
        header = msgspec.json.decode(encoded, type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Damaged(f"its header is not as it must be ({error})") from error
    if len({told.name for told in header.files}) != len(header.files):
        raise Damaged("it holds two files of one name")
    return header


def _block(file: BinaryIO, limit: int) -> bytes:
    length = int.from_bytes(file.read(4), "big")
    if not 0 < length <= limit:
        raise Damaged("it has a length that cannot be")
    data = file.read(length)
    if len(data) < length:
        raise Damaged("it was cut")
    return data


def _sized(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _context(encoded: bytes) -> bytes:
    return b"handover v1\x00" + sha256(encoded).digest()
