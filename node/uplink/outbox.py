"""Events on their way to the broker: on the disk before they are taken, gone once the broker has them.

Owns their numbers. A number is given when an event becomes one of the `WINDOW` oldest that wait, in the transaction
that makes it so, and what has a number is never given up. So what a full outbox drops leaves no gap; each event
says how many were dropped before it. Publishes nothing itself.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec

from node.clock import Clock
from node.errors import Damaged
from node.mandate.ids import new_ulid
from node.messages import EventHappened, Severity, Stage
from node.uplink.outbox_file import is_damage, move_aside, open_file, transaction

Origin = Literal["camera", "recorder", "uplink"]
Key = tuple[str, Stage]

WINDOW: Final = 20
REMEMBERED: Final = 10_000
MAX_OPEN: Final = 200
ROW_BYTES: Final = 400  # of a row beside its message, with its indexes
_LOG = logging.getLogger(__name__)
_WORTH: Final[dict[Severity | None, int]] = {None: 0, "low": 1, "medium": 2, "high": 3, "critical": 4}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A numbered event that the broker has not acknowledged."""

    seq: int
    dropped: int
    boot: str
    taken_ns: int
    event: EventHappened

    @property
    def key(self) -> Key:
        """What it is deleted by."""
        return self.event.id, self.event.stage


@dataclass(frozen=True, slots=True)
class Counts:
    """What the file holds, and has given up in its life."""

    seq: int = 0
    session: int = 0
    dropped: int = 0
    bytes: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class OpenEvent:
    """An event whose start was taken and whose end was not; `instance` saw it, None: not known which."""

    origin: Origin
    instance: str | None
    event: EventHappened


class Outbox:
    """All events that wait.

    `failing` says why nothing can be written at the moment (then nothing is taken, and whoever has an event keeps
    it), `mishap` that a damaged file was moved aside, and with it what waited in it.
    """

    def __init__(
        self, path: Path, *, capacity_bytes: int, boot: str, clock: Clock, remembered: int = REMEMBERED
    ) -> None:
        self._path = path
        self._capacity_bytes = capacity_bytes
        self._remembered = remembered
        self._boot = boot
        self._clock = clock
        self._undeleted: set[Key] = set()
        self._session = 0
        self._series = ""
        self._counts = Counts()
        self._waiting: tuple[Waiting, ...] = ()
        self.failing = ""
        self.failures = 0
        """How often something could not be written."""
        self.mishap = ""
        self._connection = self._open()

    @property
    def series(self) -> str:
        """Names this file: in another one numbers begin anew."""
        return self._series

    @property
    def counts(self) -> Counts:
        """As of the last commit."""
        return self._counts

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """The numbered events, in order: the oldest `WINDOW` that the broker does not have."""
        return self._waiting

    def take(self, event: EventHappened, *, origin: Origin, instance: str | None) -> bool:
        """Whether that stage of the event is on the disk, by now or since an earlier time. False: see `failing`."""

        def work() -> None:
            if not self._knows(event):
                self._insert(event)
                self._follow(event, origin, instance)
                self._number()
                self._forget()

        return self._write(work)

    def published(self, keys: Iterable[Key]) -> None:
        """The broker has them. If the disk does not take that now, it is written with the next ones."""
        self._undeleted.update(keys)

        def work() -> None:
            for key in self._undeleted:
                self._settle(key)
            self._number()
            self._forget()

        if self._undeleted and self._write(work):
            self._undeleted.clear()

    def next_session(self) -> int:
        """A number that no session of this series had; on a disk that takes nothing, none of this process."""
        self._session = max(self._session, self._counts.session) + 1
        self._write(lambda: self._set("session", self._session))
        return self._session

    def open_events(self, origin: Origin) -> list[OpenEvent]:
        """What started and has not ended, of one daemon."""
        found: list[OpenEvent] = []

        def work() -> None:
            statement = "SELECT instance, message FROM open_event WHERE origin = ? ORDER BY id"
            for instance, message in self._connection.execute(statement, (origin,)).fetchall():
                found.append(OpenEvent(origin, instance, _decoded(message)))

        self._write(work)
        return found

    def adopt(self, origin: Origin, instance: str) -> None:
        """Open events of a daemon that had not said yet who it is are this instance's."""
        statement = "UPDATE open_event SET instance = ? WHERE origin = ? AND instance IS NULL"
        self._write(lambda: self._connection.execute(statement, (instance, origin)))

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _open(self) -> sqlite3.Connection:
        """The file, or a new one in place of a damaged one."""
        try:
            connection = open_file(self._path, new_series=new_ulid(self._clock.now().utc_ns))
            try:
                self._read(connection)
            except (sqlite3.DatabaseError, msgspec.DecodeError) as error:
                connection.close()
                raise Damaged(f"{self._path}: {error}") from error
        except Damaged as damage:
            kept = move_aside(self._path)
            self.mishap = f"the outbox was damaged ({damage}): what waited in it is in {kept.name}"
            connection = open_file(self._path, new_series=new_ulid(self._clock.now().utc_ns))
            self._read(connection)
        return connection

    def _write(self, work: Callable[[], object]) -> bool:
        """Do it whole and synced, or not at all."""
        try:
            with transaction(self._connection):
                work()
            self._read(self._connection)
        except (sqlite3.DatabaseError, msgspec.DecodeError) as error:
            if isinstance(error, msgspec.DecodeError) or is_damage(error):
                self._replace()
            else:
                self._fail(f"{error}")
            return False
        if self.failing:
            _LOG.info("the outbox can be written again")
        self.failing = ""
        return True

    def _fail(self, why: str) -> None:
        self.failures += 1
        if not self.failing:
            _LOG.error("the outbox cannot be written: %s", why)
        self.failing = why

    def _replace(self) -> None:
        """The file turned out to be damaged: opening it again finds that, and makes a new one."""
        self._connection.close()
        self._undeleted.clear()
        self._connection = self._open()

    def _read(self, connection: sqlite3.Connection) -> None:
        (self._series,) = connection.execute("SELECT id FROM series").fetchone()
        counters = dict(connection.execute("SELECT name, value FROM counter"))
        self._counts = Counts(**{name: counters[name] for name in Counts.__dataclass_fields__})
        rows = connection.execute(
            "SELECT seq, dropped, boot, taken_ns, message FROM event"
            " WHERE message IS NOT NULL AND seq IS NOT NULL ORDER BY seq"
        ).fetchall()
        self._waiting = tuple(
            Waiting(seq, dropped, boot, taken_ns, _decoded(message))
            for seq, dropped, boot, taken_ns, message in rows
        )

    def _knows(self, event: EventHappened) -> bool:
        statement = "SELECT 1 FROM event WHERE id = ? AND stage = ?"
        return self._connection.execute(statement, (event.id, event.stage)).fetchone() is not None

    def _insert(self, event: EventHappened) -> None:
        worth = _worth(event)
        message = msgspec.msgpack.encode(event)
        cost = len(message) + ROW_BYTES
        kept = self._make_room(cost, worth)
        self._add("bytes", cost if kept else 0)
        self._add("waiting" if kept else "done", 1)
        self._add("dropped", 0 if kept else 1)
        self._connection.execute(
            "INSERT INTO event (id, stage, worth, boot, taken_ns, message) VALUES (?, ?, ?, ?, ?, ?)",
            (event.id, event.stage, worth, self._boot, self._clock.now().utc_ns, message if kept else None),
        )

    def _make_room(self, cost: int, worth: int) -> bool:
        """Give up what is worth least, the oldest of it first; False if that is the new one."""
        while self._get("bytes") + cost > self._capacity_bytes:
            least = self._connection.execute(
                "SELECT n, worth, length(message) FROM event WHERE message IS NOT NULL AND seq IS NULL"
                " ORDER BY worth, n LIMIT 1"
            ).fetchone()
            if least is None or least[1] > worth:
                return False
            self._empty(least[0], least[2])
            self._add("dropped", 1)
        return True

    def _settle(self, key: Key) -> None:
        row = self._connection.execute(
            "SELECT n, length(message) FROM event WHERE id = ? AND stage = ? AND message IS NOT NULL", key
        ).fetchone()
        if row is not None:
            self._empty(*row)

    def _empty(self, n: int, message_bytes: int) -> None:
        """It waits no more; its id and stage are still known."""
        self._connection.execute("UPDATE event SET message = NULL WHERE n = ?", (n,))
        self._add("bytes", -message_bytes - ROW_BYTES)
        self._add("waiting", -1)
        self._add("done", 1)

    def _number(self) -> None:
        """Give numbers to the oldest that wait, up to `WINDOW` of them."""
        numbered = self._connection.execute(
            "SELECT count(*) FROM event WHERE message IS NOT NULL AND seq IS NOT NULL"
        ).fetchone()[0]
        queued = self._connection.execute(
            "SELECT n FROM event WHERE message IS NOT NULL AND seq IS NULL ORDER BY n LIMIT ?",
            (max(0, WINDOW - numbered),),
        ).fetchall()
        for (n,) in queued:
            self._add("seq", 1)
            self._connection.execute(
                "UPDATE event SET seq = ?, dropped = ? WHERE n = ?",
                (self._get("seq"), self._get("dropped"), n),
            )

    def _forget(self) -> None:
        """Of those that do not wait, only the newest `remembered` are known on."""
        surplus = self._get("done") - self._remembered
        if surplus > 0:
            self._connection.execute(
                "DELETE FROM event WHERE n IN (SELECT n FROM event WHERE message IS NULL ORDER BY n LIMIT ?)",
                (surplus,),
            )
            self._add("done", -surplus)

    def _follow(self, event: EventHappened, origin: Origin, instance: str | None) -> None:
        """Remember what is going on. Of more than `MAX_OPEN` the oldest is not followed any more."""
        if event.stage == "end":
            self._connection.execute("DELETE FROM open_event WHERE id = ?", (event.id,))
        elif event.stage == "start":
            self._connection.execute(
                "INSERT OR REPLACE INTO open_event VALUES (?, ?, ?, ?)",
                (event.id, origin, instance, msgspec.msgpack.encode(event)),
            )
            self._connection.execute(
                "DELETE FROM open_event WHERE id IN (SELECT id FROM open_event ORDER BY id DESC LIMIT -1 OFFSET ?)",
                (MAX_OPEN,),
            )

    def _get(self, name: str) -> int:
        statement = "SELECT value FROM counter WHERE name = ?"
        return int(self._connection.execute(statement, (name,)).fetchone()[0])

    def _set(self, name: str, value: int) -> None:
        self._connection.execute("UPDATE counter SET value = ? WHERE name = ?", (value, name))

    def _add(self, name: str, change: int) -> None:
        self._connection.execute("UPDATE counter SET value = value + ? WHERE name = ?", (change, name))


def _worth(event: EventHappened) -> int:
    """By severity; of one severity, what only goes on is worth less than a start or an end."""
    return 2 * _WORTH[event.alarm] + (event.stage != "update")


def _decoded(message: bytes) -> EventHappened:
    return msgspec.msgpack.decode(message, type=EventHappened)
