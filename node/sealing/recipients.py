"""A secret that k of n named persons can open together, and nobody else.

For every k-subset of the recipients there is one wrap: the secret encrypted with HPKE (RFC 9180, single shot,
HKDF-SHA256, ChaCha20-Poly1305) to the subset's first member, that result to the second, and so on. `info` binds
what the wrap belongs to, the subset and the layer, so that no wrap or layer can be moved to another place.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import comb

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from node.errors import CannotOpen, Refused
from node.sealing.keys import Jwk, Kem, RecipientKey, kem_of, recipient_key

Subset = tuple[str, ...]
MAX_SUBSETS = 10

_KEMS = {"MLKEM768-X25519": KEM.MLKEM768_X25519, "X25519": KEM.X25519}


def subsets(recipients: Sequence[str], threshold: int) -> tuple[Subset, ...]:
    """All `threshold`-subsets in the order of `recipients`, which must be distinct; at most ten."""
    if len(set(recipients)) != len(recipients):
        raise Refused("the recipients must be distinct")
    if not 1 <= threshold <= len(recipients):
        raise Refused(f"{threshold} of {len(recipients)} recipients cannot be")
    if (count := comb(len(recipients), threshold)) > MAX_SUBSETS:
        raise Refused(
            f"{threshold} of {len(recipients)} makes {count} wraps, at most {MAX_SUBSETS} are allowed"
        )
    return tuple(combinations(recipients, threshold))


def wrap(secret: bytes, subset: Subset, keys: Mapping[str, Jwk], *, context: bytes) -> bytes:
    """The secret, sealed so that all of `subset` are needed to open it. `context` names what it belongs to."""
    sealed = secret
    for layer, person in enumerate(subset):
        key = keys[person]
        try:
            sealed = _suite(kem_of(key)).encrypt(sealed, recipient_key(key), _info(context, subset, layer))
        except ValueError as error:
            raise Refused(f"nothing can be sealed to the key of {person}") from error
    return sealed


def unwrap(wrapped: bytes, subset: Subset, keys: Mapping[str, RecipientKey], *, context: bytes) -> bytes:
    """The secret of a wrap made for `subset` with the same `context`, or `CannotOpen`."""
    opened = wrapped
    for layer, person in reversed(list(enumerate(subset))):
        key = keys[person]
        try:
            opened = _suite(key.kem).decrypt(opened, key.private, _info(context, subset, layer))
        except (InvalidTag, ValueError) as error:
            raise CannotOpen("the wrap does not open with these keys") from error
    return opened


def _suite(kem: Kem) -> Suite:
    return Suite(_KEMS[kem], KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


def _info(context: bytes, subset: Subset, layer: int) -> bytes:
    names = "\x00".join(subset).encode()
    return (
        b"stolpe wrap v1\x00"
        + len(context).to_bytes(2, "big")
        + context
        + bytes([len(subset), layer])
        + names
    )
