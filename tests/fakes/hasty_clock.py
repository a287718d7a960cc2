"""This machine's clock, of which a test may skip a part: what would take ten seconds takes none."""

from node.clock import NS, SystemClock


class HastyClock(SystemClock):
    """Real time, and what was skipped. `hurry_s`: so much is skipped each time that somebody looks."""

    def __init__(self) -> None:
        super().__init__(trust="demo")
        self._skipped_ns = 0
        self.hurry_s = 0.0

    def boottime_ns(self) -> int:
        self.skip(self.hurry_s)
        return super().boottime_ns() + self._skipped_ns

    def skip(self, seconds: float) -> None:
        """That much later at once."""
        self._skipped_ns += int(seconds * NS)
