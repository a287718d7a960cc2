"""What a document may say in each of its fields, and how its fields must agree with each other."""

import pytest
from mandate.design_documents import (
    DIGEST,
    MANDATE_ID,
    READ,
    WRITTEN,
    Json,
    at,
    b64,
    changed,
    ed25519,
    hybrid,
    person,
    refused,
    seed,
    split,
    x25519,
)

from node.errors import Refused
from node.mandate.documents import Grant, Mandate, MaskSet, decode
from node.names import is_name

NAMES = {
    "mandate": ["nodes.0", "alarms.0.zone", "people.0.id", "revoked_people"],
    "masks": ["node", "zones.0.name", "made_by"],
    "root": ["controllers.0.id"],
    "grant": ["node", "operator"],
    "release": ["node", "recipient"],
}  # fmt: skip
ULIDS = {"mandate": ["id"], "masks": ["id", "mandate"], "grant": ["id", "reason.alarm"], "release": ["id"]}
DIGESTS = {"masks": ["pose_reference", "sign.photo"]}
TEXTS = {
    "mandate": [
        "reference", "purpose", "controller.name", "controller.contact",
        "controller.data_protection_officer", "controller.information_url",
    ],
    "masks": ["polygons.0.label"],
    "grant": ["reason.text"],
    "release": ["case"],
}  # fmt: skip
MOMENTS = {
    "mandate": ["valid_from", "valid_until"],
    "masks": ["made_at"],
    "grant": ["expires"],
    "release": ["from", "to", "expires"],
}
BOUNDS = {
    "mandate": [
        ("version", 1, 0xFFFF_FFFF), ("commissioning.minutes", 1, 120), ("recording.preroll_seconds", 0, 120),
        ("recording.postroll_seconds", 0, 600), ("recording.retention_hours", 1, 24 * 366),
        ("alarms.0.min_seconds", 0, 3600), ("alarms.3.nuisance_per_night", 0, 1000),
        ("acknowledge.repeat_seconds", 5, 3600), ("acknowledge.escalate_seconds", 5, 86_400),
        ("live.minutes", 1, 60), ("live.preroll_seconds", 0, 120),
        ("site.latitude", -90, 90), ("site.longitude", -180, 180),
    ],
    "masks": [("version", 1, 0xFFFF_FFFF), ("guard_band_px", 16, 512), ("sign.mandate_version", 1, 0xFFFF_FFFF)],
    "root": [("version", 1, 0xFFFF_FFFF), ("threshold", 1, 3)],
    "grant": [("minutes", 1, 60)],
}  # fmt: skip
LENGTHS = {
    "mandate": [("nodes", 1000), ("hours", 32), ("alarms", 64), ("revoked_people", 100)],
    "masks": [("polygons", 64), ("zones", 64), ("scale.pixels_per_metre", 16)],
}


def rows(table: dict[str, list[Json]]) -> list[tuple[str, ...]]:
    return [
        (kind, *([row] if isinstance(row, str) else row)) for kind, found in table.items() for row in found
    ]


@pytest.mark.parametrize(("kind", "dotted"), rows(NAMES))
@pytest.mark.parametrize(
    "bad", ["", "-a", "P-01", "p 01", "p_01", "p.01", "\u00e5sa", "a" * 49, "p-01\x00", "\np-01"]
)
def test_an_id_of_other_characters_is_refused(kind: str, dotted: str, bad: str) -> None:
    assert refused(kind, dotted, [bad] if dotted == "revoked_people" else bad)
    assert not is_name(bad)


@pytest.mark.parametrize(("kind", "dotted"), rows(ULIDS))
@pytest.mark.parametrize(
    "bad", ["", MANDATE_ID[1:], MANDATE_ID + "0", MANDATE_ID.lower(), "8" + MANDATE_ID[1:], "U" * 26]
)
def test_a_document_id_that_is_no_ulid_is_refused(kind: str, dotted: str, bad: str) -> None:
    assert refused(kind, dotted, bad)


@pytest.mark.parametrize(("kind", "dotted"), rows(DIGESTS))
@pytest.mark.parametrize("bad", ["", DIGEST[:-1], DIGEST + "0", DIGEST.upper(), "sha512" + DIGEST[6:]])
def test_a_digest_of_another_spelling_is_refused(kind: str, dotted: str, bad: str) -> None:
    assert refused(kind, dotted, bad)


@pytest.mark.parametrize(
    ("kind", "dotted"), [("mandate", "nodes.0"), ("mandate", "id"), ("masks", "pose_reference")]
)
def test_an_id_that_ends_with_a_newline_is_refused(kind: str, dotted: str) -> None:
    assert refused(kind, dotted, f"{at(WRITTEN[kind](), split(dotted))}\n")


@pytest.mark.parametrize(("kind", "dotted"), rows(TEXTS))
def test_a_text_has_one_to_five_hundred_characters(kind: str, dotted: str) -> None:
    assert refused(kind, dotted, "")
    assert refused(kind, dotted, "x" * 501)
    assert not refused(kind, dotted, "\U0001f6a9" * 500)


@pytest.mark.parametrize(("kind", "dotted"), rows(MOMENTS))
@pytest.mark.parametrize(
    "bad", ["2026-11-03T22:50:00", "2026-11-03", "22:50:00Z", "2026-13-03T22:50:00Z", 1_793_742_600]
)
def test_a_moment_that_does_not_say_its_offset_is_refused(kind: str, dotted: str, bad: object) -> None:
    assert refused(kind, dotted, bad)


@pytest.mark.parametrize(("kind", "dotted", "least", "most"), rows(BOUNDS))
def test_a_number_stays_within_its_bounds(kind: str, dotted: str, least: int, most: int) -> None:
    assert not refused(kind, dotted, least)
    assert refused(kind, dotted, least - 1)
    assert not refused(kind, dotted, most)
    assert refused(kind, dotted, most + 1)
    assert refused(kind, dotted, 10**400)


@pytest.mark.parametrize(("kind", "dotted", "most"), rows(LENGTHS))
def test_a_list_has_its_bound(kind: str, dotted: str, most: int) -> None:
    first = (at(WRITTEN[kind](), split(dotted)) or ["gone"])[0]
    many = [numbered(first, number) for number in range(most + 1)]
    assert not refused(kind, dotted, many[:most])
    assert refused(kind, dotted, many)


def numbered(element: Json, number: int) -> Json:
    """The same again, under a name of its own where it has one."""
    if isinstance(element, str):
        return f"{element}-{number}"
    return {**element, "name": f"zone-{number}"} if "name" in element else element


SQUARE = [[0.1, 0.1], [0.4, 0.1], [0.4, 0.4], [0.1, 0.4]]
BOW_TIE = [[0.1, 0.1], [0.4, 0.4], [0.4, 0.1], [0.1, 0.4]]
SPARE = person("p-33", "releaser")
MANY = [person(f"p-4{n}", "releaser") for n in range(3)]
SECRET_OKP = {**ed25519("p-11"), "d": b64(seed("p-11"))}
SECRET_ENC = {**x25519("share"), "d": b64(seed("share"))}
SECRET_AKP = {**hybrid("police"), "priv": b64(seed("police") * 3)}


@pytest.mark.parametrize(
    ("dotted", "value", "complaint"),
    [
        ("release.threshold", 1, "threshold"),
        ("release.threshold", 3, "3 must release, but 2 releasers"),
        ("release.threshold", 9, "threshold"),
        ("release.recovery", None, "one lost key"),
        ("release.recovery", "sealed-share-2", "no key for 'sealed-share-2'"),
        ("release.recipients", ["police-region-syd"], "no key for 'police-region-syd'"),
        ("release.recipients", [], "recipients"),
        ("revoked_people", ["p-32"], "2 must release, but 1 releasers"),
        ("people.1.id", "p-12", "ids must be distinct"),
        ("people.1.id", "sealed-share-1", "ids must be distinct"),
        ("people.1.sig", ed25519("p-12"), "signature keys must be distinct"),
        ("people.5.enc", x25519("p-31"), "keys to seal to must be distinct"),
        ("people.5.enc", x25519("share"), "keys to seal to must be distinct"),
        ("people.1.sig", SECRET_OKP, "key of p-11 contains its private half"),
        ("keys.sealed-share-1", SECRET_ENC, "key of sealed-share-1 contains its private half"),
        ("keys.police-region-mitt", SECRET_AKP, "key of police-region-mitt contains its private half"),
        ("people.1.sig", x25519("p-11"), "must be Ed25519"),
        ("people.1.sig", hybrid("p-11"), "AKP"),
        ("people.1.enc", ed25519("p-11"), "MLKEM768-X25519 or X25519"),
        ("people.1.sig.x", b64(seed("short")[:31]), "32 bytes"),
        ("people.1.sig.x", b64(seed("long") + b"0"), "32 bytes"),
        ("people.1.sig.x", "A" * 42 + "B", "base64url"),
        ("people.1.sig.x", "\u00e5" * 43, "base64url"),
        ("keys.police-region-mitt.pub", b64(b"\xff" * 1216), "ML-KEM"),
        ("keys.police-region-mitt.alg", "MLKEM1024-X25519", "MLKEM1024"),
        ("keys.Police", hybrid("Police"), "keys"),
        ("people.1.roles", [], "roles"),
        ("people.1.roles", ["mayor"], "mayor"),
        ("people", [person("p-01", "controller")], "people"),
        ("masks.first_set", ["technician"], "first_set"),
        ("masks.first_set", ["approver", "approver"], "first_set"),
        ("masks.first_set", [], "first_set"),
        ("valid_until", "2026-11-01T00:00:00+01:00", "valid_from must be before"),
        ("valid_until", "2026-10-31T23:00:00Z", "valid_from must be before"),
        ("valid_until", "2026-10-31T00:00:00+01:00", "valid_from must be before"),
        ("basis", "habit", "basis"),
        ("decided", "2026-02-30", "decided"),
        ("hours", [], "hours"),
        ("hours.0.open", "24:00", "24:00"),
        ("site.timezone", "Europe/Nowhere", "timezone"),
        ("nodes", [], "nodes"),
        ("alarms.0.kind", "whistling", "whistling"),
    ],
)
def test_a_mandate_that_breaks_a_rule_is_refused(dotted: str, value: object, complaint: str) -> None:
    with pytest.raises(Refused, match=complaint):
        decode(changed("mandate", (dotted, value)), Mandate)


def test_a_spare_releaser_makes_a_recovery_recipient_needless() -> None:
    document = decode(changed("mandate", ("people.+", SPARE), ("release.recovery", None)), Mandate)
    assert document.release_subsets == (("p-31", "p-32"), ("p-31", "p-33"), ("p-32", "p-33"))


def test_a_revoked_releaser_is_no_spare_and_is_sealed_to_no_more() -> None:
    revoked = ("people.+", SPARE), ("revoked_people", ["p-31"])
    assert set(decode(changed("mandate", *revoked), Mandate).release_keys) == {
        "p-32", "p-33", "sealed-share-1",
    }  # fmt: skip
    with pytest.raises(Refused, match="one lost key"):
        decode(changed("mandate", *revoked, ("release.recovery", None)), Mandate)


def test_five_releasers_of_whom_two_suffice_are_the_most() -> None:
    five = [("people.+", releaser) for releaser in MANY]
    assert len(decode(changed("mandate", *five, ("release.recovery", None)), Mandate).release_subsets) == 10
    with pytest.raises(Refused, match="15 wraps"):
        decode(changed("mandate", *five), Mandate)


@pytest.mark.parametrize(
    ("dotted", "value", "complaint"),
    [
        ("guard_band_px", 15, "guard_band_px"),
        ("guard_band_px", 513, "guard_band_px"),
        ("polygons.0.points", BOW_TIE, "mask 'balconies'.*crosses"),
        ("polygons.0.points", SQUARE[:2], "at least three"),
        ("polygons.0.points", [[n / 200, n * n / 40_000] for n in range(129)], "at most 128"),
        ("polygons.0.points", [[0.1, 0.1], [0.4, 5.0], [0.4, 0.4]], "too far outside"),
        ("polygons.0.points", [[0.1, 0.1, 0.1], [0.4, 0.1], [0.4, 0.4]], "points"),
        ("polygons", [{"label": "one", "points": SQUARE}] * 65, "polygons"),
        ("polygons.0.label", "", "label"),
        ("zones.0.points", BOW_TIE, "zone 'gate'.*crosses"),
        ("zones.0.name", "The gate", "name"),
        ("geometry.crop", [1, 0, 4608, 2592], "crop"),
        ("geometry.crop", [0, 0, 0, 2592], "crop"),
        ("geometry.main", [0, 1080], "main"),
        ("geometry.lores", [640, 16_385], "lores"),
        ("geometry.transform", "upside-down", "transform"),
        ("pose_reference", "sha256:" + "0AF3" * 16, "pose_reference"),
        ("sign.photo", "md5:" + "0af3" * 8, "photo"),
        ("scale.pixels_per_metre", [[0.5, 0.9]], "pixels_per_metre"),
    ],
)
def test_a_mask_set_that_breaks_a_rule_is_refused(dotted: str, value: object, complaint: str) -> None:
    with pytest.raises(Refused, match=complaint):
        decode(changed("masks", (dotted, value)), MaskSet)


@pytest.mark.parametrize(
    ("kind", "dotted", "value", "complaint"),
    [
        ("root", "threshold", 4, "more than there are controllers"),
        ("root", "threshold", 0, "threshold"),
        ("root", "controllers", [], "controllers"),
        ("root", "controllers.1.id", "p-01", "ids must be distinct"),
        ("root", "controllers.1.sig", ed25519("p-01"), "keys must be distinct"),
        ("root", "controllers.1.sig", {**ed25519("p-02"), "d": b64(seed("p-02"))}, "private half"),
        ("root", "controllers.1.sig", x25519("p-02"), "must be Ed25519"),
        ("grant", "minutes", 0, "minutes"),
        ("grant", "minutes", 61, "minutes"),
        ("grant", "reason", {"text": ""}, "text"),
        ("grant", "reason", {"alarm": "the loud one"}, "alarm"),
        ("release", "to", "2026-11-03T21:40:00Z", "from must be before to"),
        ("release", "to", "2026-11-03T22:39:59+01:00", "from must be before to"),
    ],
)
def test_another_document_that_breaks_a_rule_is_refused(
    kind: str, dotted: str, value: object, complaint: str
) -> None:
    with pytest.raises(Refused, match=complaint):
        READ[kind](changed(kind, (dotted, value)))


@pytest.mark.parametrize(
    "key",
    [
        ed25519("session"),
        {**x25519("session"), "d": b64(seed("session"))},
        {**x25519("session"), "x": "AAAA"},
    ],
    ids=["for signatures", "with its private half", "too short"],
)
def test_a_grant_whose_session_key_cannot_be_sealed_to_is_refused(key: Json) -> None:
    with pytest.raises(Refused):
        decode(changed("grant", ("session_key", key)), Grant)


def test_a_key_that_nothing_can_be_sealed_to_is_refused() -> None:
    with pytest.raises(Refused):
        decode(changed("mandate", ("people.4.enc.x", b64(bytes(32)))), Mandate)
