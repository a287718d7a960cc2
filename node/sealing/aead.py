"""Authenticated encryption of numbered records, and keys derived from keys.

Owns the choice of the cipher. A nonce is a counter under a key that is never used for anything else, so no
nonce can be used twice.
"""

import platform
import secrets
from pathlib import Path
from typing import Literal, get_args

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from node.errors import CannotOpen

AeadName = Literal["AES-256-GCM", "ChaCha20-Poly1305"]
AEAD_NAMES: tuple[AeadName, ...] = get_args(AeadName)

KEY_BYTES = 32
TAG_BYTES = 16
_NONCE_BYTES = 12


def new_key() -> bytes:
    """32 random bytes of the operating system."""
    return secrets.token_bytes(KEY_BYTES)


def fastest_aead(cpuinfo: Path = Path("/proc/cpuinfo")) -> AeadName:
    """AES-256-GCM where the processor has AES instructions (a Pi 5, most PCs), else ChaCha20-Poly1305 (a Pi 4)."""
    if platform.system() != "Linux" or not cpuinfo.exists():
        return "ChaCha20-Poly1305"
    for line in cpuinfo.read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() in {"flags", "Features"}:
            return "AES-256-GCM" if "aes" in value.split() else "ChaCha20-Poly1305"
    return "ChaCha20-Poly1305"


class Aead:
    """One cipher under one 32-byte key, whose records are numbered from 0."""

    def __init__(self, name: AeadName, key: bytes) -> None:
        self._cipher = AESGCM(key) if name == "AES-256-GCM" else ChaCha20Poly1305(key)

    def seal(self, index: int, plaintext: bytes, associated: bytes) -> bytes:
        """Ciphertext and 16-byte tag. The caller never seals two records with one index."""
        return self._cipher.encrypt(index.to_bytes(_NONCE_BYTES, "big"), plaintext, associated)

    def open(self, index: int, ciphertext: bytes, associated: bytes) -> bytes:
        """The plaintext of record `index`, or `CannotOpen`."""
        try:
            return self._cipher.decrypt(index.to_bytes(_NONCE_BYTES, "big"), ciphertext, associated)
        except InvalidTag as error:
            raise CannotOpen("the record does not open with this key") from error


def derive(key: bytes, *, info: bytes) -> bytes:
    """A 32-byte key for one purpose: HKDF-SHA256 (RFC 5869) without salt, `key` being uniformly random."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(key)
