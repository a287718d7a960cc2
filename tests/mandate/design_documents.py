"""The documents of the design, written out, with real keys where it has placeholders; and ways into them."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from node.errors import Refused
from node.mandate.documents import Document, Grant, Mandate, MaskSet, ReleaseOrder, Root, decode

Json = Any
"""A value of parsed JSON."""
Path = tuple[str | int, ...]

MANDATE_ID = "01KAQZ3V6N4E8R1T5Y7W9B2M0C"
DIGEST = "sha256:" + "0af3" * 16


def seed(text: str) -> bytes:
    return sha256(text.encode()).digest()


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def ed25519(owner: str) -> Json:
    key = Ed25519PrivateKey.from_private_bytes(seed(owner))
    return {"kty": "OKP", "crv": "Ed25519", "x": b64(key.public_key().public_bytes_raw())}


def x25519(owner: str) -> Json:
    key = X25519PrivateKey.from_private_bytes(seed(owner))
    return {"kty": "OKP", "crv": "X25519", "x": b64(key.public_key().public_bytes_raw())}


def hybrid(owner: str) -> Json:
    mlkem = MLKEM768PrivateKey.from_seed_bytes(seed(owner) * 2).public_key().public_bytes_raw()
    ecdh = X25519PrivateKey.from_private_bytes(seed(owner)).public_key().public_bytes_raw()
    return {"kty": "AKP", "alg": "MLKEM768-X25519", "pub": b64(mlkem + ecdh)}


def person(who: str, *roles: str) -> Json:
    return {"id": who, "roles": list(roles), "sig": ed25519(who), "enc": x25519(who)}


def mandate() -> Json:
    return {
        "type": "mandate", "id": MANDATE_ID, "version": 3,
        "reference": "KS 2026/0417", "basis": "assessment", "decided": "2026-10-02",
        "controller": {
            "name": "Exempelstads kommun", "contact": "kamera@exempelstad.example",
            "data_protection_officer": "dso@exempelstad.example",
            "information_url": "https://exempelstad.example/kamera",
        },
        "purpose": "Förebygga och utreda brott på parkeringen",
        "site": {
            "name": "Parkering Norra", "latitude": 59.61, "longitude": 16.54, "timezone": "Europe/Stockholm",
        },
        "nodes": ["n-7f3a"],
        "valid_from": "2026-11-01T00:00:00+01:00", "valid_until": "2027-04-30T23:59:59+02:00",
        "hours": [
            {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "open": "20:00", "close": "06:00"}
        ],
        "commissioning": {"allowed": True, "minutes": 20},
        "recording": {
            "mode": "continuous", "preroll_seconds": 10, "postroll_seconds": 30, "retention_hours": 72,
        },
        "masks": {"first_set": ["technician", "approver"], "nothing_to_mask": False},
        "alarms": [
            {"kind": "intrusion", "zone": "gate", "min_seconds": 2, "severity": "high"},
            {"kind": "fire", "severity": "critical"},
            {"kind": "tamper", "severity": "high"},
            {"kind": "abnormal", "severity": "low", "nuisance_per_night": 2},
        ],
        "acknowledge": {"repeat_seconds": 30, "escalate_seconds": 120},
        "live": {"requires": "alarm_or_reason", "minutes": 10, "preroll_seconds": 15},
        "release": {"threshold": 2, "recipients": ["police-region-mitt"], "recovery": "sealed-share-1"},
        "people": [
            person("p-01", "controller"), person("p-11", "technician"), person("p-12", "approver"),
            person("p-21", "operator"), person("p-31", "releaser"), person("p-32", "releaser"),
        ],
        "keys": {"police-region-mitt": hybrid("police"), "sealed-share-1": x25519("share")},
        "revoked_people": [],
    }  # fmt: skip


def masks() -> Json:
    return {
        "type": "masks", "id": "01KAR0F2T9Z6S3X8V1N4K7J5HD", "version": 2, "node": "n-7f3a", "mandate": MANDATE_ID,
        "geometry": {
            "sensor": "imx708_wide", "pixel_array": [4608, 2592], "mode": [2304, 1296],
            "crop": [0, 0, 4608, 2592], "transform": "rotate180", "main": [1920, 1080], "lores": [640, 360],
        },
        "guard_band_px": 16,
        "polygons": [
            {"label": "balconies", "points": [[0.10, 0.05], [0.42, 0.07], [0.40, 0.31], [0.12, 0.28]]}
        ],
        "zones": [{"name": "gate", "points": [[0.55, 0.60], [0.70, 0.58], [0.72, 0.80], [0.54, 0.82]]}],
        "scale": {"pixels_per_metre": [[0.5, 0.9, 118.0], [0.5, 0.5, 41.0]]},
        "pose_reference": DIGEST,
        "sign": {"present": True, "photo": DIGEST, "mandate_version": 3},
        "made_by": "p-11", "made_at": "2026-11-03T09:41:00+01:00",
    }  # fmt: skip


def root() -> Json:
    controllers = [{"id": who, "sig": ed25519(who)} for who in ("p-01", "p-02", "p-03")]
    return {"type": "root", "version": 1, "threshold": 2, "controllers": controllers}


def grant() -> Json:
    return {
        "type": "grant", "id": "01KAR1F2T9Z6S3X8V1N4K7J5HD", "node": "n-7f3a", "operator": "p-21", "minutes": 5,
        "reason": {"alarm": "01KAR0F2T9Z6S3X8V1N4K7J5HD"}, "session_key": hybrid("session"),
        "expires": "2026-11-03T23:12:00+01:00",
    }  # fmt: skip


def release() -> Json:
    return {
        "type": "release", "id": "01KAR2F2T9Z6S3X8V1N4K7J5HD", "node": "n-7f3a",
        "from": "2026-11-03T22:40:00+01:00", "to": "2026-11-03T23:10:00+01:00", "case": "5000-K123456-26",
        "recipient": "police-region-mitt", "expires": "2026-11-05T12:00:00+01:00",
    }  # fmt: skip


WRITTEN: dict[str, Callable[[], Json]] = {
    "mandate": mandate,
    "masks": masks,
    "root": root,
    "grant": grant,
    "release": release,
}
READ: dict[str, Callable[[bytes], Document]] = {
    "mandate": lambda payload: decode(payload, Mandate),
    "masks": lambda payload: decode(payload, MaskSet),
    "root": lambda payload: decode(payload, Root),
    "grant": lambda payload: decode(payload, Grant),
    "release": lambda payload: decode(payload, ReleaseOrder),
}


def bytes_of(document: object) -> bytes:
    return json.dumps(document).encode()


def changed(kind: str, *changes: tuple[str, object]) -> bytes:
    """The design's document with other values at dotted paths; a last part of `+` appends."""
    document = WRITTEN[kind]()
    for dotted, value in changes:
        *way, last = split(dotted)
        place = at(document, tuple(way))
        if last == "+":
            place.append(value)
        else:
            place[last] = value
    return bytes_of(document)


def split(dotted: str) -> Path:
    return tuple(int(part) if part.isdigit() else part for part in dotted.split("."))


def objects(value: Json, path: Path = ()) -> list[Path]:
    """Where there is an object in a document, in depth."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [deeper for key, part in inner for deeper in objects(part, (*path, key))]
    return [path, *found] if isinstance(value, dict) else found


def at(document: Json, path: Path) -> Json:
    for part in path:
        document = document[part]
    return document


def refused(kind: str, dotted: str, value: object) -> bool:
    """Whether the design's document is refused with this value in that place."""
    try:
        READ[kind](changed(kind, (dotted, value)))
    except Refused:
        return True
    return False
