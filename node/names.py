"""How things are called: nodes and persons, documents and segments, what was signed.

The patterns are msgspec's, which searches for them. A `$` alone would also match before a last newline, `$(?!\\n)` does
not: neither in Python nor, where a schema repeats it, in JSON Schema.
"""

import re
from typing import Annotated

from msgspec import Meta

from node.errors import Refused

_NAME = r"[a-z0-9][a-z0-9-]{0,47}"

Name = Annotated[str, Meta(pattern=rf"^{_NAME}$(?!\n)")]
"""The id of a node, a person, a recipient or a zone."""

Ulid = Annotated[str, Meta(pattern=r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$(?!\n)")]
Digest = Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}$(?!\n)")]


def is_name(text: str) -> bool:
    """Whether the text can be a `Name`."""
    return re.fullmatch(_NAME, text) is not None


def check_id(text: str) -> None:
    """`Refused` unless the text, which a person wrote, can be a `Name`."""
    if not is_name(text):
        raise Refused(f"{text!r} cannot be an id: a-z, 0-9 and -, at most 48 characters, like p-31")
