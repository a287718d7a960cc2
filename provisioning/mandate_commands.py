"""`stolpe mandate`: write, sign, show and check the decision that a node enforces, and the root above it."""

from pathlib import Path
from typing import Annotated

import typer

from node.clock import NS, SystemClock, parse_rfc3339, rfc3339, utc_ns
from node.errors import printable
from node.files import create_whole, replace_whole
from node.mandate import trust
from node.mandate.documents import Mandate, decode, decode_any, encode
from node.mandate.hours import open_intervals
from node.mandate.signatures import add_signature, parse, sign
from node.mandate.store import read_document
from node.sealing.keys import read_private_keys
from provisioning.mandate_template import People, Terms, new_mandate, new_root

DAY_NS = 86_400 * NS
PREVIEW_DAYS = 7


def register(app: typer.Typer) -> None:
    """Add the commands."""
    mandate = typer.Typer(help="Write, sign, show and check mandates and their root.", no_args_is_help=True)
    mandate.command("root", epilog="Example: stolpe mandate root --controller p-01.pub.json --out root.json")(
        root_command
    )
    mandate.command(
        "new",
        epilog="Example: stolpe mandate new --node n-7f3a --controller p-01.pub.json --technician p-11.pub.json "
        "--approver p-12.pub.json --operator p-21.pub.json --releaser p-31.pub.json --releaser p-32.pub.json "
        "--recipient police.pub.json --recovery sealed-share-1.pub.json --hours 20:00-06:00 --out mandate.json",
    )(new_command)
    mandate.command(
        "sign", epilog="Example: stolpe mandate sign mandate.json --key p-01.key --out mandate.jws.json"
    )(sign_command)
    mandate.command("show", epilog="Example: stolpe mandate show mandate.jws.json")(show_command)
    mandate.command("check", epilog="Example: stolpe mandate check mandate.jws.json --root root.jws.json")(
        check_command
    )
    app.add_typer(mandate, name="mandate")


def root_command(
    controller: Annotated[list[Path], typer.Option(help="public key file of a controller; repeat it")],
    out: Annotated[Path, typer.Option(help="the root to be signed with `stolpe mandate sign`")],
    threshold: Annotated[int, typer.Option(help="how many controllers must sign a mandate")] = 1,
) -> None:
    """Write a root: whose signatures make a mandate."""
    create_whole(out, _read_back(encode(new_root(controller, threshold))))
    typer.echo(f"{out}: to be signed by {threshold} of {len(controller)} controllers")


def new_command(
    *,
    node: Annotated[list[str], typer.Option(help="id of a node that it is for; repeat it")],
    controller: Annotated[list[Path], typer.Option(help="public key file; repeat each of these as needed")],
    technician: Annotated[list[Path], typer.Option(help="public key file")],
    approver: Annotated[list[Path], typer.Option(help="public key file")],
    operator: Annotated[list[Path], typer.Option(help="public key file")],
    releaser: Annotated[list[Path], typer.Option(help="public key file")],
    recipient: Annotated[
        list[Path], typer.Option(help="public key file of an authority that may get footage")
    ],
    out: Annotated[Path, typer.Option(help="the mandate: read it, edit it, have it signed")],
    recovery: Annotated[
        Path | None, typer.Option(help="public key file that stands in for a lost key")
    ] = None,
    threshold: Annotated[int, typer.Option(help="how many releasers together")] = 2,
    hours: Annotated[
        str, typer.Option(help="every day from-to: 20:00-06:00, or dusk-00:30/dawn")
    ] = "00:00-24:00",
    valid_from: Annotated[str | None, typer.Option("--from", help="RFC 3339; else now")] = None,
    valid_until: Annotated[str | None, typer.Option("--until", help="RFC 3339; else a year later")] = None,
    retention_hours: Annotated[int, typer.Option(help="how long footage can be opened")] = 72,
    nothing_to_mask: Annotated[
        bool, typer.Option("--nothing-to-mask", help="state that no mask is needed")
    ] = False,
) -> None:
    """Write a mandate from key files. Names, purpose, site and alarms are edited in the file before it is signed."""
    start_ns = parse_rfc3339(valid_from) if valid_from else SystemClock().now().utc_ns // NS * NS
    terms = Terms(
        nodes=tuple(node),
        hours=hours,
        start_ns=start_ns,
        until_ns=parse_rfc3339(valid_until) if valid_until else start_ns + 365 * DAY_NS,
        retention_hours=retention_hours,
        threshold=threshold,
        nothing_to_mask=nothing_to_mask,
    )
    people = People(
        controller=controller,
        technician=technician,
        approver=approver,
        operator=operator,
        releaser=releaser,
        recipient=recipient,
        recovery=recovery,
    )
    create_whole(out, _read_back(encode(new_mandate(people, terms))))
    typer.echo(
        f"{out}: edit it, then `stolpe mandate sign {out} --key CONTROLLER.key --out {out.stem}.jws.json`"
    )


def sign_command(
    document: Annotated[
        Path, typer.Argument(help="a root or mandate, unsigned or with signatures of others")
    ],
    key: Annotated[Path, typer.Option(help="the signer's private key file")],
    out: Annotated[Path, typer.Option(help="the signed document: a new file, or DOCUMENT itself")],
) -> None:
    """Sign a root or mandate, or add a signature to one."""
    typer.echo(f"{out}: signed by {', '.join(sign_file(document, key, out))}")


def show_command(document: Annotated[Path, typer.Argument(help="a mandate, signed or not")]) -> None:
    """Print a mandate, who signed it (unverified), and the hours that it opens in its first week from now."""
    payload, signers = payload_of(read_document(document))
    mandate = decode(payload, Mandate)
    typer.echo("\n".join(map(printable, encode(mandate).decode().split("\n"))))
    typer.echo(f"signatures claimed: {', '.join(signers) or 'none'}")
    now_ns = SystemClock().now().utc_ns
    start_ns = max(now_ns, utc_ns(mandate.valid_from))
    until_ns = min(start_ns + PREVIEW_DAYS * DAY_NS, utc_ns(mandate.valid_until))
    if start_ns >= until_ns:
        typer.echo("it has ended: the sensor stays closed")
        return
    typer.echo(f"open in the {PREVIEW_DAYS} days from {rfc3339(start_ns, digits=0)}:")
    for interval in open_intervals(mandate.hours, mandate.site, from_ns=start_ns, until_ns=until_ns):
        typer.echo(f"  {rfc3339(interval.start_ns, digits=0)} to {rfc3339(interval.end_ns, digits=0)}")


def check_command(
    document: Annotated[Path, typer.Argument(help="a signed mandate")],
    root: Annotated[Path, typer.Option(help="the signed root it stands under")],
    node: Annotated[str | None, typer.Option(help="the node that it is for; else its first")] = None,
) -> None:
    """Verify a mandate as a node would."""
    data = read_document(document)
    believed_root = trust.first_root(read_document(root))
    which = node or decode(parse(data).payload, Mandate).nodes[0]
    believed = trust.mandate(data, root=believed_root.document, node=which, floor=1)
    signed = ", ".join(sorted(believed.signers))
    typer.echo(f"{document}: version {believed.document.version} for node {which}, signed by {signed}: good")


def sign_file(document: Path, key: Path, out: Path) -> tuple[str, ...]:
    """Sign a document file, which must be one that can be read, into a new file or in its own place; all signers."""
    data = read_document(document)
    keys = read_private_keys(key)
    payload, signers = payload_of(data)
    decode_any(payload)
    signed = add_signature(data, keys.signing) if signers else sign(payload, keys.signing)
    if out.exists() and out.samefile(document):
        replace_whole(out, signed)
    else:
        create_whole(out, signed)
    return parse(signed).claimed


def payload_of(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Payload and claimed signers of a document, signed or not."""
    if b'"signatures"' in data and b'"payload"' in data:
        signed = parse(data)
        return signed.payload, signed.claimed
    return data, ()


def _read_back(payload: bytes) -> bytes:
    """What was written, if it is also what a reader takes: some rules are checked only on reading."""
    decode_any(payload)
    return payload
