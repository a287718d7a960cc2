"""Processes of this machine by what they were started with: to see that nothing is left of a run."""

from pathlib import Path


def running_with(word: str) -> dict[int, str]:
    """Command lines by pid that have `word` in them."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has just ended
            if word in line:
                found[int(entry.name)] = line
    return found
