"""`stolpe check`: do the things on this disk meet their numbered invariants, and the configuration its schema?"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from node.bus import UserPeers
from node.clock import parse_rfc3339
from node.config import UsersSection, read_config
from node.errors import Damaged, Refused, one_line
from node.formats.slot import read_header
from node.recorder import wear
from node.recorder.audit_check import CHECKPOINT_NAME, AuditCheck, read_checkpoint
from node.recorder.audit_files import FILE_NAME
from node.recorder.recovery import Violation, check_ring, check_slot
from node.recorder.ring import segment_paths
from node.sealing.keys import read_verifying_key


def register(app: typer.Typer) -> None:
    """Add the commands."""
    check = typer.Typer(help="Check a ring, an audit log, or a configuration.", no_args_is_help=True)
    check.command("ring", epilog="Example: stolpe check ring demo/ring")(ring_command)
    check.command("audit", epilog="Example: stolpe check audit /var/lib/stolpe/audit --node node.pub.json")(
        audit_command
    )
    check.command("config", epilog="Example: stolpe check config /etc/stolpe/node.toml")(config_command)
    app.add_typer(check, name="check")


def ring_command(
    ring: Annotated[Path, typer.Argument(help="a ring, or the folder of a replay or demo")],
    slot: Annotated[Path | None, typer.Option(help="the key slot, if it is not beside the ring")] = None,
    node: Annotated[
        Path | None, typer.Option(help="the node's public key, if it is not beside the ring")
    ] = None,
    now: Annotated[
        str | None, typer.Option(help="judge S4 at this time, not at the slot's own time floor")
    ] = None,
) -> None:
    """Check every invariant of the ring and its key slot; each violation is a line with its number."""
    folder = ring / "ring" if (ring / "ring").is_dir() else ring
    if not folder.is_dir():
        raise Refused(f"{ring}: there is no such folder")
    slot_path = slot or _beside(folder, "epochs.slot")
    node_path = node or _beside(folder, "keys/node.pub.json")
    image = slot_path.read_bytes() if slot_path else None
    verifying = read_verifying_key(node_path) if node_path else None
    found = _tell(check_ring(folder, slot_image=image, node=verifying))
    if image is not None:
        found += _tell(check_slot(image, now_ns=parse_rfc3339(now) if now else None))
        typer.echo(_about_wear(image))
    left_out = [name for name, given in (("R4", verifying), ("R5, S1 to S4", image)) if given is None]
    if found:
        raise Refused(f"{folder}: {found} violations")
    without = f" ({' and '.join(left_out)} not checked)" if left_out else ""
    typer.echo(f"{folder}: {len(segment_paths(folder))} segments, every invariant holds{without}")


def audit_command(
    log: Annotated[Path, typer.Argument(help="an audit log, or the directory that it is in")],
    node: Annotated[Path | None, typer.Option(help="the node's public key: who must have signed")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="a checkpoint that left the node, if not the one beside the log")
    ] = None,
) -> None:
    """Check every entry of an audit log, and the log against its signed checkpoint; the first bad entry is named."""
    path = log / FILE_NAME if log.is_dir() else log
    if not path.is_file() and not (log.is_dir() and any(log.glob("audit-*.jsonl"))):
        raise Refused(f"{path}: there is no such audit log")
    beside = path.with_name(CHECKPOINT_NAME)
    said_path = checkpoint or (beside if beside.exists() else None)
    said = read_checkpoint(said_path) if said_path else None
    verifying = read_verifying_key(node) if node else None
    check = AuditCheck(path, said=said, node=verifying)
    if _tell(check.violations()):
        raise Refused(f"{path}: it cannot be believed from there on")
    if verifying is not None and said is None:
        raise Refused(
            f"{path}: there is no checkpoint beside it, and nothing else is signed: give --checkpoint"
        )
    left_out = "" if said and verifying else f" ({'A4' if said else 'A4, A5'} not checked)"
    if not check.compared:
        raise Refused(
            f"{path}: the checkpoint was signed before what this log remembers of dropped files: it shows nothing"
        )
    count = f"{check.head.size - check.first} entries"
    if check.first:
        count += f" in {check.files} files, after {check.first} that were dropped"
    elif check.files > 1:
        count += f" in {check.files} files"
    typer.echo(f"{path}: {count}, every invariant holds{left_out}")


def config_command(
    path: Annotated[Path, typer.Argument(help="the configuration")] = Path("/etc/stolpe/node.toml"),
) -> None:
    """Check a configuration: unknown keys and values out of bounds are errors. What else to know: a line each."""
    config = read_config(path)
    for line in _about_users(config.users):
        typer.echo(line)
    broker = f"{config.broker.host}:{config.broker.port}"
    typer.echo(one_line(f"{path}: node {config.node.id}, broker {broker}: as it must be"))


def _about_wear(image: bytes) -> str:
    try:
        header = read_header(image)
    except Damaged:  # which S1 says
        return "key slot: how worn it is cannot be read"
    share = wear.used(header)
    return (
        f"key slot: each header page was written {wear.header_writes(header)} times, {share:.2%} of what an EEPROM"
        f" bears ({wear.level(header)})"
    )


def _about_users(users: UsersSection) -> Iterable[str]:
    peers = UserPeers(users)
    for daemon in peers.missing:
        yield f"users.{daemon}: this machine has no user {getattr(users, daemon)}: nothing is taken from that daemon"
    for daemons in peers.shared:
        names = " and ".join(f"users.{daemon}" for daemon in daemons)
        yield f"{names}: one user: an inbox cannot tell these daemons apart"


def _beside(ring: Path, name: str) -> Path | None:
    path = ring.resolve().parent / name
    return path if path.exists() else None


def _tell(violations: Iterable[Violation]) -> int:
    count = 0
    for violation in violations:
        typer.echo(one_line(f"{violation.number} {violation.where}: {violation.what}"))
        count += 1
    return count
