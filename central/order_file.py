"""An order's file on its way from one signer to the next."""

from collections.abc import Callable, Iterable
from pathlib import Path

import typer

from node.errors import printable
from node.files import create_whole, replace_whole
from node.mandate.signatures import add_signature, parse, sign
from node.mandate.store import read_document
from node.sealing.keys import read_private_keys


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
