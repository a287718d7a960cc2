"""The pose reference that a mask set names: read from the documents' folder, opened, checked. Reads only.

A mask set names it by its digest, and so does the file: an older one, another node's or a damaged one is no reference.
"""

from pathlib import Path

from node.errors import Refused
from node.formats.pose import MAX_REFERENCE_BYTES, PoseReference, pack_pose, parse_pose, pose_digest
from node.formats.segment import digest_text
from node.sealing.keys import Jwk, read_private_keys
from node.sealing.own import open_for_camera, seal_to_camera

SEALED_OVERHEAD_BYTES = 2048
"""More than HPKE adds with any key: 1136 bytes with ML-KEM-768."""


class PoseReferences:
    """References of one node. `key_file` has the camera daemon's own key; it is read when a reference is."""

    def __init__(self, *, directory: Path, key_file: Path, node: str) -> None:
        self._directory = directory
        self._key_file = key_file
        self._node = node

    def read(self, digest: str) -> PoseReference:
        """The reference of that digest, or `Refused` and why: then the camera shows nothing."""
        path = reference_path(self._directory, digest)
        try:
            with path.open("rb") as file:
                sealed = file.read(MAX_REFERENCE_BYTES + SEALED_OVERHEAD_BYTES + 1)
        except OSError as error:
            raise Refused(f"pose reference: {path.name}: {error.strerror}") from error
        if len(sealed) > MAX_REFERENCE_BYTES + SEALED_OVERHEAD_BYTES:
            raise Refused(f"pose reference: {path.name}: too large")
        key = read_private_keys(self._key_file).recipient
        data = open_for_camera(sealed, purpose="pose reference", node=self._node, key=key)
        if digest_text(pose_digest(data)) != digest:
            raise Refused("pose reference: it is not the one that the mask set names")
        return parse_pose(data)


def sealed_reference(reference: PoseReference, *, node: str, key: Jwk) -> tuple[str, bytes]:
    """The digest by which a mask set names the reference, and the bytes that are kept at `reference_path`."""
    data = pack_pose(reference)
    return digest_text(pose_digest(data)), seal_to_camera(data, purpose="pose reference", node=node, key=key)


def reference_path(directory: Path, digest: str) -> Path:
    """Where the reference of that digest lies, so that a new one never stands in an old one's place."""
    return directory / f"pose-{digest.removeprefix('sha256:')[:32]}.sealed"
