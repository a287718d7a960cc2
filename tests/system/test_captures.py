"""Every byte between the daemons, and every payload on the broker, of a node that films: there is no picture in them.

The same scan of the same taps finds one when a camera sends what it has not sealed.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import av
import msgspec
import numpy as np
import pytest
from fakes.bus_tap import BusTap
from fakes.live_node import DAEMONS, SIZE, live_node, office_of
from system.picture_scan import found, telling_rows
from system.test_first_light import clip_as_annex_b

from node.bus import Bus, SpawnedPeers
from node.camera.synthetic import SyntheticStreet
from node.clock import SimulatedClock
from node.messages import Daemon, SealedRecord
from provisioning.demo.node_files import NodeFiles
from provisioning.demo.opening import open_with_two_keys

FOOTAGE_BYTES = 1_500_000
PATIENCE_S = 40.0


@dataclass
class Captured:
    """What passed, the clip that releasers open, and rows of the pictures as the sensor had them."""

    bus: dict[tuple[str, str], bytes]
    broker: dict[str, list[bytes]]
    clip: Path
    rows: list[bytes]


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Captured:
    heard: dict[str, list[bytes]] = {}
    with live_node(tmp_path_factory.mktemp("node")) as node:
        ear = office_of(node.files)
        ear.start()
        node.until(lambda: node.tap.passed("camera", "recorder") >= FOOTAGE_BYTES, seconds=PATIENCE_S)
        node.stop_in_order()
        for message in ear.heard(timeout_s=1.0):
            heard.setdefault(message.topic, []).append(message.payload)
        ear.close()
        open_with_two_keys(node.files)
        return Captured(node.tap.kept, heard, node.files.directory / "clip.mp4", _rows(node.files))


def _rows(files: NodeFiles) -> list[bytes]:
    """Rows of what the sensor saw, masks not yet painted, in both streams."""
    street = SyntheticStreet(clock=SimulatedClock(start_utc_ns=0), size=SIZE, lores=files.config.sensor.lores)
    street.open()
    rows: list[bytes] = []
    for _ in range(30):
        request = street.next_request()
        assert request is not None
        rows += telling_rows(np.ascontiguousarray(request.main.luma))[:200]
        rows += telling_rows(np.ascontiguousarray(request.lores.luma))[:200]
        request.release()
    return rows


def test_no_byte_between_the_daemons_is_a_picture(captured: Captured) -> None:
    assert len(captured.bus["camera", "recorder"]) >= FOOTAGE_BYTES
    assert len(captured.rows) > 1000
    assert {pair: found(data, captured.rows) for pair, data in captured.bus.items() if data} == {
        pair: [] for pair, data in captured.bus.items() if data
    }


def test_every_pair_of_daemons_has_spoken(captured: Captured) -> None:
    """So that the taps have really sat on every connection."""
    spoken = {pair for pair, data in captured.bus.items() if data}
    assert spoken == {(a, b) for a in DAEMONS for b in DAEMONS if a != b}


def test_no_payload_on_the_broker_is_a_picture(captured: Captured) -> None:
    assert {topic.split("/")[4] for topic in captured.broker} >= {
        "status",
        "state",
        "health",
        "birth",
        "audit",
    }
    for topic, payloads in captured.broker.items():
        assert found(b"".join(payloads), captured.rows) == [], topic
        for payload in payloads:
            msgspec.json.decode(payload)  # text, all of it


def test_the_same_taps_and_scan_find_what_is_not_sealed(captured: Captured, tmp_path: Path) -> None:
    with av.open(str(captured.clip)) as container:
        luma = np.asarray(next(container.decode(video=0)).to_ndarray(format="gray"), np.uint8)
    with tempfile.TemporaryDirectory(prefix="tap-") as run:
        peers = tmp_path / "peers.json"
        peers.write_bytes(msgspec.json.encode(dict.fromkeys(get_args(Daemon), os.getpid())))
        tap = BusTap(Path(run), ("camera", "recorder"))
        with (
            Bus("recorder", run=tap.run("recorder"), peers=SpawnedPeers(peers)) as recorder,
            Bus("camera", run=tap.run("camera"), peers=SpawnedPeers(peers)) as camera,
        ):
            for plain in (captured.clip.read_bytes(), clip_as_annex_b(captured.clip), luma.tobytes()):
                record = SealedRecord("0" * 26, 0, plain)
                while not camera.send(record, to="recorder"):
                    recorder.receive(timeout_s=0.05)
                assert recorder.receive(timeout_s=10.0) == record
        tap.close()
    traces = found(tap.kept["camera", "recorder"], telling_rows(luma))
    assert {"box moov", "box mdat", "H.264 that decodes", "a row of the picture"} <= set(traces)
