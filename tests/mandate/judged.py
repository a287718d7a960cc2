"""Documents that are really signed, and what `node.mandate.trust` says of them."""

import json
from collections.abc import Callable, Sequence

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from mandate.design_documents import Json, mandate, masks, person, root, seed

from node.clock import parse_rfc3339
from node.errors import Refused
from node.mandate import trust
from node.mandate.documents import Mandate, MaskSet, Root, decode
from node.mandate.signatures import add_signature, sign
from node.masks.geometry import Geometry
from node.sealing.keys import SigningKey

NODE = "n-7f3a"
NOW_NS = parse_rfc3339("2026-11-03T23:00:00+01:00")
VIEW = {
    "sensor": "imx708_wide", "pixel_array": [230, 130], "mode": [230, 130], "crop": [0, 0, 230, 130],
    "transform": "rotate180", "main": [160, 90], "lores": [80, 45],
}  # fmt: skip
GEOMETRY = msgspec.convert(VIEW, Geometry)
SQUARE = [[0.2, 0.2], [0.6, 0.2], [0.6, 0.6], [0.2, 0.6]]
WIDER = [[0.1, 0.1], [0.7, 0.1], [0.7, 0.7], [0.1, 0.7]]
MOVED = [[0.3, 0.2], [0.7, 0.2], [0.7, 0.6], [0.3, 0.6]]


def signed(document: object, *signers: str, keys: dict[str, str] | None = None) -> bytes:
    """A document by these persons; `keys` says whose key somebody used instead of their own."""
    payload = document if isinstance(document, bytes) else json.dumps(document).encode()
    result = b""
    for who in signers:
        owner = (keys or {}).get(who, who)
        private = SigningKey(who, Ed25519PrivateKey.from_private_bytes(seed(owner)))
        result = add_signature(result, private) if result else sign(payload, private)
    return result


def verdict(judge: Callable[[], object]) -> str:
    """`good`, or what the refusal says."""
    try:
        judge()
    except Refused as refusal:
        return str(refusal)
    return "good"


def agrees(found: str, expected: str) -> bool:
    return found == "good" if expected == "good" else found != "good" and expected in found


def first_root(**changes: object) -> Root:
    return decode(json.dumps({**root(), **changes}).encode(), Root)


def decision(**changes: object) -> Json:
    """The design's mandate with two technicians, one of them also approver, and somebody in every role revoked."""
    more = [
        person("p-13", "technician", "approver"), person("p-14", "approver"), person("p-22", "operator"),
        person("p-33", "releaser"), person("p-90", "technician", "approver", "operator", "releaser"),
    ]  # fmt: skip
    base = mandate()
    return {**base, "people": base["people"] + more, "revoked_people": ["p-90"], **changes}


def in_force(**changes: object) -> Mandate:
    return decode(json.dumps(decision(**changes)).encode(), Mandate)


def mask_set(*polygons: Sequence[Sequence[float]], **changes: object) -> Json:
    shapes = [{"label": f"mask {n}", "points": points} for n, points in enumerate(polygons, 1)]
    return {**masks(), "geometry": VIEW, "polygons": shapes, "zones": [], **changes}


CURRENT = decode(json.dumps(mask_set(SQUARE, guard_band_px=20)).encode(), MaskSet)


def judge_masks(
    document: bytes, current: MaskSet | None = None, floor: int = 1, under: Mandate | None = None
) -> str:
    decided = under or in_force()
    return verdict(
        lambda: trust.masks(
            document, under=decided, node=NODE, geometry=GEOMETRY, floor=floor, current=current
        )
    )
