"""Early erasure: which orders are refused, that each is acted on once, and never beside a release."""

import msgspec
import pytest
from recorder.erasure_office import ask, erasure, filmed, over
from recorder.release_office import MINUTE, TWO, Office, moment

from node.mandate.documents import Mandate, decode
from node.mandate.signatures import parse


@pytest.mark.parametrize(
    ("changes", "signers", "reason"),
    [
        ({}, ("releaser-1",), "signed by 1 of the 2 releasers"),
        ({}, ("releaser-1", "operator-1"), "has no say"),
        ({}, ("releaser-1", "controller-1"), "has no say"),
        ({"node": "n-other"}, TWO, "it is for node n-other"),
        ({"expires": moment(0)}, TWO, "it has expired"),
        ({"from_": moment(-7200), "to": moment(-3600)}, TWO, "nothing to erase"),
        ({"to": moment(1000)}, TWO, "its interval is not over yet"),
        ({"from_": moment(2 * MINUTE + 29), "to": moment(2 * MINUTE + 30)}, TWO, "not over yet"),
    ],
)
def test_an_order_that_is_not_good_is_refused_with_the_reason_and_logged(
    changes: dict[str, object], signers: tuple[str, ...], reason: str, office: Office
) -> None:
    filmed(office, 0, 1, 2)
    answer = ask(office, msgspec.structs.replace(erasure(), **changes), *signers)
    assert (answer.accepted, answer.kind) == (False, "erase")
    assert reason in answer.reason
    assert (office.log[-1].action, office.log[-1].subject) == ("document_refused", "erase")
    assert reason in office.log[-1].reason
    office.station.after(60)
    assert len(office.station.paths) == 3


def test_one_person_does_not_sign_twice(office: Office) -> None:
    filmed(office, 0, 1, 2)
    told = msgspec.json.decode(office.desk.signed(erasure(), *TWO))
    told["signatures"][1] = told["signatures"][0]
    answer = office.send(msgspec.json.encode(told))
    assert not answer.accepted
    assert "signed twice by one person" in answer.reason


def test_an_order_is_used_once_also_after_a_restart(office: Office) -> None:
    filmed(office, 0, 1, 2)
    order = erasure()
    assert ask(office, order).accepted
    assert "footage is being erased" in ask(office, order).reason
    over(office)
    assert "was used before" in ask(office, order).reason
    office.station.stop()
    office.station.start()
    assert "was used before" in ask(office, order).reason


def test_a_person_who_was_revoked_since_erases_nothing(office: Office) -> None:
    filmed(office, 0, 1, 2)
    mandate = decode(parse(office.desk.mandate).payload, Mandate)
    people = tuple(
        msgspec.structs.replace(person, roles=(*person.roles, "releaser"))
        if person.id in {"operator-1", "approver-1"}
        else person
        for person in mandate.people
    )
    after = office.desk.next_mandate(2, people=people, revoked_people=("releaser-2",))
    assert office.send(after).accepted
    assert "releaser-2, who was revoked since" in ask(office, erasure()).reason


def test_neither_of_release_and_erasure_begins_while_the_other_is_under_way(office: Office) -> None:
    filmed(office, 0, 1, 2)
    release = office.order(until=MINUTE)
    assert office.ask(release).accepted
    assert "a release is on its way" in ask(office, erasure()).reason
    office.delivered()
    assert ask(office, erasure()).accepted
    assert "footage is being erased" in office.ask(office.order(until=MINUTE)).reason
    over(office)
    assert office.ask(office.order(until=MINUTE)).accepted
