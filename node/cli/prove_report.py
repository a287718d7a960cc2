"""What a proof says: as JSON, and as a short report for people."""

import msgspec
from rich.console import Console
from rich.table import Table

from node.cli.prove_trial import PARTS

WIDTH = 110
NAMES = {"sealed": "sealed lengths"}


class Black(msgspec.Struct, frozen=True):
    """Share of one stream that is painted black, 0..1."""

    luma: float
    chroma: float


class RunLine(msgspec.Struct, frozen=True):
    """One run against the run as it was filmed; `different` names what was not the same."""

    content: str
    different: tuple[str, ...]


class ControlLine(msgspec.Struct, frozen=True):
    """Something that must make a difference, and where it did."""

    change: str
    different: tuple[str, ...]
    must: tuple[str, ...]


class MadeLine(msgspec.Struct, frozen=True):
    """What one run made of the footage, all of it compared."""

    fragments: int
    fragment_bytes: int
    segments: int
    records: int
    sealed_bytes: int
    scores: int
    events: int


class Proof(msgspec.Struct, frozen=True):
    """The whole report; `why_not` is empty if it is proven."""

    video: str
    masks: int
    guard_band_px: int
    main: tuple[int, int]
    lores: tuple[int, int]
    frames: int
    seconds: float
    wall_s: float
    black: dict[str, Black]
    samples_checked: int
    samples_not_black: int
    made: MadeLine
    runs: tuple[RunLine, ...]
    controls: tuple[ControlLine, ...]
    verdict: str
    why_not: tuple[str, ...]


def show(proof: Proof) -> None:
    """The report on stdout."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    made = proof.made
    black = (
        f"{stream} {share.luma:.2%} of brightness, {share.chroma:.2%} of colour"
        for stream, share in proof.black.items()
    )
    lines = (
        f"{proof.video}: {proof.frames} frames, {proof.seconds:.1f} s of {_size(proof.main)}, "
        f"lores {_size(proof.lores)}; took {proof.wall_s:.0f} s",
        f"{proof.masks} masks with a guard band of {proof.guard_band_px} px; black: {'; '.join(black)}",
        f"samples that must be black, in every frame of every run: {proof.samples_checked:,}; "
        f"not exactly black: {proof.samples_not_black:,}",
        f"compared with the run as filmed: {made.scores:,} scores, {made.events} beginnings and ends of events, "
        f"{made.fragments} fragments ({made.fragment_bytes:,} bytes), {made.records} records, "
        f"segments: {made.segments}",
    )
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
    console.print(_runs(proof))
    console.print(_controls(proof))


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _runs(proof: Proof) -> Table:
    table = Table("behind the masks", *(NAMES.get(part, part) for part in PARTS))
    for run in proof.runs:
        table.add_row(run.content, *("DIFFERENT" if part in run.different else "the same" for part in PARTS))
    return table


def _controls(proof: Proof) -> Table:
    table = Table("so that this can fail: a difference of", "must be seen in", "is seen in")
    for control in proof.controls:
        table.add_row(control.change, ", ".join(control.must), ", ".join(control.different) or "NOTHING")
    return table
