"""The pose lock of one camera: looks at masked pictures, at most once a second, and says when it is not in place.

It compares with two sets of landmarks. The *reference* is where the masks were drawn; without one, it is what was seen
when the lock began (a *session's*). The *recent* ones follow the light from hour to hour as long as the camera is in
place, so that a turn is seen also when nothing of the reference is; they live in memory alone.
"""

from typing import Literal

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
"""From which surety landmarks are found: nearby (or elsewhere, but far more clearly than nearby), and in the whole
picture, where chance has more room."""
LEAST_AGREEMENT, SURE_AGREEMENT = 0.08, 0.5
"""Where every second landmark agrees that is no chance, though in a facade as many nearly agree a window further."""
SESSION_LOOKS = 5
"""After so many looks at the same view a session's reference is fixed; the middle of them is where the camera hangs."""
ALIGNED_BANDS = 1.5
"""How far from its first look one of these may lie: the ends of a sway lie further apart than its middle."""
RECENT_LOOKS = 16
"""The recent landmarks are those of about so many looks, and are chosen anew every half of them."""
LEAST_TEXTURE = 0.01
"""With less there is nothing to recognise. Noise has up to 0.007, a picture with one detailed twentieth 0.015."""
_STRANGE_TEXTURE, _STRANGE_SHARE, _STRANGE_SPREAD = 0.02, 0.3, 0.3
_USUAL_WEIGHT = 0.1
_HARDLY_MOVED, _AS_WELL, _HALF_COVERED = 1.5, 0.75, 0.4
_NEARLY_USUAL = 0.88
"""Of the usual agreement. With less it may be that a facade's windows lie where others did, and nothing else does."""


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
        self._ends: tuple[Shift, Shift] = ((0.0, 0.0), (0.0, 0.0))
        """Of the sway, while a session's reference is learned."""
        self._searching = 0
        """Which set searches the whole picture next."""
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
    def found(self) -> bool:
        """Whether it was seen in place since it was opened."""
        return self._judgement.confirmed

    @property
    def compares_with(self) -> Literal["learning", "session", "reference"]:
        """With nothing yet, with what was seen since the start, or with its masks' reference."""
        if not self._is_session:
            return "reference"
        return "learning" if self._reference is None else "session"

    def reopened(self) -> None:
        """The sensor opens: that the camera was in place before says nothing of now."""
        if self._reference is not None:  # else the next look begins to learn anew, if it shows another view
            self._judgement.reopened()

    def cover(self, *, blind: Mask, guard_px: int) -> None:
        """Go on under other masks of the same view. Refuses if they leave too little."""
        sight = Sight(size=self._size_of(blind), blind=blind)
        reference = self._reference and self._reference.seen_by(sight)
        self._reference, self._sight = reference, sight
        self._recent, self._seen = None, None
        if self._average is not None:
            self._average.hide(sight)
            if reference is None:
                self._learn_from(self._average)
        self._band_px = BAND_SHARE * guard_px
        self._judgement.band_px = self._band_px

    def due(self, sensor_ns: int) -> bool:
        """Whether a frame of that time is looked at."""
        return self._judgement.due(sensor_ns)

    def observe(self, frame: MaskedFrame) -> None:
        """Look at a frame, if it is time to."""
        if frame.fault is not None:
            return
        if self.due(frame.sensor_ns):
            self.looks += 1
            look = self._look(self._sight.structure(frame.main.luma))
            self._judgement.take(look, frame.sensor_ns)
        elif self._seen is not None:
            (structure, match), self._seen = self._seen, None
            self._learn(structure, match)

    def _look(self, structure: Structure) -> Look:
        if self._reference is None:
            return self._first_look(structure)
        match = self._found(structure)
        if match is None:
            return Look(self._unknown(structure))
        moves = self._moves(match)
        if furthest(moves) > self._band_px:
            return Look("blind") if self._may_be_unmoved(match, moves) else Look("moved", moves)
        self._start = match.shift
        self._seen = None if self._judgement.lost else (structure, match)
        return Look("in_place", moves)

    def _may_be_unmoved(self, match: Match, moves: Moves) -> bool:
        """A little beyond the band, and nearly as many landmarks agree where it was: half of the view is covered by
        something whose edges happen to lie beside the landmarks."""
        return (
            furthest(moves) <= _HARDLY_MOVED * self._band_px and match.unmoved >= _AS_WELL * match.agreement
        )

    def _first_look(self, structure: Structure) -> Look:
        """Without a reference: what several looks in a row show together is where the camera is. It decides nothing."""
        if self._recent is not None:
            match = self._recent.near(structure, self._start, home=self._centre)
            if match is not None and furthest(self._moves(match)) <= ALIGNED_BANDS * self._band_px:
                self._recent.learn(match)
                self._start, self._seen = match.shift, (structure, match)
                return Look("blind")
        self._forget()
        if self._sight.texture(structure).share >= LEAST_TEXTURE:
            average = Average(structure)
            average.add(structure, most=RECENT_LOOKS)
            self._learn_from(average)
        return Look("blind")

    def _learn_from(self, average: Average) -> None:
        landmarks = average.landmarks(self._sight)
        if len(landmarks) >= LEAST:
            self._average, self._recent = average, _Known(landmarks, self._sight)

    def _forget(self) -> None:
        """Begin to learn a session's reference, or begin again."""
        self._average, self._recent, self._seen = None, None, None
        self._start, self._centre, self._ends = (0.0, 0.0), (0.0, 0.0), ((0.0, 0.0), (0.0, 0.0))

    def _found(self, structure: Structure) -> Match | None:
        """Where the landmarks are: nearby if about as many as usual agree there, else where most are."""
        sets = self._sets()
        doubtful: tuple[_Known, Match] | None = None
        for known in sets:
            match = known.near(structure, self._start, home=self._centre)
            if match is not None and known.is_usual(match):
                if furthest(self._moves(match)) <= self._band_px:
                    known.learn(match)
                return match
            if match is not None and doubtful is None:
                doubtful = known, match
        if self._judgement.lost and (doubtful is None or furthest(self._moves(doubtful[1])) > self._band_px):
            return doubtful and doubtful[1]  # where else it looks does not matter
        if doubtful is None:
            # One set a look, for that takes longest: in doubt the next look is near. What was found is found again by
            # the same set, for in a facade another may find it elsewhere.
            found = sets[self._searching % len(sets)].anywhere(structure, sure=SURE_ANYWHERE)
            self._searching += found is None
            return found
        known, match = doubtful
        elsewhere = known.anywhere(structure, sure=SURE)
        if elsewhere is not None and elsewhere.is_clearer_than(match):
            return elsewhere
        if furthest(self._moves(match)) <= self._band_px:
            known.learn(match)
        return match

    def _sets(self) -> "list[_Known]":
        return [known for known in (self._reference, self._recent) if known is not None]

    def _moves(self, match: Match) -> Moves:
        """In main pixels, from where the camera hangs."""
        return tuple(
            (part - self._centre[index % 2]) / self._sight.scale for index, part in enumerate(match.moves)
        )

    def _learn(self, structure: Structure, match: Match) -> None:
        """The camera is in place: follow what it sees. Between two looks, so that neither takes long."""
        self._average = self._average or Average(structure)
        self._average.add(structure, shift=match.shift, most=RECENT_LOOKS)
        count = self._average.count
        if self._reference is None:
            # Of a sway the middle between both ends is known sooner than the mean.
            (left, top), (right, bottom) = self._ends
            x, y = match.shift
            self._ends = (min(left, x), min(top, y)), (max(right, x), max(bottom, y))
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
            (left, top), (right, bottom) = self._ends
            self._centre = ((left + right) / 2, (top + bottom) / 2)

    def _unknown(self, structure: Structure) -> Literal["strange", "unclear", "blind"]:
        """What a picture is in which nothing known was found."""
        texture = self._sight.texture(structure)
        if texture.share < LEAST_TEXTURE:
            return "blind"
        least = max(_STRANGE_TEXTURE, _STRANGE_SHARE * self._texture)
        return "strange" if texture.share >= least and texture.spread >= _STRANGE_SPREAD else "unclear"

    @staticmethod
    def _size_of(blind: Mask) -> Size:
        return blind.shape[1], blind.shape[0]


class _Known:
    """One set of landmarks, and how well it usually agrees."""

    def __init__(self, landmarks: Landmarks, sight: Sight, *, usual: float = 0.0) -> None:
        self._landmarks = landmarks
        self._matcher = Matcher(landmarks, sight)
        self.usual = usual

    def near(self, structure: Structure, start: Shift, *, home: Shift) -> Match | None:
        """Where it surely is, nearby."""
        match = self._matcher.near(structure, start, home=home)
        return match if _is_sure(match, SURE) else None

    def anywhere(self, structure: Structure, *, sure: float) -> Match | None:
        """Where it surely is."""
        match = self._matcher.anywhere(structure)
        return match if _is_sure(match, sure) else None

    def is_usual(self, match: Match) -> bool:
        """Whether about as many landmarks agree as usual; nobody knows before it was found in place once."""
        return self.usual > 0.0 and match.agreement >= _NEARLY_USUAL * self.usual

    def is_half_covered(self, match: Match) -> bool:
        """Whether fewer landmarks agree than usual, and still too many for another place."""
        return _HALF_COVERED * self.usual <= match.agreement < _NEARLY_USUAL * self.usual

    def learn(self, match: Match) -> None:
        """That is how well it agrees in place."""
        self.usual = _usual(self.usual, match.agreement)

    def seen_by(self, sight: Sight) -> "_Known":
        """What is left of it under other masks."""
        return _Known(_in_sight(self._landmarks, sight), sight, usual=self.usual)


def _is_sure(match: Match, sure: float) -> bool:
    return match.agreement >= LEAST_AGREEMENT and (match.surety >= sure or match.agreement >= SURE_AGREEMENT)


def _in_sight(landmarks: Landmarks, sight: Sight) -> Landmarks:
    left = landmarks.within(sight)
    if len(left) < LEAST:
        raise Refused("pose reference: the masks leave too few of its landmarks")
    return left


def _usual(before: float, now: float) -> float:
    return before + (now - before) * (_USUAL_WEIGHT if before else 1.0)
