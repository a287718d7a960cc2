"""The vectors as they lie in this folder, and what to expect of each. Reads only; nothing here knows how to make one.

Beside every vector stands a `.json` with its literal expectation. `broken` says that it was damaged on purpose.
"""

from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from node.messages import AuditCheckpoint

FOLDER = Path(__file__).parent
EPOCH_SLOT = "segment_epochs"
"""The slot that holds the epochs of the segment vectors."""

SUFFIXES = {
    "segments": ".seg",
    "slots": ".slot",
    "keys": ".jwk",
    "documents": ".jws",
    "audit": ".jsonl",
    "bundles": ".bundle",
    "poses": ".pose",
}

Ending = Literal["closed", "recovered", "cut"]
Signature = Literal["good", "bad", "missing"]


class ExpectedRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """An opened record as [index, type, UTC nanoseconds, SHA-256 of its payload in hex]."""

    index: int
    type: str
    utc_ns: int
    sha256: str


class ExpectedSegment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Either `error`, whoever tries; or what those of `opens_for` find, and those of `sealed_for` do not."""

    about: str
    broken: bool
    error: Literal["Damaged", "CannotOpen"] | None = None
    epoch: int | None = None
    opens_for: tuple[tuple[str, ...], ...] = ()
    sealed_for: tuple[tuple[str, ...], ...] = ()
    ending: Ending | None = None
    signature: Signature | None = None
    damage: tuple[str, ...] = ()
    left_out: tuple[int, ...] = ()
    records: tuple[ExpectedRecord, ...] = ()


class ExpectedHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The header of a key slot that counts."""

    generation: int
    time_floor_ns: int
    uptime_ns: int
    root: int
    mandate: int
    masks: int
    epoch: int
    approved: int = 0
    used_orders: str = "0" * 16


class ExpectedEpoch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """One key as [slot, epoch, destroy-at, mandate's prefix in hex, key in hex]."""

    index: int
    epoch: int
    destroy_at_ns: int
    mandate_prefix: str
    key: str


class ExpectedSlot(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A key slot: `header` None or `epochs` None where `Damaged` must be raised; numbers of violated invariants.

    `zeros` that belong to its end are not in the file.
    """

    about: str
    broken: bool
    zeros: int
    header: ExpectedHeader | None = None
    epochs: tuple[ExpectedEpoch, ...] | None = None
    violations: tuple[str, ...] = ()


class ExpectedKeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A key file. `shape` says whether it is a JWK Set at all; `owner` is there if its private keys can be used."""

    about: str
    broken: bool
    shape: bool = False
    owner: str | None = None
    kem: Literal["MLKEM768-X25519", "X25519"] | None = None
    sig_public_sha256: str | None = None
    enc_public_sha256: str | None = None


class ExpectedDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A signed document, checked with the keys of `known`. `spaces` are to be added behind it before it is read."""

    about: str
    broken: bool
    known: tuple[str, ...]
    refused_by: Literal["parse", "verified_signers"] | None = None
    signers: tuple[str, ...] = ()
    payload_sha256: str | None = None
    spaces: int = 0


class ExpectedAudit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An audit log: `good` entries stand before the first bad one, which is `bad_entry`, for `violation`.

    `head` is that of a log without bad ones. `checkpoint` is checked with the key of `test-node`, and so is what its
    first entry says of what was before it (`opening_violation`).
    """

    about: str
    broken: bool
    good: int
    violation: str | None = None
    bad_entry: int | None = None
    head: str | None = None
    checkpoint: AuditCheckpoint | None = None
    checkpoint_violation: str | None = None
    opening_violation: str | None = None


class CarriedVector(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """A segment of a bundle as [number, SHA-256 of its bytes in hex, are they the manifest's, does it open]."""

    number: int
    sha256: str
    as_told: bool
    opens: bool


class ExpectedBundle(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A bundle, judged with the key of `test-node`, opened with those of `test-cissi` and `test-david`.

    `manifest` None: order and manifest cannot be read; `damaged`: the reader says that something is not as it must be.
    """

    about: str
    broken: bool
    error: Literal["Damaged"] | None = None
    manifest: Literal["good", "bad"] | None = None
    end: Signature | None = None
    damaged: bool = False
    segments: tuple[CarriedVector, ...] = ()
    gone: tuple[tuple[int, int], ...] = ()


class ExpectedPose(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A pose reference: its landmarks as [y, x, direction], or none where it must be refused."""

    about: str
    broken: bool
    landmarks: tuple[tuple[int, int, int], ...] = ()


Expected = TypeVar(
    "Expected",
    ExpectedSegment,
    ExpectedSlot,
    ExpectedKeyFile,
    ExpectedDocument,
    ExpectedAudit,
    ExpectedBundle,
    ExpectedPose,
)


def vectors(folder: str) -> list[Path]:
    """All vectors of one kind, by name."""
    return sorted((FOLDER / folder).glob(f"*{SUFFIXES[folder]}"))


def name_of(path: Path) -> str:
    """How a test calls it."""
    return path.stem


def expectation(path: Path, kind: type[Expected]) -> Expected:
    """What stands beside it."""
    return msgspec.json.decode(path.with_suffix(".json").read_bytes(), type=kind)


def vector(folder: str, name: str) -> bytes:
    """The bytes of one vector."""
    return (FOLDER / folder / f"{name}{SUFFIXES[folder]}").read_bytes()


def slot_image(name: str) -> bytes:
    """A whole key slot, with the zeros at its end."""
    path = FOLDER / "slots" / f"{name}.slot"
    return path.read_bytes() + bytes(expectation(path, ExpectedSlot).zeros)
