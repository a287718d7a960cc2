"""`stolpe demo`: a street filmed through masks, recorded sealed, opened by two releasers. Runs the real commands."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import av
import cv2
import typer

from node.errors import Refused
from node.files import replace_whole

BALCONIES = (
    "0,0.10 0.29,0.10 0.345,0.16 0.345,0.50 0.29,0.52 0,0.52",
    "0.405,0.17 0.615,0.17 0.615,0.45 0.405,0.45",
)
"""What the demo masks by itself: where people live in the synthetic street, in fractions of the picture."""

DEMO_SECONDS = 30.0
STILL = "still.png"
CLIP = "clip.mp4"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo", epilog="Example: stolpe demo --dir demo --video street.mp4")(demo_command)


def demo_command(
    directory: Annotated[Path, typer.Option("--dir", help="where everything is left")] = Path("demo"),
    video: Annotated[Path | None, typer.Option(help="your own video instead of the synthetic street")] = None,
    mask: Annotated[list[str] | None, typer.Option(help='"x,y x,y x,y" in fractions of the picture')] = None,
    seconds: Annotated[float, typer.Option(help="of the synthetic street")] = DEMO_SECONDS,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace an earlier demo in --dir")] = False,
) -> None:
    """Film, mask, seal, and open again with two keys: the whole way, on this machine, in a minute."""
    scene = [str(video)] if video else ["--synthetic", str(seconds)]
    masks = [part for polygon in mask or ([] if video else BALCONIES) for part in ("--mask", polygon)]
    again = ["--overwrite"] if overwrite else []
    typer.echo("1. filming through masks, sealing every second of it")
    _stolpe("replay", *scene, "--out", str(directory), *masks, *again)

    ring, clip = directory / "ring", directory / CLIP
    keys = [directory / "keys" / f"releaser-{n}.key" for n in (1, 2)]
    opening = ["open", str(ring), *(part for key in keys for part in ("--key", str(key))), "--out", str(clip)]
    typer.echo("2. opening it with one releaser's key: that must not work")
    refusal = _refused("open", str(ring), "--key", str(keys[0]), "--out", str(clip))
    typer.echo(f"   {refusal}")
    typer.echo("3. opening it with two")
    _stolpe(*opening)
    _write_still(clip, directory / STILL)

    typer.echo("")
    typer.echo(f"what was filmed    {clip}, and a still of it {directory / STILL}: the masks are black")
    typer.echo(f"what the node has  {ring}: sealed; {directory / 'epochs.slot'}: the keys that time destroys")
    typer.echo(f"events and scores  {directory / 'events.jsonl'}, {directory / 'scores.csv'}")
    typer.echo(f"open it again      {Path(sys.argv[0])} {' '.join(opening)}")


def _stolpe(*arguments: str) -> None:
    """Run one of our own commands as a user would; what it prints is for the user."""
    done = subprocess.run([sys.executable, "-m", "node", *arguments], check=False)  # noqa: S603 — our own program
    if done.returncode != 0:
        raise typer.Exit(done.returncode)


def _refused(*arguments: str) -> str:
    """Run a command that must refuse; what it says."""
    command = [sys.executable, "-m", "node", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 — our own program
    if done.returncode != 1:
        raise Refused("it opened with one key, which must not be: this is a defect, please report it")
    return done.stderr.strip()


def _write_still(clip: Path, still: Path) -> None:
    """The clip's middle picture as PNG."""
    with av.open(str(clip)) as container:
        frames = container.streams.video[0].frames
        for number, frame in enumerate(container.decode(video=0)):
            if number >= frames // 2:
                coded, data = cv2.imencode(".png", frame.to_ndarray(format="bgr24"))
                if coded:
                    replace_whole(still, data.tobytes())
                return
