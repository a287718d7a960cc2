"""The pose lock of one camera: looks at masked pictures, about once a second, and says when it is not in place.

It compares with two sets of landmarks. The reference is where the masks were drawn; without one, it is what was seen
when the lock began (a *session's*). The recent ones follow the light from hour to hour as long as the camera is in
place, so that a turn is seen also when nothing of the reference is; they live in memory alone.
"""

import numpy as np

from node.camera.painter import MaskedFrame
from node.camera.pose.judgement import Judgement, Look, Moves, furthest
from node.camera.pose.landmarks import LEAST, Average, Landmarks
from node.camera.pose.matching import Match, Matcher
from node.camera.pose.structure import Sight, Structure
from node.masks.geometry import Size
from node.masks.raster import Mask

BAND_SHARE = 0.92
"""Of the guard band: what is measured may be a pixel off."""
SURE, SURE_ANYWHERE = 4.0, 5.0
"""From which surety landmarks are found: nearby, and in the whole picture, where chance has more room."""
LEAST_AGREEMENT = 0.08
_USUAL_WEIGHT = 0.1
_WEAK = 0.5
_ELSEWHERE = 1.25
SESSION_LOOKS = 8
RECENT_LOOKS = 16
_STRANGE_TEXTURE, _STRANGE_SHARE, _STRANGE_SPREAD = 0.02, 0.3, 0.4


class _Known:
    """One set of landmarks, and how well it usually agrees."""

    def __init__(self, matcher: Matcher, *, usual: float = 0.0) -> None:
        self.matcher = matcher
        self.usual = usual

    def near(self, structure: Structure, start: tuple[float, float]) -> Match | None:
        match = self.matcher.near(structure, start)
        return match if match.surety >= SURE and match.agreement >= LEAST_AGREEMENT else None

    def anywhere(self, structure: Structure) -> Match | None:
        match = self.matcher.anywhere(structure)
        return match if match.surety >= SURE_ANYWHERE and match.agreement >= LEAST_AGREEMENT else None

    def is_strong(self, match: Match) -> bool:
        return match.agreement >= _WEAK * self.usual

    def learn(self, match: Match) -> None:
        self.usual += (match.agreement - self.usual) * (_USUAL_WEIGHT if self.usual else 1.0)


class PoseLock:
    """`observe` every masked frame of one camera; `shut` says whether nothing may be shown."""

    def __init__(self, *, size: Size, blind: Mask, guard_px: int, reference: Landmarks | None) -> None:
        """`blind` is the main stream's luma mask; `reference` None: a session's is learned."""
        self._sight = Sight(size=size, blind=blind)
        self._band_px = BAND_SHARE * guard_px
        self._reference = None if reference is None else _Known(Matcher(reference, self._sight))
        self._recent: _Known | None = None
        self._average: Average | None = None
        self._renew = False
        self._start = (0.0, 0.0)
        self._texture = 0.0
        self._shifts: list[tuple[float, float]] = []
        self._judgement = Judgement(band_px=self._band_px, confirmed=reference is None)
        self.looks = 0

    @property
    def shut(self) -> bool:
        """Whether the camera is lost, or not yet found where the reference says."""
        return self._judgement.lost or self._judgement.doubtful

    @property
    def lost(self) -> bool:
        """Whether it is known to be lost: an alarm."""
        return self._judgement.lost

    def observe(self, frame: MaskedFrame) -> None:
        """Look at a frame, if it is time to."""
        if frame.fault is not None:
            return
        if self._judgement.due(frame.sensor_ns):
            self.looks += 1
            look = self._look(self._sight.structure(frame.main.luma))
            self._judgement.take(look, frame.sensor_ns)
        elif self._renew:
            self._renew = False
            self._renew_recent()

    def _look(self, structure: Structure) -> Look:
        if self._average is None and self._reference is None:
            return self._first(structure)
        match = self._found(structure)
        if match is None:
            return Look("strange" if self._is_strange(structure) else "blind")
        moves = self._moves(match)
        if furthest(moves) > self._widest_px:
            return Look("moved", moves)
        if not self._judgement.lost:
            self._learn(structure, match)
        return Look("in_place", moves)

    def _found(self, structure: Structure) -> Match | None:
        weak: Match | None = None
        for known in self._sets():
            match = known.near(structure, self._start)
            if match is not None and known.is_strong(match):
                if furthest(self._moves(match)) <= self._widest_px:
                    known.learn(match)
                return match
            if weak is None:
                weak = match
        for known in self._sets():
            match = known.anywhere(structure)
            if match is not None and (weak is None or match.agreement > _ELSEWHERE * weak.agreement):
                return match
        return weak

    def _sets(self) -> list[_Known]:
        return [known for known in (self._reference, self._recent) if known is not None]

    @property
    def _widest_px(self) -> float:
        """How far off is still in place; twice as far while the middle of the sway is not known."""
        return self._band_px if self._reference is not None else 2 * self._band_px

    def _moves(self, match: Match) -> Moves:
        return tuple(part / self._sight.scale for part in match.moves)

    def _first(self, structure: Structure) -> Look:
        """Without a reference the first picture that shows enough is where the camera is."""
        average = Average(structure)
        average.add(structure, most=RECENT_LOOKS)
        if len(average.landmarks(self._sight)) < LEAST:
            return Look("blind")
        self._average, self._renew = average, True
        return Look("in_place", (0.0,) * 8)

    def _learn(self, structure: Structure, match: Match) -> None:
        self._start = match.shift
        texture = self._sight.texture(structure)[0]
        self._texture += (texture - self._texture) * (_USUAL_WEIGHT if self._texture else 1.0)
        self._average = self._average or Average(structure)
        self._average.add(structure, shift=match.shift, most=RECENT_LOOKS)
        count = self._average.count
        self._renew = count in (2, 4) or count % SESSION_LOOKS == 0
        if self._reference is None:
            self._shifts.append(match.shift)

    def _renew_recent(self) -> None:
        if self._average is None:
            return
        landmarks = self._average.landmarks(self._sight)
        if len(landmarks) < LEAST:
            return
        usual = self._recent.usual if self._recent is not None else 0.0
        self._recent = _Known(Matcher(landmarks, self._sight), usual=usual)
        if self._reference is None and self._average.count >= SESSION_LOOKS:
            # The first picture may have been taken in a gust: the middle of all is where the camera hangs.
            x, y = np.median(np.array(self._shifts), axis=0)
            middle = Landmarks(landmarks.places + np.array((x, y), np.float32), landmarks.directions)
            self._reference = _Known(Matcher(middle, self._sight), usual=usual)
            self._average, self._recent, self._start = None, None, (0.0, 0.0)

    def _is_strange(self, structure: Structure) -> bool:
        share, spread = self._sight.texture(structure)
        return share >= max(_STRANGE_TEXTURE, _STRANGE_SHARE * self._texture) and spread >= _STRANGE_SPREAD
