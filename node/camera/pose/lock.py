"""The pose lock of one camera: looks at masked pictures, at most once a second, and says when it is not in place.

It compares with two sets of landmarks. The *reference* is where the masks were drawn; without one, it is what was seen
when the lock began (a *session's*). The *recent* ones follow the light from hour to hour as long as the camera is in
place, so that a turn is seen also when nothing of the reference is; they live in memory alone.
"""

from node.camera.painter import MaskedFrame
from node.camera.pose.judgement import Judgement, Look, Moves, furthest
from node.camera.pose.landmarks import LEAST, Average, Landmarks
from node.camera.pose.matching import Match, Matcher, Shift
from node.camera.pose.structure import Sight, Structure
from node.errors import Refused
from node.formats.pose import PoseReference
from node.masks.geometry import Size
from node.masks.raster import Mask

BAND_SHARE = 0.92
"""Of the guard band: what is measured may be a pixel off."""
SURE, SURE_ANYWHERE = 4.0, 5.0
"""From which surety landmarks are found: nearby, and in the whole picture, where chance has more room."""
LEAST_AGREEMENT = 0.08
SESSION_LOOKS = 5
"""After so many looks in place a session's reference is fixed."""
CENTRE_LOOKS = 20
"""The first picture may have been taken in a gust: the middle of so many is where the camera hangs."""
RECENT_LOOKS = 16
"""The recent landmarks are those of about so many looks, and are chosen anew every half of them."""
_STRANGE_TEXTURE, _STRANGE_SHARE, _STRANGE_SPREAD = 0.02, 0.3, 0.4
_USUAL_WEIGHT = 0.1
_WEAK, _ELSEWHERE = 0.5, 1.25


class PoseLock:
    """`observe` every masked frame of one camera; `shut` says whether nothing may be shown."""

    def __init__(self, *, size: Size, blind: Mask, guard_px: int, reference: PoseReference | None) -> None:
        """`blind` is the main stream's luma mask, guard band included; without a reference a session's is learned.

        Refuses a reference of which the masks leave too little.
        """
        self._band_px = BAND_SHARE * guard_px
        self._sight = Sight(size=size, blind=blind)
        self._is_session = reference is None
        self._reference: _Known | None = None
        if reference is not None:
            self._reference = _Known(
                _in_sight(Landmarks.of(reference, self._sight.size), self._sight), self._sight
            )
        self._recent: _Known | None = None
        self._average: Average | None = None
        self._seen: tuple[Structure, Match] | None = None
        self._start: Shift = (0.0, 0.0)
        self._centre: Shift = (0.0, 0.0)
        self._ways: tuple[Shift, Shift] = ((0.0, 0.0), (0.0, 0.0))
        self._texture = 0.0
        self._judgement = Judgement(band_px=self._band_px, confirmed=self._is_session)
        self.looks = 0
        """How often a picture was looked at."""

    @property
    def shut(self) -> bool:
        """Whether the camera is lost, or not yet found where its reference says."""
        return self._judgement.lost or self._judgement.doubtful

    @property
    def lost(self) -> bool:
        """Whether it is lost: an alarm."""
        return self._judgement.lost

    @property
    def is_session(self) -> bool:
        """Whether it is compared with what was seen since the start only."""
        return self._is_session

    def cover(self, *, blind: Mask, guard_px: int) -> None:
        """Go on under other masks of the same view. Refuses if they leave too little."""
        sight = Sight(size=self._size_of(blind), blind=blind)
        reference = self._reference and self._reference.seen_by(sight)
        self._recent, self._seen = None, None
        if reference is None:  # not even a session's yet: begin again
            self._average, self._centre, self._ways = None, (0.0, 0.0), ((0.0, 0.0), (0.0, 0.0))
        if self._average is not None:
            self._average.hide(sight)
        self._reference, self._sight = reference, sight
        self._band_px = BAND_SHARE * guard_px
        self._judgement.band_px = self._band_px

    def observe(self, frame: MaskedFrame) -> None:
        """Look at a frame, if it is time to."""
        if frame.fault is not None:
            return
        if self._judgement.due(frame.sensor_ns):
            self.looks += 1
            look = self._look(self._sight.structure(frame.main.luma))
            self._judgement.take(look, frame.sensor_ns)
        elif self._seen is not None:
            (structure, match), self._seen = self._seen, None
            self._learn(structure, match)

    def _look(self, structure: Structure) -> Look:
        if self._average is None and self._reference is None:
            return self._first(structure)
        match = self._found(structure)
        if match is None:
            return Look("strange" if self._is_strange(structure) else "blind")
        moves = self._moves(match)
        if furthest(moves) > self._widest_px:
            return Look("moved", moves)
        self._start = match.shift
        self._seen = None if self._judgement.lost else (structure, match)
        return Look("in_place", moves)

    def _found(self, structure: Structure) -> Match | None:
        """Where the landmarks are: nearby if enough of them are, else where most are."""
        weak: Match | None = None
        for known in self._sets():
            match = known.near(structure, self._start)
            if match is not None and known.is_strong(match):
                if furthest(self._moves(match)) <= self._widest_px:
                    known.learn(match)
                return match
            weak = weak or match
        if self._judgement.lost:
            return weak  # where else it looks does not matter
        # In turn, for that takes longest: in doubt the next look is near.
        sets = self._sets()
        match = sets[self.looks % len(sets)].anywhere(structure)
        if match is not None and (weak is None or match.agreement > _ELSEWHERE * weak.agreement):
            return match
        return weak

    def _sets(self) -> "list[_Known]":
        return [known for known in (self._reference, self._recent) if known is not None]

    @property
    def _widest_px(self) -> float:
        """How far off is still in place; twice as far while the middle of the sway is not known."""
        return self._band_px if self._reference is not None else 2 * self._band_px

    def _moves(self, match: Match) -> Moves:
        """In main pixels, from where the camera hangs."""
        return tuple(
            (part - self._centre[index % 2]) / self._sight.scale for index, part in enumerate(match.moves)
        )

    def _first(self, structure: Structure) -> Look:
        """Without a reference the first picture that shows enough is where the camera is."""
        average = Average(structure)
        average.add(structure, most=RECENT_LOOKS)
        landmarks = average.landmarks(self._sight)
        if len(landmarks) < LEAST:
            return Look("blind")
        self._average, self._recent = average, _Known(landmarks, self._sight)
        return Look("in_place", (0.0,) * 8)

    def _learn(self, structure: Structure, match: Match) -> None:
        """The camera is in place: follow what it sees. Between two looks, so that neither takes long."""
        self._average = self._average or Average(structure)
        self._average.add(structure, shift=match.shift, most=RECENT_LOOKS)
        count = self._average.count
        if self._is_session and count <= CENTRE_LOOKS:
            # Of a sway the middle between both ends is known sooner than the mean.
            (left, top), (right, bottom) = self._ways = (
                (min(self._ways[0][0], match.shift[0]), min(self._ways[0][1], match.shift[1])),
                (max(self._ways[1][0], match.shift[0]), max(self._ways[1][1], match.shift[1])),
            )
            self._centre = ((left + right) / 2, (top + bottom) / 2)
        if count in {2, SESSION_LOOKS} or count % (RECENT_LOOKS // 2) == 0:
            self._texture = _usual(self._texture, self._sight.texture(structure).share)
            self._renew_recent(self._average)

    def _renew_recent(self, average: Average) -> None:
        landmarks = average.landmarks(self._sight)
        if len(landmarks) < LEAST:
            return
        self._recent = _Known(landmarks, self._sight, usual=self._recent.usual if self._recent else 0.0)
        if self._reference is None and average.count >= SESSION_LOOKS:
            self._reference = self._recent

    def _is_strange(self, structure: Structure) -> bool:
        texture = self._sight.texture(structure)
        least = max(_STRANGE_TEXTURE, _STRANGE_SHARE * self._texture)
        return texture.share >= least and texture.spread >= _STRANGE_SPREAD

    @staticmethod
    def _size_of(blind: Mask) -> Size:
        return blind.shape[1], blind.shape[0]


class _Known:
    """One set of landmarks, and how well it usually agrees."""

    def __init__(self, landmarks: Landmarks, sight: Sight, *, usual: float = 0.0) -> None:
        self._landmarks = landmarks
        self._matcher = Matcher(landmarks, sight)
        self.usual = usual

    def near(self, structure: Structure, start: Shift) -> Match | None:
        """Where it surely is, nearby."""
        match = self._matcher.near(structure, start)
        return match if match.surety >= SURE and match.agreement >= LEAST_AGREEMENT else None

    def anywhere(self, structure: Structure) -> Match | None:
        """Where it surely is."""
        match = self._matcher.anywhere(structure)
        return match if match.surety >= SURE_ANYWHERE and match.agreement >= LEAST_AGREEMENT else None

    def is_strong(self, match: Match) -> bool:
        """Whether about as many landmarks agree as usual."""
        return match.agreement >= _WEAK * self.usual

    def learn(self, match: Match) -> None:
        """That is how well it agrees in place."""
        self.usual = _usual(self.usual, match.agreement)

    def seen_by(self, sight: Sight) -> "_Known":
        """What is left of it under other masks."""
        return _Known(_in_sight(self._landmarks, sight), sight, usual=self.usual)


def _in_sight(landmarks: Landmarks, sight: Sight) -> Landmarks:
    left = landmarks.within(sight)
    if len(left) < LEAST:
        raise Refused("pose reference: the masks leave too few of its landmarks")
    return left


def _usual(before: float, now: float) -> float:
    return before + (now - before) * (_USUAL_WEIGHT if before else 1.0)
