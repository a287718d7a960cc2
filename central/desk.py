"""The release desk: opens what can be opened, writes the clips, and says in a report what it did."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path

from central.clip import ClipWriter
from central.film import Film
from central.opening import OpenedSegment, Place, epoch_keys, node_key, opened
from central.report import ClipLine, GapLine, Report, SegmentLine
from node.clock import NS, rfc3339
from node.errors import Damaged, Refused
from node.formats.interval import Interval
from node.sealing.keys import PrivateKeys

FRAGMENT_NS = NS  # a GOP at most: the picture at the interval's beginning may stand in one that began before


def utc_caption(utc_ns: int) -> str:
    """The subtitle of footage whose place is not known here."""
    return f"{rfc3339(utc_ns, digits=0)}"


class Desk:
    """One opening into the folder `work`. Clips are named like `out`; a second one is needed only where the
    pictures' format changed on the way.

    `missing`: stretches of the interval of which the bundle says itself that there is nothing.
    """

    def __init__(
        self,
        *,
        work: Path,
        out: Path,
        caption: Callable[[int], str] = utc_caption,
        interval: Interval | None = None,
        missing: Sequence[Interval] = (),
    ) -> None:
        self._missing = missing
        self._work = work
        self._caption = caption
        self._interval = interval
        self._out = out
        self._clips: list[tuple[bytes, Path, ClipWriter]] = []
        self._segments: list[SegmentLine] = []
        self._gaps: list[GapLine] = []
        self._not_opened: list[str] = []
        self._times: list[int] = []
        self._film = Film()
        self._explained: list[Interval] = []
        self._written: set[tuple[str, int]] = set()

    def open_all(self, place: Place, keys: Mapping[str, PrivateKeys]) -> tuple[tuple[Path, ...], Report]:
        """Open every segment that opens; `Refused` with the first reason if none does."""
        epochs, node = epoch_keys(place.slot), node_key(place.node)
        sources = (partial(opened, path, epochs=epochs, keys=keys, node=node) for path in place.segments)
        return self.open_each(sources, keys, node_key=place.node.name if place.node else None)

    def open_each(
        self,
        sources: Iterable[Callable[[], OpenedSegment]],
        keys: Mapping[str, PrivateKeys],
        *,
        node_key: str | None,
    ) -> tuple[tuple[Path, ...], Report]:
        """The same of segments wherever they come from. `node_key`: whose key judges the signatures, in words."""
        used: set[str] = set()
        seen: set[str] = set()
        for source in sources:
            try:
                segment = source()
            except Refused as refusal:
                self._not_opened.append(str(refusal))
                continue
            if segment.header.segment in seen:
                self._not_opened.append(
                    f"{segment.path.name}: segment {segment.header.segment} was given twice"
                )
                continue
            seen.add(segment.header.segment)
            self._add(segment)
            used.update(segment.opened_by)
        if not self._times:
            raise Refused(self._not_opened[0] if self._not_opened else "there is no picture in it")
        for _, _, writer in self._clips:
            writer.close()
        self._clips = [clip for clip in self._clips if clip[2].frames]
        report = self._report(used, keys, node_key)
        return tuple(path for _, path, _ in self._clips), report

    def _add(self, segment: OpenedSegment) -> None:
        writer = self._writer(segment)
        count = 0
        for utc_ns, fragment in segment.fragments:
            if not self._is_asked_for(utc_ns):
                continue
            if (segment.header.boot, utc_ns) in self._written:  # sent again by a camera that had no answer
                segment.notes.append(
                    f"the fragment of {rfc3339(utc_ns)} is in another segment too: left out here"
                )
                continue
            self._written.add((segment.header.boot, utc_ns))
            try:
                shown = writer.add(utc_ns, fragment)
            except Damaged as error:
                segment.notes.append(f"the fragment of {rfc3339(utc_ns)}: {error}: left out")
                continue
            for from_ns, until_ns in shown:
                self._film.add(from_ns, until_ns)
            self._times.append(utc_ns)
            count += 1
        header = segment.header
        self._segments.append(
            SegmentLine(
                file=segment.path.name,
                segment=header.segment,
                node=header.node,
                start=rfc3339(header.start_ns),
                time_trust=header.time_trust,
                mandate=header.mandate,
                masks=header.masks,
                aead=header.aead,
                opened_by=segment.opened_by,
                fragments=count,
                ending=segment.ending,
                signature=segment.signature,
                notes=tuple(segment.notes),
            )
        )
        self._gaps += [GapLine(rfc3339(at), rfc3339(gap.until_ns), gap.reason) for at, gap in segment.gaps]
        self._explained += [Interval(at, gap.until_ns) for at, gap in segment.gaps]

    def _holes(self) -> Iterator[GapLine]:
        """What nothing accounts for: film that was never made, was lost, or was taken away."""
        for hole in self._film.holes(self._interval, (*self._explained, *self._missing)):
            yield GapLine(rfc3339(hole.from_ns), rfc3339(hole.until_ns), "unknown")

    def _is_asked_for(self, utc_ns: int) -> bool:
        """A segment is released whole; what the order does not ask for is not looked at."""
        if self._interval is None:
            return True
        return self._interval.from_ns - FRAGMENT_NS < utc_ns < self._interval.until_ns

    def _writer(self, segment: OpenedSegment) -> ClipWriter:
        for init, _, writer in self._clips:
            if init == segment.init:
                return writer
        number = len(self._clips) + 1
        name = self._out.name if number == 1 else f"{self._out.stem}-{number}{self._out.suffix}"
        path = self._work / name
        writer = ClipWriter(path, segment.init, segment.header.timescale, caption=self._caption)
        self._clips.append((segment.init, path, writer))
        return writer

    def _report(self, used: set[str], keys: Mapping[str, PrivateKeys], node_key: str | None) -> Report:
        return Report(
            clips=tuple(
                ClipLine(path.name, writer.frames, sha256(path.read_bytes()).hexdigest())
                for _, path, writer in self._clips
            ),
            frames=sum(writer.frames for _, _, writer in self._clips),
            first=rfc3339(self._times[0]),
            last=rfc3339(max(writer.last_ns for _, _, writer in self._clips)),
            kems={owner: keys[owner].recipient.kem for owner in sorted(used)},
            node_key=node_key,
            segments=tuple(self._segments),
            gaps=(*self._gaps, *self._holes()),
            not_opened=tuple(self._not_opened),
        )
