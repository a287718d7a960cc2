"""A medium that hangs: everything else goes on, it is said, and when it answers again it is used again."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from fakes.loop_disk import CannotRun, mounted, new_image, run
from recorder.registry import Desk
from recorder.release_office import MINUTE, TWO, Office, office_in, read

from node.messages import AuditCommitted, AuditRequest

ULID = "01KAR0F2T9Z6S3X8V1N4K7J5H0"


class Medium:
    """An ext4 of its own whose writers can be kept waiting for as long as a test likes (FIFREEZE)."""

    def __init__(self, folder: Path, ending: ExitStack) -> None:
        self.place = folder / "medium"
        try:
            new_image(folder / "medium.img", 8 << 20)
            ending.enter_context(mounted(folder / "medium.img", self.place))
            self.hangs()
            self.works()
        except (CannotRun, FileNotFoundError) as reason:
            pytest.skip(f"no medium can be made to hang here: {reason}")

    def hangs(self) -> None:
        run("fsfreeze", "--freeze", str(self.place))

    def works(self) -> None:
        run("fsfreeze", "--unfreeze", str(self.place))


@pytest.fixture
def medium(tmp_path: Path) -> Iterator[Medium]:
    with ExitStack() as ending:
        yield Medium(tmp_path, ending)


@pytest.fixture
def office(medium: Medium, desk: Desk, run: Path, node_key: Path, tmp_path: Path) -> Iterator[Office]:
    made = office_in(tmp_path / "node", desk, run=run, node_key=node_key, medium=medium.place)
    yield made
    made.station.close()


def until(office: Office, come: Callable[[], bool]) -> None:
    for _ in range(300):
        if come():
            return
        office.station.after(0.5)
    raise AssertionError("it does not come")


def test_a_medium_that_hangs_keeps_nothing_else_waiting_and_the_release_ends(
    medium: Medium, office: Office
) -> None:
    office.record(0)
    order, later = office.order(until=MINUTE), office.order(until=MINUTE)
    (medium.place / "a.order").write_bytes(office.desk.signed(order, *TWO))
    medium.hangs()
    try:
        until(office, lambda: "release_accepted" in office.actions("release"))
        made = office.record(1)
        assert made[0].header.segment in office.station.paths[-1].name
        office.station.tell(AuditRequest(ULID, "live", "grant"))
        assert office.station.answer(AuditCommitted).id == ULID
        office.station.after(31)
        until(office, lambda: "release_medium_failed" in office.actions("release"))
        stopped = next(entry for entry in office.log if entry.action == "release_stopped")
        assert stopped.reason == "the medium does not answer"
        assert office.ask(office.order(until=MINUTE, id=later.id)).accepted  # over the bus it goes
        office.delivered()
    finally:
        medium.works()
    until(office, (medium.place / "a.order.answer.json").exists)
    assert not list(medium.place.glob("*.bundle*"))
    again = office.order(until=MINUTE)
    (medium.place / "b.order").write_bytes(office.desk.signed(again, *TWO))
    until(office, (medium.place / f"{again.id}.bundle").exists)
    assert read((medium.place / f"{again.id}.bundle").read_bytes())[1][0].is_as_told
