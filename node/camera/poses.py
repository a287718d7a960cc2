"""Which pose lock holds for which documents: a new one for a new approval, else the same goes on under its masks.

A lock outlives its pipeline: a document that changes, hours that end or a scene that begins anew give a camera that was
turned no fresh start. Only a mask set that technician and approver have signed since does; what one technician widens
neither begins anew nor lets the camera stray further than the approved set does.
"""

from node.camera.pose.kept import PoseReferences
from node.camera.pose.lock import PoseLock
from node.errors import Refused
from node.mandate.documents import MIN_GUARD_BAND_PX, MaskSet
from node.mandate.in_force import InForce
from node.mandate.trust import Believed
from node.masks.raster import MaskRaster


class Poses:
    """The pose lock of one camera. `refused` says why there is none, though one is due: then nothing is filmed."""

    def __init__(self, references: PoseReferences) -> None:
        self._references = references
        self._masks: Believed[MaskSet] | None = None
        """Those that the lock was last brought under; what was refused is tried, and refused, again."""
        self._approved: bytes | None = None
        """The digest of the approved set that the lock began under."""
        self.lock: PoseLock | None = None
        self.refused = ""

    @property
    def is_lost(self) -> bool:
        """Whether an alarm is due: the camera is lost, or its reference cannot be had."""
        return bool(self.refused) or (self.lock is not None and self.lock.lost)

    def under(self, documents: InForce, raster: MaskRaster) -> PoseLock | None:
        """The lock that holds under these documents; None and `refused` if what they name cannot be had."""
        self.refused = ""
        try:
            if self.lock is None or self._is_new(documents):
                self.lock = None
                self.lock = self._begun(documents, raster)
            elif _digest(self._masks) != _digest(documents.masks):
                self.lock.cover(blind=raster.main.luma, guard_px=_guard_px(documents))
        except Refused as refusal:
            self.refused = f"{refusal}"
            return None
        self._masks = documents.masks
        return self.lock

    def _begun(self, documents: InForce, raster: MaskRaster) -> PoseLock:
        self._approved = _digest(documents.approved) or self._approved
        self._masks = documents.masks
        named = _named(documents.masks)
        return PoseLock(
            size=raster.geometry.main,
            blind=raster.main.luma,
            guard_px=_guard_px(documents),
            reference=self._references.read(named) if named is not None else None,
        )

    def _is_new(self, documents: InForce) -> bool:
        """Whether the camera's place is another by these documents: whoever changes either was not alone."""
        approved = _digest(documents.approved)
        # A file that is gone is no new approval.
        return _named(self._masks) != _named(documents.masks) or approved not in {None, self._approved}


def _named(masks: Believed[MaskSet] | None) -> str | None:
    return masks.document.pose_reference if masks else None


def _digest(masks: Believed[MaskSet] | None) -> bytes | None:
    return masks.digest if masks else None


def _guard_px(documents: InForce) -> int:
    """How far the camera may stray. Never by what one technician has drawn: a mask that is smaller by as much as its
    guard band is wider makes the same pixels black."""
    bands = [masks.document.guard_band_px for masks in (documents.masks, documents.approved) if masks]
    return min(bands, default=MIN_GUARD_BAND_PX)
