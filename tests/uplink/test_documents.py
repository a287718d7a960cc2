"""Documents in: from an office over a real broker to the recorder, and its answer back."""

from collections.abc import Callable

import pytest

from node.clock import NS
from node.config import NodeConfig
from node.formats import payloads as p
from node.messages import MAX_DOCUMENT_MESSAGE_BYTES
from node.uplink.documents import MAX_CORRELATION_BYTES, MAX_PENDING
from tests.fakes.pole import Pole
from tests.fakes.site_broker import NODE, Office, Seen

ROOT = f"stolpe/v1/exempelstad/{NODE}"
DOCUMENT, REPLY = f"{ROOT}/document", f"{ROOT}/reply/desk-1"


def reply_to(office: Office, pole: Pole) -> tuple[Seen, p.DocumentReply]:
    """The next reply, as it came and as it reads."""
    seen = office.wait_for(lambda s: "/reply/" in s.topic, meanwhile=pole.turn)
    reply = p.decode(seen.payload)
    assert isinstance(reply, p.DocumentReply)
    return seen, reply


def replies(office: Office) -> list[Seen]:
    """All that have come by now."""
    found = []
    while not office.seen.empty():
        seen = office.seen.get()
        if not seen.topic.startswith(f"{ROOT}/") or "/reply" in seen.topic:
            found.append(seen)
    return found


@pytest.fixture
def joined(pole: Pole, office: Office) -> Pole:
    """A pole whose uplink listens for documents."""
    office.wait_for(lambda s: s.topic.endswith("/birth"), meanwhile=pole.turn)
    pole.turns(5)
    return pole


def test_a_document_reaches_the_recorder_and_its_answer_the_sender(joined: Pole, office: Office) -> None:
    office.send(DOCUMENT, b"good mandate", response=REPLY, correlation=b"order 7")
    seen, reply = reply_to(office, joined)
    assert [d.sealed for d in joined.documents] == [b"good mandate"]
    assert (reply.accepted, reply.kind, reply.reason) == (True, "mandate", "")
    assert (seen.topic, seen.correlation, seen.retained) == (REPLY, b"order 7", False)
    assert seen.expiry_s is not None
    assert joined.audited == []


def test_why_a_document_was_refused_reaches_the_sender(joined: Pole, office: Office) -> None:
    office.send(DOCUMENT, b"bad mandate", response=REPLY)
    seen, reply = reply_to(office, joined)
    assert (reply.accepted, reply.reason) == (False, "mandate: it has expired")
    assert seen.correlation is None


def test_a_document_without_a_return_address_is_passed_on_and_not_answered(
    joined: Pole, office: Office
) -> None:
    office.send(DOCUMENT, b"good mandate")
    joined.turns(40)
    assert len(joined.documents) == 1
    assert replies(office) == []


def test_the_largest_document_is_passed_on(joined: Pole, office: Office) -> None:
    office.send(DOCUMENT, b"good" + bytes(MAX_DOCUMENT_MESSAGE_BYTES - 4), response=REPLY)
    assert reply_to(office, joined)[1].accepted
    assert len(joined.documents[0].sealed) == MAX_DOCUMENT_MESSAGE_BYTES


@pytest.mark.parametrize("size", [0, MAX_DOCUMENT_MESSAGE_BYTES + 1])
def test_a_document_of_an_impossible_size_is_in_the_log_before_it_is_refused(
    joined: Pole, office: Office, size: int
) -> None:
    joined.recorder_answers = False
    office.send(DOCUMENT, bytes(size), response=REPLY)
    joined.turns(40)
    assert {request.action for request in joined.audited} == {"document_refused"}
    assert replies(office) == []
    joined.recorder_answers = True
    reply = reply_to(office, joined)[1]
    assert not reply.accepted
    assert f"{size} bytes" in reply.reason
    assert joined.documents == []
    assert len({request.id for request in joined.audited}) == 1


@pytest.mark.parametrize(
    "response",
    [
        f"{ROOT}/status",
        "stolpe/v1/exempelstad/n-other/reply/desk",
    ],
)
def test_an_answer_is_never_sent_to_a_foreign_topic_and_the_attempt_is_in_the_log(
    joined: Pole, office: Office, response: str
) -> None:
    office.send(DOCUMENT, b"good mandate", response=response)
    joined.turns(40)
    assert [(r.action, r.subject) for r in joined.audited] == [("document_reply_refused", response)]
    assert len(joined.documents) == 1  # the document may be good nevertheless
    assert all(seen.topic != response for seen in replies(office))
    assert joined.uplink._documents.refused == 1


def test_correlation_data_that_is_too_long_gets_no_answer(joined: Pole, office: Office) -> None:
    office.send(DOCUMENT, b"good one", response=REPLY, correlation=bytes(MAX_CORRELATION_BYTES + 1))
    office.send(DOCUMENT, b"good two", response=REPLY, correlation=bytes(MAX_CORRELATION_BYTES))
    seen, _ = reply_to(office, joined)
    assert seen.correlation == bytes(MAX_CORRELATION_BYTES)
    joined.turns(20)
    assert replies(office) == []
    assert [request.action for request in joined.audited] == ["document_reply_refused"]


def test_the_same_message_again_gets_the_same_answer_without_the_recorder(
    joined: Pole, office: Office
) -> None:
    for _ in range(2):
        office.send(DOCUMENT, b"good mandate", response=REPLY, correlation=b"7")
        assert reply_to(office, joined)[1].accepted
    assert len(joined.documents) == 1


def test_what_was_refused_is_asked_again_for_it_may_be_good_by_now(joined: Pole, office: Office) -> None:
    for _ in range(2):
        office.send(DOCUMENT, b"bad mandate", response=REPLY, correlation=b"7")
        assert not reply_to(office, joined)[1].accepted
    assert len(joined.documents) == 2


def test_a_document_that_the_recorder_has_not_answered_is_sent_to_it_again(
    joined: Pole, office: Office
) -> None:
    joined.recorder_answers = False
    office.send(DOCUMENT, b"good mandate", response=REPLY)
    joined.turns(60)
    assert len(joined.documents) >= 2
    assert len({d.id for d in joined.documents}) == 1
    joined.recorder_answers = True
    assert reply_to(office, joined)[1].accepted


def test_a_document_survives_the_death_of_the_uplink_before_the_recorder_answers(
    joined: Pole, office: Office, erect: Callable[[NodeConfig], Pole], config: NodeConfig
) -> None:
    joined.recorder_answers = False
    office.send(DOCUMENT, b"good mandate", response=REPLY, correlation=b"7")
    joined.turns(30)
    assert joined.documents
    joined.close(kill=True)
    again = erect(config)
    seen, reply = reply_to(office, again)
    assert (reply.accepted, seen.correlation) == (True, b"7")


def test_a_document_that_came_while_the_node_was_away_is_waiting_for_it(
    joined: Pole, office: Office, erect: Callable[[NodeConfig], Pole], config: NodeConfig
) -> None:
    joined.close()
    office.send(DOCUMENT, b"good mandate", response=REPLY)
    assert reply_to(office, erect(config))[1].accepted


def test_a_recorder_that_never_answers_is_said_and_another_attempt_is_free(
    joined: Pole, office: Office
) -> None:
    joined.recorder_answers = False
    office.send(DOCUMENT, b"good mandate", response=REPLY)
    joined.turns(10)
    joined.clock.wait_until(joined.clock.boottime_ns() + 61 * NS)
    assert reply_to(office, joined)[1].reason == "the recorder does not answer: try again"
    joined.recorder_answers = True
    office.send(DOCUMENT, b"good mandate", response=REPLY)
    assert reply_to(office, joined)[1].accepted


def test_more_documents_at_once_than_can_be_held_are_refused_and_every_one_is_answered(
    joined: Pole, office: Office
) -> None:
    joined.recorder_answers = False
    for number in range(30):
        office.send(DOCUMENT, b"good %d" % number, response=f"{REPLY}/{number}", qos=number % 2)
    joined.turns(40)
    assert len({d.id for d in joined.documents}) <= MAX_PENDING
    joined.recorder_answers = True
    answered: dict[str, p.DocumentReply] = {}
    for _ in range(30):
        seen, reply = reply_to(office, joined)
        answered[seen.topic] = reply
    assert {f"{REPLY}/{number}" for number in range(30)} == set(answered)
    assert all(answered[f"{REPLY}/{number}"].accepted for number in (1, 3, 5, 7))  # QoS 1 has room of its own
    refused = {reply.reason for reply in answered.values() if not reply.accepted}
    assert refused == {"too many documents at once: try again"}


def test_a_retained_document_is_not_read(
    joined: Pole, office: Office, erect: Callable[[NodeConfig], Pole], config: NodeConfig
) -> None:
    joined.close()
    office.send(DOCUMENT, b"good mandate", response=REPLY, retain=True)
    pole = erect(config)
    assert reply_to(office, pole)[1].accepted  # once: as what was sent while it was away
    pole.close()
    again = erect(config)
    again.turns(60)
    assert again.documents == []
