"""The index: a SQLite file of this account, made from a store and always to be made again. Nothing in it is believed."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from attestflow.errors import StoreError
from attestflow.impact.facts import Facts, facts_of
from attestflow.store.interface import Store
from attestflow.store.layout import put_key

VERSION = 2
_DAY = "%Y%m%d"
_BATCH = 2000
_SCHEMA = f"""
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE seen (key TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE pointers (day TEXT, pointer TEXT, PRIMARY KEY (day, pointer)) WITHOUT ROWID;
CREATE TABLE made (input TEXT, output TEXT, key TEXT, PRIMARY KEY (input, output, key)) WITHOUT ROWID;
CREATE TABLE uses (package TEXT, output TEXT, key TEXT, PRIMARY KEY (package, output, key)) WITHOUT ROWID;
CREATE TABLE signed (hint TEXT, output TEXT, key TEXT, PRIMARY KEY (hint, output, key)) WITHOUT ROWID;
CREATE TABLE decided (output TEXT, registry TEXT, model TEXT, target TEXT,
  PRIMARY KEY (output, registry, model, target)) WITHOUT ROWID;
CREATE TABLE named (output TEXT PRIMARY KEY, name TEXT, kind TEXT) WITHOUT ROWID;
PRAGMA user_version = {VERSION};
"""

Progress = Callable[[int], None]


class Index:
    """The index of one store at `path`; `update` brings it up to the store, reading only what was put since."""

    def __init__(self, path: Path, store: Store) -> None:
        self._store = store
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._connection = self._opened()

    @classmethod
    def of_account(cls, directory: Path, store: Store) -> Index:
        """The index of a store in an account's folder."""
        name = hashlib.sha256(store.url.encode()).hexdigest()
        return cls(directory / "impact" / f"{name}.sqlite", store)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @property
    def whole_on(self) -> str | None:
        """When the whole store was read last (RFC 3339); None: never."""
        return self._meta("whole")

    def update(self, now: datetime, *, rebuild: bool = False, progress: Progress | None = None) -> int:
        """Read what was put since the last time, or with `rebuild` everything; how many bundles were read.

        What somebody wrote past `put` has no pointer by day, and only a rebuild finds it. Raises StoreError.
        """
        from attestflow.clock import format_time

        day = self._meta("day")
        if rebuild or day is None:
            self._forget()
            count = self._read(self._store.every_key(), progress)
            self._note("whole", format_time(now))
        else:
            count = 0
        count += sum(self._read_day(each, progress) for each in _days(day or now.strftime(_DAY), now))
        self._note("day", now.strftime(_DAY))
        self._connection.commit()
        return count

    def made_of(self, content: str) -> list[tuple[str, str]]:
        """(output, key of the bundle that says so) for each content that was made of this one."""
        return self._pairs("SELECT output, key FROM made WHERE input = ? ORDER BY output, key", content)

    def using(self, package: str) -> list[tuple[str, str]]:
        """(content, key) for each that lists a package: by its URL, or by the URL without a version."""
        query = "SELECT output, key FROM uses WHERE package = ? OR package GLOB ? ORDER BY output, key"
        return [(str(output), str(key)) for output, key in self._connection.execute(query, (package, _glob(package)))]

    def signed_by(self, hint: str) -> list[tuple[str, str]]:
        """(content, key) for each that a key of that hint signed something about."""
        return self._pairs("SELECT output, key FROM signed WHERE hint = ? ORDER BY output, key", hint)

    def transitions(self, content: str) -> list[tuple[str, str, str]]:
        """(registry, model, alias or stage) that a gate was asked about for a content."""
        query = "SELECT registry, model, target FROM decided WHERE output = ? ORDER BY 1, 2, 3"
        return [(str(one), str(two), str(three)) for one, two, three in self._connection.execute(query, (content,))]

    def every_transition(self) -> list[tuple[str, str, str]]:
        """(registry, model, alias or stage) of everything that a gate was ever asked about."""
        query = "SELECT DISTINCT registry, model, target FROM decided ORDER BY 1, 2, 3"
        return [(str(one), str(two), str(three)) for one, two, three in self._connection.execute(query)]

    def name(self, content: str) -> tuple[str | None, str | None]:
        """Name and kind that somebody attested."""
        row = self._connection.execute("SELECT name, kind FROM named WHERE output = ?", (content,)).fetchone()
        return (row[0], row[1]) if row else (None, None)

    def keys_of(self, identity: str) -> list[str]:
        """The keys under which a bundle of that identity (SHA-256 of its PAE, hex) lies."""
        rows = self._connection.execute(
            "SELECT key FROM seen WHERE key GLOB ? ORDER BY key", (f"*/{identity}.sigstore.json",)
        )
        return [str(key) for (key,) in rows]

    def count(self) -> int:
        """How many bundles it knows."""
        return int(self._connection.execute("SELECT count(*) FROM seen").fetchone()[0])

    def _pairs(self, query: str, value: str) -> list[tuple[str, str]]:
        return [(str(one), str(two)) for one, two in self._connection.execute(query, (value,))]

    def _read_day(self, day: str, progress: Progress | None) -> int:
        """What was put on a day and is new here: names are compared, and only new ones looked at."""
        with self._failing():
            known = {row[0] for row in self._connection.execute("SELECT pointer FROM pointers WHERE day = ?", (day,))}
        new = [pointer for pointer in self._store.put_on(day) if pointer not in known]
        count = self._read((key for key in map(put_key, new) if key is not None), progress)
        with self._failing():
            rows = ((day, pointer) for pointer in new)
            self._connection.executemany("INSERT OR IGNORE INTO pointers VALUES (?, ?)", rows)
        return count

    def _read(self, keys: Iterable[str], progress: Progress | None) -> int:
        read = 0
        with self._failing():
            for key in keys:
                if self._connection.execute("SELECT 1 FROM seen WHERE key = ?", (key,)).fetchone():
                    continue
                stored = self._store.at_key(key)
                facts = facts_of(stored.raw) if stored is not None else None
                if facts is not None:
                    self._add(key, facts)
                self._connection.execute("INSERT OR IGNORE INTO seen VALUES (?)", (key,))
                read += 1
                if read % _BATCH == 0:
                    self._connection.commit()
                    if progress is not None:
                        progress(read)
        return read

    def _add(self, key: str, facts: Facts) -> None:
        outputs = [str(each) for each in facts.outputs]
        for output in outputs:
            made = [(str(each), output, key) for each in facts.inputs]
            self._connection.executemany("INSERT OR IGNORE INTO made VALUES (?, ?, ?)", made)
            uses = [(each, output, key) for each in facts.packages]
            self._connection.executemany("INSERT OR IGNORE INTO uses VALUES (?, ?, ?)", uses)
            if facts.transition is not None:
                row = (output, *facts.transition)
                self._connection.execute("INSERT OR IGNORE INTO decided VALUES (?, ?, ?, ?)", row)
            else:
                self._connection.execute("INSERT OR IGNORE INTO signed VALUES (?, ?, ?)", (facts.key_hint, output, key))
            if facts.kind is not None:
                self._connection.execute(
                    "INSERT OR REPLACE INTO named VALUES (?, ?, ?)", (output, facts.name, facts.kind)
                )

    def _opened(self) -> sqlite3.Connection:
        """The file, made anew where it is of another version, or no index at all."""
        for fresh in (False, True):
            if fresh:
                self._path.unlink(missing_ok=True)
            connection = sqlite3.connect(self._path, timeout=30)
            try:
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                if version == 0 and not connection.execute("SELECT name FROM sqlite_master").fetchall():
                    connection.executescript(_SCHEMA)
                    version = VERSION
                if version == VERSION and connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok":
                    connection.execute("PRAGMA synchronous = OFF")  # a torn index is made again
                    return connection
            except sqlite3.Error:
                pass
            connection.close()
        raise StoreError(
            f"the index {self._path} cannot be made", hint="remove it, and see that its folder is writable"
        )

    def _forget(self) -> None:
        for table in ("seen", "pointers", "made", "uses", "signed", "decided", "named", "meta"):
            self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names

    def _meta(self, name: str) -> str | None:
        row = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else None

    def _note(self, name: str, value: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            raise StoreError(f"the index {self._path} failed: {exc}", hint="`attestflow impact --rebuild`") from None


def _days(first: str, now: datetime) -> Iterator[str]:
    """Each day from the one before `first`, where clocks differ, to tomorrow."""
    day = datetime.strptime(first, _DAY).replace(tzinfo=now.tzinfo) - timedelta(days=1)
    while day <= now + timedelta(days=1):
        yield day.strftime(_DAY)
        day += timedelta(days=1)


def _glob(package: str) -> str:
    """What SQLite's GLOB takes for `package` at any version; a URL with a version stands for itself alone."""
    escaped = "".join(f"[{char}]" if char in "*?[" else char for char in package)
    return escaped if "@" in package else f"{escaped}@*"
