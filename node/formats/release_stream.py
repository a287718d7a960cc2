"""A bundle on its way over MQTT: pieces that only those who signed its order can read (TOPICS.md, "Release").

The broker sees sizes and times. Piece 0 has the stream's key, sealed to each signer by itself; every further piece is
sealed under it with its number. What the pieces are, joined, is a bundle.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from node.errors import CannotOpen, Damaged
from node.names import Digest, Name, Ulid
from node.sealing.aead import Aead, new_key
from node.sealing.keys import Jwk, RecipientKey
from node.sealing.recipients import unwrap, wrap

CHUNK_BYTES: Final = 256 * 1024
_AEAD: Final = "ChaCha20-Poly1305"
_CONTEXT: Final = b"release stream v1\x00"


class StreamStart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Piece 0: whose order it is, and the stream's key sealed (base64) to each who signed."""

    order: Ulid
    digest: Digest
    wraps: Annotated[dict[Name, str], Meta(min_length=1, max_length=16)]


class StreamSealer:
    """Seals one release's pieces in turn, under a key of its own."""

    def __init__(self, *, order: str, digest: str, signers: Mapping[str, Jwk]) -> None:
        key = new_key()
        self._aead = Aead(_AEAD, key)
        self._bound = _bound(digest)
        wraps = {
            person: b64encode(wrap(key, (person,), signers, context=self._bound)).decode()
            for person in signers
        }
        self.start: Final = msgspec.json.encode(StreamStart(order, digest, wraps))
        """Piece 0."""

    def seal(self, number: int, data: bytes) -> bytes:
        """Piece `number`, which is used once."""
        return self._aead.seal(number, data, self._bound)


class StreamOpener:
    """Opens the pieces with one signer's key; `CannotOpen` if the order was not signed by them."""

    def __init__(self, start: bytes, *, digest: str, key: RecipientKey) -> None:
        try:
            told = msgspec.json.decode(start, type=StreamStart)
            wrapped = b64decode(told.wraps.get(key.owner, ""), validate=True)
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
            raise Damaged(f"not the beginning of a release ({error})") from error
        if told.digest != digest:
            raise Damaged("it is the release of another order")
        if key.owner not in told.wraps:
            raise CannotOpen(
                f"{key.owner} has not signed that order: the pieces are sealed to those who have"
            )
        self._bound = _bound(digest)
        secret = unwrap(wrapped, (key.owner,), {key.owner: key}, context=self._bound)
        self._aead = Aead(_AEAD, secret)

    def open(self, number: int, data: bytes) -> bytes:
        """The piece, or `CannotOpen` if it is not that one."""
        return self._aead.open(number, data, self._bound)


def _bound(digest: str) -> bytes:
    return _CONTEXT + digest.encode()
