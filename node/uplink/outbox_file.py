"""The outbox' SQLite file: opened, checked, made anew where it is damaged. What its rows mean is the outbox' business.

WAL with synchronous FULL: what was committed survives a power cut. One process only (exclusive locking), so there
is no shared memory file.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from node.errors import Damaged, Refused
from node.files import sync_directory

APPLICATION: Final = 0x53544C50  # "STLP"
VERSION: Final = 1
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PRAGMAS: Final = (
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA cache_size = -1024",
    "PRAGMA wal_autocheckpoint = 256",
    "PRAGMA journal_size_limit = 2097152",
)
_SCHEMA: Final = (
    # `n` is the order of arrival. `seq` is null until it has a number, `message` once nothing waits any more.
    """CREATE TABLE event (
        n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, stage TEXT NOT NULL, worth INTEGER NOT NULL,
        boot TEXT NOT NULL, taken_ns INTEGER NOT NULL, seq INTEGER UNIQUE, dropped INTEGER, message BLOB,
        UNIQUE (id, stage))""",
    "CREATE INDEX numbered ON event (seq) WHERE message IS NOT NULL AND seq IS NOT NULL",
    "CREATE INDEX queued ON event (n) WHERE message IS NOT NULL AND seq IS NULL",
    "CREATE INDEX worthless ON event (worth, n) WHERE message IS NOT NULL AND seq IS NULL",
    "CREATE INDEX done ON event (n) WHERE message IS NULL",
    # Started and not ended. `instance` is who saw it start, null while that is not known.
    """CREATE TABLE open_event (
        id TEXT PRIMARY KEY, origin TEXT NOT NULL, instance TEXT, message BLOB NOT NULL)""",
    "CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL)",
    "CREATE TABLE series (id TEXT NOT NULL)",
)


def open_file(path: Path, *, new_series: str) -> sqlite3.Connection:
    """The file's connection; a new file begins the given series. `Damaged` if it is not an outbox that is whole.

    `Refused` if there can be no file at all.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        connection = sqlite3.connect(path, isolation_level=None)
    except (OSError, sqlite3.OperationalError) as error:
        raise Refused(f"{path}: no outbox can be had there ({error})") from error
    try:
        _prepare(connection, path, new_series)
    except sqlite3.DatabaseError as error:
        connection.close()
        if is_damage(error):
            raise Damaged(f"{path}: {error}") from error
        raise Refused(f"{path}: no outbox can be had there ({error})") from error
    except Refused:
        connection.close()
        raise
    return connection


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether the file itself is no good, not just the disk at this moment."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGED


def move_aside(path: Path) -> Path:
    """Make room for a new file; the old one is kept for a technician, in place of one that was moved before."""
    kept = path.with_name(f"{path.name}.damaged")
    for tail in ("-wal", "-shm", "-journal"):
        beside = path.with_name(path.name + tail)
        if beside.exists():
            beside.replace(kept.with_name(kept.name + tail))
    path.replace(kept)
    sync_directory(path.parent)
    return kept


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it is on the disk when this ends, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _prepare(connection: sqlite3.Connection, path: Path, new_series: str) -> None:
    for pragma in _PRAGMAS:
        connection.execute(pragma).fetchall()
    found = _pragma(connection, "application_id"), _pragma(connection, "user_version")
    if found == (0, 0) and not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        _create(connection, new_series)
        sync_directory(path.parent)
    elif found != (APPLICATION, VERSION):
        raise Damaged(f"{path}: not an outbox of this version")
    said = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if said != "ok":
        raise Damaged(f"{path}: {said}")


def _create(connection: sqlite3.Connection, series: str) -> None:
    with transaction(connection):
        for statement in _SCHEMA:
            connection.execute(statement)
        for name in ("seq", "session", "dropped", "bytes", "waiting", "done"):
            connection.execute("INSERT INTO counter VALUES (?, 0)", (name,))
        connection.execute("INSERT INTO series VALUES (?)", (series,))
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {VERSION}")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
