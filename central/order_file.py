"""An order's file: written from a mandate, and on its way from one signer to the next."""

from collections.abc import Callable, Iterable
from pathlib import Path

import typer

from node.clock import NS
from node.errors import printable
from node.files import create_whole, replace_whole
from node.mandate.documents import ErasureOrder, Mandate, ReleaseOrder, decode, decode_any, encode
from node.mandate.signatures import add_signature, parse, sign
from node.mandate.store import read_document
from node.sealing.keys import read_private_keys


def mandate_in(path: Path) -> Mandate:
    """The mandate that a file holds, signed or not: for an order, whose node will look at the signatures."""
    data = read_document(path)
    return decode(parse(data).payload if b'"signatures"' in data else data, Mandate)


def expiry_ns(now_ns: int, hours: int) -> int:
    """So many hours from now on, in whole seconds (UTC ns)."""
    return (now_ns // NS + hours * 3600) * NS


def write_order(order: ReleaseOrder | ErasureOrder, out: Path, *, under: Mandate) -> None:
    """Write an unsigned order into a new file, as it can be read again, and say who has to sign it."""
    data = encode(order)
    decode_any(data)  # what was too long, or no name, is refused before it is written
    create_whole(out, data)
    who = ", ".join(under.with_role("releaser"))
    typer.echo(f"{out}: order {order.id}, to be signed by {under.release.threshold} of {who}")


def sign_order(order: Path, key: Path, out: Path, *, words: Callable[[bytes], Iterable[str]]) -> None:
    """Say in words what is signed, and add a signature: into a new file, or into `order` itself."""
    data = read_document(order)
    keys = read_private_keys(key)
    is_signed = b'"signatures"' in data and b'"payload"' in data
    payload = parse(data).payload if is_signed else data
    for line in words(payload):
        typer.echo(printable(line))
    signed = add_signature(data, keys.signing) if is_signed else sign(payload, keys.signing)
    if out.exists() and out.samefile(order):
        replace_whole(out, signed)
    else:
        create_whole(out, signed)
    typer.echo(f"{out}: signed by {', '.join(parse(signed).claimed)}")
