"""A document on its way: for one node, by its id and key, whole or not at all."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import CannotOpen
from node.sealing.keys import PrivateKeys, new_keys, public_halves, read_private_keys, write_key_files
from node.sealing.post import open_for_node, seal_to_node


def _made(owner: str) -> PrivateKeys:
    with tempfile.TemporaryDirectory() as folder:
        write_key_files(Path(folder) / "k.key", new_keys(owner))
        return read_private_keys(Path(folder) / "k.key")


NODE, STRANGER = _made("node"), _made("stranger")
KEY = public_halves(NODE.public)[1]


@given(st.binary(max_size=5000))
def test_what_is_sealed_opens_at_the_node(document: bytes) -> None:
    sealed = seal_to_node(document, node="n-1", key=KEY)
    assert open_for_node(sealed, node="n-1", key=NODE.recipient) == document


def test_the_same_document_is_never_sealed_alike() -> None:
    assert seal_to_node(b"d", node="n-1", key=KEY) != seal_to_node(b"d", node="n-1", key=KEY)


def test_another_key_opens_nothing() -> None:
    with pytest.raises(CannotOpen):
        open_for_node(seal_to_node(b"d", node="n-1", key=KEY), node="n-1", key=STRANGER.recipient)


def test_it_is_bound_to_the_nodes_id() -> None:
    with pytest.raises(CannotOpen):
        open_for_node(seal_to_node(b"d", node="n-1", key=KEY), node="n-2", key=NODE.recipient)


@given(st.data())
def test_a_flipped_bit_anywhere_or_a_missing_end_opens_nothing(data: st.DataObject) -> None:
    sealed = bytearray(seal_to_node(b"a mandate", node="n-1", key=KEY))
    position = data.draw(st.integers(0, len(sealed) - 1))
    sealed[position] ^= 1 << data.draw(st.integers(0, 7))
    for bad in (bytes(sealed), bytes(sealed[:position])):
        with pytest.raises(CannotOpen):
            open_for_node(bad, node="n-1", key=NODE.recipient)
