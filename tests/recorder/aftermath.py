"""After a power cut: a real start on what is left, and the invariants C1 to C10 of FORMAT.md, each by its number."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from fakes.crash_volume import CrashPoint, Image, Surviving, put
from recorder.crash_script import RETENTION_HOURS, Life, segment, small_config, ulid
from recorder.footage import START_NS, Footage
from recorder.ledger import Ledger, Owed
from recorder.registry import GEOMETRY

from node.bus import Bus, SpawnedPeers
from node.clock import NS, SimulatedClock
from node.errors import CannotOpen, Damaged, Refused
from node.files import UNFINISHED
from node.formats import audit, slot
from node.formats import segment as fmt
from node.formats.audit import BadEntry
from node.messages import (
    RecordsStored,
    StoredSegment,
)
from node.recorder.audit_check import check_audit, read_checkpoint
from node.recorder.audit_files import FILE_NAME, closed_name, numbered
from node.recorder.daemon import Recorder, build
from node.recorder.epochs import EpochKeys
from node.recorder.recovery import Violation, check_ring, check_slot
from node.recorder.ring import TRIAL_NAME, segment_paths
from node.recorder.segment_file import NEW
from node.sealing.keys import read_private_keys
from node.volume import DISK, Volume

ENOUGH_WRONG = 150
"""After so many violations little more is learned: then only each so-many-th point is started on."""
SELDOM = 25
ERASING_STEPS = 60
BACK_S = 60
"""How long the power is away."""


class Aftermath:
    """Starts on what is left, in a folder of its own, and what is wrong then."""

    def __init__(self, life: Life, folder: Path, run: Path, *, volume: Volume = DISK) -> None:
        self._life = life
        self._folder = folder
        self._run = run
        self._volume = volume
        self._at_s = 0
        self._config = small_config(folder, run)
        (run / "daemons").write_bytes(msgspec.json.encode({"recorder": os.getpid()}))
        self._settled: set[int] = set()

    def violations(self, image: Image, owed: Owed, *, at_s: int) -> list[Violation]:
        """Of every invariant, after a start on that image so many seconds after the life began."""
        self._at_s = at_s
        found = list(self._before_the_start(image, owed))
        put(image, self._folder)
        clock = SimulatedClock(start_utc_ns=START_NS + self._at_s * NS)
        try:
            recorder = self._start(clock)
        except (Refused, OSError) as error:
            return [*found, Violation("C9", "start", f"{type(error).__name__}: {error}")]
        try:
            found += self._after_the_start(recorder, owed)
            found += self._erases(recorder, clock, owed)
            found += self._goes_on(recorder)
        finally:
            recorder.close()
        return found

    def _start(self, clock: SimulatedClock) -> Recorder:
        bus = Bus("recorder", run=self._run, peers=SpawnedPeers(self._run / "daemons"))
        try:
            return build(self._config, clock=clock, bus=bus, allow_demo_root=True, volume=self._volume)
        except (Refused, OSError):
            bus.close()
            raise

    def _before_the_start(self, image: Image, owed: Owed) -> Iterator[Violation]:
        in_slot = image.get("epochs.slot") or b""
        for epoch in owed.destroyed & set(owed.keys):
            if owed.keys[epoch] in in_slot:
                yield Violation("C3", f"epoch {epoch}", "reported destroyed, and there again")
        for name, data in image.items():
            one = name.partition("_")[2].removesuffix(".seg")
            if one in owed.erased and data is not None and self._opens(data, in_slot):
                yield Violation("C10", one, "it was said to be erased, and opens")
        # The epoch numbers of whole entries: a key is nobody else's.
        if len(in_slot) >= slot.MIN_BYTES:
            for entry in slot.read_slots(in_slot).values():
                if owed.keys.get(entry.epoch, entry.key) != entry.key:
                    yield Violation("C4", f"epoch {entry.epoch}", "its number was given twice")

    def _after_the_start(self, recorder: Recorder, owed: Owed) -> Iterator[Violation]:
        told = recorder._footage.stored
        recorder._keeper.camera_looks(GEOMETRY)
        yield from self._footage(recorder._keys, told, owed)
        recorder._ring.sweep()
        documents = hash((self._documents_left(), recorder._keys.header.floors, owed.accepted))
        if documents not in self._settled:  # verifying signatures takes longer than everything else together
            recorder._keeper.settle()
            found = list(self._documents(recorder, owed))
            yield from found
            if not found:
                self._settled.add(documents)
        yield from self._floors(recorder._keys, owed)
        yield from self._log(owed)
        yield from self._numbered(recorder)

    def _footage(self, keys: EpochKeys, told: tuple[StoredSegment, ...], owed: Owed) -> Iterator[Violation]:
        said = {one.segment: one.count for one in told}
        latest = max(owed.stored, default="")
        for path in [path for path in segment_paths(self._ring) if path.stem.partition("_")[2] in said]:
            one = path.stem.partition("_")[2]
            if said[one] > len(self._whole(path, self._life.filmed[one])):
                yield Violation("C7", one, f"the camera is told of {said[one]} records")
        for one, count in owed.stored.items():
            footage = self._life.filmed[one]
            path = next((p for p in segment_paths(self._ring) if one in p.name), None)
            if path is None:
                gone = owed.planned and one in self._life.going
                if not gone and not [name for name in owed.unlinked if one in name]:
                    yield Violation("C1", one, "it is not there")
                continue
            try:
                segment = fmt.read(path.read_bytes())
            except Damaged as damage:
                yield Violation("C1", one, f"{damage}")
                continue
            whole = self._whole(path, footage)
            if tuple(whole[:count]) != footage.plain[:count]:
                yield Violation("C1", one, f"{count} records were stored, {len(whole)} are there")
            if one == latest and said.get(one, -1) < count:
                yield Violation("C7", one, f"{count} were stored, the camera is told of {said.get(one)}")
            if one in owed.closed and footage.opened(path.read_bytes()).ending != "closed":
                yield Violation("C1", one, "its end was answered, and is not there")
            epoch = segment.epoch
            if keys.key(epoch) is None and epoch not in owed.destroying and not self._is_due(footage):
                yield Violation("C2", one, f"the key of epoch {epoch} is gone")
            yield from self._lives_as_long(keys, segment, footage)

    def _lives_as_long(self, keys: EpochKeys, segment: fmt.Segment, footage: Footage) -> Iterator[Violation]:
        """As it would without any erasure: it opens, unless it is erased itself, and not longer."""
        one, entry = footage.header.segment, keys.entry(segment.epoch)
        if entry is None:
            if one not in self._life.going and not self._is_due(footage):
                yield Violation("C10", one, "it is kept, and nothing opens it")
            return
        if fmt.open_wraps(segment, entry.key) != (b"a wrap",):
            yield Violation("C10", one, "its wraps are not what they were")
        if entry.destroy_at_ns > footage.header.start_ns + RETENTION_HOURS * 3600 * NS:
            yield Violation("C10", one, "it lives longer than it may")

    def _opens(self, data: bytes, in_slot: bytes) -> bool:
        if len(in_slot) < slot.MIN_BYTES:
            return False
        for entry in slot.read_slots(in_slot).values():
            with suppress(CannotOpen, Damaged):
                return bool(fmt.open_wraps(fmt.read(data), entry.key))
        return False

    def _erases(self, recorder: Recorder, clock: SimulatedClock, owed: Owed) -> Iterator[Violation]:
        """What was begun is done to its end, and then is as it should be."""
        plan = recorder._erasing._plan
        if plan.current is None:
            return
        going = set(plan.current.segments)
        for _ in range(ERASING_STEPS):
            clock.wait_until(clock.boottime_ns() + NS // 4)
            recorder._erasing.tend()
            if plan.current is None:
                break
        else:
            yield Violation("C10", "erasure", "it does not end")
        if left := [path.name for path in segment_paths(self._ring) if path.name in going]:
            yield Violation("C10", left[0], "it was erased, and is there")
        yield from self._footage(recorder._keys, recorder._footage.stored, owed)
        yield from self._numbered(recorder)

    def _is_due(self, one: Footage) -> bool:
        """Whether its key may have been destroyed by the start itself: up to one epoch early."""
        return one.header.start_ns + (RETENTION_HOURS * 3600 - 600) * NS <= START_NS + self._at_s * NS

    def _whole(self, path: Path, one: Footage) -> list[object]:
        try:
            records = one.opened(path.read_bytes()).records
        except Damaged:
            return []
        whole = []
        while len(whole) in records:
            whole.append(records[len(whole)])
        return whole

    def _floors(self, keys: EpochKeys, owed: Owed) -> Iterator[Violation]:
        if owed.alive is None:
            return
        header, said = keys.header, owed.alive.floors
        floors = header.floors
        if header.time_floor_ns < owed.alive.time_floor_ns:
            yield Violation("C4", "time floor", "it went back")
        for kind in ("root", "mandate", "masks"):
            if getattr(floors, kind) < getattr(said, kind):
                yield Violation("C4", f"floor of {kind}", "it went back")

    def _documents_left(self) -> frozenset[tuple[str, bytes]]:
        return frozenset((path.name, path.read_bytes()) for path in (self._folder / "documents").iterdir())

    def _documents(self, recorder: Recorder, owed: Owed) -> Iterator[Violation]:
        try:
            found = recorder._keeper.in_force()
        except Refused as refusal:
            yield Violation("C5", "documents", f"{refusal}")
            return
        mandate = found.mandate.document.version if found.mandate else 0
        masks = found.masks.document.version if found.masks else 0
        root = found.root.document.version
        # In the order of the script: mandate 1, masks 1, masks 2, mandate 2, root 2.
        least = [(0, 0, 1), (1, 0, 1), (1, 1, 1), (1, 2, 1), (2, 2, 1), (2, 2, 2)][owed.accepted]
        most = [(1, 0, 1), (1, 1, 1), (1, 2, 1), (2, 2, 1), (2, 2, 2), (2, 2, 2)][owed.accepted]
        if (mandate, masks, root) not in {least, most}:
            yield Violation("C5", "documents", f"{(mandate, masks, root)}, neither {least} nor {most}")

    def _log(self, owed: Owed) -> Iterator[Violation]:
        path = self._folder / "audit" / "audit.jsonl"
        said_path = path.with_name("checkpoint.json")
        try:
            said = read_checkpoint(said_path) if said_path.exists() else None
        except Refused as refusal:
            yield Violation("C6", "checkpoint", f"{refusal}")
            return
        node = read_private_keys(self._folder / "node.key").signing.private.public_key()
        for violation in check_audit(path, said=said, node=node):
            yield Violation("C6", violation.where, f"{violation.number}: {violation.what}")
        names = [
            *map(closed_name, numbered([one.name for one in path.parent.iterdir()], ".jsonl")),
            FILE_NAME,
        ]
        whole = [
            line for name in names for line in (path.parent / name).read_bytes().splitlines(keepends=True)
        ]
        try:
            entries = [audit.parse(line, index=index) for index, line in enumerate(whole)]
        except BadEntry as bad:
            yield Violation("C6", f"entry {bad.index}", bad.what)
            return
        for one, index in owed.entries.items():
            if index >= len(entries) or entries[index].id != one:
                yield Violation("C6", f"entry {index}", "it was answered, and is not there")
        for entry in entries:
            if entry.action in {"log_altered", "log_contradicts_checkpoint", "orders_put_back"}:
                yield Violation("C6", f"entry {entry.index}", entry.reason)

    def _numbered(self, recorder: Recorder) -> Iterator[Violation]:
        image = (self._folder / "epochs.slot").read_bytes()
        node = read_private_keys(self._folder / "node.key").signing.private.public_key()
        now_ns = recorder._ring._clock.now().utc_ns
        yield from check_ring(self._ring, slot_image=image, node=node)
        yield from check_slot(image, now_ns=now_ns)
        for path in self._folder.rglob("*"):
            if path.name.endswith((NEW, UNFINISHED)) or path.name == TRIAL_NAME:
                yield Violation("C8", path.name, "it was left unfinished")

    def _goes_on(self, recorder: Recorder) -> Iterator[Violation]:
        known = {number: recorder._keys.key(number) for number in recorder._keys.live}
        highest = recorder._keys.header.floors.epoch
        one = segment(99, self._at_s, records=1)
        opening = msgspec.structs.replace(one.opening, turn=recorder._footage.turn)
        for message in (opening, *one.sealed[:2]):
            answer = recorder._footage.take(message)
            if not isinstance(answer, RecordsStored):
                yield Violation("C9", "footage", f"{answer}")
                return
        number = max(recorder._keys.live)
        if number not in known and number <= highest:
            yield Violation("C4", f"epoch {number}", "its number was given twice")
        index = recorder._log.commit(by="camera", action="goes on", subject="", id=ulid(99))
        if index != recorder._log.size - 1:
            yield Violation("C9", "audit log", "it does not go on")

    @property
    def _ring(self) -> Path:
        return self._folder / "ring"


@dataclass
class Tally:
    """Of one step of the script."""

    points: int = 0
    starts: int = 0
    violations: int = 0


@dataclass
class Verdict:
    """All crash points of a life: a tally for each step, and what was wrong where."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    wrong: list[tuple[CrashPoint, Violation]] = field(default_factory=list)

    @property
    def points(self) -> int:
        return sum(tally.points for tally in self.tallies.values())

    @property
    def starts(self) -> int:
        return sum(tally.starts for tally in self.tallies.values())


def crash_everywhere(life: Life, aftermath: Aftermath, *, since: int = 0, every: int = 1) -> Verdict:
    """Each crash point from operation `since` on, started once for each different disk and debt.

    `every`: of torn writes only each n-th.
    """
    surviving, ledger, verdict = Surviving(life.volume), Ledger(life), Verdict()
    seen: set[int] = set()
    torn = 0
    for _ in range(len(life.volume.ops) + 1):
        owed = ledger.at(surviving.ops)
        debt = repr(owed)
        tally = verdict.tallies.setdefault(life.step_at(surviving.ops), Tally())
        for point in surviving.points() if surviving.ops >= since else ():
            if any(how != "whole" for _, how in point.survived):
                torn += 1
                if torn % every:
                    continue
            tally.points += 1
            if len(verdict.wrong) >= ENOUGH_WRONG and tally.points % SELDOM:
                continue
            image = surviving.image(point)
            at_s = life.second_at(surviving.ops) + BACK_S
            key = hash((frozenset(image.items()), debt, at_s))
            if key in seen:
                continue
            seen.add(key)
            tally.starts += 1
            found = aftermath.violations(image, owed, at_s=at_s)
            tally.violations += len(found)
            verdict.wrong += [(point, one) for one in found]
        if surviving.ops < len(life.volume.ops):
            surviving.advance()
    return verdict
