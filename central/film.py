"""What of a stretch of time there are pictures of, and the holes between them. Pure: times in, holes out.

The desk alone can say it: it has opened every fragment. Whoever keeps sealed segments knows only when each begins.
"""

from collections.abc import Iterable, Iterator

from node.formats.interval import SEAM_NS, Interval


class Film:
    """The times of pictures, in whatever order they come, kept as stretches without a hole."""

    def __init__(self) -> None:
        self._stretches: list[tuple[int, int]] = []

    def add(self, from_ns: int, until_ns: int) -> None:
        """There are pictures from then until then, UTC nanoseconds."""
        if self._stretches and 0 <= from_ns - self._stretches[-1][0] <= self._lasting + SEAM_NS:
            first, last = self._stretches[-1]
            self._stretches[-1] = (first, max(last, until_ns))
        else:
            self._stretches.append((from_ns, until_ns))

    @property
    def _lasting(self) -> int:
        first, last = self._stretches[-1]
        return last - first

    def holes(self, asked: Interval | None, explained: Iterable[Interval]) -> Iterator[Interval]:
        """Every stretch of more than two seconds without pictures that nothing explains, in order.

        `asked`: the interval whose ends count too; without it only what lies between pictures.
        """
        there = [*self._stretches, *((one.from_ns, one.until_ns) for one in explained)]
        inside = [one for one in there if one[1] > one[0]]
        if asked is None:
            if not self._stretches:
                return
            begin = min(first for first, _ in self._stretches)
            end = max(last for _, last in self._stretches)
        else:
            begin, end = asked.from_ns, asked.until_ns
        position = begin
        for first, last in sorted(inside):
            if min(first, end) - position > SEAM_NS:
                yield Interval(position, min(first, end))
            position = max(position, last)
        if end - position > SEAM_NS:
            yield Interval(position, end)
