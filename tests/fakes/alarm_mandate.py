"""The example's mandate, recording on alarm instead, and signed again."""

import msgspec

from node.mandate.documents import AlarmRule, Mandate, decode, encode
from node.mandate.signatures import parse, sign
from node.sealing.keys import SigningKey


def on_alarm(signed: bytes, signing: SigningKey, *, pre: int, post: int, version: int = 1) -> bytes:
    """Motion is the alarm; pre-roll and post-roll in seconds."""
    mandate = decode(parse(signed).payload, Mandate)
    clause = msgspec.structs.replace(
        mandate.recording, mode="on_alarm", preroll_seconds=pre, postroll_seconds=post
    )
    alarms = (AlarmRule("motion", "high"),)
    return sign(
        encode(msgspec.structs.replace(mandate, version=version, recording=clause, alarms=alarms)), signing
    )
