"""The pose lock of one camera: looks at masked pictures, at most once a second, and says when it is not in place.

It compares with two sets of landmarks. The *reference* is where the masks were drawn; without one, it is what was seen
when the lock began (a *session's*). The *recent* ones follow the light from hour to hour as long as the camera is in
place, so that a turn is seen also when nothing of the reference is; they live in memory alone.
"""

from dataclasses import dataclass
from functools import partial
from math import dist
from typing import TYPE_CHECKING, Literal

from node.camera.painter import MaskedFrame
from node.camera.pose.judgement import Judgement, Look, Moves, furthest
from node.camera.pose.landmarks import LEAST, Average, Landmarks
from node.camera.pose.matching import Match, Matcher, Shift
from node.camera.pose.structure import Field, Sight, Structure, Texture, alike
from node.clock import NS
from node.errors import Refused
from node.formats.pose import PoseReference
from node.masks.geometry import Size
from node.masks.raster import Mask

if TYPE_CHECKING:
    from collections.abc import Callable

BAND_SHARE = 0.92
"""Of the guard band: what is measured may be a pixel off."""
SURE, SURE_ANYWHERE = 4.0, 5.0
"""From which surety landmarks are found: where they were left (or elsewhere, but far more clearly than there), and
anywhere else, where chance has more room."""
LEAST_AGREEMENT, SURE_AGREEMENT = 0.08, 0.5
"""Where every second landmark agrees that is no chance, though in a facade as many nearly agree a window further."""
PARTLY_SURE, PARTLY_AGREES = 3.0, 0.35
"""Where the camera was left it needs less to be believed, as long as so much of the usual agreement is left: much of
the view is covered, and the rest lies where it did."""
AS_A_WHOLE, FAR_MORE, ELSEWHERE_AGREES = 0.6, 1.2, 0.16
"""Of the usual agreement; of that in another place; of the usual again, without which it is chance."""
SESSION_LOOKS = 5
"""After so many looks at the same view a session's reference is fixed; the middle of them is where the camera hangs."""
ALIGNED_BANDS = 1.5
"""How far from its first look one of these may lie: the ends of a sway lie further apart than its middle."""
HURRY_NS = NS // 6
"""Of frames that follow each other so soon one does not do all of a look that takes long."""
RECENT_LOOKS = 16
"""The recent landmarks are those of about so many looks, and are chosen anew every half of them."""
LEAST_TEXTURE = 0.01
"""With less there is nothing to recognise. Noise has up to 0.007, a picture with one detailed twentieth 0.015."""
_STRANGE_TEXTURE, _STRANGE_SHARE, _STRANGE_SPREAD, _STRANGE_WIDE = 0.02, 0.3, 0.3, 0.6
_STILL, SAME_PLACE_PX = 0.4, 2.0
"""The correlation from which on two strange views are one that stays, and nothing that drives past; how near to each
other two unsure places are one."""
_USUAL_WEIGHT = 0.1
_HARDLY_MOVED, _AS_WELL = 1.5, 0.75
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
        self._asked = 0
        """Which set is asked next: an even number is the reference."""
        self._doubt: _Doubt | None = None
        """A look that is half done."""
        self._frame_ns = 0
        """When the last frame was."""
        self._chores: list[Callable[[], None]] = []
        """What is left to do between looks, one a frame."""
        self._texture = Texture(0.0, 0.0)
        """What is usual."""
        self._strange: Field | None = None
        """The edges of the last view in which nothing known was found, in coarse cells."""
        self._perhaps: Shift | None = None
        """Where the landmarks may have been in it."""
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
        self._doubt = None
        if self._reference is not None:  # else the next look begins to learn anew, if it shows another view
            self._judgement.reopened()

    def cover(self, *, blind: Mask, guard_px: int) -> None:
        """Go on under other masks of the same view. Refuses if they leave too little."""
        sight = Sight(size=self._size_of(blind), blind=blind)
        reference = self._reference and self._reference.seen_by(sight)
        self._reference, self._sight = reference, sight
        self._recent, self._seen, self._doubt = None, None, None
        self._chores.clear()
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
        """Look at a frame, if it is time to; what a look leaves to do is done with the next ones."""
        if frame.fault is not None:
            return
        hurries = frame.sensor_ns - self._frame_ns <= HURRY_NS
        self._frame_ns = frame.sensor_ns
        if self._doubt is not None:
            doubt, self._doubt = self._doubt, None
            self._judgement.take(self._searched(doubt), doubt.sensor_ns)
        elif self.due(frame.sensor_ns):
            while self._chores or self._seen is not None:  # of hardly a frame a second each is looked at
                self._do_a_chore()
            self.looks += 1
            look = self._look(self._sight.structure(frame.main.luma), frame.sensor_ns)
            if isinstance(look, _Doubt) and hurries and self.found:
                self._doubt = look  # until it was found once, nothing may be shown meanwhile
            else:
                look = self._searched(look) if isinstance(look, _Doubt) else look
                self._judgement.take(look, frame.sensor_ns)
        else:
            self._do_a_chore()

    def _do_a_chore(self) -> None:
        """Between looks, so that no frame takes long."""
        if self._chores:
            self._chores.pop(0)()
        elif self._seen is not None:
            (structure, match), self._seen = self._seen, None
            self._learn(structure, match)

    def _look(self, structure: Structure, sensor_ns: int) -> "Look | _Doubt":
        """Where the landmarks are nearby, if about as many as usual agree there.

        One set a look. As long as a look leaves a doubt, the next asks the other set.
        """
        if self._reference is None:
            return self._first_look(structure)
        sets = [known for known in (self._reference, self._recent) if known is not None]
        known = sets[self._asked % len(sets)]
        match = known.near(structure, self._start, home=self._centre)
        in_band = furthest(self._moves(match)) <= self._band_px
        sure = _is_sure(match, SURE if in_band else SURE_ANYWHERE) or (
            in_band and known.is_partly_here(match)
        )
        found = match if sure else None
        if found is not None and known.is_usual(found):
            self._asked = 0
            return self._known_at(structure, known, found)
        self._asked += 1
        if self._judgement.lost and not (found is not None and in_band):
            # Where else it looks does not matter, nor what it sees there: the other set may find it in place.
            return Look("moved", self._moves(found)) if found is not None else Look("unclear")
        return _Doubt(structure, known, found, sensor_ns)

    def _searched(self, doubt: "_Doubt") -> Look:
        """Where else most landmarks are; if nowhere, what else the picture may be."""
        structure, known, found = doubt.structure, doubt.known, doubt.found
        elsewhere = known.anywhere(structure)
        sure = known.is_elsewhere(elsewhere, SURE_ANYWHERE if found is None else SURE)
        if sure and (found is None or known.is_clearly(elsewhere, found)):
            self._asked -= 1  # by this set again: in a facade the other may find it elsewhere
            found = elsewhere
        if found is not None:
            return self._known_at(structure, known, found)
        perhaps, self._perhaps = self._perhaps, None
        if known.is_elsewhere(elsewhere, PARTLY_SURE):
            self._perhaps = elsewhere.shift
        stays = (
            perhaps is not None
            and self._perhaps is not None
            and dist(perhaps, self._perhaps) <= SAME_PLACE_PX
        )
        return Look(self._unknown(structure, stays=stays))

    def _known_at(self, structure: Structure, known: "_Known", match: Match) -> Look:
        """What it means that the landmarks are there."""
        self._strange, self._perhaps = None, None
        moves = self._moves(match)
        if furthest(moves) > self._band_px:
            return Look("blind") if self._may_be_unmoved(match, moves) else Look("moved", moves)
        known.learn(match)
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
            if _is_sure(match, SURE) and furthest(self._moves(match)) <= ALIGNED_BANDS * self._band_px:
                self._recent.learn(match)
                self._start, self._seen = match.shift, (structure, match)
                return Look("blind")
        self._forget()
        if self._sight.texture(structure).share >= LEAST_TEXTURE:
            average = Average(structure)
            average.add(structure, most=RECENT_LOOKS)
            self._chores = [partial(self._learn_from, average)]
        return Look("blind")

    def _learn_from(self, average: Average) -> None:
        landmarks = average.landmarks(self._sight)
        if len(landmarks) >= LEAST:
            self._average, self._recent = average, _Known(landmarks, self._sight)

    def _forget(self) -> None:
        """Begin to learn a session's reference, or begin again."""
        self._average, self._recent, self._seen = None, None, None
        self._chores.clear()
        self._start, self._centre, self._ends = (0.0, 0.0), (0.0, 0.0), ((0.0, 0.0), (0.0, 0.0))

    def _moves(self, match: Match) -> Moves:
        """In main pixels, from where the camera hangs."""
        return tuple(
            (part - self._centre[index % 2]) / self._sight.scale for index, part in enumerate(match.moves)
        )

    def _learn(self, structure: Structure, match: Match) -> None:
        """The camera is in place: follow what it sees."""
        self._average = self._average or Average(structure)
        self._average.add(structure, shift=match.shift, most=RECENT_LOOKS)
        count = self._average.count
        if self._reference is None:
            # Of a sway the middle between both ends is known sooner than the mean.
            (left, top), (right, bottom) = self._ends
            x, y = match.shift
            self._ends = (min(left, x), min(top, y)), (max(right, x), max(bottom, y))
        if count in {2, SESSION_LOOKS} or count % (RECENT_LOOKS // 2) == 0:
            self._chores = [
                partial(self._renew_recent, self._average),
                partial(self._renew_texture, structure),
            ]

    def _renew_texture(self, structure: Structure) -> None:
        seen = self._sight.texture(structure)
        self._texture = Texture(
            _usual(self._texture.share, seen.share), _usual(self._texture.spread, seen.spread)
        )

    def _renew_recent(self, average: Average) -> None:
        landmarks = average.landmarks(self._sight)
        if len(landmarks) < LEAST:
            return
        self._recent = _Known(landmarks, self._sight, usual=self._recent.usual if self._recent else 0.0)
        if self._reference is None and average.count >= SESSION_LOOKS:
            self._reference = self._recent
            (left, top), (right, bottom) = self._ends
            self._centre = ((left + right) / 2, (top + bottom) / 2)

    def _unknown(
        self, structure: Structure, *, stays: bool
    ) -> Literal["strange", "passing", "unclear", "blind"]:
        """What a picture is in which nothing known was surely found; `stays`: twice in one place, unsurely."""
        texture, before = self._sight.texture(structure), self._strange
        self._strange = None
        if texture.share < LEAST_TEXTURE:
            return "blind"
        least = max(_STRANGE_TEXTURE, _STRANGE_SHARE * self._texture.share)
        wide = min(_STRANGE_SPREAD, _STRANGE_WIDE * self._texture.spread)
        if texture.share < least or texture.spread < wide:
            return "unclear"
        self._strange = self._sight.coarse(structure)
        stays |= before is None or alike(before, self._strange) >= _STILL
        return "strange" if stays else "passing"

    @staticmethod
    def _size_of(blind: Mask) -> Size:
        return blind.shape[1], blind.shape[0]


@dataclass(frozen=True, slots=True, eq=False)
class _Doubt:
    """A look that found too little nearby: `found` there, if anything. The rest is to be searched."""

    structure: Structure
    known: "_Known"
    found: Match | None
    sensor_ns: int


class _Known:
    """One set of landmarks, and how well it usually agrees."""

    def __init__(self, landmarks: Landmarks, sight: Sight, *, usual: float = 0.0) -> None:
        self._landmarks = landmarks
        self._matcher = Matcher(landmarks, sight)
        self.usual = usual

    def near(self, structure: Structure, start: Shift, *, home: Shift) -> Match:
        """Where it is, nearby; how surely the match itself says."""
        return self._matcher.near(structure, start, home=home)

    def anywhere(self, structure: Structure) -> Match:
        """Where most of it is in the whole picture."""
        return self._matcher.anywhere(structure)

    def is_elsewhere(self, match: Match, sure: float) -> bool:
        """Whether that is no chance, in the whole picture."""
        return match.agreement >= ELSEWHERE_AGREES * self.usual and _is_sure(match, sure)

    def is_usual(self, match: Match) -> bool:
        """Whether about as many landmarks agree as usual; nobody knows before it was found in place once."""
        return self.usual > 0.0 and match.agreement >= _NEARLY_USUAL * self.usual

    def is_partly_here(self, match: Match) -> bool:
        """Whether a good part of what usually agrees does, though chance would do nearly as well."""
        return match.surety >= PARTLY_SURE and 0.0 < PARTLY_AGREES * self.usual <= match.agreement

    def is_clearly(self, there: Match, here: Match) -> bool:
        """Whether it is there and not here: the view fits there as a whole, or far more of it does than here.

        Of a facade half of which is covered the rest fits a window further too, but no more of it.
        """
        as_a_whole = there.agreement >= AS_A_WHOLE * self.usual
        return there.is_clearer_than(here) and (as_a_whole or there.agreement >= FAR_MORE * here.agreement)

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
