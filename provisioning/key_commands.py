"""`stolpe keys`: key files of persons and recipients."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from node.errors import Refused
from node.names import check_id
from node.sealing.keys import (
    Kem,
    kem_of,
    new_keys,
    owner_of,
    public_halves,
    read_jwk_set,
    recipient_key,
    verifying_key,
    write_key_files,
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    keys = typer.Typer(help="Key files of persons and recipients.", no_args_is_help=True)
    keys.command("new", epilog="Example: stolpe keys new p-31 --out p-31.key")(new_command)
    keys.command("show", epilog="Example: stolpe keys show p-31.pub.json")(show_command)
    app.add_typer(keys, name="keys")


def new_command(
    owner: Annotated[str, typer.Argument(help="the id that documents will name: a-z, 0-9 and -")],
    out: Annotated[Path, typer.Option(help="the private key file; the public half is written beside it")],
    kem: Annotated[Kem, typer.Option(help="X25519 alone falls to a quantum computer")] = "MLKEM768-X25519",
) -> None:
    """Make a key pair to sign with and one that things are sealed to."""
    check_id(owner)
    if not out.name:
        raise Refused(f"{out}: name a file, not a folder")
    public = write_key_files(out, new_keys(owner, kem=kem))
    typer.echo(f"{out}: keep it secret. {public}: hand it to whoever writes the mandate.")


def show_command(path: Annotated[Path, typer.Argument(help="a key file")]) -> None:
    """Say whose keys a file holds, and of which kind; print its public half."""
    keys = read_jwk_set(path)
    sig, enc = public_halves(keys)
    verifying_key(sig)
    recipient_key(enc)
    typer.echo(f"owner {owner_of(keys, path)}: signs with {sig.crv}, is sealed to with {kem_of(enc)}")
    typer.echo(msgspec.json.format(msgspec.json.encode({"sig": sig, "enc": enc}), indent=1).decode())
