"""What passes between the daemon and its MQTT session: frozen values, no library's objects."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Letter:
    """One message out, QoS 1. `expiry_s`: after so long the broker need not deliver it any more."""

    topic: str
    payload: bytes
    retain: bool = False
    expiry_s: int | None = None
    correlation: bytes | None = None
    is_json: bool = True


@dataclass(frozen=True, slots=True)
class Opened:
    """A session is there. The broker takes so many unacknowledged messages at once."""

    receive_maximum: int


@dataclass(frozen=True, slots=True)
class Closed:
    """There is no session (any more), and why. `was_open`: there had been one."""

    was_open: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker has answered a letter; `refused` says why it does not take it."""

    token: int
    refused: str | None


@dataclass(frozen=True, slots=True)
class SubscriptionRefused:
    """Nothing will arrive on that topic."""

    topic: str
    reason: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message in. It stays with the broker until `receipt` (None: QoS 0) is handed back."""

    topic: str
    payload: bytes
    response_topic: str | None
    correlation: bytes | None
    receipt: int | None


Happening = Opened | Closed | Acknowledged | SubscriptionRefused | Arrived
