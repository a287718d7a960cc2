"""The tree of topics: all below the node's own root, and TOPICS.md tells all of it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.formats.topics import MAX_REPLY_TOPIC, Topics

TOPICS = Topics("exempelstad", "n-7f3a")
ROOT = "stolpe/v1/exempelstad/n-7f3a"
PAGE = (Path(__file__).parents[2] / "node" / "formats" / "TOPICS.md").read_text()


def test_every_topic_has_its_place_in_the_tree() -> None:
    assert [
        TOPICS.status,
        TOPICS.birth,
        TOPICS.state("mandate"),
        TOPICS.health,
        TOPICS.event("motion"),
        TOPICS.alarm("motion"),
        TOPICS.checkpoint,
        TOPICS.document,
    ] == [
        f"{ROOT}/status",
        f"{ROOT}/birth",
        f"{ROOT}/state/mandate",
        f"{ROOT}/health",
        f"{ROOT}/event/motion",
        f"{ROOT}/alarm/motion",
        f"{ROOT}/audit/checkpoint",
        f"{ROOT}/document",
    ]


@pytest.mark.parametrize("topic", ["status", "birth", "health", "event/{kind}", "alarm/{kind}", "document"])
def test_the_page_names_every_topic(topic: str) -> None:
    assert f"| `{topic}` |" in PAGE


@given(st.text(max_size=64))
def test_whatever_a_kind_is_its_topic_is_one_word_below_the_nodes_root(kind: str) -> None:
    head, _, word = TOPICS.event(kind).rpartition("/")
    assert head == f"{ROOT}/event"
    assert word
    assert not set(word) & set("+#/\0 $")


@pytest.mark.parametrize("topic", [f"{ROOT}/reply/a", f"{ROOT}/reply/desk-1/x_2/3/4"])
def test_an_answer_goes_below_the_nodes_own_reply_topic(topic: str) -> None:
    assert TOPICS.may_answer_on(topic)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "reply/a",
        f"{ROOT}/reply",
        f"{ROOT}/reply/",
        f"{ROOT}/reply/a/",
        f"{ROOT}/reply/+",
        f"{ROOT}/reply/#",
        f"{ROOT}/reply/a\0",
        f"{ROOT}/reply/a\n",
        f"{ROOT}/reply/../status",
        f"{ROOT}/reply/a/b/c/d/e",
        f"{ROOT}/status",
        "stolpe/v1/exempelstad/n-7f3b/reply/a",
        "stolpe/v1/exempelstad/n-7f3a2/reply/a",
        "$SYS/reply/a",
        f"{ROOT}/reply/{'/'.join(['a' * 64] * 4)}"[: MAX_REPLY_TOPIC + 1],
    ],
)
def test_an_answer_goes_nowhere_else(topic: str) -> None:
    assert not TOPICS.may_answer_on(topic)
