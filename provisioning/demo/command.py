"""`stolpe demo`: a whole node live on this machine, its broker and its office; its footage opened with two keys."""

import re
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console

from central.broker import free_port, mosquitto
from node.clock import SystemClock
from node.files import replace_whole
from node.masks.geometry import Size
from node.masks.polygon import parse_polygon
from node.service import Stop
from provisioning.demo.folder import SUMMARY, demo_folder
from provisioning.demo.node_files import Filmed, write_node_files
from provisioning.demo.opening import CLIP, STILL, Opened, open_with_two_keys
from provisioning.demo.run import DemoRun, Watched
from provisioning.demo.screen import screen_for

BALCONIES: Final = (
    "0,0.10 0.29,0.10 0.345,0.16 0.345,0.50 0.29,0.52 0,0.52",
    "0.405,0.17 0.615,0.17 0.615,0.45 0.405,0.45",
)
"""What the demo masks by itself: where people live in the synthetic street, in fractions of the picture."""

DEMO_SECONDS: Final = 20.0
MAX_SECONDS: Final = 86_400
MAX_FRAMES_PER_SECOND: Final = 60


class Summary(msgspec.Struct, frozen=True):
    """What `--json` prints, and `summary.json` keeps. Without faults `frames` and `opened_frames` are equal.

    What a camera filmed in the last second or two before it was killed, it has told nobody: then there can be more
    in the clip than in `frames`.
    """

    frames: int
    fragments: int
    segments: int
    events: int
    published: int
    opened_frames: int
    lost_frames: int
    missing_numbers: int
    seconds: float
    seconds_to_first_fragment: float
    pss_mib: dict[str, float]
    restarts: dict[str, int]
    documents_accepted: int


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo", epilog="Example: stolpe demo --dir demo --video street.mp4")(demo_command)


def demo_command(
    *,
    directory: Annotated[Path, typer.Option("--dir", help="where everything is left")] = Path("demo"),
    video: Annotated[
        Path | None, typer.Option(help="your own video, over and over, instead of the synthetic street")
    ] = None,
    mask: Annotated[list[str] | None, typer.Option(help='"x,y x,y x,y" in fractions of the picture')] = None,
    seconds: Annotated[float, typer.Option(help="how long to film, in real time")] = DEMO_SECONDS,
    size: Annotated[str, typer.Option(help="of the synthetic street's picture")] = "1920x1080",
    fps: Annotated[float, typer.Option(help="of the synthetic street, frames per second")] = 15.0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace an earlier demo in --dir")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="end with the figures as JSON on stdout")] = False,
) -> None:
    """Run a whole node: film through masks, seal, publish events to a broker; then open it with two keys."""
    if not 0 < seconds <= MAX_SECONDS:
        raise typer.BadParameter(f"--seconds is up to {MAX_SECONDS}")
    if not 0 < fps <= MAX_FRAMES_PER_SECOND:
        raise typer.BadParameter(f"--fps is up to {MAX_FRAMES_PER_SECOND}")
    own_scene = video is None and not mask
    polygons = tuple(parse_polygon(text) for text in mask or ([] if video else BALCONIES))
    filmed = Filmed(video, polygons, _size(size), fps)
    mosquitto()  # without it nothing is begun
    clock = SystemClock(trust="demo")
    console = Console(stderr=as_json, highlight=False)
    with (
        demo_folder(directory, overwrite=overwrite) as folder,
        tempfile.TemporaryDirectory(prefix="stolpe-") as run,
        screen_for(console, clock=clock) as screen,
    ):
        screen.say("making keys, certificates, an example mandate and its masks")
        files = write_node_files(
            folder,
            run=Path(run),
            filmed=filmed,
            port=free_port(),
            now_ns=clock.now().utc_ns,
        )
        with _stop_asked() as stop:
            run_once = DemoRun(files, seconds=seconds, widen=own_scene, clock=clock, screen=screen)
            watched = run_once.run(stop)
        screen.say("opening with one releaser's key, which must not work, and then with two")
        opened = open_with_two_keys(files)
        summary = _summary(watched, opened)
        replace_whole(folder / SUMMARY, msgspec.json.format(msgspec.json.encode(summary), indent=1) + b"\n")
    if as_json:
        typer.echo(msgspec.json.encode(summary).decode())
    else:
        _tell(summary, opened, directory)


def _tell(summary: Summary, opened: Opened, directory: Path) -> None:
    memory = ", ".join(f"{name} {mib:.0f}" for name, mib in summary.pss_mib.items())
    for line in (
        "",
        f"with one key       {opened.refusal}",
        f"with two           {opened.report}",
        "",
        f"filmed and opened  {summary.frames} frames filmed, {summary.opened_frames} in the clip",
        f"events             {summary.events} began, {summary.published} ended and reached the office",
        f"first fragment     {summary.seconds_to_first_fragment:.1f} s after the daemons were started",
        f"memory (PSS, MiB)  {memory}: {sum(summary.pss_mib.values()):.0f} in all",
        f"what was filmed    {directory / CLIP}, and a still of it {directory / STILL}: the masks are black",
        f"what the node has  {directory / 'ring'}: sealed; {directory / 'epochs.slot'}: the keys that time destroys",
        f"what has arrived   {directory / 'events.jsonl'}: the events that ended, as the office got them",
        f"what daemons said  {directory / 'logs'}",
        f"open it again      {opened.command}",
    ):
        typer.echo(line)


def _summary(watched: Watched, opened: Opened) -> Summary:
    return Summary(
        frames=watched.frames,
        fragments=watched.fragments,
        segments=watched.segments,
        events=watched.events,
        published=watched.published,
        opened_frames=opened.frames,
        lost_frames=max(0, watched.frames - opened.frames),
        missing_numbers=watched.missing_numbers,
        seconds=watched.seconds,
        seconds_to_first_fragment=watched.seconds_to_first_fragment,
        pss_mib=dict(watched.pss_mib),
        restarts=dict(watched.restarts),
        documents_accepted=watched.documents_accepted,
    )


def _size(text: str) -> Size:
    found = re.fullmatch(r"(\d{1,4})x(\d{1,4})", text)
    if found is None:
        raise typer.BadParameter("--size is WIDTHxHEIGHT, like 1280x720")
    return int(found[1]), int(found[2])


@contextmanager
def _stop_asked() -> Iterator[Stop]:
    """While the node runs, Ctrl-C and SIGTERM ask it to stop in order; before and after they end this program."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    stop = Stop()
    try:
        yield stop
    finally:
        for number, action in before.items():
            signal.signal(number, action)
