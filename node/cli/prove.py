"""`stolpe prove`: shows with the user's own footage that a promise holds, and that the proof could have failed."""

from functools import partial
from pathlib import Path
from typing import Annotated

import cv2
import msgspec
import typer

from node.cli.prove_documents import GivenMasks, read_mask_set
from node.cli.prove_picture import ContactSheet
from node.cli.prove_report import Proof, show
from node.cli.prove_run import ProofRun, ProofSettings
from node.cli.replay_progress import ReplayProgress
from node.cli.staging import is_json_of, staged
from node.clock import SystemClock
from node.errors import Refused
from node.masks.polygon import parse_polygon

REPORT, PICTURE = "proof.json", "proof.png"
MAX_SECONDS = 86_400.0
_EXAMPLE = "Example: stolpe prove masks street.mp4 --masks masks.jws.json --seconds 10"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    prove = typer.Typer(help="Prove a promise on your own footage.", no_args_is_help=True)
    prove.command("masks", epilog=_EXAMPLE)(masks_command)
    app.add_typer(prove, name="prove")


def masks_command(
    video: Annotated[Path, typer.Argument(help="a file that PyAV reads")],
    *,
    masks: Annotated[Path | None, typer.Option(help="a mask set for this footage, signed or not")] = None,
    mask: Annotated[
        list[str] | None, typer.Option(help='instead: "x,y x,y x,y" in fractions of the picture')
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="of the footage; else all of it")] = None,
    out: Annotated[Path | None, typer.Option(help="a folder for the report and a masked picture")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace an earlier proof in --out")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the report as JSON")] = False,
) -> None:
    """Prove that nothing behind the masks makes any difference: film the footage as it is, and with noise, its
    negative and moving stripes behind the masks, and compare all that the camera makes. Exit 1 if not proven."""
    if (masks is None) == (not mask):
        raise typer.BadParameter("give --masks FILE, or --mask POLYGON")
    if seconds is not None and not 0 < seconds <= MAX_SECONDS:
        raise typer.BadParameter(f"--seconds is more than 0, and up to {MAX_SECONDS:g}")
    cv2.setNumThreads(1)  # as on the node
    settings = ProofSettings(
        video=video,
        masks=GivenMasks(
            mask_set=None if masks is None else read_mask_set(masks),
            polygons=tuple(parse_polygon(text) for text in mask or ()),
        ),
        seconds=seconds,
        start_ns=SystemClock().now().utc_ns,
    )
    proof = _proven(settings) if out is None else _proven_into(out, settings, overwrite=overwrite)
    if as_json:
        typer.echo(msgspec.json.encode(proof).decode())
    else:
        show(proof)
    if proof.why_not:
        raise Refused(f"{video}: not proven: {'; '.join(proof.why_not)}")
    if not as_json:
        typer.echo("proven: nothing behind the masks makes any difference to what the camera makes")


def _proven(settings: ProofSettings) -> Proof:
    with ReplayProgress(settings.video, quiet=True) as progress:
        return ProofRun(settings, progress=progress).run(lambda _number, _frame: None)


def _proven_into(out: Path, settings: ProofSettings, *, overwrite: bool) -> Proof:
    """With the report left in `out`, and a picture if it is proven: what leaked must not lie about."""
    with (
        staged(
            out, (REPORT, PICTURE), marker=REPORT, is_ours=partial(is_json_of, Proof), overwrite=overwrite
        ) as folder,
        ReplayProgress(out, quiet=True) as progress,
    ):
        run = ProofRun(settings, progress=progress)
        sheet = ContactSheet(run.hidden, expected_frames=run.expected_frames)
        proof = run.run(sheet.look)
        (folder / REPORT).write_bytes(msgspec.json.format(msgspec.json.encode(proof), indent=1) + b"\n")
        if not proof.why_not:
            (folder / PICTURE).write_bytes(sheet.png())
    return proof
