"""A card with nothing on it yet."""

import pytest
from fakes.burned_card import BurnedCard, burned_card


@pytest.fixture
def card(tmp_path_factory: pytest.TempPathFactory) -> BurnedCard:
    """Of a node that burned."""
    return burned_card(tmp_path_factory.mktemp("card"))
