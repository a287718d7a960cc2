"""`stolpe open`: what a release desk does with sealed segments and the releasers' keys."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from central.desk import Desk
from central.opening import distinct_owners, find
from central.report import Report
from node.errors import Refused
from node.sealing.keys import read_private_keys

_EXAMPLE = "Example: stolpe open demo/ring --key demo/keys/releaser-1.key --key demo/keys/releaser-2.key --out clip.mp4"


def register(app: typer.Typer) -> None:
    """Add the desk's commands."""
    app.command("open", epilog=_EXAMPLE)(open_command)


def open_command(
    paths: Annotated[list[Path], typer.Argument(metavar="RING|SEGMENT...", help="what to open")],
    *,
    key: Annotated[
        list[Path], typer.Option(help="a releaser's private key file; as many as the mandate needs")
    ],
    out: Annotated[Path, typer.Option(help="the MP4 to write; its report stands beside it")],
    slot: Annotated[
        Path | None, typer.Option(help="the node's key slot, if it is not beside the ring")
    ] = None,
    node: Annotated[
        Path | None, typer.Option(help="the node's public key, if it is not beside the ring")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the report as JSON")] = False,
) -> None:
    """Open sealed segments with the releasers' keys: one MP4 and a report."""
    _check_out(out)
    keys = distinct_owners([read_private_keys(path) for path in key])
    place = find(paths, slot_path=slot, node_path=node)
    # Made in a folder of its own, so that a refusal half way leaves nothing that looks like a clip.
    work = Path(tempfile.mkdtemp(prefix=".stolpe-", dir=out.parent))
    try:
        clips, report = Desk(work=work, out=out).open_all(place, keys)
        names = [clip.name for clip in clips]
        _check_room(out, names)
        beside = (
            (f"{out.stem}.report.json", report.as_json()),
            (f"{out.stem}.report.txt", report.as_text().encode()),
        )
        for name, data in beside:
            (work / name).write_bytes(data)
        for made in (*clips, *(work / name for name, _ in beside)):
            made.chmod(0o600)
            made.rename(out.parent / made.name)
    finally:
        shutil.rmtree(work)
    typer.echo(report.as_json().decode() if as_json else report.as_text(), nl=False)


def _check_out(out: Path) -> None:
    """What can be refused before anything is opened."""
    if not out.parent.is_dir():
        raise Refused(f"{out.parent}: there is no such folder")
    if out.suffix != ".mp4":
        raise Refused(f"{out}: the clip's name must end in .mp4")
    _check_room(out, [out.name])


def _check_room(out: Path, clips: list[str]) -> None:
    """Nothing is written over but what an earlier opening of that name has left, which its report tells."""
    report = out.with_name(f"{out.stem}.report.json")
    names = [*clips, report.name, f"{out.stem}.report.txt"]
    there = [name for name in names if os.path.lexists(out.with_name(name))]
    if not there:
        return
    try:
        earlier = msgspec.json.decode(report.read_bytes(), type=Report)
    except (OSError, msgspec.DecodeError):
        earlier = None
    ours = set() if earlier is None else {*names[-2:], *(clip.file for clip in earlier.clips)}
    for name in there:
        if name not in ours or not out.with_name(name).is_file() or out.with_name(name).is_symlink():
            raise Refused(
                f"{out.with_name(name)} exists and is no earlier clip of this name: name another file"
            )
