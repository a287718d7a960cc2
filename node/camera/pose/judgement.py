"""From single looks to one answer over time: is the camera where its masks were drawn? Pure; knows no picture.

A turn is told from a gust by time: looks that follow each other quickly must find the camera away on the same side; no
gust is longer than `LONGEST_GUST_SECONDS`. A picture that shows nothing recognisable (night, fog, a hand) decides
nothing. It is lost until it was found in place several times.
"""

from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np

from node.clock import NS

Finding = Literal["in_place", "moved", "strange", "passing", "unclear", "blind"]
"""Landmarks where they belong; landmarks together elsewhere; clear edges all over, none of them known; the same, but
others than a moment ago; some edges, none of them known; nothing to go by."""

Moves = tuple[float, ...]
"""How far the landmarks' four corners moved, in main pixels: x, y of each."""

LOOK_SECONDS = 0.9
"""A camera that is in place is looked at so often, and up to `UNEVEN_SECONDS` later: never in step with a swing."""
UNEVEN_SECONDS = 0.2
SOON_SECONDS = 0.25
"""A camera that seems away is looked at again so soon, as long as looks are left (`MOST_LOOKS`)."""
MOST_LOOKS = 3.0
"""One look a second is earned, and so many can be saved for a moment of doubt."""
AWAY_LOOKS, AWAY_SECONDS = 2, 0.5
GUST_AWAY_LOOKS, GUST_AWAY_SECONDS = 4, 2.5
"""What it takes instead when the camera was seen to swing, up to `GUST_SECONDS` ago."""
GUST_SECONDS = 6.0
LONGEST_GUST_SECONDS, CALM_SECONDS = 6.0, 5.0
"""A swing that leaves the band again and again for so long is no gust; it is over when it stayed in it for so long."""
RETURN_LOOKS, RETURN_SECONDS = 3, 1.5
RETURN_SHARE = 0.85
"""Of the band: who comes back must come back a little further than where it was lost."""
PASSING_SECONDS = 4.0
"""So long after the camera was in place what never rests may be a car that drives past close by; then it is another
view, or somebody's hands."""
GUST_LOOKS = 9
FORGET_SECONDS = 5.0
"""So long after the last look at it a doubt counts no more."""
_SAME_SIDE = 0.5
_OUTLIER_BANDS = 3.0
_GOLDEN = 0.618034


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found. `moves` is empty where nothing was recognised."""

    finding: Finding
    moves: Moves = ()


@dataclass(frozen=True, slots=True)
class _Spell:
    """How long something has come again and again."""

    first_ns: int
    last_ns: int

    @property
    def length_ns(self) -> int:
        return self.last_ns - self.first_ns


class Judgement:
    """All looks of one camera. `band_px`: how far the landmarks may move, in main pixels."""

    def __init__(self, *, band_px: float, confirmed: bool) -> None:
        self.band_px = band_px
        self.confirmed = confirmed
        """Whether it was found in place since it was opened."""
        self._looks_left = MOST_LOOKS
        self._last_ns: int | None = None
        self._count = 0
        self._swung_ns: int | None = None
        self._gust: _Spell | None = None
        """Of being away, without being in place for long between."""
        self._unclear = False
        self._in_place_ns: int | None = None
        """When it was last found there."""
        self._away: list[tuple[int, Look]] = []
        self._back: list[int] = []
        self._lately: deque[Moves] = deque(maxlen=GUST_LOOKS)
        self.lost = False
        """Whether nothing may be shown."""

    @property
    def doubtful(self) -> bool:
        """Not found in place even once since it was opened, and not there now: nothing may be shown meanwhile."""
        return not self.confirmed and (bool(self._away) or self._unclear)

    def reopened(self) -> None:
        """Nobody has looked for a while: it is to be found in place once again, with the very next look."""
        self.confirmed = False
        self._looks_left = MOST_LOOKS
        self._last_ns = self._swung_ns = self._gust = self._in_place_ns = None
        self._away.clear()
        self._back.clear()
        self._lately.clear()

    def due(self, now_ns: int) -> bool:
        """Whether it is time to look: at most once a second over any longer time."""
        if self._last_ns is None:
            return True
        since_s = (now_ns - self._last_ns) / NS
        uneven_s = UNEVEN_SECONDS * (self._count * _GOLDEN % 1.0)
        wanted_s = SOON_SECONDS if self._away and not self.lost else LOOK_SECONDS + uneven_s
        return since_s >= wanted_s and self._looks_left + max(0.0, since_s - uneven_s) >= 1.0

    def take(self, look: Look, now_ns: int) -> None:
        """What the look of this moment found."""
        if self._last_ns is not None:
            self._looks_left = min(MOST_LOOKS, self._looks_left + (now_ns - self._last_ns) / NS)
        self._looks_left -= 1.0
        self._count += 1
        self._last_ns = now_ns
        self._unclear = look.finding == "unclear"
        if look.moves:
            self._lately.append(look.moves)
        if self.lost:
            self._seek(look, now_ns)
        else:
            self._keep_watch(look, now_ns)

    def _keep_watch(self, look: Look, now_ns: int) -> None:
        self._away = [(ns, past) for ns, past in self._away if now_ns - ns < FORGET_SECONDS * NS]
        if look.finding == "in_place":
            if any(past.moves for _, past in self._away):
                self._swung_ns = now_ns
            self._away.clear()
            self.confirmed, self._in_place_ns = True, now_ns
        elif look.finding in {"moved", "strange", "passing"}:
            if look.finding == "passing" and self._was_in_place(now_ns):
                self._away = [(ns, past) for ns, past in self._away if past.moves]  # the rest has gone by
            if look.moves:
                self._gust = _going_on(self._gust, now_ns)
            if look.moves and any(
                past.moves and not _same_side(past.moves, look.moves) for _, past in self._away
            ):
                self._swung_ns = now_ns
                self._away.clear()
            self._away.append((now_ns, look))
        if self._is_away(now_ns) or self._is_leaning() or self._is_too_long_a_gust():
            self.lost = True
            self._away.clear()
            self._back.clear()

    def _is_away(self, now_ns: int) -> bool:
        """Away for a while, all of it on one side."""
        if not self._away:
            return False
        swings = self._swung_ns is not None and now_ns - self._swung_ns < GUST_SECONDS * NS
        looks, seconds = (GUST_AWAY_LOOKS, GUST_AWAY_SECONDS) if swings else (AWAY_LOOKS, AWAY_SECONDS)
        return len(self._away) >= looks and now_ns - self._away[0][0] >= seconds * NS

    def _was_in_place(self, now_ns: int) -> bool:
        if self._in_place_ns is None and self.confirmed:
            self._in_place_ns = now_ns  # where it has been learned a moment ago
        return self._in_place_ns is not None and now_ns - self._in_place_ns <= PASSING_SECONDS * NS

    def _is_too_long_a_gust(self) -> bool:
        return self._gust is not None and self._gust.length_ns > LONGEST_GUST_SECONDS * NS

    def _is_leaning(self) -> bool:
        """In gusts no two looks agree; their middle tells whether the camera still hangs where it did."""
        return len(self._lately) == GUST_LOOKS and furthest(self._middle()) > self.band_px

    def _middle(self) -> Moves:
        """The mean of the last looks; one that is far off weighs no more than three bands."""
        most = _OUTLIER_BANDS * self.band_px
        return tuple(float(part) for part in np.clip(np.array(self._lately), -most, most).mean(axis=0))

    def _seek(self, look: Look, now_ns: int) -> None:
        """Found again when it was well in place several times in a row."""
        if look.finding == "in_place" and furthest(look.moves) <= RETURN_SHARE * self.band_px:
            self._back.append(now_ns)
        elif look.finding in {"moved", "strange", "passing"} or look.moves:
            self._back.clear()
        if len(self._back) >= RETURN_LOOKS and now_ns - self._back[0] >= RETURN_SECONDS * NS:
            self.lost, self.confirmed = False, True
            self._gust, self._in_place_ns = None, now_ns
            self._back.clear()
            self._lately.clear()


def furthest(moves: Moves) -> float:
    """How far the corner that moved furthest has moved."""
    return float(np.hypot(moves[0::2], moves[1::2]).max()) if moves else 0.0


def _going_on(spell: _Spell | None, now_ns: int) -> _Spell:
    """The spell with what came just now; a new one if the last was over."""
    goes_on = spell is not None and now_ns - spell.last_ns <= CALM_SECONDS * NS
    return _Spell(spell.first_ns if spell is not None and goes_on else now_ns, now_ns)


def _same_side(before: Moves, now: Moves) -> bool:
    """Whether a camera may have stayed there, or gone on, meanwhile: not swung."""
    one, two = np.array(before), np.array(now)
    lengths = float(np.linalg.norm(one) * np.linalg.norm(two))
    return float(one @ two) > _SAME_SIDE * lengths
