"""What the demo's release desk does, with the real command: one key opens nothing, two open the clip."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import cv2
import msgspec

from central.report import Report
from node.errors import Refused
from node.files import replace_whole
from provisioning.demo.node_files import NodeFiles

CLIP: Final = "clip.mp4"
STILL: Final = "still.png"
AGAIN: Final = "again.mp4"
INDENT: Final = 19
RELEASERS: Final = ("releaser-1", "releaser-2")


@dataclass(frozen=True, slots=True)
class Opened:
    """`refusal`: what one key got to hear. `report`: of the desk, for people. `command`: to do it again."""

    refusal: str
    frames: int
    report: str
    command: str


def open_with_two_keys(files: NodeFiles) -> Opened:
    """The clip, and a still of it."""
    clip = files.directory / CLIP
    keys = [files.key(owner) for owner in RELEASERS]
    refusal = _stolpe(_command(files, keys[:1], clip))
    if refusal.returncode != 1 or clip.exists():
        raise Refused("it opened with one key, which must not be: this is a defect, please report it")
    command = _command(files, keys, clip)
    done = _stolpe(command)
    if done.returncode != 0:
        raise Refused(f"it does not open with two keys: {done.stderr.strip()}")
    _write_still(clip, files.directory / STILL)
    report = msgspec.json.decode(clip.with_suffix(".report.json").read_bytes(), type=Report)
    return Opened(
        refusal=refusal.stderr.strip().removeprefix("stolpe: "),
        frames=sum(_frames(files.directory / line.file) for line in report.clips),
        report=done.stdout.rstrip().replace("\n", f"\n{' ' * INDENT}"),
        command=f"{Path(sys.argv[0])} {' '.join(_command(files, keys, clip.with_name(AGAIN)))}",
    )


def _command(files: NodeFiles, keys: list[Path], clip: Path) -> list[str]:
    return [
        "open",
        str(files.ring),
        *(part for key in keys for part in ("--key", str(key))),
        "--out",
        str(clip),
    ]


def _stolpe(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "node", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 — our own program


def _frames(clip: Path) -> int:
    """How many pictures the file says that it has."""
    with av.open(str(clip)) as container:
        return container.streams.video[0].frames


def _write_still(clip: Path, still: Path) -> None:
    """The clip's middle picture as PNG."""
    with av.open(str(clip)) as container:
        middle = container.streams.video[0].frames // 2
        for number, frame in enumerate(container.decode(video=0)):
            if number >= middle:
                coded, data = cv2.imencode(".png", frame.to_ndarray(format="bgr24"))
                if coded:
                    replace_whole(still, data.tobytes())
                return
