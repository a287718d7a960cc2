"""Which pose lock holds for which documents: a new one for a new reference, else the same goes on under its masks.

A lock outlives its pipeline: a document that changes, hours that end or a scene that begins anew give a camera that was
turned no fresh start. Only a mask set that names another reference, or that was approved by two persons anew, does.
"""

from node.camera.pose.kept import PoseReferences
from node.camera.pose.lock import PoseLock
from node.errors import Refused
from node.mandate.documents import MIN_GUARD_BAND_PX, MaskSet
from node.mandate.trust import Believed
from node.masks.raster import MaskRaster

_TWO = 2


class Poses:
    """The pose lock of one camera. `refused` says why there is none, though one is named: then nothing is filmed."""

    def __init__(self, references: PoseReferences) -> None:
        self._references = references
        self._masks: Believed[MaskSet] | None = None
        self.lock: PoseLock | None = None
        self.refused = ""

    @property
    def is_lost(self) -> bool:
        """Whether an alarm is due: the camera is lost, or its reference cannot be had."""
        return bool(self.refused) or (self.lock is not None and self.lock.lost)

    def under(self, masks: Believed[MaskSet] | None, raster: MaskRaster) -> PoseLock | None:
        """The lock that holds under these masks; None and `refused` if what they name cannot be had."""
        before, self._masks = self._masks, masks
        if self.lock is not None and not _is_new(before, masks):
            return self._go_on(
                raster, self.lock, guard_px=_guard_px(masks), same=_digest(before) == _digest(masks)
            )
        self.lock, self.refused = None, ""
        named = masks.document.pose_reference if masks else None
        try:
            self.lock = PoseLock(
                size=raster.geometry.main,
                blind=raster.main.luma,
                guard_px=_guard_px(masks),
                reference=self._references.read(named) if named is not None else None,
            )
        except Refused as refusal:
            self.refused = f"{refusal}"
        return self.lock

    def _go_on(self, raster: MaskRaster, lock: PoseLock, *, guard_px: int, same: bool) -> PoseLock | None:
        self.refused = ""
        try:
            if not same:
                lock.cover(blind=raster.main.luma, guard_px=guard_px)
        except Refused as refusal:
            self.refused = f"{refusal}"
            return None
        return lock


def _is_new(before: Believed[MaskSet] | None, now: Believed[MaskSet] | None) -> bool:
    """Whether the camera's place is another by these masks."""
    if _named(before) != _named(now):
        return True
    return now is not None and _digest(before) != _digest(now) and len(now.signers) >= _TWO


def _named(masks: Believed[MaskSet] | None) -> str | None:
    return masks.document.pose_reference if masks else None


def _digest(masks: Believed[MaskSet] | None) -> bytes | None:
    return masks.digest if masks else None


def _guard_px(masks: Believed[MaskSet] | None) -> int:
    return masks.document.guard_band_px if masks else MIN_GUARD_BAND_PX
