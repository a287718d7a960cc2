"""A site's broker that runs, an office that watches, and a pole with a real uplink."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.config import NodeConfig
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
def erect() -> Iterator[Callable[[NodeConfig], Pole]]:
    """Poles of any configuration, taken down afterwards."""
    poles: list[Pole] = []

    def one(config: NodeConfig) -> Pole:
        poles.append(Pole(config))
        return poles[-1]

    yield one
    for pole in poles:
        pole.close()


@pytest.fixture
def late_office(site: SiteBroker) -> Iterator[Callable[[], Office]]:
    """Offices that begin to watch when they are asked to."""
    offices: list[Office] = []

    def one() -> Office:
        offices.append(Office(site))
        return offices[-1]

    yield one
    for office in offices:
        office.close()


@pytest.fixture
def config(site: SiteBroker, tmp_path: Path, run: Path) -> NodeConfig:
    """Of a node at that site."""
    return config_for(site, tmp_path, run)


@pytest.fixture
def pole(config: NodeConfig, erect: Callable[[NodeConfig], Pole]) -> Pole:
    """A node's uplink at that site."""
    return erect(config)
