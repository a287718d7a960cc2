"""Every signed document of the vectors is believed or refused as it says beside it."""

from hashlib import sha256
from pathlib import Path

import pytest
from vectors.shelf import ExpectedDocument, expectation, name_of, vectors

from node.errors import Refused
from node.mandate.signatures import SignedDocument, parse, verified_signers
from node.sealing.keys import OkpJwk, PrivateKeys

DOCUMENTS = vectors("documents")


def refused_by(name: str | None) -> list[Path]:
    return [path for path in DOCUMENTS if expectation(path, ExpectedDocument).refused_by == name]


def parsed(path: Path) -> SignedDocument:
    return parse(path.read_bytes() + b" " * expectation(path, ExpectedDocument).spaces)


@pytest.fixture(scope="session")
def known(people: dict[str, PrivateKeys]) -> dict[str, OkpJwk]:
    return {
        person: key
        for person in ("test-anna", "test-bertil", "test-cissi")
        for key in people[person].public.keys
        if isinstance(key, OkpJwk) and key.crv == "Ed25519"
    }


@pytest.mark.parametrize("path", refused_by(None), ids=name_of)
def test_a_document_is_believed_with_all_who_signed_it(path: Path, known: dict[str, OkpJwk]) -> None:
    expected = expectation(path, ExpectedDocument)
    document = parsed(path)
    assert verified_signers(document, known) == set(expected.signers)
    assert sha256(document.payload).hexdigest() == expected.payload_sha256
    assert document.digest.hex() == expected.payload_sha256


@pytest.mark.parametrize("path", refused_by("parse"), ids=name_of)
def test_a_document_that_is_not_spelled_as_it_must_be_is_refused_unread(path: Path) -> None:
    with pytest.raises(Refused):
        parsed(path)


@pytest.mark.parametrize("path", refused_by("verified_signers"), ids=name_of)
def test_a_document_with_one_signature_that_is_not_good_is_refused_whole(
    path: Path, known: dict[str, OkpJwk]
) -> None:
    document = parsed(path)
    with pytest.raises(Refused):
        verified_signers(document, known)


@pytest.mark.parametrize("path", refused_by(None), ids=name_of)
def test_a_signer_who_has_no_say_makes_the_document_worth_nothing(
    path: Path, known: dict[str, OkpJwk]
) -> None:
    document = parsed(path)
    fewer = {person: key for person, key in known.items() if person != document.claimed[0]}
    with pytest.raises(Refused):
        verified_signers(document, fewer)
