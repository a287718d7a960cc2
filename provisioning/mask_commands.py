"""`stolpe masks`: write, sign, show and compare the privacy masks of a node."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from node.clock import NS, SystemClock, utc_moment
from node.errors import Refused, one_line
from node.files import create_whole
from node.mandate.documents import (
    LAST_VERSION,
    MAX_GUARD_BAND_PX,
    MIN_GUARD_BAND_PX,
    Mandate,
    MaskPolygon,
    MaskSet,
    Zone,
    decode,
    encode,
)
from node.mandate.ids import new_ulid
from node.mandate.store import read_document
from node.mandate.trust import view_of
from node.masks.coverage import compare
from node.masks.geometry import Geometry
from node.masks.polygon import parse_polygon
from node.names import check_id
from provisioning.mandate_commands import payload_of, sign_file
from provisioning.mask_picture import comparison_picture, mask_set_picture, write_picture


def register(app: typer.Typer) -> None:
    """Add the commands."""
    masks = typer.Typer(help="Write, sign, show and compare privacy masks.", no_args_is_help=True)
    masks.command(
        "new",
        epilog="Example: stolpe masks new --mandate mandate.jws.json --node n-7f3a --geometry out/summary.json "
        '--mask "0.1,0.1 0.4,0.1 0.4,0.3" --made-by p-11 --out masks.json',
    )(new_command)
    masks.command("sign", epilog="Example: stolpe masks sign masks.json --key p-11.key --out masks.jws.json")(
        sign_command
    )
    masks.command(
        "show", epilog="Example: stolpe masks show masks.jws.json --picture still.png --out masks.png"
    )(show_command)
    masks.command(
        "compare", epilog="Example: stolpe masks compare new.jws.json old.jws.json --out difference.png"
    )(compare_command)
    app.add_typer(masks, name="masks")


def new_command(
    *,
    mandate: Annotated[Path, typer.Option(help="the mandate that they stand under, signed or not")],
    node: Annotated[str, typer.Option(help="the node that they are for")],
    geometry: Annotated[
        Path, typer.Option(help="JSON with the camera's geometry: a mask set, or a replay's summary")
    ],
    made_by: Annotated[str, typer.Option(help="id of the technician who will sign")],
    out: Annotated[Path, typer.Option(help="the mask set, to be signed")],
    mask: Annotated[
        list[str] | None, typer.Option(help='"x,y x,y x,y" in fractions of the pixel array')
    ] = None,
    zone: Annotated[list[str] | None, typer.Option(help='"name: x,y x,y x,y"')] = None,
    version: Annotated[int, typer.Option(help="one more than the set in force")] = 1,
    guard_band_px: Annotated[
        int, typer.Option(help="how far beyond each polygon it is black, in main pixels")
    ] = MIN_GUARD_BAND_PX,
) -> None:
    """Write a mask set."""
    check_id(node)
    check_id(made_by)
    _check_range("--version", version, 1, LAST_VERSION)
    _check_range("--guard-band-px", guard_band_px, MIN_GUARD_BAND_PX, MAX_GUARD_BAND_PX)
    payload, _ = payload_of(read_document(mandate))
    now_ns = SystemClock().now().utc_ns
    named_zones = [text.partition(":") for text in zone or ()]
    draft = {
        "type": "masks",
        "id": new_ulid(now_ns),
        "version": version,
        "node": node,
        "mandate": decode(payload, Mandate).id,
        "geometry": msgspec.to_builtins(_geometry(geometry)),
        "guard_band_px": guard_band_px,
        "polygons": [
            msgspec.to_builtins(MaskPolygon(f"mask {n}", parse_polygon(text)))
            for n, text in enumerate(mask or (), 1)
        ],
        "zones": [
            msgspec.to_builtins(Zone(name.strip(), parse_polygon(text, name="--zone")))
            for name, _, text in named_zones
        ],
        "made_by": made_by,
        "made_at": utc_moment(now_ns // NS * NS).isoformat(),
    }
    mask_set = decode(msgspec.json.encode(draft), MaskSet)
    if not (mask_set.polygons or decode(payload, Mandate).masks.nothing_to_mask):
        raise Refused(
            "without --mask there is nothing in it: the mandate does not say that there is nothing to mask"
        )
    create_whole(out, encode(mask_set))
    typer.echo(f"{out}: {len(mask_set.polygons)} masks; to be signed by a technician and an approver")


def sign_command(
    document: Annotated[Path, typer.Argument(help="a mask set, unsigned or with signatures of others")],
    key: Annotated[Path, typer.Option(help="the signer's private key file")],
    out: Annotated[Path, typer.Option(help="the signed mask set: a new file, or DOCUMENT itself")],
) -> None:
    """Sign a mask set, or add a signature to one."""
    typer.echo(f"{out}: signed by {', '.join(sign_file(document, key, out))}")


def show_command(
    document: Annotated[Path, typer.Argument(help="a mask set, signed or not")],
    out: Annotated[
        Path, typer.Option(help="the picture to write, PNG: a new file, or in an older PNG's place")
    ],
    picture: Annotated[Path | None, typer.Option(help="a still or video of this camera; else a grid")] = None,
) -> None:
    """Draw a mask set on a picture: what is black, and each polygon with its guard band."""
    mask_set, signers = _read(document)
    black = write_picture(out, *mask_set_picture(mask_set, picture))
    for polygon in mask_set.polygons:
        typer.echo(one_line(f"{polygon.label}: {len(polygon.points)} points"))
    typer.echo(f"version {mask_set.version} for node {mask_set.node}, {black:.1%} of the picture is black")
    typer.echo(f"pose reference: {mask_set.pose_reference or 'none'}")
    typer.echo(f"signatures claimed: {', '.join(signers) or 'none'}; picture in {out}")


def compare_command(
    new: Annotated[Path, typer.Argument(help="the mask set that is to come, signed or not")],
    old: Annotated[Path, typer.Argument(help="the one in force, signed or not")],
    out: Annotated[Path | None, typer.Option(help="a picture: red comes into sight, grey goes")] = None,
) -> None:
    """Say whether a mask set uncovers anything, and so who must sign it. Exit 1 if it does."""
    coming, current = _read(new)[0], _read(old)[0]
    difference = compare(view_of(coming), view_of(current))
    typer.echo(f"uncovered: {difference.uncovered_share:.3%} of the pixel array")
    typer.echo(f"newly hidden: {difference.hidden_share:.3%}")
    if out is not None:
        write_picture(out, *comparison_picture(difference))
        typer.echo(f"picture in {out}")
    if coming.geometry != current.geometry:
        raise Refused(
            f"{new} is for another geometry, so it is a first set there: all of a first set's roles must sign"
        )
    if coming.pose_reference != current.pose_reference:
        raise Refused(
            f"{new} has another pose reference: a technician and an approver must sign it, two persons"
        )
    if not difference.covers:
        raise Refused(f"{new} uncovers something: a technician and an approver must sign it, two persons")
    typer.echo("it uncovers nothing: one technician's signature is enough")


def _check_range(option: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise Refused(f"{option} is from {least} to {most}, not {value}")


class _HasGeometry(msgspec.Struct, frozen=True):
    geometry: Geometry


def _geometry(path: Path) -> Geometry:
    data = read_document(path)
    payload, _ = payload_of(data)
    try:
        return msgspec.json.decode(payload, type=_HasGeometry).geometry
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            return msgspec.json.decode(payload, type=Geometry)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refused(f"{path}: has no camera geometry ({error})") from error


def _read(path: Path) -> tuple[MaskSet, tuple[str, ...]]:
    payload, signers = payload_of(read_document(path))
    return decode(payload, MaskSet), signers
