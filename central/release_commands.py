"""`stolpe release` and `stolpe salvage`: from the wish for footage to a bundle in a file."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Annotated

import typer

from central.bundle_desk import is_bundle
from central.desk_commands import open_command
from central.fetching import Fetch, Ordered, fetch
from central.office_session import OfficeSession
from central.opening import START_BYTES, epoch_keys
from central.order_file import expiry_ns, mandate_in, sign_order, write_order
from central.orders import Asked, in_words, new_order
from central.salvage import Card, salvage
from node.clock import SystemClock, parse_rfc3339, rfc3339
from node.errors import Damaged, Refused, printable
from node.files import sync_directory
from node.formats import segment as fmt
from node.formats.bundle_reader import BundleReader, CarriedSegment
from node.mandate.documents import ReleaseOrder, decode
from node.mandate.store import read_document
from node.sealing.keys import public_halves, read_jwk_set, read_private_keys

MIB = 1 << 20
_REQUEST = (
    "Example: stolpe release request --mandate mandate.jws.json --node n-7f3a --from 2026-11-03T22:10:00+01:00 "
    "--to 2026-11-03T22:25:00+01:00 --case 'K 123-26' --recipient police --out order.json"
)
_FETCH = (
    "Example: stolpe release fetch order.jws.json --key p-31.key --node-key node.pub.json --host broker.example "
    "--ca ca.pem --certificate office.pem --organisation exempelstad --out k123.bundle"
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    release = typer.Typer(help="Order, sign, fetch and open released footage.", no_args_is_help=True)
    release.command("request", epilog=_REQUEST)(request_command)
    release.command(
        "sign", epilog="Example: stolpe release sign order.json --key p-31.key --out order.jws.json"
    )(sign_command)
    release.command("fetch", epilog=_FETCH)(fetch_command)
    release.command(
        "open", epilog="Example: stolpe release open k123.bundle --key p-31.key --key p-32.key --out k123.mp4"
    )(open_command)
    release.command("list", epilog="Example: stolpe release list k123.bundle")(list_command)
    app.add_typer(release, name="release")
    app.command(
        "salvage",
        epilog="Example: stolpe salvage card/ring --slot card/epochs.slot --order order.jws.json --key p-31.key "
        "--out k123.bundle",
    )(salvage_command)


def request_command(
    *,
    mandate: Annotated[Path, typer.Option(help="the mandate of the footage, signed or not")],
    node: Annotated[str, typer.Option(help="id of the node")],
    since: Annotated[str, typer.Option("--from", help="RFC 3339")],
    until: Annotated[str, typer.Option("--to", help="RFC 3339")],
    case: Annotated[str, typer.Option(help="the case that it is for")],
    recipient: Annotated[str, typer.Option(help="who gets it: one of the mandate's recipients")],
    out: Annotated[Path, typer.Option(help="the order, to be signed with `stolpe release sign`")],
    hours: Annotated[int, typer.Option(min=1, max=24 * 30, help="how long the node may act on it")] = 24,
) -> None:
    """Write a release order. It asks for nothing before enough releasers have signed it."""
    under, now_ns = mandate_in(mandate), SystemClock().now().utc_ns
    asked = Asked(
        node=node,
        from_ns=parse_rfc3339(since),
        until_ns=parse_rfc3339(until),
        case=case,
        recipient=recipient,
        expires_ns=expiry_ns(now_ns, hours),
    )
    write_order(new_order(asked, under, now_ns=now_ns), out, under=under)


def sign_command(
    order: Annotated[Path, typer.Argument(help="an order, unsigned or with signatures of others")],
    key: Annotated[Path, typer.Option(help="the releaser's private key file")],
    out: Annotated[Path, typer.Option(help="the signed order: a new file, or ORDER itself")],
) -> None:
    """Say in words what is signed, and add one releaser's signature."""
    sign_order(order, key, out, words=lambda payload: in_words(decode(payload, ReleaseOrder)))


def fetch_command(
    order: Annotated[Path, typer.Argument(help="the signed order")],
    *,
    key: Annotated[
        Path, typer.Option(help="the private key file of one who signed: the pieces are sealed to them")
    ],
    node_key: Annotated[Path, typer.Option(help="the node's public key file: the order is sealed to it")],
    host: Annotated[str, typer.Option(help="the broker")],
    ca: Annotated[Path, typer.Option(help="the certificate of the organisation's authority")],
    certificate: Annotated[Path, typer.Option(help="the office's certificate and key")],
    organisation: Annotated[str, typer.Option(help="whose nodes they are")],
    out: Annotated[Path, typer.Option(help="the bundle to write")],
    port: Annotated[int, typer.Option(help="of the broker")] = 8883,
    name: Annotated[str, typer.Option(help="the office's name, as its certificate has it")] = "office",
    patience: Annotated[int, typer.Option(min=1, help="seconds without anything from the node")] = 600,
) -> None:
    """Send an order to its node, and take the release into a bundle file."""
    ordered = Ordered(
        read_document(order), read_private_keys(key).recipient, public_halves(read_jwk_set(node_key))[1]
    )
    session = OfficeSession(
        host=host, port=port, authority=ca, certificate=certificate, name=name, organisation=organisation
    )

    def write(part: Path) -> str:
        session.start()
        taken = Fetch(ordered, session=session, organisation=organisation, part=part, say=typer.echo)
        try:
            fetch(taken, clock=SystemClock(), patience_s=patience, progress=_progress())
        finally:
            taken.close()
            session.close()
        return f"{taken.size} bytes"

    typer.echo(f"{out}: {_made_whole(out, write)}")


def list_command(
    path: Annotated[Path, typer.Argument(metavar="BUNDLE|RING", help="what to look into; nothing is opened")],
    slot: Annotated[Path | None, typer.Option(help="of a ring: its key slot, else the one beside it")] = None,
) -> None:
    """Show what a bundle or a ring holds, as anybody can see it."""
    if is_bundle(path):
        _list_bundle(path)
        return
    if not path.is_dir():
        raise Refused(f"{path}: neither a bundle nor a ring's folder")
    there = slot or path.resolve().parent / "epochs.slot"
    epochs = set(epoch_keys(there)) if there.exists() else None
    for file in sorted(path.glob("*.seg")):
        try:
            with file.open("rb") as opened:
                header, _, wraps, _ = fmt.read_start(opened.read(START_BYTES))
        except Damaged as error:
            typer.echo(printable(f"{file.name}: {error}"))
            continue
        epoch = fmt.epoch_of(wraps)
        live = "?" if epochs is None else ("there" if epoch in epochs else "destroyed")
        start = rfc3339(header.start_ns)
        typer.echo(f"{start} {header.segment} {file.stat().st_size} bytes, epoch {epoch} key {live}")


def salvage_command(
    ring: Annotated[Path, typer.Argument(help="the ring's folder on the node's card")],
    *,
    order: Annotated[Path, typer.Option(help="the signed order")],
    key: Annotated[Path, typer.Option(help="private key file of who salvages, a releaser of the mandate")],
    out: Annotated[Path, typer.Option(help="the bundle to write")],
    slot: Annotated[
        Path | None, typer.Option(help="the node's key slot; else the one beside the ring")
    ] = None,
    mandate: Annotated[
        list[Path] | None, typer.Option(help="signed mandates that are not beside the ring; newer ones, too")
    ] = None,
) -> None:
    """Make the bundle of an order from a node's card and key slot, where the node itself cannot any more."""
    documents = ring.resolve().parent / "documents"
    beside = sorted(documents.glob("mandate*.jws.json")) if documents.is_dir() else []
    raws = tuple(dict.fromkeys(read_document(path) for path in (*beside, *(mandate or []))))
    card = Card(ring, slot or ring.resolve().parent / "epochs.slot", raws)
    raw, by = read_document(order), read_private_keys(key)

    def write(part: Path) -> str:
        with part.open("xb") as file:
            made = salvage(card, raw, by=by, now=SystemClock().now(), target=file, say=_told)
        return f"{len(made.segments)} segments, {len(made.missing)} parts of the interval missing"

    typer.echo(f"{out}: {_made_whole(out, write)}")


def _list_bundle(path: Path) -> None:
    with path.open("rb") as file:
        reader = BundleReader(file)
        if reader.start is not None:
            told = reader.start.manifest
            typer.echo(f"{told.made_by} {told.node}, {rfc3339(told.from_ns)} to {rfc3339(told.until_ns)}")
            for gap in told.missing:
                typer.echo(f"missing {rfc3339(gap.from_ns)} to {rfc3339(gap.until_ns)}: {gap.reason}")
        for carried in reader.segments():
            typer.echo(f"{carried.number}: {_segment_line(carried)}, {len(carried.data)} bytes")
        for line in reader.damage:
            typer.echo(printable(f"damage: {line}"))


def _segment_line(carried: CarriedSegment) -> str:
    told = carried.told
    return f"{rfc3339(told.start_ns)} {told.segment} {told.state}" if told else "not in the manifest"


def _made_whole(out: Path, write: Callable[[Path], str]) -> str:
    """Written beside, synced, and only then named: what was cut off half way leaves nothing that looks whole."""
    if os.path.lexists(out):
        raise Refused(f"{out} exists and is not written over: name another file")
    part = out.with_name(f".{out.name}.part")
    part.unlink(missing_ok=True)
    try:
        said = write(part)
        part.chmod(0o600)
        with part.open("rb") as file:
            _sync(file)
        part.rename(out)
        sync_directory(out.parent if str(out.parent) else Path())
    finally:
        part.unlink(missing_ok=True)
    return said


def _told(line: str) -> None:
    typer.echo(printable(line), err=True)


def _sync(file: IO[bytes]) -> None:
    os.fsync(file.fileno())


def _progress() -> Callable[[int], None]:
    told = [0]

    def progress(size: int) -> None:
        if size // MIB > told[0]:
            told[0] = size // MIB
            typer.echo(f"{told[0]} MiB", err=True)

    return progress
