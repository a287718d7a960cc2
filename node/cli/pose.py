"""`stolpe pose`: makes the pose reference of a mask set from footage of its camera, sealed to that camera."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from node.camera.painter import MaskedFrame, Painter
from node.camera.pose.kept import reference_path, sealed_reference
from node.camera.pose.making import proven_reference
from node.camera.replay import ReplaySource
from node.clock import SimulatedClock
from node.errors import Refused
from node.files import create_whole
from node.formats.pose import PoseReference
from node.mandate.documents import MaskSet, decode, encode
from node.mandate.store import read_document
from node.masks.geometry import Size
from node.masks.raster import rasterise
from node.sealing.keys import Jwk, public_halves, read_jwk_set, without_private

_EXAMPLE = "Example: stolpe pose street.mp4 --masks masks.json --camera-key camera.pub.json --out masks-with-pose.json"
VIDEO_ENDINGS = frozenset({".avi", ".mkv", ".mov", ".mp4", ".ts"})


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("pose", epilog=_EXAMPLE)(pose_command)


def pose_command(
    videos: Annotated[
        list[Path],
        typer.Argument(
            metavar="VIDEO|FOLDER...",
            help="half a minute or more of that very camera, in place, one after the other",
        ),
    ],
    masks: Annotated[Path, typer.Option(help="the mask set that is to name the reference, not signed yet")],
    camera_key: Annotated[Path, typer.Option(help="the camera daemon's public key file")],
    out: Annotated[Path, typer.Option(help="the mask set that names it, to be signed")],
) -> None:
    """Make a mask set's pose reference: where edges of the masked view lie, no picture. It is written beside --out,
    sealed to the camera, and goes to the node's documents folder under its name."""
    mask_set, key = _unsigned(masks), _public_key(camera_key)
    files = _files(videos)
    if out.exists():
        raise Refused(f"{out} exists and is not written over: name another file")
    digest, sealed = sealed_reference(reference_of(files, mask_set), node=mask_set.node, key=key)
    beside = reference_path(out.parent, digest)
    create_whole(beside, sealed)
    create_whole(out, encode(msgspec.structs.replace(mask_set, pose_reference=digest)))
    typer.echo(f"{beside}: the pose reference, for the documents folder of node {mask_set.node}")
    typer.echo(f"{out}: names it; to be signed by a technician and an approver")


def reference_of(videos: Sequence[Path], mask_set: MaskSet) -> PoseReference:
    """The reference of these videos' camera under this mask set, whose main picture must be theirs."""
    size = mask_set.geometry.main
    lores = _opened(
        videos, size
    ).geometry.lores  # recorded video has one stream; nothing is read from this one
    raster = rasterise(
        mask_set.outlines,
        msgspec.structs.replace(mask_set.geometry, lores=lores),
        guard_px=mask_set.guard_band_px,
    )

    def film() -> Iterator[MaskedFrame]:
        source, painter = _opened(videos, size), Painter(raster)
        while (request := source.next_request()) is not None:
            yield painter.paint(request)
            request.release()

    return proven_reference(film, size=size, blind=raster.main.luma, guard_px=mask_set.guard_band_px)


def _opened(videos: Sequence[Path], size: Size) -> ReplaySource:
    source = ReplaySource(videos, clock=SimulatedClock(start_utc_ns=0))
    width, height = source.geometry.main
    if (width, height) != size:
        raise Refused(f"{videos[0]}: is {width}x{height}, the mask set's pictures are {size[0]}x{size[1]}")
    source.open()
    return source


def _unsigned(path: Path) -> MaskSet:
    data = read_document(path)
    if b'"signatures"' in data:
        raise Refused(
            f"{path} is signed already, and signatures do not cover what is added: start from the unsigned one"
        )
    return decode(data, MaskSet)


def _public_key(path: Path) -> Jwk:
    keys = read_jwk_set(path)
    if keys != without_private(keys):
        raise Refused(f"{path} has private keys: they stay with the camera; give its .pub.json")
    return public_halves(keys)[1]


def _files(videos: Sequence[Path]) -> list[Path]:
    """Each video, and those in each folder, by name."""
    found: list[Path] = []
    for path in videos:
        inside = (
            sorted(p for p in path.iterdir() if p.suffix.lower() in VIDEO_ENDINGS)
            if path.is_dir()
            else [path]
        )
        if not inside:
            raise Refused(f"{path}: no video in this folder ({', '.join(sorted(VIDEO_ENDINGS))})")
        found += inside
    return found
