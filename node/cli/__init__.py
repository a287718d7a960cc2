"""The command line: one command a file. The only place that knows both daemons and terminal."""

from node.cli.program import main

__all__ = ["main"]
