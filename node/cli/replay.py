"""`stolpe replay`: the camera pipeline and the ring over recorded video, as fast as it goes."""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import cv2
import typer

from node.cli.replay_inputs import GivenDocuments
from node.cli.replay_outputs import Summary
from node.cli.replay_progress import ReplayProgress
from node.cli.replay_run import ReplayRun, ReplaySettings
from node.cli.staging import is_json_of, staged
from node.clock import NS, SystemClock, parse_rfc3339, rfc3339
from node.errors import Refused
from node.masks.polygon import parse_polygon

OUTPUTS = ("ring", "keys", "documents", "epochs.slot", "events.jsonl", "scores.csv", "summary.json")
MARKER = "summary.json"
FIRST_NS, LAST_NS = 10 * 365 * 86_400 * NS, 200 * 365 * 86_400 * NS  # years in which documents can be valid
MAX_SYNTHETIC_S = 86_400
MIN_KBIT, MAX_KBIT = 100, 50_000
_EXAMPLE = (
    'Example: stolpe replay street.mp4 --out out --mask "0.1,0.1 0.4,0.1 0.4,0.3 0.1,0.3" '
    "--start 2026-11-03T22:40:00+01:00"
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("replay", epilog=_EXAMPLE)(replay_command)


def replay_command(
    videos: Annotated[
        list[Path] | None, typer.Argument(metavar="[VIDEO]...", help="files that PyAV reads")
    ] = None,
    *,
    out: Annotated[Path, typer.Option(help="the folder for ring, keys, events, scores and summary")],
    mask: Annotated[
        list[str] | None, typer.Option(help='a mask: "x,y x,y x,y" in fractions of the picture')
    ] = None,
    mandate: Annotated[Path | None, typer.Option(help="a signed mandate instead of an example")] = None,
    masks: Annotated[Path | None, typer.Option(help="a signed mask set, with --mandate")] = None,
    root: Annotated[Path | None, typer.Option(help="the root that the mandate is signed under")] = None,
    start: Annotated[
        str | None, typer.Option(help="when the first frame was taken, RFC 3339; else now")
    ] = None,
    pace: Annotated[
        Literal["fast", "real"], typer.Option(help="as fast as it goes, or in real time")
    ] = "fast",
    no_record: Annotated[
        bool, typer.Option("--no-record", help="analyse only: no encoding, no ring")
    ] = False,
    synthetic: Annotated[
        float | None, typer.Option(help="seconds of a made-up street instead of a video")
    ] = None,
    seed: Annotated[int, typer.Option(help="which made-up street")] = 1,
    bitrate: Annotated[int | None, typer.Option(help="kbit/s; else 4000 from 1080p on, 2000 below")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="replace an earlier replay in --out")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print summary.json")] = False,
) -> None:
    """Run the camera over recorded video: mask, record sealed, find events. `stolpe open` opens what it leaves.
    Recorded video is no mounted camera: nothing watches here whether it was turned (`stolpe prove masks` does)."""
    if bool(videos) == (synthetic is not None):
        raise typer.BadParameter("give VIDEO files, or --synthetic SECONDS")
    if mandate is None and (masks is not None or root is not None):
        raise typer.BadParameter("--masks and --root go with --mandate")
    if mandate is not None and mask:
        raise Refused("under a --mandate masks are signed too: give --masks instead of --mask")
    if synthetic is not None and not 0 < synthetic <= MAX_SYNTHETIC_S:
        raise typer.BadParameter(f"--synthetic is up to {MAX_SYNTHETIC_S} seconds")
    if bitrate is not None and not MIN_KBIT <= bitrate <= MAX_KBIT:
        raise typer.BadParameter(f"--bitrate is {MIN_KBIT} to {MAX_KBIT} kbit/s")
    cv2.setNumThreads(1)  # as on the node
    settings = ReplaySettings(
        videos=tuple(videos or ()),
        synthetic_seconds=synthetic,
        seed=seed,
        polygons=tuple(parse_polygon(text) for text in mask or ()),
        given=GivenDocuments(mandate, masks, root) if mandate else None,
        start_ns=_start_ns(start),
        paced=pace == "real",
        record=not no_record,
        bits_per_second=bitrate * 1000 if bitrate else None,
    )
    with (
        staged(
            out, OUTPUTS, marker=MARKER, is_ours=partial(is_json_of, Summary), overwrite=overwrite
        ) as folder,
        ReplayProgress(out, quiet=as_json) as progress,
    ):
        summary = ReplayRun(settings, folder=folder, progress=progress).run()
    if summary.undecodable_packets:
        typer.echo(f"stolpe: {summary.undecodable_packets} parts of the video gave no picture", err=True)
    if as_json:
        typer.echo((out / "summary.json").read_text(), nl=False)
    else:
        typer.echo(f"{summary.frames} frames, {summary.segments} segments, {summary.events} events in {out}")


def _start_ns(text: str | None) -> int:
    if text is None:
        return SystemClock().now().utc_ns
    start_ns = parse_rfc3339(text)
    if not FIRST_NS <= start_ns <= LAST_NS:
        raise Refused(f"--start {text}: from {rfc3339(FIRST_NS, digits=0)} to {rfc3339(LAST_NS, digits=0)}")
    return start_ns
