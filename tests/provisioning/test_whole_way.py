"""The whole way in processes of their own: from keys to a mandate and masks that a node believes."""

from pathlib import Path

import cv2
import numpy as np
from system.program import stolpe

from node.mandate import trust
from node.mandate.documents import Mandate, decode
from node.mandate.signatures import add_signature, parse, sign
from node.masks.geometry import full_view
from node.sealing.keys import read_private_keys

GEOMETRY = full_view(sensor="example", main=(320, 240), lores=(160, 120))


def ran(*arguments: str | Path) -> str:
    """What a command said that must succeed."""
    done = stolpe(*arguments)
    assert (done.code, done.err) == (0, ""), done
    return done.out


def sign_with(document: Path, *keys: Path) -> None:
    """Signatures in place, without a process for each."""
    for key in keys:
        data, signing = document.read_bytes(), read_private_keys(key).signing
        document.write_bytes(add_signature(data, signing) if b'"signatures"' in data else sign(data, signing))


def test_keys_a_root_of_two_controllers_and_a_mandate_from_dusk_to_dawn(office: Path, tmp_path: Path) -> None:
    key, root, mandate, signed = (tmp_path / name for name in ("p-01.key", "root", "mandate", "signed"))
    ran("keys", "new", "p-01", "--out", key)
    both = ["--controller", str(tmp_path / "p-01.pub.json"), "--controller", str(office / "p-02.pub.json")]
    ran("mandate", "root", *both, "--threshold", "2", "--out", root)
    sign_with(root, key, office / "p-02.key")

    roles = {
        "technician": "p-11",
        "approver": "p-12",
        "operator": "p-21",
        "recipient": "police",
        "recovery": "share",
    }
    others = [part for role, who in roles.items() for part in (f"--{role}", str(office / f"{who}.pub.json"))]
    releasers = ["--releaser", str(office / "p-31.pub.json"), "--releaser", str(office / "p-32.pub.json")]
    terms = [
        "--hours",
        "dusk-00:30/dawn",
        "--from",
        "2026-11-01T00:00:00+01:00",
        "--until",
        "2026-11-04T00:00:00Z",
    ]
    ran("mandate", "new", "--node", "n-1", *both[:2], *others, *releasers, *terms, "--out", mandate)
    sign_with(mandate, key)
    ran("mandate", "sign", mandate, "--key", office / "p-02.key", "--out", signed)
    assert "version 1 for node n-1, signed by p-01, p-02: good" in ran(
        "mandate", "check", signed, "--root", root
    )

    authority = trust.first_root(root.read_bytes()).document
    believed = trust.mandate(signed.read_bytes(), root=authority, node="n-1", floor=1)
    window = believed.document.hours[0]
    assert (window.open, window.close) == ("dusk-00:30", "dawn")


def test_masks_of_a_technician_and_an_approver_and_a_picture_of_them(office: Path, tmp_path: Path) -> None:
    masks, signed, picture = tmp_path / "masks.json", tmp_path / "masks.jws.json", tmp_path / "masks.png"
    ran(
        "masks", "new", "--mandate", office / "mandate.jws.json", "--geometry", office / "geometry.json",
        "--node", "n-1", "--made-by", "p-11", "--mask", "0.25,0.25 0.5,0.25 0.5,0.5 0.25,0.5", "--out", masks,
    )  # fmt: skip
    sign_with(masks, office / "p-11.key")
    ran("masks", "sign", masks, "--key", office / "p-12.key", "--out", signed)
    under = decode(parse((office / "mandate.jws.json").read_bytes()).payload, Mandate)
    believed = trust.masks(
        signed.read_bytes(), under=under, node="n-1", geometry=GEOMETRY, floor=1, current=None
    )
    assert believed.signers == {"p-11", "p-12"}
    assert "14.0% of the picture is black" in ran("masks", "show", signed, "--out", picture)
    drawn = cv2.imread(str(picture))
    assert drawn is not None
    assert np.all(drawn[44:59, 64:176] == 0)
    assert "one technician's signature is enough" in ran("masks", "compare", signed, office / "masks.json")


def test_what_goes_wrong_is_told_in_one_line_without_a_traceback() -> None:
    done = stolpe("mandate", "show", "absent.json")
    assert (done.code, done.out) == (1, "")
    assert done.lines == ["stolpe: absent.json: No such file or directory"]
