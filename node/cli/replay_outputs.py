"""What a replay leaves beside the ring: `events.jsonl`, `scores.csv`, `summary.json` (DESIGN: the command line)."""

import csv
import io
from pathlib import Path

import msgspec

from node.analysis.events import Event
from node.camera.replay import Position
from node.clock import NS, rfc3339
from node.mandate.documents import Mandate
from node.mandate.ids import new_ulid
from node.masks.geometry import Geometry

SCORES = ("motion", "abnormality", "tamper", "fire")


class EventLine(msgspec.Struct, frozen=True):
    """One ended event. `start_s` and `end_s` count from the start of the video in which it began."""

    id: str
    kind: str
    alarm: bool
    start: str
    end: str
    start_s: float
    end_s: float
    zone: str | None
    score: float


class StageLine(msgspec.Struct, frozen=True):
    """What one stage cost in all."""

    wall_s: float
    cpu_s: float


class ByteCounts(msgspec.Struct, frozen=True):
    """Sealed bytes that the camera sent, and of the ring that holds them."""

    records: int
    ring: int


class Summary(msgspec.Struct, frozen=True):
    """`summary.json`: what was seen and kept, and what it cost."""

    videos: tuple[str, ...]
    start: str
    frames: int
    frames_dark: int
    frames_black: int
    undecodable_packets: int
    seconds: float
    fragments: int
    segments: int
    events: int
    sensor_opened: int
    detectors: tuple[str, ...]
    mandate: str
    masks: str | None
    aead: str
    geometry: Geometry
    wall_s: float
    cpu_s: float
    stages: dict[str, StageLine]
    bytes: ByteCounts


class ReplayLog:
    """Collects rows and events in the order they come, and writes them at the end."""

    def __init__(self, *, start_ns: int, mandate: Mandate) -> None:
        self._start_ns = start_ns
        self._alarms = {rule.kind for rule in mandate.alarms}
        self._video_starts_ns: list[int] = []
        self._rows = io.StringIO()
        self._table = csv.writer(self._rows, lineterminator="\n")
        self._table.writerow(("video", "frame", "seconds", *SCORES))
        self.events: list[EventLine] = []

    def frame(self, position: Position, scores: dict[str, float]) -> None:
        """One row; a score of which no detector runs is 0 (`summary.json` names those that do)."""
        if position.video_start_ns not in self._video_starts_ns:
            self._video_starts_ns.append(position.video_start_ns)
        values = (f"{scores.get(name, 0.0):.4f}" for name in SCORES)
        self._table.writerow((position.video, position.frame, f"{position.seconds:.3f}", *values))

    def event(self, event: Event) -> EventLine:
        """An event that has ended; its seconds are those of the sensor's clock."""
        start_s = event.start_seconds
        end_s = start_s if event.end_seconds is None else event.end_seconds
        begun_in = max((start for start in self._video_starts_ns if start <= start_s * NS + 1), default=0)
        start_ns, end_ns = (self._start_ns + round(seconds * NS) for seconds in (start_s, end_s))
        line = EventLine(
            id=new_ulid(start_ns),
            kind=event.kind,
            alarm=event.kind in self._alarms,
            start=rfc3339(start_ns),
            end=rfc3339(end_ns),
            start_s=round(start_s - begun_in / NS, 3),
            end_s=round(end_s - begun_in / NS, 3),
            zone=event.zone,
            score=round(event.peak, 4),
        )
        self.events.append(line)
        return line

    def write(self, directory: Path, summary: Summary) -> None:
        """All three files."""
        encoder = msgspec.json.Encoder()
        lines = b"".join(encoder.encode(event) + b"\n" for event in self.events)
        (directory / "events.jsonl").write_bytes(lines)
        (directory / "scores.csv").write_text(self._rows.getvalue())
        (directory / "summary.json").write_bytes(
            msgspec.json.format(encoder.encode(summary), indent=1) + b"\n"
        )
