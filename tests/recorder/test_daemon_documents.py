"""Documents on their way over the bus: sealed by an office, carried by the uplink, in force for the camera."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from fakes.faults import fails_at
from recorder.footage import START_NS, footage
from recorder.registry import GEOMETRY, Desk
from recorder.station import CAMERA, ULID, Station, config_in

from node.clock import NS
from node.formats import audit
from node.formats.slot import read_slots
from node.messages import (
    AuditCommitted,
    AuditRequest,
    CameraReport,
    DocumentAnswered,
    DocumentArrived,
    RecorderAlive,
    RecorderReport,
    VersionFloors,
)


def report(geometry: bytes) -> CameraReport:
    return CameraReport(
        instance=CAMERA, dark="no_mandate", detail="", mandate=None, mandate_version=None, masks=None,
        masks_version=None, time_trust="demo", geometry=geometry, sensor_opened=0, frames=0, black_frames=0,
        fragments=0, frame_age_s=None, unacknowledged=0, dropped_fragments=0, events_waiting=0, events_dropped=0,
        messages_refused=0,
    )  # fmt: skip


@pytest.fixture
def office(desk: Desk, run: Path, node_key: Path, tmp_path: Path) -> Iterator[tuple[Station, Desk]]:
    """A recorder whose first root is the desk's, and the desk, whose own keeper is not used."""
    folder = tmp_path / "node"
    folder.mkdir()
    shutil.copy(node_key, folder / "node.key")
    (folder / "root.jws.json").write_bytes(desk.first_root)
    station = Station(config_in(folder, run))
    station.start()
    yield station, desk
    station.close()


def sent(station: Station, desk: Desk, raw: bytes) -> DocumentAnswered:
    station.tell(DocumentArrived(ULID, desk.sealed(raw)), sender="uplink")
    return station.answer(DocumentAnswered, to="uplink")


def test_a_mandate_and_masks_come_into_force_and_everybody_hears_of_it_at_once(
    office: tuple[Station, Desk],
) -> None:
    station, desk = office
    before = station.latest(RecorderAlive).generation
    station.listen()
    station.heard["camera"].clear()
    assert sent(station, desk, desk.mandate) == DocumentAnswered(ULID, True, "mandate", "in force")
    alive = station.answer(RecorderAlive)
    assert (alive.generation, alive.floors) == (before + 1, VersionFloors(1, 1, 0))
    station.tell(report(msgspec.json.encode(GEOMETRY)))
    assert sent(station, desk, desk.masks) == DocumentAnswered(ULID, True, "masks", "in force")
    documents = Path(station.config.paths.documents)
    assert (documents / "mandate.jws.json").read_bytes() == desk.mandate
    assert (documents / "masks.jws.json").read_bytes() == desk.masks
    counts = station.latest(RecorderReport)
    assert (counts.documents_accepted, counts.documents_refused) == (2, 0)


@pytest.mark.parametrize("geometry", [b"", b"{}", b"junk", b"\xff", b'{"sensor": 1}'])
def test_masks_wait_for_a_geometry_that_can_be(geometry: bytes, office: tuple[Station, Desk]) -> None:
    station, desk = office
    sent(station, desk, desk.mandate)
    station.tell(report(geometry))
    answer = sent(station, desk, desk.masks)
    assert (answer.accepted, answer.kind) == (False, "masks")
    assert "has not said yet how it looks" in answer.reason


def test_floors_are_told_anew_after_a_start(office: tuple[Station, Desk]) -> None:
    station, desk = office
    sent(station, desk, desk.next_mandate(5))
    station.stop()
    station.start()
    assert station.latest(RecorderAlive).floors.mandate == 5
    assert not sent(station, desk, desk.next_mandate(4)).accepted


def test_a_document_that_could_not_be_kept_is_not_called_accepted(office: tuple[Station, Desk]) -> None:
    station, desk = office
    station.step()
    with fails_at("rename", 1, []):
        answer = sent(station, desk, desk.mandate)
    assert not answer.accepted
    assert "send it again" in answer.reason
    assert sent(station, desk, desk.mandate).accepted
    station.after(1)
    assert station.latest(RecorderReport).storage == "good"


def test_the_log_names_the_daemon_that_asked(office: tuple[Station, Desk]) -> None:
    station, _ = office
    pids = msgspec.json.decode((station.run / "daemons").read_bytes())
    station.spawned({name: pid for name, pid in pids.items() if name != "uplink"})
    station.tell(AuditRequest(ULID, "sensor_opened", "camera"))
    index = station.answer(AuditCommitted).index
    lines = (Path(station.config.paths.audit) / "audit.jsonl").read_bytes().splitlines(keepends=True)
    assert [entry.by for entry, _ in audit.read(lines)][index] == "camera"


def test_a_camera_cannot_have_footage_kept_for_longer_than_the_mandate_allows(
    office: tuple[Station, Desk],
) -> None:
    station, desk = office
    sent(station, desk, desk.mandate)
    station.ask(footage(retention_hours=24 * 366).opening)
    (slot,) = read_slots(Path(station.config.paths.epoch_slot).read_bytes()).values()
    assert slot.destroy_at_ns - START_NS == 72 * 3600 * NS
