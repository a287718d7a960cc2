"""The commands of this package, as one entry point."""

import typer

from provisioning import demo, key_commands, mandate_commands, mask_commands


def register(app: typer.Typer) -> None:
    """Add keys, mandate, masks and demo."""
    key_commands.register(app)
    mandate_commands.register(app)
    mask_commands.register(app)
    demo.register(app)
