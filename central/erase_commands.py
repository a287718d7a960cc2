"""`stolpe erase`: from the wish that footage be gone before its time to the node's word that it is."""

from pathlib import Path
from typing import Annotated

import typer

from central.erasing import Sending, Wish, in_words, new_erasure, send
from central.office_session import OfficeSession
from central.order_file import expiry_ns, mandate_in, sign_order, write_order
from node.clock import SystemClock, parse_rfc3339
from node.errors import printable
from node.mandate.store import read_document
from node.sealing.keys import public_halves, read_jwk_set

_REQUEST = (
    "Example: stolpe erase request --mandate mandate.jws.json --node n-7f3a --from 2026-11-03T22:10:00+01:00 "
    "--to 2026-11-03T22:11:00+01:00 --reason 'request 7 of a data subject' --out erase.json"
)
_SEND = (
    "Example: stolpe erase send erase.jws.json --node-key node.pub.json --host broker.example --ca ca.pem "
    "--certificate office.pem --organisation exempelstad"
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    erase = typer.Typer(help="Have footage erased before its time.", no_args_is_help=True)
    erase.command("request", epilog=_REQUEST)(request_command)
    erase.command("sign", epilog="Example: stolpe erase sign erase.json --key p-31.key --out erase.jws.json")(
        sign_command
    )
    erase.command("send", epilog=_SEND)(send_command)
    app.add_typer(erase, name="erase")


def request_command(
    *,
    mandate: Annotated[Path, typer.Option(help="the mandate of the footage, signed or not")],
    node: Annotated[str, typer.Option(help="id of the node")],
    since: Annotated[str, typer.Option("--from", help="RFC 3339")],
    until: Annotated[str, typer.Option("--to", help="RFC 3339")],
    reason: Annotated[str, typer.Option(help="why: it goes into the node's audit log")],
    out: Annotated[Path, typer.Option(help="the order, to be signed with `stolpe erase sign`")],
    dry_run: Annotated[bool, typer.Option(help="only ask what would go; signed like any other")] = False,
    hours: Annotated[int, typer.Option(min=1, max=24 * 30, help="how long the node may act on it")] = 24,
) -> None:
    """Write an erasure order. It asks for nothing before enough releasers have signed it."""
    under, now_ns = mandate_in(mandate), SystemClock().now().utc_ns
    wish = Wish(
        node=node,
        from_ns=parse_rfc3339(since),
        until_ns=parse_rfc3339(until),
        reason=reason,
        expires_ns=expiry_ns(now_ns, hours),
        dry_run=dry_run,
    )
    write_order(new_erasure(wish, under, now_ns=now_ns), out, under=under)


def sign_command(
    order: Annotated[Path, typer.Argument(help="an order, unsigned or with signatures of others")],
    key: Annotated[Path, typer.Option(help="the releaser's private key file")],
    out: Annotated[Path, typer.Option(help="the signed order: a new file, or ORDER itself")],
) -> None:
    """Say in words what is signed, and add one releaser's signature."""
    sign_order(order, key, out, words=in_words)


def send_command(
    order: Annotated[Path, typer.Argument(help="the signed order")],
    *,
    node_key: Annotated[Path, typer.Option(help="the node's public key file: the order is sealed to it")],
    host: Annotated[str, typer.Option(help="the broker")],
    ca: Annotated[Path, typer.Option(help="the certificate of the organisation's authority")],
    certificate: Annotated[Path, typer.Option(help="the office's certificate and key")],
    organisation: Annotated[str, typer.Option(help="whose nodes they are")],
    port: Annotated[int, typer.Option(help="of the broker")] = 8883,
    name: Annotated[str, typer.Option(help="the office's name, as its certificate has it")] = "office",
    patience: Annotated[int, typer.Option(min=1, help="seconds that the node may work on it")] = 1800,
) -> None:
    """Send an order to its node, and wait until it says what would go, or that it is gone."""
    session = OfficeSession(
        host=host, port=port, authority=ca, certificate=certificate, name=name, organisation=organisation
    )
    sending = Sending(
        read_document(order),
        node_key=public_halves(read_jwk_set(node_key))[1],
        session=session,
        organisation=organisation,
        say=lambda line: typer.echo(printable(line)),
    )
    session.start()
    try:
        send(sending, clock=SystemClock(), patience_s=patience)
    finally:
        session.close()
