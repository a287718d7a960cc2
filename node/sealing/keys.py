"""Keys of persons and nodes, and the files they live in.

A key file is a JWK Set (RFC 7517): one `sig` key, Ed25519 (RFC 8037), for documents and statements, and one
`enc` key, an HPKE key for what is sealed to its owner: MLKEM768-X25519 by default, X25519 if post-quantum
secrecy is not wanted. Private files have mode 0600; the public half stands beside them as `.pub.json`.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey

from node.errors import Refused
from node.files import create_whole, read_bounded
from node.names import Name

Kem = Literal["MLKEM768-X25519", "X25519"]
MAX_KEY_FILE_BYTES = 64 * 1024
_X25519_BYTES = 32


class OkpJwk(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="kty", tag="OKP"
):
    """Ed25519 or X25519 key (RFC 8037). `d` is the private half."""

    crv: Literal["Ed25519", "X25519"]
    x: str
    d: str | None = None
    kid: Name | None = None
    use: Literal["sig", "enc"] | None = None


class AkpJwk(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="kty", tag="AKP"
):
    """Hybrid key: `pub` = ML-KEM-768 encapsulation key, X25519 key; `priv` = ML-KEM seed (64), X25519 key (32)."""

    alg: Literal["MLKEM768-X25519"]
    pub: str
    priv: str | None = None
    kid: Name | None = None
    use: Literal["sig", "enc"] | None = None


Jwk = OkpJwk | AkpJwk
VerifyingKey = Ed25519PublicKey
HpkePublic = X25519PublicKey | MLKEM768X25519PublicKey
HpkePrivate = X25519PrivateKey | MLKEM768X25519PrivateKey


class JwkSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of a key file."""

    keys: tuple[Jwk, ...]


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private Ed25519 key and the id (`kid`) of its owner."""

    owner: str
    private: Ed25519PrivateKey

    def sign(self, message: bytes) -> bytes:
        """64-byte signature (RFC 8032)."""
        return self.private.sign(message)


@dataclass(frozen=True, slots=True)
class RecipientKey:
    """A private HPKE key and the id of its owner."""

    owner: str
    kem: Kem
    private: HpkePrivate


@dataclass(frozen=True, slots=True)
class PrivateKeys:
    """What one person or node holds."""

    owner: str
    signing: SigningKey
    recipient: RecipientKey
    public: JwkSet


def new_keys(owner: str, *, kem: Kem = "MLKEM768-X25519") -> JwkSet:
    """A fresh pair of private keys for `owner`."""
    signing = Ed25519PrivateKey.generate()
    ecdh = X25519PrivateKey.generate()
    sig = OkpJwk(
        crv="Ed25519",
        x=_b64(signing.public_key().public_bytes_raw()),
        d=_b64(signing.private_bytes_raw()),
        kid=owner,
        use="sig",
    )
    enc: Jwk
    if kem == "X25519":
        public = ecdh.public_key().public_bytes_raw()
        enc = OkpJwk(crv="X25519", x=_b64(public), d=_b64(ecdh.private_bytes_raw()), kid=owner, use="enc")
    else:
        mlkem = MLKEM768PrivateKey.generate()
        enc = AkpJwk(
            alg="MLKEM768-X25519",
            pub=_b64(mlkem.public_key().public_bytes_raw() + ecdh.public_key().public_bytes_raw()),
            priv=_b64(mlkem.private_bytes_raw() + ecdh.private_bytes_raw()),
            kid=owner,
            use="enc",
        )
    return JwkSet((sig, enc))


def without_private(keys: JwkSet) -> JwkSet:
    """The public halves."""
    halves: list[Jwk] = []
    for key in keys.keys:
        if isinstance(key, OkpJwk):
            halves.append(msgspec.structs.replace(key, d=None))
        else:
            halves.append(msgspec.structs.replace(key, priv=None))
    return JwkSet(tuple(halves))


def public_halves(keys: JwkSet) -> tuple[OkpJwk, Jwk]:
    """Signature key and encryption key as a mandate spells them: public, without owner and use. Or `Refused`."""
    sig, enc = _pair(without_private(keys), "the key file")
    bare_enc = msgspec.structs.replace(enc, kid=None, use=None)
    return msgspec.structs.replace(sig, kid=None, use=None), bare_enc


def owner_of(keys: JwkSet, path: Path) -> str:
    """Whose keys a file holds; `Refused` if it does not say so of each of them."""
    owners = {key.kid for key in keys.keys}
    owner = owners.pop() if len(owners) == 1 else None
    if owner is None:
        raise Refused(f"{path}: does not say whose it is: its two keys must name the same owner (kid)")
    return owner


def write_key_files(path: Path, keys: JwkSet) -> Path:
    """Write `path` (mode 0600, never over another file) and its public half beside it; returns the latter."""
    public_path = path.with_name(f"{path.stem}.pub.json")
    if public_path.exists():
        raise Refused(f"{public_path} exists: a key file is never written over")
    create_whole(path, _spelled(keys), mode=0o600)
    create_whole(public_path, _spelled(without_private(keys)))
    return public_path


def _spelled(keys: JwkSet) -> bytes:
    return msgspec.json.format(msgspec.json.encode(keys), indent=1) + b"\n"


def read_verifying_key(path: Path) -> VerifyingKey:
    """The key in a file, private or public, that its owner's signatures are checked with."""
    return verifying_key(_pair(read_jwk_set(path), path)[0])


def read_private_keys(path: Path) -> PrivateKeys:
    """The keys in a private key file; refuses one that others can read, or that lacks a private half."""
    if path.exists() and path.stat().st_mode & 0o077:
        raise Refused(f"{path}: others can read this private key file: chmod 600 it")
    keys = read_jwk_set(path)
    sig, enc = _pair(keys, path)
    signing, recipient = _private_sig(sig, path), _private_enc(enc, path)
    owner = owner_of(keys, path)
    return PrivateKeys(
        owner=owner,
        signing=SigningKey(owner, signing),
        recipient=RecipientKey(owner, kem_of(enc), recipient),
        public=without_private(keys),
    )


def read_jwk_set(path: Path) -> JwkSet:
    """A key file's JWK Set, bounded and checked for its shape only."""
    data = read_bounded(path, most=MAX_KEY_FILE_BYTES, what="a key file")
    try:
        return msgspec.json.decode(data, type=JwkSet)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(f"{path}: not a key file ({error})") from error


def _pair(keys: JwkSet, path: Path | str) -> tuple[OkpJwk, Jwk]:
    sig = [key for key in keys.keys if isinstance(key, OkpJwk) and key.crv == "Ed25519"]
    enc = [key for key in keys.keys if not (isinstance(key, OkpJwk) and key.crv == "Ed25519")]
    if len(sig) != 1 or len(enc) != 1:
        raise Refused(f"{path}: a key file holds one Ed25519 key and one HPKE key")
    return sig[0], enc[0]


def _private_sig(key: OkpJwk, path: Path) -> Ed25519PrivateKey:
    if key.d is None:
        raise Refused(f"{path}: this is the public half; the private key file is needed")
    private = Ed25519PrivateKey.from_private_bytes(_raw(key.d, 32))
    if private.public_key() != verifying_key(key):
        raise Refused(f"{path}: the private and the public half do not belong together")
    return private


def _private_enc(key: Jwk, path: Path) -> HpkePrivate:
    secret = key.d if isinstance(key, OkpJwk) else key.priv
    if secret is None:
        raise Refused(f"{path}: this is the public half; the private key file is needed")
    if isinstance(key, OkpJwk):
        ecdh = X25519PrivateKey.from_private_bytes(_raw(secret, _X25519_BYTES))
        if ecdh.public_key().public_bytes_raw() != _raw(key.x, _X25519_BYTES):
            raise Refused(f"{path}: the private and the public half do not belong together")
        return ecdh
    raw = _raw(secret, 64 + _X25519_BYTES)
    mlkem = MLKEM768PrivateKey.from_seed_bytes(raw[:64])
    ecdh = X25519PrivateKey.from_private_bytes(raw[64:])
    if mlkem.public_key().public_bytes_raw() + ecdh.public_key().public_bytes_raw() != _raw(key.pub, 1216):
        raise Refused(f"{path}: the private and the public half do not belong together")
    return MLKEM768X25519PrivateKey(mlkem, ecdh)


def verifying_key(key: Jwk) -> VerifyingKey:
    """The Ed25519 public key of a JWK, or `Refused`."""
    if not isinstance(key, OkpJwk) or key.crv != "Ed25519":
        raise Refused(f"a signature key must be Ed25519 (kty OKP, crv Ed25519), this is of {_kind(key)}")
    return Ed25519PublicKey.from_public_bytes(_raw(key.x, 32))


def verifies(key: VerifyingKey, signature: bytes, message: bytes) -> bool:
    """Whether the signature is that key's over the message."""
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def fingerprint(key: VerifyingKey) -> str:
    """`sha256:` and hex of the 32 bytes of a public Ed25519 key: how people compare it."""
    return f"sha256:{sha256(key.public_bytes_raw()).hexdigest()}"


def recipient_key(key: Jwk) -> HpkePublic:
    """The HPKE public key of a JWK, or `Refused`."""
    if isinstance(key, AkpJwk):
        raw = _raw(key.pub, 1216)
        try:
            mlkem = MLKEM768PublicKey.from_public_bytes(raw[:-_X25519_BYTES])
        except ValueError as error:
            raise Refused("not an ML-KEM-768 public key") from error
        return MLKEM768X25519PublicKey(mlkem, _x25519(raw[-_X25519_BYTES:]))
    if key.crv != "X25519":
        raise Refused("a key that things are sealed to must be MLKEM768-X25519 or X25519")
    return _x25519(_raw(key.x, _X25519_BYTES))


def _x25519(raw: bytes) -> X25519PublicKey:
    """A public key that a secret can be agreed with: not one of the points of low order (RFC 7748, section 6.1)."""
    if (
        raw[-1] & 0x80
    ):  # RFC 7748 ignores that bit, HPKE binds it: what is sealed to such a key opens for nobody
        raise Refused("an X25519 key in another than its one canonical spelling")
    public = X25519PublicKey.from_public_bytes(raw)
    try:
        X25519PrivateKey.generate().exchange(public)
    except ValueError as error:
        raise Refused("an X25519 key of low order: nothing can be sealed to it") from error
    return public


def _kind(key: Jwk) -> str:
    return f"kty AKP, alg {key.alg}" if isinstance(key, AkpJwk) else f"kty OKP, crv {key.crv}"


def kem_of(key: Jwk) -> Kem:
    """Which HPKE KEM the key is for."""
    return "MLKEM768-X25519" if isinstance(key, AkpJwk) else "X25519"


def _b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _raw(text: str, length: int) -> bytes:
    """Exactly `length` bytes from base64url without padding, in its one canonical spelling."""
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise Refused("a key is not base64url") from error
    if len(data) != length or _b64(data) != text:
        raise Refused(f"a key of {length} bytes was expected in base64url, this has {len(data)}")
    return data
