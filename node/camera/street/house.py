"""The plan of the two houses: where walls, floors, columns of windows and balconies are.

Owns what masks and people have to know of them; draws nothing.
"""

from dataclasses import dataclass

from node.camera.street.light import Rgb

STOREY_M = 2.9
"""Height of one storey."""

BALCONIES: tuple[tuple[float, float], ...] = (
    (0.000, 0.085),
    (0.290, 0.085),
    (0.350, 0.130),
    (0.400, 0.170),
    (0.602, 0.170),
    (0.602, 0.375),
    (0.400, 0.385),
    (0.290, 0.425),
    (0.000, 0.425),
)
"""Round the balconies of both houses and the windows beside them: picture fractions, x right, y down."""

BALCONY_DEEP_M, BALCONY_HALF_M, RAIL_M = 1.5, 1.28, 1.02
"""How far a balcony stands out, half its width, and the height of its rail."""


@dataclass(frozen=True, slots=True)
class House:
    """A box under a saddle roof: [x0, x1] x [z0, z1] metres; `bays` of its columns have balconies.

    `shape` decides which of its windows are lit in the evening.
    """

    x0: float
    x1: float
    z0: float
    z1: float
    storeys: int
    columns: int
    wall: Rgb
    roof: Rgb
    panels: Rgb
    bays: tuple[int, ...]
    shape: int

    @property
    def eaves(self) -> float:
        """Height of the walls."""
        return 0.7 + self.storeys * STOREY_M + 0.2

    def column(self, index: int) -> float:
        """X of the middle of a column of windows."""
        wide = (self.x1 - self.x0) / self.columns
        return self.x0 + (index + 0.5) * wide

    def floor(self, storey: int) -> float:
        """Height of a storey's floor."""
        return 0.7 + storey * STOREY_M


NEAR_HOUSE = House(
    x0=-22.4,
    x1=-7.4,
    z0=28.0,
    z1=39.0,
    storeys=3,
    columns=5,
    wall=(0.86, 0.72, 0.46),
    roof=(0.53, 0.27, 0.20),
    panels=(0.22, 0.46, 0.50),
    bays=(2, 4),
    shape=1,
)
FAR_HOUSE = House(
    x0=-5.6,
    x1=6.4,
    z0=45.0,
    z1=55.0,
    storeys=3,
    columns=5,
    wall=(0.70, 0.36, 0.28),
    roof=(0.30, 0.30, 0.33),
    panels=(0.90, 0.88, 0.82),
    bays=(1, 3),
    shape=2,
)
