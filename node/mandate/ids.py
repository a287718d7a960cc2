"""ULIDs: 26 characters that sort by time and never repeat (the ULID specification, Crockford's base 32)."""

import secrets

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS = 80


def new_ulid(utc_ns: int) -> str:
    """48 bits of milliseconds since the Unix epoch, then 80 random bits."""
    number = (utc_ns // 1_000_000) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -5, -5))


def ulid_ms(ulid: str) -> int:
    """When it was made: milliseconds since the Unix epoch, of the maker's clock."""
    number = 0
    for character in ulid[:10]:
        number = number << 5 | _ALPHABET.index(character)
    return number
