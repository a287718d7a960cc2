"""Bytes that were good once: flipped, cut, grown, doubled, spliced with others."""

from collections.abc import Callable, Sequence

from hypothesis import strategies as st

Change = Callable[[bytes], bytes]


def mutated(originals: Sequence[bytes], *, most: int = 3) -> st.SearchStrategy[tuple[int, bytes]]:
    """One of `originals`, by number, after 1 to `most` changes."""
    numbers = st.integers(0, len(originals) - 1)
    changes = st.lists(_change(originals), min_size=1, max_size=most)
    return st.builds(lambda number, made: (number, _applied(originals[number], made)), numbers, changes)


def _applied(data: bytes, changes: Sequence[Change]) -> bytes:
    for change in changes:
        data = change(data)
    return data


def _change(originals: Sequence[bytes]) -> st.SearchStrategy[Change]:
    # Places are fractions: a mutation says the same of a long vector and of a short one. Many go to either end.
    places = st.one_of(st.floats(0, 1), st.floats(0, 0.02), st.floats(0.95, 1))
    lengths = st.integers(1, 80)
    return st.one_of(
        st.builds(_flip, places, st.integers(0, 7)),
        st.builds(_set, places, st.integers(0, 255)),
        st.builds(_cut, places),
        st.builds(_take_out, places, lengths),
        st.builds(_insert, places, st.binary(min_size=1, max_size=80)),
        st.builds(_insert, places, lengths.map(bytes)),
        st.builds(_double, places, places, lengths),
        st.builds(_splice, places, places, st.sampled_from(originals)),
    )


def _at(data: bytes, place: float) -> int:
    return min(int(place * len(data)), max(len(data) - 1, 0))


def _flip(place: float, bit: int) -> Change:
    return lambda data: _with(data, _at(data, place), data[_at(data, place)] ^ 1 << bit) if data else data


def _set(place: float, value: int) -> Change:
    return lambda data: _with(data, _at(data, place), value) if data else data


def _with(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + bytes([value]) + data[at + 1 :]


def _cut(place: float) -> Change:
    return lambda data: data[: _at(data, place)]


def _take_out(place: float, length: int) -> Change:
    return lambda data: data[: _at(data, place)] + data[_at(data, place) + length :]


def _insert(place: float, more: bytes) -> Change:
    return lambda data: data[: _at(data, place)] + more + data[_at(data, place) :]


def _double(origin: float, place: float, length: int) -> Change:
    def change(data: bytes) -> bytes:
        start = _at(data, origin)
        return _insert(place, data[start : start + length])(data)

    return change


def _splice(place: float, origin: float, other: bytes) -> Change:
    return lambda data: data[: _at(data, place)] + other[_at(other, origin) :]
