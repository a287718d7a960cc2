"""The MQTT topics of one node (TOPICS.md). Pure: who publishes what on them stands elsewhere."""

import re
from dataclasses import dataclass
from typing import Final, Literal

StateName = Literal["mandate", "masks", "recording", "time"]

OTHER: Final = "other"
MAX_REPLY_TOPIC: Final = 200
_WORD = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_REPLY = re.compile(r"[A-Za-z0-9_-]{1,64}(/[A-Za-z0-9_-]{1,64}){0,3}")


@dataclass(frozen=True, slots=True)
class Topics:
    """Everything below `stolpe/v1/{organisation}/{node}`; both are names as the configuration takes them."""

    organisation: str
    node: str

    @property
    def root(self) -> str:
        """All of the node's topics begin with it and a slash."""
        return f"stolpe/v1/{self.organisation}/{self.node}"

    @property
    def status(self) -> str:
        """Whether the node films; also its will."""
        return f"{self.root}/status"

    @property
    def birth(self) -> str:
        """What the node is, once a session."""
        return f"{self.root}/birth"

    @property
    def health(self) -> str:
        """How it is."""
        return f"{self.root}/health"

    @property
    def checkpoint(self) -> str:
        """The audit log's signed size and head."""
        return f"{self.root}/audit/checkpoint"

    @property
    def document(self) -> str:
        """In: signed documents, sealed to the node."""
        return f"{self.root}/document"

    def state(self, name: StateName) -> str:
        """One part of the node's state."""
        return f"{self.root}/state/{name}"

    def event(self, kind: str) -> str:
        """Events of one kind. A kind that is no word of a topic goes to `other`; the payload names it."""
        return f"{self.root}/event/{_word(kind)}"

    def alarm(self, kind: str) -> str:
        """Events of one kind that a person must look at."""
        return f"{self.root}/alarm/{_word(kind)}"

    def release(self, order: str, piece: int | Literal["end"]) -> str:
        """One sealed piece of a release, or the word that none follows."""
        return f"{self.root}/release/{order}/{piece}"

    def may_answer_on(self, topic: str) -> bool:
        """Whether a Response Topic is one of the node's own: below `reply/`, in plain words."""
        head = f"{self.root}/reply/"
        return (
            len(topic) <= MAX_REPLY_TOPIC
            and topic.startswith(head)
            and _REPLY.fullmatch(topic, len(head)) is not None
        )


def _word(kind: str) -> str:
    return kind if _WORD.fullmatch(kind) else OTHER
