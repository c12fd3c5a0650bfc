"""Which files nobody may change any more: kept in the registry's database, where the transaction that promotes sees it.

Two tables. `attestflow_freezes`: a path below the artifacts' root, an id that is new with each freeze, and the digest of
what lies there, taken while that freeze held. `attestflow_writes`: writes under way. A writer says so first and looks for
freezes then; who freezes does it first and looks for writers then: one of the two sees the other.
"""

from __future__ import annotations

import hashlib
import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, Column, MetaData, String, Table, Text, delete, insert, or_, select, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DatabaseError, IntegrityError

from attestflow.digest import ContentDigest
from attestflow.documents import shown
from attestflow.errors import StoreError
from attestflow.names import fold

LEASE = 3600.0  # seconds after which a write that never ended no longer holds up a freeze
PATIENCE = 20.0  # seconds that a freeze waits for the writes under way

_TABLES = MetaData()
_FREEZES = Table(
    "attestflow_freezes",
    _TABLES,
    Column("path_sha256", String(64), primary_key=True),
    Column("path", Text, nullable=False),
    Column("id", String(32), nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("content", String(80)),
)
_WRITES = Table(
    "attestflow_writes",
    _TABLES,
    Column("id", String(32), primary_key=True),
    Column("path", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("process", String(200), nullable=False),
)


class Frozen(Exception):
    """A write that is refused; `path` is the frozen one that it would change."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


@dataclass(frozen=True, slots=True)
class Freeze:
    """A path that nobody changes, since when (Unix, ms), and what lies there; None until it was digested."""

    path: str
    id: str
    since: int
    content: ContentDigest | None


@dataclass(frozen=True, slots=True)
class Freezes:
    """The freezes of one registry. Paths are relative to the artifacts' root, slash-separated, and compared folded."""

    engine: Engine
    clock: Callable[[], float] = time.time

    def create_tables(self) -> None:
        """Make the two tables where they are not there; several servers may do it at once."""
        for table in (_FREEZES, _WRITES):
            try:
                table.create(self.engine, checkfirst=True)
            except DatabaseError:
                table.create(self.engine, checkfirst=True)  # another server made it meanwhile

    def find(self, path: str) -> Freeze | None:
        """The freeze of exactly this path."""
        with self.engine.connect() as connection:
            row = connection.execute(select(_FREEZES).where(_FREEZES.c.path_sha256 == _key(_folded(path)))).first()
        if row is None:
            return None
        return Freeze(row.path, row.id, row.since, ContentDigest.parse(row.content) if row.content else None)

    def freeze(self, path: str, patience: float = PATIENCE) -> Freeze:
        """Freeze a path, or find it frozen, and wait until no write below or above it is under way.

        Raises StoreError (retryable) when one still is after `patience` seconds; the freeze stands then.
        """
        folded = _folded(path)
        row = {"path_sha256": _key(folded), "path": folded, "id": uuid.uuid4().hex, "since": self._now()}
        with suppress(IntegrityError), self._begin() as connection:
            if self.find(path) is None:
                connection.execute(insert(_FREEZES).values(row))
        deadline = time.monotonic() + patience
        while (busy := self._writing(folded)) is not None:
            if time.monotonic() > deadline:
                minutes = max(1, round((busy - self._now()) / 60_000))
                raise StoreError(
                    f"a write to {shown(path)} is under way",
                    retryable=True,
                    hint=f"ask again when it is done; a write that broke off is given up in {minutes} min",
                )
            time.sleep(0.05)
        found = self.find(path)
        if found is None:
            raise StoreError(f"{shown(path)} was released while it was frozen", retryable=True, hint="ask again")
        return found

    def record(self, freeze: Freeze, content: ContentDigest) -> Freeze:
        """Note what lies at a frozen path, read while it was frozen. StoreError where that freeze no longer holds."""
        with self._begin() as connection:
            changed = connection.execute(update(_FREEZES).where(*_is(freeze)).values(content=str(content)))
        if changed.rowcount != 1:
            raise StoreError(f"{shown(freeze.path)} was released while it was read", retryable=True, hint="ask again")
        return Freeze(freeze.path, freeze.id, freeze.since, content)

    def drop_unread(self, freeze: Freeze) -> None:
        """Take a freeze away under which nothing was read, so that one that failed leaves no trace."""
        with self._begin() as connection:
            connection.execute(delete(_FREEZES).where(*_is(freeze), _FREEZES.c.content.is_(None)))

    @staticmethod
    def still_holds(session: Any, freeze: Freeze) -> bool:
        """Whether a freeze has held unbroken, and the same was read; locks its row until the session's transaction ends."""
        same = update(_FREEZES).where(*_is(freeze), _FREEZES.c.content == str(freeze.content))
        return bool(session.execute(same.values(id=freeze.id)).rowcount == 1)

    @staticmethod
    def release(session: Any, path: str) -> bool:
        """Take a freeze away, in the session's transaction; whether there was one."""
        return bool(session.execute(delete(_FREEZES).where(_FREEZES.c.path_sha256 == _key(_folded(path)))).rowcount)

    @contextmanager
    def writing(self, path: str, *, tree: bool = False) -> Iterator[None]:
        """Around a write of the file (or of anything below the folder: `tree`) at `path`.

        Raises Frozen, before anything is written, where a frozen path is this one, above it or below it. A write that
        outlasts its lease breaks the freezes that were made meanwhile: what was read under them no longer counts.
        """
        folded, number, started = _folded(path), uuid.uuid4().hex, time.monotonic()
        row = {"id": number, "path": folded, "until": self._now() + int(LEASE * 1000), "process": _this_process()}
        with self._begin() as connection:
            connection.execute(insert(_WRITES).values(row))
        try:
            with self.engine.connect() as connection:
                frozen = connection.execute(select(_FREEZES.c.path).where(_overlaps(folded, tree=tree))).scalar()
            if frozen is not None:
                raise Frozen(str(frozen))
            yield
        finally:
            with self._begin() as connection:
                kept = connection.execute(delete(_WRITES).where(_WRITES.c.id == number)).rowcount
                if not kept or time.monotonic() - started > LEASE:
                    self._break(connection, folded, tree=tree)

    def _writing(self, folded: str) -> int | None:
        """When the last of the writes under way to this path, below or above it, is given up (Unix, ms); None without any."""
        latest = None
        with self._begin() as connection:
            for row in connection.execute(select(_WRITES)).all():
                if row.until < self._now() or _is_gone(row.process):
                    connection.execute(delete(_WRITES).where(_WRITES.c.id == row.id))
                elif overlap(row.path, folded):
                    latest = max(latest or 0, int(row.until))
        return latest

    @staticmethod
    def _break(connection: Connection, folded: str, *, tree: bool) -> None:
        broken = update(_FREEZES).where(_overlaps(folded, tree=tree))
        connection.execute(broken.values(id=uuid.uuid4().hex, content=None))

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        with self.engine.begin() as connection:
            if self.engine.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA busy_timeout = 20000")  # as MLflow's own sessions do
            yield connection

    def _now(self) -> int:
        return int(self.clock() * 1000)


def _is(freeze: Freeze) -> tuple[Any, ...]:
    return _FREEZES.c.path_sha256 == _key(freeze.path), _FREEZES.c.id == freeze.id


def _overlaps(folded: str, *, tree: bool) -> Any:
    """A frozen path is this one, above it, or below it; with `tree` also one that only begins with its letters.

    Some object stores delete by the letters that a key begins with.
    """
    parts = folded.split("/") if folded else []
    above = [_key("/".join(parts[:count])) for count in range(len(parts) + 1)]
    below = _FREEZES.c.path.startswith(folded if tree or not folded else folded + "/", autoescape=True)
    return or_(_FREEZES.c.path_sha256.in_(above), below)


def overlap(one: str, other: str) -> bool:
    """Whether two paths are one, or one lies in the other; compared folded, as freezes are."""
    first, second = _folded(one), _folded(other)
    return first == second or _within(first, second) or _within(second, first)


def _within(path: str, folder: str) -> bool:
    return not folder or path.startswith(folder + "/")


def _folded(path: str) -> str:
    """A path in one spelling. Case and width are folded: a file system may do so too, and then both are one file."""
    return "/".join(fold(each) for each in path.split("/") if each not in ("", "."))


def _key(folded: str) -> str:
    return hashlib.sha256(folded.encode("utf-8", "surrogateescape")).hexdigest()


def _this_process() -> str:
    return f"{_machine()} {os.getpid()} {_start_time(os.getpid())}"[:200]


def _is_gone(process: str) -> bool:
    """Whether a process was of this machine and runs no more; False where that cannot be known."""
    machine, _, rest = process.partition(" ")
    number, _, started = rest.partition(" ")
    if machine != _machine() or not number.isdigit() or not started:
        return False
    return _start_time(int(number)) != started


def _machine() -> str:
    """This host and boot, and the namespace that its process numbers are of."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{socket.gethostname()}/{boot}/{os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - no path
    except OSError:
        return f"{socket.gethostname()}/{uuid.getnode()}"


def _start_time(pid: int) -> str:
    """Ticks since boot when a process started; empty where that cannot be read."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
