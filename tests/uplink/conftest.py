"""A site's broker that runs, an office that watches, and a pole with a real uplink."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.pole import Pole, config_for, short_directory
from tests.fakes.site_broker import Office, SiteBroker


@pytest.fixture
def run() -> Iterator[Path]:
    """Where the inboxes are."""
    with short_directory() as directory:
        yield directory


@pytest.fixture
def site(tmp_path: Path) -> Iterator[SiteBroker]:
    """A broker that listens."""
    folder = tmp_path / "broker"
    folder.mkdir()
    site = SiteBroker(folder)
    site.broker.start()
    yield site
    site.broker.stop()


@pytest.fixture
def office(site: SiteBroker) -> Iterator[Office]:
    """Somebody who watches it all."""
    office = Office(site)
    yield office
    office.close()


@pytest.fixture
def pole(site: SiteBroker, tmp_path: Path, run: Path) -> Iterator[Pole]:
    """A node's uplink at that site."""
    pole = Pole(config_for(site, tmp_path, run))
    yield pole
    pole.close()
